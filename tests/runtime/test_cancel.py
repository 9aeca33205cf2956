"""Cancelling any await returns at once and leaves no file or descriptor."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import FileStorage, digest_data, digest_file, digest_stream

from tests.support.storing import files, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from laboxide import FilePointer

pytestmark = pytest.mark.anyio

LARGE = 256 << 20
LIMIT = 0.05


@pytest.fixture(
    params=[("asyncio", {}), ("asyncio", {"use_uvloop": True}), ("trio", {})],
    ids=["asyncio", "uvloop", "trio"],
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "sparse"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


async def fast_source() -> AsyncIterator[bytes]:
    while True:
        yield bytes(1 << 20)


async def stuck_source() -> AsyncIterator[bytes]:
    yield bytes(3 << 20)
    await anyio.sleep_forever()


async def store(storage: FileStorage, source: AsyncIterator[bytes]) -> None:
    await storage.write_data_stream(*digest_stream(source, content_type="a/b"), {})


async def read_all(storage: FileStorage, pointer: FilePointer) -> None:
    while True:
        async for _ in storage.read_data_stream(pointer):
            pass


OPERATIONS: dict[str, Callable[[FileStorage, Path, FilePointer], Awaitable[Any]]] = {
    "write_data_stream, busy": lambda s, _, __: store(s, fast_source()),
    "write_data_stream, waiting": lambda s, _, __: store(s, stuck_source()),
    "write_data": lambda s, _, __: s.write_data(
        data := bytes(LARGE), digest_data(data, content_type="a/b", algorithm="sha256"), {}
    ),
    "read_data": lambda s, _, pointer: s.read_data(pointer),
    "read_data_stream": lambda s, _, pointer: read_all(s, pointer),
    "import_file": lambda s, path, _: s.import_file(path, algorithm="sha256", link="copy"),
    "export_file": lambda s, path, pointer: s.export_file(pointer, path.with_name("copy")),
    "verify": lambda s, _, pointer: s.verify(pointer),
    "digest_file": lambda _, path, __: digest_file(path, algorithm="sha256"),
}


@pytest.fixture
async def stored(tmp_path: Path, large_file: Path) -> tuple[FileStorage, FilePointer]:
    # SHA-256 takes 0.15 s for this file, so the cancellation arrives in the middle of it.
    storage = FileStorage(tmp_path, verify_writes=True)
    return storage, await storage.import_file(large_file, algorithm="sha256")


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_cancelled_operation_returns_at_once_and_leaves_no_file(
    stored: tuple[FileStorage, FilePointer], large_file: Path, operation: str
) -> None:
    storage, pointer = stored
    await anyio.sleep(0.02)
    gc.collect()
    before = {*files(storage.path)}, open_files(storage.path)
    if operation in ("write_data", "import_file"):
        await storage.delete(pointer)
        before = set(), open_files(storage.path)
    # One fast return within a minute is enough: a busy machine delays most of them.
    latencies: list[float] = []
    deadline = time.monotonic() + 60
    while not latencies or (latencies[-1] >= LIMIT and time.monotonic() < deadline):
        latencies.append(await cancelled_in(OPERATIONS[operation](storage, large_file, pointer)))
        if latencies[-1] == math.inf:
            await revert(storage, large_file, operation, pointer)
    assert latencies[-1] < LIMIT, latencies
    await until(lambda: ({*files(storage.path)}, open_files(storage.path)) == before)
    assert not list(storage.path.glob(".laboxide-staging/*"))
    assert not large_file.with_name("copy").exists()
    small = b"usable"
    again = await storage.write_data(small, digest_data(small, content_type="a/b"), {})
    assert await storage.read_data(again) == small


async def revert(storage: FileStorage, path: Path, operation: str, pointer: FilePointer) -> None:
    """Remove the result of an operation that finished before its cancellation."""
    path.with_name("copy").unlink(missing_ok=True)
    if operation in ("write_data", "import_file"):
        await storage.delete(pointer, missing_ok=True)


async def cancelled_in(operation: Awaitable[Any]) -> float:
    """Return the seconds from the cancellation to its arrival in the caller.

    Infinite if the operation finished first, because the loop was not scheduled in time.
    """
    cancelled_at = arrived_at = 0.0

    async def work() -> None:
        nonlocal arrived_at
        try:
            await operation
        except anyio.get_cancelled_exc_class():
            arrived_at = time.perf_counter()
            raise

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await anyio.sleep(0.03)
        cancelled_at = time.perf_counter()
        group.cancel_scope.cancel()
    return arrived_at - cancelled_at if arrived_at else math.inf


async def test_cancelled_writes_do_not_affect_sibling_task(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path)
    done = []

    async def finish() -> None:
        async def source() -> AsyncIterator[bytes]:
            for index in range(40):
                yield bytes([index]) * 100_000
                await anyio.sleep(0.001)

        await storage.write_data_stream(*digest_stream(source(), content_type="a/b"), {})
        done.append(True)

    async with anyio.create_task_group() as group:
        group.start_soon(finish)
        for _ in range(5):
            with anyio.move_on_after(0.01):
                await store(storage, stuck_source())
    assert done
    # Workers remove the files of cancelled writes a moment later.
    await until(lambda: len(files(tmp_path)) == 1)


async def test_cancelled_write_has_no_digest(tmp_path: Path) -> None:
    stream, get_digest = digest_stream(fast_source(), content_type="a/b")
    with anyio.move_on_after(0.05):
        await FileStorage(tmp_path).write_data_stream(stream, get_digest, {})
    for allow_incomplete in (False, True):
        with pytest.raises(ValueError, match=r"aborted|not been read"):
            get_digest(allow_incomplete=allow_incomplete)


async def test_fail_after_raises_timeout_error(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.02):
            await store(FileStorage(tmp_path), stuck_source())


async def test_concurrent_reads_of_one_stream_are_refused(
    stored: tuple[FileStorage, FilePointer],
) -> None:
    storage, pointer = stored
    # A single chunk of 256 MiB takes long enough for both tasks to wait.
    stream = FileStorage(storage.path, chunk_size=LARGE).read_data_stream(pointer)
    refused = []

    async def take() -> None:
        try:
            await anext(stream)
        except RuntimeError as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        group.start_soon(take)
    assert len(refused) == 1
    await stream.aclose()


async def test_abandoned_read_stream_closes_its_file(
    stored: tuple[FileStorage, FilePointer],
) -> None:
    storage, pointer = stored
    before = open_files(storage.path)
    for _ in range(10):
        async for _chunk in storage.read_data_stream(pointer):
            break
    gc.collect()
    await until(lambda: open_files(storage.path) == before)


def open_files(root: Path) -> int:
    """Count the descriptors of files below `root`, unnamed files included."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(descriptor.readlink()).startswith(str(root))
    return count
