"""Several processes on one root, and the temporary files of killed processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, digest_data
from laboxide._native import Store
from laboxide._runtime import hub

from tests.support.scripts import assert_clean, program_of
from tests.support.storing import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Halts in the middle of a stream, after a worker wrote to the temporary file, until a line arrives.
# Without data in it, the file could be removed unnoticed: the worker would create another one.
STREAM = """
def is_written(descriptor):
    with contextlib.suppress(FileNotFoundError):
        is_ours = os.readlink(descriptor).startswith(f"{root}/")
        return is_ours and os.path.isfile(descriptor) and os.stat(descriptor).st_size > 0

def is_staged():
    return any(is_written(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd"))

async def halting():
    for index in range(80):
        if index == 60:
            while not is_staged():
                await asyncio.sleep(0.001)
            print("halted", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        yield bytes([index]) * (1 << 16)

async def work():
    storage = FileStorage(root)
    pointer = await storage.write_data_stream(*digest_stream(halting(), content_type="a/b"), {})
    await storage.verify(pointer)
    print(len(await storage.read_data(pointer)))

asyncio.run(work())
"""

# Writes, reads and deletes the same objects as its sibling process.
CONTENTION = """
import random
from laboxide import ObjectNotFoundError

async def work():
    storage = FileStorage(root)
    contents = [bytes([index]) * (1 + index * 150_000) for index in range(10)]
    digests = [digest_data(data, content_type="a/b") for data in contents]

    async def source(data):
        for start in range(0, len(data), 60_000):
            yield data[start:start + 60_000]

    async def one(index):
        data = contents[index]
        if random.random() < 0.5:
            pointer = await storage.write_data(data, digests[index], {})
        else:
            pair = digest_stream(source(data), content_type="a/b")
            pointer = await storage.write_data_stream(*pair, {})
        try:
            assert await storage.read_data(pointer) == data
            assert await load(storage, pointer) == data
            if random.random() < 0.5:
                await storage.delete(pointer)
        except ObjectNotFoundError:
            pass

    for _ in range(20):
        await asyncio.gather(*[one(index) for index in range(10)])
    for data, digest in zip(contents, digests):
        await storage.write_data(data, digest, {})

asyncio.run(work())
"""


@contextmanager
def running(body: str, root: Path, portable: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a program in another process, and kill it at the end of the block."""
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    if portable is not None:
        environment["LABOXIDE_PORTABLE"] = portable
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program_of(body), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(params=["0", "1"], ids=["fast", "portable"])
def halted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process halted in the middle of writing a stream below `tmp_path`."""
    with running(STREAM, tmp_path, request.param) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halted\n"
        yield process


async def write(root: Path) -> tuple[FileStorage, Any]:
    storage = FileStorage(root)
    return storage, await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {})


@pytest.mark.anyio
async def test_killed_writer_publishes_no_object(
    tmp_path: Path, halted: subprocess.Popen[str]
) -> None:
    halted.kill()
    halted.wait()
    assert [pointer async for pointer in FileStorage(tmp_path).list_pointers()] == []


@pytest.mark.anyio
async def test_next_write_removes_temporary_file_of_killed_writer(
    tmp_path: Path, halted: subprocess.Popen[str]
) -> None:
    halted.kill()
    halted.wait()
    storage, pointer = await write(tmp_path)
    assert files(tmp_path) == [storage.path / pointer["key"]]


@pytest.mark.anyio
async def test_cleanup_keeps_temporary_file_of_active_writer(
    tmp_path: Path, halted: subprocess.Popen[str]
) -> None:
    await write(tmp_path)
    output, errors = halted.communicate("\n")
    assert (halted.returncode, errors) == (0, "")
    assert output == f"{80 << 16}\n"


def test_processes_write_read_and_delete_same_objects(tmp_path: Path) -> None:
    outcomes = []
    with running(CONTENTION, tmp_path) as one, running(CONTENTION, tmp_path) as two:
        for process in (one, two):
            output, errors = process.communicate(timeout=120)
            outcome: subprocess.CompletedProcess[str]
            outcome = subprocess.CompletedProcess((), process.returncode, output, errors)
            outcomes.append(outcome)
    for outcome in outcomes:
        assert_clean(outcome)
    found = files(tmp_path)
    assert len(found) == 10
    for path in found:
        digest = digest_data(path.read_bytes(), content_type="a/b")
        assert path.name == digest["content_hash"]


@pytest.mark.anyio
async def test_cleanup_keeps_both_staged_hard_links_of_one_file(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "root"
    source.write_bytes(b"imported twice at once")
    root.mkdir()
    store = Store(root, portable=True)
    first, second = [
        await hub.run(store.import_file, source, "hardlink", ["blake3"], None, None)
        for _ in range(2)
    ]
    await hub.run(first.publish, "first", (22, None), False)
    await write(root)  # the first write of a storage cleans the staging directory
    assert await hub.run(second.publish, "second", (22, None), False) == "created"
    assert not list((root / ".laboxide-staging").iterdir())
