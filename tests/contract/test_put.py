"""`put` and `get` store and return any kind of data, in any storage."""

from __future__ import annotations

import ctypes
import os
from array import array
from enum import Enum
from io import BytesIO, FileIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given
from laboxide import (
    FileStorage,
    MemoryStorage,
    ObjectTooLargeError,
    Storage,
    digest_data,
)
from laboxide.testing._sources import content_of, cut, stream_of

from tests.support.failing import OwnError, assert_unharmed
from tests.support.hashing import Source, chunkings
from tests.support.hashing import cut as cut_random
from tests.support.storing import KIB, MIB, files

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator

    from laboxide import Digest, GetStreamDigest, TagMap

pytestmark = pytest.mark.anyio


class OwnStorage(Storage[str]):
    """A storage of a user, with the four methods of the contract alone."""

    name = "own@v1"

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.digests: list[Digest] = []
        self.calls: list[tuple[str, TagMap]] = []

    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> str:
        assert type(data) is bytes
        self.calls.append(("write_data", tags))
        self.digests.append(digest)
        self.contents[digest["content_hash"]] = data
        return digest["content_hash"]

    async def read_data(self, config: str, /) -> bytes:
        return self.contents[config]

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        self.calls.append(("write_data_stream", tags))
        content = b"".join([bytes(chunk) async for chunk in data_stream])
        self.digests.append(get_digest())
        self.contents[get_digest()["content_hash"]] = content
        return get_digest()["content_hash"]

    async def read_data_stream(self, config: str, /) -> AsyncGenerator[bytes]:
        yield self.contents[config]


class Inverting(FileStorage):
    """A file storage whose objects are not the content itself."""

    name = "inverting@v1"

    async def write_data(self, data: Any, digest: Digest, tags: TagMap, /) -> Any:
        inverted = inverse(data)
        return await super().write_data(inverted, described(inverted), tags)

    async def write_data_stream(
        self, data_stream: Any, get_digest: Any, tags: TagMap, /, **options: Any
    ) -> Any:
        del options
        content = b"".join([bytes(chunk) async for chunk in data_stream])
        return await self.write_data(content, get_digest(), tags)

    async def read_data(self, config: Any, /) -> bytes:
        return inverse(await super().read_data(config))


def inverse(data: bytes) -> bytes:
    return data.translate(bytes(range(255, -1, -1)))


def described(data: bytes, **options: Any) -> Digest:
    return digest_data(data, content_type="application/octet-stream", **options)


STORAGES: dict[str, Callable[[Path], Storage[Any]]] = {
    "files": lambda path: FileStorage(path, mkdir=True),
    "verifying files": lambda path: FileStorage(path, mkdir=True, verify_writes=True),
    "inverting files": lambda path: Inverting(path, mkdir=True),
    "memory": lambda _: MemoryStorage(verify_writes=True),
    "own": lambda _: OwnStorage(),
}
every_storage = pytest.mark.parametrize("kind", STORAGES)


