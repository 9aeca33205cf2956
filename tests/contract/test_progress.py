"""`progress` receives the bytes of an operation, whichever operation it is."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
from asyncio import CancelledError
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboxide import (
    CorruptDataError,
    DigestMismatchError,
    FileStorage,
    MemoryStorage,
    ObjectNotFoundError,
    digest_data,
    digest_stream,
)
from laboxide._native import Counter
from laboxide._runtime import hub
from laboxide._runtime import progress as runtime
from laboxide._runtime.progress import Meter, MeteredSource, Poll
from laboxide.testing._sources import content_of, cut, plain_pair, stream_of

from tests.support.failing import OwnError, assert_unharmed
from tests.support.hashing import Source, chunkings
from tests.support.hashing import cut as cut_random
from tests.support.storing import KIB, MIB, files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from laboxide import Progress

    Operation = Callable[[Any, bytes, Path, Progress], Awaitable[Any]]

pytestmark = pytest.mark.anyio

SIZES = [0, 1, 5000, 256 * KIB + 1, 5 * MIB + 3]


def stream(data: bytes) -> Any:
    return stream_of(cut(data, [70_000, 0, 1]))


async def put_pair(storage: Any, data: bytes, make_pair: Any, progress: Progress) -> None:
    await storage.write_data_stream(*make_pair(stream(data)), {}, progress=progress)


def native_pair(source: Any) -> Any:
    return digest_stream(source, content_type="a/b")


async def read(storage: Any, data: bytes, progress: Progress) -> None:
    pointer = await storage.put(data)
    async for _ in storage.read_data_stream(pointer, progress=progress):
        pass


def as_file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


WRITES: dict[str, Operation] = {
    "put a value": lambda s, data, _, progress: s.put(data, progress=progress),
    "put a buffer": lambda s, data, _, progress: s.put(bytearray(data), progress=progress),
    "put a stream": lambda s, data, _, progress: s.put(stream(data), progress=progress),
    "put chunks": lambda s, data, _, progress: s.put(cut(data, [9999]), progress=progress),
    "put a file": lambda s, data, path, progress: s.put(as_file(path, data), progress=progress),
    "write_data_stream": lambda s, data, _, progress: put_pair(s, data, native_pair, progress),
    "write_data_stream, hashlib": lambda s, data, _, progress: put_pair(
        s, data, plain_pair, progress
    ),
}


async def import_it(storage: Any, data: bytes, path: Path, progress: Progress) -> None:
    await storage.import_file(as_file(path, data), progress=progress)


async def import_link(storage: Any, data: bytes, path: Path, progress: Progress) -> None:
    await storage.import_file(as_file(path, data), link="hardlink", progress=progress)


async def import_sha256(storage: Any, data: bytes, path: Path, progress: Progress) -> None:
    await storage.import_file(as_file(path, data), algorithm="sha256", progress=progress)


async def export(storage: Any, data: bytes, path: Path, progress: Progress) -> None:
    await storage.export_file(await storage.put(data), path, progress=progress)


async def export_foreign(storage: Any, data: bytes, path: Path, progress: Progress) -> None:
    pointer = await FileStorage(path.with_name("other"), mkdir=True).put(data)
    await storage.export_file(pointer, path, progress=progress)


async def audit(storage: Any, data: bytes, _path: Path, progress: Progress) -> None:
    await storage.put(data)
    assert [found async for found in storage.audit(progress=progress)] == []


READS: dict[str, Operation] = {
    "read_data_stream": lambda s, data, _, progress: read(s, data, progress)
}
IN_MEMORY: dict[str, Operation] = {**WRITES, **READS}
FILE_WRITES: dict[str, Operation] = {
    **WRITES,
    "import_file": import_it,
    "import_file, hardlink": import_link,
    "import_file, sha256": import_sha256,
}
OTHERS: dict[str, Operation] = {
    **READS,
    "export_file": export,
    "export_file, foreign": export_foreign,
    "audit": audit,
}
FILE_OPERATIONS: dict[str, Operation] = {**FILE_WRITES, **OTHERS}

CHUNKED = {
    "put a buffer",
    "put a stream",
    "put chunks",
    "write_data_stream",
    "write_data_stream, hashlib",
    "read_data_stream",
}
"""The operations that report each chunk if they report often."""


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report each chunk, however soon it follows the last one."""
    monkeypatch.setattr(runtime, "INTERVAL", 0)


