"""More streams than file descriptors: they queue for a permit, and none fails."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tests.support.few_descriptors import run
from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 150
"""Concurrent operations in a process with at most 64 open files."""
CANCELLED = {"readers": 20_000, "writers": 2000}
"""Streams cancelled at once. Recursion over them would overflow a stack after about 10,000."""


@pytest.mark.parametrize(
    "write",
    [
        "storage.write_data_stream(*stream(index, 0.001), {})",
        "storage.write_data(content(index), digest_of(content(index)), {})",
        "storage.import_file(originals / str(index))",
        "durable.write_data(content(index)[:4096], digest_of(content(index)[:4096]), {})",
        "durable.write_data_stream(*stream(index), {})",
    ],
    ids=["streams", "large values", "imports", "durable values", "durable streams"],
)
def test_writes_beyond_descriptor_limit_queue(tmp_path: Path, write: str) -> None:
    originals = tmp_path / "originals"
    originals.mkdir()
    for index in range(COUNT if "import" in write else 0):
        (originals / str(index)).write_bytes(index.to_bytes(4, "little") * (3 << 18))
    (tmp_path / "store").mkdir()
    run(
        f"""
originals, durable = root.parent / "originals", FileStorage(root, durable=True)
pointers = await asyncio.gather(*({write} for index in range({COUNT})))
for index, pointer in enumerate(pointers):
    assert await storage.read_data(pointer) == content(index)[: pointer["size"]]
assert len({{pointer["hash"] for pointer in pointers}}) == {COUNT}
""",
        tmp_path / "store",
    )


@pytest.mark.parametrize(
    "read",
    [
        "slowly(storage.read_data_stream(pointer))",
        "storage.read_data(pointer)",
        "storage.verify(pointer)",
        "digest_file(root / pointer['key'])",
        "storage.export_file(pointer, root.parent / str(index))",
        "moved.read_data_stream(pointer).__anext__()",
    ],
    ids=["streams", "large values", "verify", "digest_file", "exports", "foreign streams"],
)
def test_reads_beyond_descriptor_limit_queue(tmp_path: Path, read: str) -> None:
    for name in ("store", "moved"):
        (tmp_path / name).mkdir()
    run(
        f"""
moved = FileStorage(root.parent / "moved")

async def slowly(stream):
    async for chunk in stream:
        await asyncio.sleep(0.01)

pointers = [await storage.write_data(content(index), digest_of(content(index)), {{}})
    for index in range(5)]
before = descriptors()
await asyncio.gather(*({read} for index in range({COUNT}) for pointer in [pointers[index % 5]]))
await settle(before)
""",
        tmp_path / "store",
    )


def test_copies_beyond_descriptor_limit_do_not_deadlock(tmp_path: Path) -> None:
    run(
        f"""
pointer = await storage.write_data(content(1), digest_of(content(1)), {{}})
copies = [FileStorage(root / str(index), mkdir=True) for index in range({COUNT})]

async def copy(target):
    read = storage.read_data_stream(pointer)
    await target.write_data_stream(*digest_stream(read, content_type="a/b"), {{}})

await asyncio.gather(*map(copy, copies))
assert [await target.exists(pointer) for target in copies] == [True] * {COUNT}
""",
        tmp_path,
    )


def test_queued_stream_has_digest_of_data_so_far(tmp_path: Path) -> None:
    run(
        """
import hashlib

async def endless(index):
    while True:
        yield content(index)
        await asyncio.sleep(0.01)

others = [asyncio.ensure_future(storage.write_data_stream(
    *digest_stream(endless(index), content_type="a/b"), {})) for index in range(20)]
await asyncio.sleep(0.3)
data, get_digest = digest_stream(source(7), content_type="a/b", algorithm="sha256")
waiting = asyncio.ensure_future(storage.write_data_stream(data, get_digest, {}))
# The others may have reserved all memory: then this stream gets only one block of 128 KiB.
while (found := get_digest(allow_incomplete=True))["content_size"] <= 1 << 17:
    await asyncio.sleep(0.01)
expected = hashlib.sha256(content(7)[: found["content_size"]])
assert found["content_hash"] == expected.hexdigest()
assert not waiting.done()
for other in others:
    other.cancel()
assert await storage.read_data(await waiting) == content(7)
await asyncio.gather(*others, return_exceptions=True)
""",
        tmp_path,
    )


def test_cancelled_queued_streams_close_their_descriptors(tmp_path: Path) -> None:
    run(
        f"""