def as_file(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


def generated(data: bytes) -> Iterator[bytes]:
    yield from cut(data, [50_000])


def structure(data: bytes) -> ctypes.Structure:
    """Return a buffer of the data that has no dimensions."""

    class OneField(ctypes.Structure):
        _fields_ = (("content", ctypes.c_char * len(data)),)

    return OneField.from_buffer_copy(data)


class OwnPath:
    """A path that is a buffer and an iterable as well, as far as Python lets it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("a path is not iterated over")


class Both(Source):
    """A sync and an async iterable of chunks."""

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("an async iterable is not iterated over in sync")


KINDS: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda data, _: data,
    "bytearray": lambda data, _: bytearray(data),
    "structure": lambda data, _: structure(data),
    "list of structures": lambda data, _: [structure(data)],
    "memoryview": lambda data, _: memoryview(data),
    "array": lambda data, _: array("B", data),
    "list": lambda data, _: list(cut(data, [1000, 0, 70_000])),
    "tuple of buffers": lambda data, _: tuple(map(bytearray, cut(data, [30_000]))),
    "generator": lambda data, _: generated(data),
    "binary file": lambda data, _: BytesIO(data),
    "async generator": lambda data, _: stream_of(cut(data, [60_000])),
    "async iterator": lambda data, _: Source(cut(data, [60_000])),
    "sync and async": lambda data, _: Both(cut(data, [60_000])),
    "Path": as_file,
    "os.PathLike": lambda data, path: OwnPath(as_file(data, path)),
}


@every_storage
@pytest.mark.parametrize("data_kind", KINDS)
@pytest.mark.parametrize("size", [0, 1, 5000, 256 * KIB, 256 * KIB + 1, 3 * MIB + 7])
async def test_get_returns_data_of_any_kind(
    tmp_path: Path, kind: str, data_kind: str, size: int
) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    data = content_of(size)
    config = await storage.put(KINDS[data_kind](data, tmp_path / "file"))
    assert await storage.get(config) == data


@pytest.mark.every_loop
@every_storage
async def test_equal_data_has_one_config(tmp_path: Path, kind: str) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    data = content_of(MIB)
    made = [make(data, tmp_path / "file") for make in KINDS.values()]
    configs = [await storage.put(each) for each in made]
    assert configs == configs[:1] * len(KINDS)


@given(sizes=chunkings)
def test_split_into_chunks_does_not_matter(sizes: list[int]) -> None:
    async def put_both() -> None:
        storage = MemoryStorage()
        chunks = cut_random(sizes)
        assert await storage.put(chunks) == await storage.put(b"".join(chunks))

    anyio.run(put_both)


@every_storage
@pytest.mark.parametrize("data_kind", KINDS)
async def test_storage_receives_tags_and_digest(tmp_path: Path, kind: str, data_kind: str) -> None:
    seen: list[tuple[Any, Any]] = []

    def router(digest: Digest, tags: TagMap, /, *, temp: bool) -> str:
        seen.append((dict(digest), tags))
        return digest["content_hash"]

    storage: Any = STORAGES[kind](tmp_path / "root")
    if isinstance(storage, FileStorage):
        storage.router = router
    data = content_of(300_000)
    await storage.put(
        KINDS[data_kind](data, tmp_path / "file"),
        content_type="text/plain",
        content_encoding="utf-8",
        tags={"a": "b"},
        algorithm=("sha256", "blake3"),
    )
    expected = digest_data(
        data, content_type="text/plain", content_encoding="utf-8", algorithm=["sha256", "blake3"]
    )
    if isinstance(storage, OwnStorage):
        seen = [({**storage.digests[0]}, storage.calls[0][1])]
    elif isinstance(storage, (MemoryStorage, Inverting)):
        return  # neither keeps nor forwards them
    [(digest, tags)] = seen
    digest.pop("is_complete", None)
    assert (digest, tags) == (expected, {"a": "b"})


async def test_value_stays_value_and_stream_stream(tmp_path: Path) -> None:
    storage = OwnStorage()
    for make in KINDS.values():
        await storage.put(make(content_of(2 * MIB), tmp_path / "file"))
    methods = dict(zip(KINDS, [name for name, _ in storage.calls], strict=True))
    values = {kind for kind, method in methods.items() if method == "write_data"}
    assert values == {"bytes", "bytearray", "memoryview", "array", "structure"}
    assert [tags for _, tags in storage.calls] == [{}] * len(KINDS)


class Name(Enum):
    ONE = 1


BAD_DATA: dict[str, tuple[Any, str]] = {
    "None": (None, "data must be bytes-like, an iterable .* not 'NoneType'"),
    "int": (3, "data must be bytes-like, .* not 'int'"),
    "str": ("text", r"data must not be a str: pass Path\(\.\.\.\) .* or \.encode\(\)"),
    "dict": ({b"a": b"b"}, "data must be .* not 'dict'"),
    "set": ({b"a"}, "data must be .* not 'set'"),
    "class of sources": (Source, "data must be .* not 'type'"),
    "function": (generated, "data must be .* not 'function'"),
    "member": (Name.ONE, "data must be .* not 'Name'"),
    "list of int": ([1], "a chunk must be contiguous and bytes-like, not 'int'"),
    "list of str": (["a"], "a chunk must be contiguous and bytes-like, not 'str'"),
    "PurePath of bytes": (
        type("P", (), {"__fspath__": lambda _: b"x"})(),
        "data must be a str or an os.PathLike of str",
    ),
}


@every_storage
@pytest.mark.parametrize("bad", BAD_DATA)
async def test_bad_data_is_refused_by_name(tmp_path: Path, kind: str, bad: str) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    value, message = BAD_DATA[bad]
    with pytest.raises(TypeError, match=message):
        await storage.put(value)


@every_storage
async def test_buffer_that_is_not_contiguous_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BufferError, match="must be contiguous"):
        await STORAGES[kind](tmp_path / "root").put(memoryview(b"abcdef")[::2])


async def async_function(_size: int) -> None:
    raise AssertionError("never called")


def generator_function(_size: int) -> Iterator[None]:
    yield


class AsyncCallable:
    async def __call__(self, _size: int) -> None:
        raise AssertionError("never called")


BAD_OPTIONS: list[tuple[str, Any, type[Exception]]] = [
    ("content_type", None, TypeError),
    ("content_type", b"a/b", TypeError),
    ("content_encoding", 3, TypeError),
    ("tags", [("a", "b")], TypeError),
    ("tags", "a", TypeError),
    ("algorithm", None, TypeError),
    ("algorithm", [], ValueError),
    ("algorithm", "md5", ValueError),
    ("algorithm", ["sha256", "sha256"], ValueError),
    ("progress", 3, TypeError),
    ("progress", [], TypeError),
    ("progress", async_function, TypeError),
    ("progress", AsyncCallable(), TypeError),
    ("progress", generator_function, TypeError),
]


@every_storage
@pytest.mark.parametrize(
    ("name", "value", "error"),
    BAD_OPTIONS,
    ids=[f"{name} {value!a:.20}" for name, value, _ in BAD_OPTIONS],
)
async def test_bad_option_is_refused_before_source_is_read(
    tmp_path: Path, kind: str, name: str, value: Any, error: type[Exception]
) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    advanced: list[int] = []

    def chunks() -> Iterator[bytes]:
        advanced.append(1)
        yield b"x"

    options: dict[str, Any] = {name: value}
    with pytest.raises(error, match=name):
        await storage.put(chunks(), **options)
    assert advanced == []


@every_storage
async def test_missing_file_is_error_of_system(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as caught:
        await STORAGES[kind](tmp_path / "root").put(path)
    assert caught.value.filename == str(path)


@every_storage
@pytest.mark.parametrize("path_kind", ["directory", "FIFO", "device"])
async def test_only_regular_files_are_put(tmp_path: Path, kind: str, path_kind: str) -> None:
    path = tmp_path / "path"
    if path_kind == "directory":
        path.mkdir()
    elif path_kind == "FIFO":
        os.mkfifo(path)
    else:
        path = Path(os.devnull)
    storage = STORAGES[kind](tmp_path / "root")
    with anyio.fail_after(30), pytest.raises(ValueError, match=f"{path} is not a regular file"):
        await storage.put(path)


async def test_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from laboxide._runtime import sources

    class Broken(FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            del size
            raise OSError(5, os.strerror(5))

    monkeypatch.setattr(sources, "FileIO", Broken)
    path = as_file(b"x", tmp_path / "file")
    with pytest.raises(OSError, match="Input/output error") as caught:
        await MemoryStorage().put(path)
    assert (caught.value.errno, caught.value.filename) == (5, str(path))


@every_storage
async def test_pure_path_is_path(tmp_path: Path, kind: str) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    as_file(b"content", tmp_path / "file")
    config = await storage.put(PurePath(tmp_path / "file"))
    assert await storage.get(config) == b"content"


class Chunks:
    """A generator of chunks that says how it ended."""

    def __init__(self, size: int, error: BaseException | None) -> None:
        self.size = size
        self.error = error
        self.ended = ""

    def sync(self) -> Iterator[bytes]:
        try:
            yield from cut(bytes(self.size), [50_000])
            if self.error is not None:
                raise self.error
            while True:
                yield b"more"
        except GeneratorExit:
            self.ended = "closed"
            raise
        except OwnError:
            self.ended = "failed"
            raise

    async def aio(self) -> AsyncGenerator[bytes]:
        try:
            for chunk in cut(bytes(self.size), [50_000]):
                yield chunk
            if self.error is not None:
                raise self.error
            await anyio.sleep_forever()
        except GeneratorExit:
            self.ended = "closed"
            raise
        except anyio.get_cancelled_exc_class():
            self.ended = "closed"
            raise
        except OwnError:
            self.ended = "failed"
            raise


both_ways = pytest.mark.parametrize("way", ["sync", "aio"])


@pytest.mark.every_loop
@every_storage
@both_ways
@pytest.mark.parametrize("size", [10, 9 * MIB])
async def test_error_of_source_reaches_caller(
    tmp_path: Path, kind: str, way: str, size: int
) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    source = Chunks(size, OwnError("mine"))
    with pytest.raises(OwnError) as caught:
        await storage.put(getattr(source, way)())
    assert caught.value is source.error
    assert source.ended == "failed"
    if isinstance(storage, FileStorage) and kind == "files":
        await assert_unharmed(storage)


class EndingAsync:
    """A sync iterator that ends as an async one does."""

    def __init__(self) -> None:
        self._chunks = iter([b"first"])

    def __iter__(self) -> EndingAsync:
        return self

    def __next__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


def ending_async() -> Iterator[bytes]:
    yield b"first"
    raise StopAsyncIteration


@every_storage
@pytest.mark.parametrize("make", [EndingAsync, ending_async])
async def test_async_end_of_sync_source_is_an_error(
    tmp_path: Path, kind: str, make: Callable[[], Iterator[bytes]]
) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    with pytest.raises(RuntimeError, match="the source raised StopAsyncIteration"):
        await storage.put(make())
    if kind == "files":
        await assert_unharmed(FileStorage(tmp_path / "root"))


@every_storage
@pytest.mark.parametrize("size", [10, 256 * KIB])
async def test_buffer_changed_by_progress_is_stored_under_its_hash(
    tmp_path: Path, kind: str, size: int
) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    data = bytearray(size)

    def change(_size: int) -> None:
        data[0] = 1

    config = await storage.put(data, progress=change)
    assert await storage.put(await storage.get(config)) == config


@pytest.mark.every_loop
@every_storage
@both_ways
async def test_cancelled_put_closes_its_source(tmp_path: Path, kind: str, way: str) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    source = Chunks(100_000, None)
    with anyio.move_on_after(0.1) as scope:
        await storage.put(getattr(source, way)())
    assert scope.cancelled_caught
    assert source.ended == "closed"
    if kind == "files":
        await assert_unharmed(FileStorage(tmp_path / "root"))


class Refusing(OwnStorage):
    name = "refusing@v1"

    async def write_data_stream(self, *_: Any) -> str:
        raise OwnError("refused")


@both_ways
@pytest.mark.parametrize("begun", [False, True])
async def test_refused_put_closes_its_source(tmp_path: Path, way: str, begun: bool) -> None:
    source = Chunks(100_000, OwnError("mine"))
    chunks = getattr(source, way)()
    if begun:
        assert len(next(chunks) if way == "sync" else await anext(chunks)) == 50_000
    with pytest.raises(OwnError, match="refused"):
        await Refusing().put(chunks)
    if begun:
        assert source.ended == "closed"
    with pytest.raises(StopIteration if way == "sync" else StopAsyncIteration):
        _ = next(chunks) if way == "sync" else await anext(chunks)
    read_only = FileStorage(tmp_path, router=None)
    for make in KINDS.values():
        with pytest.raises(NotImplementedError, match="read-only"):
            await read_only.put(make(b"content", tmp_path / "file"))


class Unclosable(Source):
    """A source that cannot be closed."""

    async def aclose(self) -> None:
        raise ValueError("cannot be closed")


@pytest.mark.every_loop
@every_storage
async def test_error_is_raised_even_if_source_cannot_be_closed(tmp_path: Path, kind: str) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    error = OwnError("mine")

    def progress(_size: int) -> None:
        raise error

    with pytest.raises(OwnError) as caught:
        await storage.put(Unclosable([b"x"]), progress=progress)
    assert caught.value is error
    assert any("ValueError('cannot be closed')" in note for note in error.__notes__)


class Closable(Source):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("kind", ["files", "memory"])
async def test_failed_put_closes_source_once_and_good_one_leaves_it_open(
    tmp_path: Path, kind: str
) -> None:
    storage = STORAGES[kind](tmp_path / "root")
    bad: Any = Closable([b"a", 3])
    with pytest.raises(TypeError, match="chunk"):
        await storage.put(bad)
    good = Closable([b"a", b"b"])
    await storage.put(good)
    assert (bad.closed, good.closed) == (1, 0)


async def test_put_file_object_stays_open() -> None:
    file = BytesIO(b"a\nb\n")
    storage = MemoryStorage()
    assert await storage.get(await storage.put(file)) == b"a\nb\n"
    assert not file.closed
    assert file.read() == b""


@pytest.mark.every_loop
async def test_sync_source_lets_other_tasks_run(storage: FileStorage) -> None:
    turns = 0
    seen: list[int] = []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    def chunks() -> Iterator[bytes]:
        for _ in range(64):
            seen.append(turns)
            yield bytes(MIB)

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        await storage.put(chunks())
        group.cancel_scope.cancel()
    assert seen[-1] > seen[0]


@pytest.mark.parametrize("data_kind", KINDS)
async def test_data_above_limit_is_refused(tmp_path: Path, data_kind: str) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, max_object_size=299_999)
    data = KINDS[data_kind](content_of(300_000), tmp_path / "file")
    with pytest.raises(ObjectTooLargeError) as caught:
        await storage.put(data)
    assert caught.value.limit == 299_999
    assert files(storage.path) == []


@pytest.mark.parametrize("size", [1000, 2 * MIB])
async def test_put_replaces_object_of_wrong_size(storage: FileStorage, size: int) -> None:
    data = content_of(size)
    path = (await storage.stat(await storage.put(data))).path
    path.chmod(0o644)
    path.write_bytes(b"torn")
    assert await storage.get(await storage.put(data)) == data


@pytest.mark.parametrize("size", [1000, 2 * MIB])
async def test_key_without_hash_refuses_other_content(tmp_path: Path, size: int) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, router=lambda *_, temp: "fixed")
    pointer = await storage.put(bytes(size))
    assert await storage.put(bytes(size)) == pointer
    with pytest.raises(FileExistsError):
        await storage.put(b"x" * size)
    assert await storage.get(pointer) == bytes(size)


async def test_put_uses_neither_put_nor_get_of_subclass(tmp_path: Path) -> None:
    class Counting(FileStorage):
        name = FileStorage.name
        calls = 0

        async def put(self, data: Any, **options: Any) -> Any:
            self.calls += 1
            return await super().put(data, **options)

        async def get(self, config: Any, /) -> bytes:
            self.calls += 1
            return await super().get(config)

        async def import_file(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("overridden by a user")

    storage = Counting(tmp_path / "root", mkdir=True)
    for make in KINDS.values():
        assert await storage.get(await storage.put(make(b"content", tmp_path / "file")))
    assert storage.calls == 2 * len(KINDS)


class Closing(OwnStorage):
    name = "closing@v1"

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_storage_is_closed_at_end_of_its_context() -> None:
    storage = Closing()
    async with storage as entered:
        assert entered is storage
        config = await storage.put(b"content")
        assert storage.closed == 0
    assert storage.closed == 1
    with pytest.raises(OwnError):
        async with storage:
            raise OwnError("mine")
    assert storage.closed == 2
    assert await storage.get(config) == b"content"


@every_storage
async def test_closed_storage_without_resources_still_works(tmp_path: Path, kind: str) -> None:
    async with STORAGES[kind](tmp_path / "root") as storage:
        config = await storage.put(b"content")
    await storage.aclose()
    assert await storage.get(config) == b"content"