class Told:
    """Numbers of bytes that were reported, all from one thread."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._thread = threading.get_ident()

    def __call__(self, size: int) -> None:
        assert threading.get_ident() == self._thread
        assert type(size) is int
        assert size > 0
        self.sizes.append(size)


@pytest.mark.every_loop
@pytest.mark.parametrize("operation", FILE_OPERATIONS)
@pytest.mark.parametrize("size", SIZES)
async def test_sum_is_size(storage: FileStorage, tmp_path: Path, operation: str, size: int) -> None:
    told = Told()
    await FILE_OPERATIONS[operation](storage, content_of(size), tmp_path / "file", told)
    assert sum(told.sizes) == size
    assert bool(told.sizes) == bool(size)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("operation", FILE_OPERATIONS)
async def test_many_reports_add_up_to_size(
    storage: FileStorage, tmp_path: Path, operation: str
) -> None:
    told = Told()
    size = 20 * MIB + 7
    await FILE_OPERATIONS[operation](storage, content_of(size), tmp_path / "file", told)
    assert sum(told.sizes) == size
    if operation in CHUNKED:
        assert len(told.sizes) > 1


@pytest.mark.parametrize("operation", IN_MEMORY)
@pytest.mark.parametrize("size", SIZES)
async def test_sum_is_size_in_memory(tmp_path: Path, operation: str, size: int) -> None:
    told = Told()
    await IN_MEMORY[operation](
        MemoryStorage(chunk_size=100_000), content_of(size), tmp_path / "file", told
    )
    assert sum(told.sizes) == size


@given(sizes=chunkings, interval=st.sampled_from([0.0, 0.001, 1.0]))
def test_split_into_chunks_does_not_matter(sizes: list[int], interval: float) -> None:
    async def put() -> None:
        told = Told()
        chunks = cut_random(sizes)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runtime, "INTERVAL", interval)
            await MemoryStorage().put(Source(chunks), progress=told)
        assert sum(told.sizes) == sum(map(len, chunks))

    anyio.run(put)


@given(totals=st.lists(st.integers(0, 1 << 40)), size=st.integers(0, 1 << 40))
def test_count_that_starts_again_reports_no_byte_twice(totals: list[int], size: int) -> None:
    told = Told()
    poll = Poll(told)
    for total in totals:
        poll.report_total(min(total, size))
    poll.report_total(size)
    assert sum(told.sizes) == size


def test_reports_keep_their_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(runtime, "monotonic", lambda: now)
    told = Told()
    meter = Meter(told)
    calls = []
    for _ in range(1000):
        now += 0.004
        before = len(told.sizes)
        meter.add(1)
        if len(told.sizes) > before:
            calls.append(now)
    assert calls[0] - 100 >= 0.05
    assert min(later - call for call, later in pairwise(calls)) >= 0.05
    assert len(calls) > 70
    meter.flush()
    assert sum(told.sizes) == 1000


class Raising:
    """A progress function that raises in its nth call."""

    def __init__(self, calls: int = 1) -> None:
        self.left = calls
        self.error = OwnError("mine")

    def __call__(self, size: int) -> None:
        self.left -= 1
        assert self.left >= 0, "called after it has raised"
        if self.left == 0:
            raise self.error


@pytest.mark.every_loop
@pytest.mark.parametrize("operation", FILE_WRITES)
@pytest.mark.parametrize("size", [10, 9 * MIB])
async def test_exception_of_progress_ends_write(
    storage: FileStorage, tmp_path: Path, operation: str, size: int
) -> None:
    progress = Raising()
    with pytest.raises(OwnError) as caught:
        await FILE_WRITES[operation](storage, content_of(size), tmp_path / "file", progress)
    assert caught.value is progress.error
    await assert_unharmed(storage)


@pytest.mark.every_loop
@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("operation", FILE_OPERATIONS)
async def test_exception_in_middle_is_raised_as_it_is(
    storage: FileStorage, tmp_path: Path, operation: str
) -> None:
    progress = Raising(2 if operation in CHUNKED else 1)
    with pytest.raises(OwnError) as caught:
        await FILE_OPERATIONS[operation](storage, content_of(20 * MIB), tmp_path / "file", progress)
    assert caught.value is progress.error
    if operation in FILE_WRITES:
        await assert_unharmed(storage)


async def test_exception_of_progress_closes_source(storage: FileStorage) -> None:
    closed = []

    def chunks() -> Iterator[bytes]:
        try:
            yield from cut(bytes(MIB), [1000])
        finally:
            closed.append(True)

    with pytest.raises(OwnError):
        await storage.put(chunks(), progress=Raising())
    assert closed == [True]


@pytest.mark.parametrize("operation", IN_MEMORY)
@pytest.mark.parametrize("kind", ["files", "memory"])
async def test_end_of_iteration_from_progress_is_no_end_of_stream(
    storage: FileStorage, tmp_path: Path, operation: str, kind: str
) -> None:
    def progress(_size: int) -> None:
        raise StopAsyncIteration

    used: Any = storage if kind == "files" else MemoryStorage()
    with pytest.raises(RuntimeError):
        await IN_MEMORY[operation](used, content_of(100_000), tmp_path / "file", progress)
    if kind == "files" and operation in WRITES:
        await assert_unharmed(storage)


@pytest.mark.parametrize("value", [3, "tqdm", [], True])
@pytest.mark.parametrize("operation", FILE_OPERATIONS)
async def test_bad_progress_is_refused_by_name(
    storage: FileStorage, tmp_path: Path, operation: str, value: Any
) -> None:
    with pytest.raises(
        TypeError, match=re.escape(f"progress must be a function or None, not {value!r}")
    ):
        await FILE_OPERATIONS[operation](storage, b"content", tmp_path / "file", value)
    if operation in FILE_WRITES:
        assert files(storage.path) == []


async def wait(_size: int) -> None:
    raise AssertionError("never called")


@pytest.mark.parametrize("operation", FILE_OPERATIONS)
async def test_async_progress_is_refused(
    storage: FileStorage, tmp_path: Path, operation: str
) -> None:
    with pytest.raises(TypeError, match="progress must not be an async or generator function"):
        await FILE_OPERATIONS[operation](storage, b"content", tmp_path / "file", wait)


@pytest.mark.parametrize("operation", IN_MEMORY)
async def test_bad_progress_is_refused_in_memory(tmp_path: Path, operation: str) -> None:
    bad: Any = 3
    with pytest.raises(TypeError, match="progress must be a function or None, not 3"):
        await IN_MEMORY[operation](MemoryStorage(), b"x", tmp_path / "file", bad)


@pytest.mark.every_loop
async def test_failed_source_is_last_report(storage: FileStorage) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x"
        raise OwnError("mine")

    with pytest.raises(OwnError):
        await storage.put(chunks(), progress=Raising())
    await assert_unharmed(storage)


@pytest.mark.every_loop
@pytest.mark.usefixtures("often")
async def test_errors_of_import_and_export_are_raised_as_they_are(
    storage: FileStorage, tmp_path: Path
) -> None:
    told = Told()
    path = as_file(tmp_path / "file", content_of(5 * MIB))
    with pytest.raises(FileNotFoundError) as caught:
        await storage.import_file(tmp_path / "missing", progress=told)
    assert caught.value.filename == str(tmp_path / "missing")
    assert told.sizes == []
    digest = digest_data(b"other", content_type="a/b")
    with pytest.raises(DigestMismatchError):
        await storage.import_file(path, digest=digest, progress=told)
    pointer = await storage.put(content_of(5 * MIB))
    with pytest.raises(FileExistsError):
        await storage.export_file(pointer, path, progress=told)
    stored = (await storage.stat(pointer)).path
    stored.chmod(0o644)
    stored.write_bytes(bytes(5 * MIB))
    with pytest.raises(CorruptDataError):
        await storage.export_file(pointer, tmp_path / "new", progress=told)
    stored.unlink()
    with pytest.raises(ObjectNotFoundError):
        await storage.export_file(pointer, tmp_path / "new", progress=told)
    assert not (tmp_path / "new").exists()


@pytest.mark.every_loop
async def test_cancelled_operation_reports_no_more() -> None:
    poll = Poll(Told())
    begun = anyio.Event()

    async def stuck() -> None:
        begun.set()
        await anyio.sleep_forever()

    async def run() -> None:
        await poll.run(stuck)

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            await begun.wait()
            group.cancel_scope.cancel()


@pytest.mark.every_loop
async def test_progress_may_fail_while_operation_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "INTERVAL", 0)
    progress = Raising()
    poll = Poll(progress)

    class Five:
        def get(self) -> int:
            return 5

    monkeypatch.setattr(poll, "counter", Five())
    with anyio.fail_after(30), pytest.raises(OwnError) as caught:
        await poll.run(anyio.sleep_forever)
    assert caught.value is progress.error
    assert caught.value.__context__ is None


@pytest.mark.every_loop
@pytest.mark.parametrize("kind", [CancelledError, GeneratorExit, KeyboardInterrupt, OwnError])
async def test_exception_of_any_kind_is_raised_as_it_is(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    monkeypatch.setattr(runtime, "INTERVAL", 0)
    error = kind()

    def progress(_size: int) -> None:
        raise error

    poll = Poll(progress)

    class Five:
        def get(self) -> int:
            return 5

    monkeypatch.setattr(poll, "counter", Five())
    with anyio.fail_after(30), pytest.raises(kind) as caught:
        await poll.run(anyio.sleep_forever)
    assert caught.value is error


def test_poll_cancelled_alone_cancels_the_operation() -> None:
    async def run() -> None:
        poll = asyncio.create_task(Poll(Told()).run(anyio.sleep_forever))
        await asyncio.sleep(0.01)
        [other] = asyncio.all_tasks() - {poll, asyncio.current_task()}
        other.cancel()
        with pytest.raises(CancelledError):
            await poll

    asyncio.run(run())


@pytest.mark.every_loop
async def test_count_is_reported_while_operation_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "INTERVAL", 0)
    reported = anyio.Event()
    poll = Poll(lambda _: reported.set())

    class Five:
        def get(self) -> int:
            return 5

    async def operation() -> str:
        await reported.wait()
        return "result"

    monkeypatch.setattr(poll, "counter", Five())
    with anyio.fail_after(30):
        assert await poll.run(operation) == "result"


async def test_engine_counts_imported_bytes(storage: FileStorage, tmp_path: Path) -> None:
    path = as_file(tmp_path / "file", content_of(3 * MIB + 1))
    counter = Counter()
    assert counter.get() == 0

    staged = await hub.run(
        storage._store().import_file,
        str(path),
        "copy",
        ["blake3"],
        None,
        counter,
    )
    staged.discard()
    assert counter.get() == 3 * MIB + 1


async def test_read_that_is_left_reports_no_more(storage: FileStorage) -> None:
    storage = FileStorage(storage.path, chunk_size=100_000)
    pointer = await storage.put(content_of(MIB))
    progress = Raising(1)
    chunks = storage.read_data_stream(pointer, progress=progress)
    assert len(await anext(chunks)) == 100_000
    await chunks.aclose()
    del chunks
    gc.collect()
    assert progress.left == 1


async def test_metered_source_is_closed_once() -> None:
    closed = []

    class Closable(Source):
        async def aclose(self) -> None:
            closed.append(True)

    source = MeteredSource(Closable([b"x"]), Told())
    assert aiter(source) is source
    await source.aclose()
    assert closed == [True]


async def test_audit_goes_on_after_progress_has_failed(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "INTERVAL", 0)
    sizes = [1000, 2000, 3000]
    for size in sizes:
        await storage.put(content_of(size))
    told: list[int] = []
    failures = [OwnError("mine")]

    def progress(size: int) -> None:
        told.append(size)
        if failures:
            raise failures.pop()

    run = storage.audit(progress=progress)
    with pytest.raises(OwnError):
        await anext(run)
    assert [found async for found in run] == []
    assert sum(told) == run.bytes_read == sum(sizes)


async def test_audit_reports_between_objects(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "INTERVAL", 0)
    for number in range(40):
        await storage.put(content_of(200_000, number))
    told = Told()
    run = storage.audit(progress=told, max_bytes_per_second=40_000_000)
    assert [found async for found in run] == []
    assert sum(told.sizes) == run.bytes_read == 8_000_000


async def test_short_operation_reports_once(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "monotonic", lambda: 100.0)
    told = Told()
    await storage.put([b"x"] * 100, progress=told)
    assert told.sizes == [100]