before = descriptors() + 4  # wake-ups of the loop, and files that the first write opens
streams = [asyncio.ensure_future(storage.write_data_stream(*stream(index, 60), {{}}))
    for index in range({COUNT})]
large = [asyncio.ensure_future(storage.write_data_stream(
    *digest_stream(storage.read_data_stream(pointer), content_type="a/b"), {{}}))
    for pointer in [await storage.write_data(content(0), digest_of(content(0)), {{}})]
    for _ in range({COUNT})]
await asyncio.sleep(0.05)
for task in streams + large:
    task.cancel()
assert all(isinstance(outcome, asyncio.CancelledError)
    for outcome in await asyncio.gather(*streams, return_exceptions=True))
await asyncio.gather(*large, return_exceptions=True)  # some had finished
await settle(before)
assert await storage.read_data(await storage.write_data_stream(*stream(3), {{}})) == content(3)
""",
        tmp_path,
    )


def test_only_streams_without_descriptor_fail(tmp_path: Path) -> None:
    script = f"""
    import resource

    async def work():
        storage = FileStorage(root)
        await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        # Lowered after the engine sized its permits, so that it has more permits than descriptors.
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        before = len(os.listdir("/proc/self/fd"))
        streams = [store(storage, 30, pause=0.005) for _ in range({COUNT})]
        outcomes = await asyncio.gather(*streams, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert len(errors) < len(outcomes)
        for error in errors:
            assert type(error) is OSError and error.errno == {errno.EMFILE}, repr(error)
            assert error.filename.startswith(str(root)), error.filename
        pointer = await store(storage, 30)
        assert len(await load(storage, pointer)) == 30 << 16
        while len(os.listdir("/proc/self/fd")) > before:
            await asyncio.sleep(0.01)
        print(len([path for path in root.rglob("*") if path.is_file()]))

    asyncio.run(work())
    """
    assert_clean(run_script(script, tmp_path), "2")


def test_stream_aborted_while_queued_has_no_digest(tmp_path: Path) -> None:
    run(
        """
from laboxide._native import Store, Writer

writers = [Writer(["blake3"], Store(root)) for index in range(50)]
for writer in writers:
    writer.feed(bytes(size))
assert writers[-1].digest()[0] == size
writers[-1].abort()
try:
    digest = writers[-1].digest()
except ValueError as error:
    assert str(error) == "the stream was aborted", error
else:
    raise AssertionError(digest)
""",
        tmp_path,
    )


@pytest.mark.parametrize("kind", ["readers", "writers"])
def test_thousands_of_cancelled_waiters_are_skipped(tmp_path: Path, kind: str) -> None:
    run(
        f"""
pointer = await storage.write_data(content(1), digest_of(content(1)), {{}})
elsewhere = root / "elsewhere"
elsewhere.mkdir()

async def reader():
    return await storage.read_data_stream(pointer).__anext__()

async def writer():
    return await storage.write_data_stream(*stream(2, 3600), {{}})

async def held():  # an object below a foreign root stays open once verified
    async for chunk in FileStorage(elsewhere).read_data_stream(pointer):
        begun.append(chunk)
        await resume.wait()

async def held_writer(index):
    async def source():
        yield content(index)
        begun.append(index)
        await resume.wait()
    await storage.write_data_stream(*digest_stream(source(), content_type="a/b"), {{}})

resume, begun = asyncio.Event(), []
holding = [asyncio.ensure_future(held() if "{kind}" == "readers" else held_writer(index))
    for index in range(12)]
while len(begun) < 6:  # the number of permits for streams of either kind
    await asyncio.sleep(0.01)
await asyncio.sleep(0.1)
waiting = [asyncio.ensure_future({kind[:-1]}()) for index in range({CANCELLED[kind]})]
await asyncio.sleep(0.5)
assert not any(task.done() for task in waiting)
for task in waiting:
    task.cancel()
await asyncio.gather(*waiting, return_exceptions=True)
resume.set()
await asyncio.gather(*holding)
assert await storage.read_data(pointer) == content(1)
""",
        tmp_path,
    )


def test_source_writing_durable_objects_does_not_deadlock(tmp_path: Path) -> None:
    run(
        """
durable = FileStorage(root / "durable", mkdir=True, durable=True)

async def nested(index):
    async for chunk in source(index, 0.001):
        await durable.write_data(chunk[:4096], digest_of(chunk[:4096]), {})
        yield chunk

async def one(index):
    await storage.write_data_stream(*digest_stream(nested(index), content_type="a/b"), {})

async with asyncio.timeout(50):
    await asyncio.gather(*map(one, range(24)))
""",
        tmp_path,
    )
