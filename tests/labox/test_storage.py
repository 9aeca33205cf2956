"""The drop-in replacement writes the files of Labox's file storage, without its bugs."""

from __future__ import annotations

import gc
import hashlib
import pickle
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import laboxide
import pytest
from labox.builtin import FileStorage as LaboxFileStorage
from labox.common.exceptions import NoStorageData as LaboxNoStorageData
from laboxide import CorruptDataError, DigestMismatchError, digest_data, digest_stream
from laboxide.labox import FileStorage, NoStorageData
from laboxide.testing import StorageConformance
from laboxide.testing._sources import content_of, cut, plain_pair, stream_of

from tests.support.storing import files, until, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from laboxide import VerifyReads

pytestmark = pytest.mark.anyio

MIB = 1 << 20
TYPES = ["application/json", "text/plain; charset=utf-8", "application/octet-stream", "x/unknown"]


class TestConformance(StorageConformance):
    missing_error = LaboxNoStorageData

    def make_storage(self, path: Path) -> FileStorage:
        return FileStorage(path)

    async def remove(self, storage: Any, config: Any) -> None:
        (storage.path / Path(config).name).unlink()

    @pytest.fixture(autouse=True)
    def no_staged_file_remains(self, tmp_path: Path) -> Any:
        yield
        wait_until(lambda: not [*tmp_path.glob(".laboxide-staging/*")])


@pytest.fixture
def anyio_backend(loop_backend: Any) -> Any:
    """Run on every loop: no test here needs a database."""
    return loop_backend


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    """An empty store of the drop-in replacement."""
    return FileStorage(tmp_path / "root", mkdir=True)


@pytest.fixture
def theirs(tmp_path: Path) -> LaboxFileStorage:
    return LaboxFileStorage(tmp_path / "root", mkdir=True)


def describe(data: bytes, content_type: str = "application/json", **other: Any) -> Any:
    digest = digest_data(data, content_type=content_type, algorithm="sha256")
    return {**digest, **other}


async def put(storage: Any, data: bytes, content_type: str = "application/json") -> Any:
    return await storage.write_data(data, describe(data, content_type), {})


async def put_stream(storage: Any, data: bytes) -> Any:
    return await storage.write_data_stream(*plain_pair(stream_of(cut(data, [60_000]))), {})


async def stream(storage: Any, config: Any) -> bytes:
    async with aclosing(storage.read_data_stream(config)) as chunks:
        return b"".join([chunk async for chunk in chunks])


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# Compatible with Labox


@pytest.mark.parametrize("content_type", TYPES)
async def test_file_names_equal_those_of_labox(tmp_path: Path, content_type: str) -> None:
    ours = FileStorage(tmp_path / "ours", mkdir=True)
    theirs = LaboxFileStorage(tmp_path / "theirs", mkdir=True)
    for index in range(3):
        config = await put(ours, content_of(index * 1000), content_type)
        expected = await put(theirs, content_of(index * 1000), content_type)
        assert config == expected.replace("theirs", "ours")
    names = [[path.name for path in files(root)] for root in (ours.path, theirs.path)]
    assert names[0] == names[1]


@pytest.mark.parametrize("write", [put, put_stream])
async def test_labox_reads_objects_of_drop_in(
    storage: FileStorage, theirs: LaboxFileStorage, write: Any
) -> None:
    data = content_of(100_000)
    config = theirs.deserialize_config(storage.serialize_config(await write(storage, data)))
    assert await theirs.read_data(config) == data


@pytest.mark.parametrize("write", [put, put_stream])
@pytest.mark.parametrize("read", [FileStorage.read_data, stream])
async def test_drop_in_reads_objects_of_labox(
    storage: FileStorage, theirs: LaboxFileStorage, write: Any, read: Any
) -> None:
    data = content_of(3 * MIB + 1)
    config = storage.deserialize_config(theirs.serialize_config(await write(theirs, data)))
    assert await read(storage, config) == data
    before = files(storage.path)
    assert await write(storage, data) == config
    assert files(storage.path) == before


@pytest.mark.parametrize("spell", [str, Path.as_uri], ids=["path", "uri"])
@pytest.mark.parametrize("directory", ["plain", "white space", "100%", "ünï", "a#b?c", "%2e"])
async def test_path_and_uri_locations_are_read(tmp_path: Path, spell: Any, directory: str) -> None:
    """Labox writes paths before Python 3.13, and URIs from 3.13 on."""
    theirs = LaboxFileStorage(tmp_path / directory, mkdir=True)
    await put(theirs, b"content")
    [path] = files(theirs.path)
    storage = FileStorage(theirs.path)
    assert await storage.read_data(spell(path)) == b"content"
    assert await stream(storage, spell(path)) == b"content"


async def test_location_form_follows_python_version(storage: FileStorage) -> None:
    config = await put(storage, b"content")
    [path] = files(storage.path)
    assert config == (path.as_uri() if sys.version_info >= (3, 13) else str(path))


# Bugs of Labox


async def test_relative_root_is_resolved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = FileStorage("relative", mkdir=True)
    config = await put(storage, b"content")
    monkeypatch.chdir("/")
    assert await storage.read_data(config) == b"content"
    assert storage.path == tmp_path / "relative"
    assert await FileStorage(tmp_path).read_data(config) == b"content"


async def test_relative_locations_of_labox_are_read_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"{hashlib.sha256(b'content').hexdigest()}.json"
    Path("relative").mkdir()
    Path("relative", name).write_bytes(b"content")
    assert await FileStorage(tmp_path).read_data(f"relative/{name}") == b"content"
    monkeypatch.chdir("/")
    assert await FileStorage(tmp_path / "relative").read_data(f"relative/{name}") == b"content"


@pytest.mark.parametrize("read", [FileStorage.read_data, stream])
async def test_missing_object_error_has_types_of_all_contracts(
    storage: FileStorage, read: Any
) -> None:
    config = await put(storage, b"content")
    [path] = files(storage.path)
    path.unlink()
    with pytest.raises(NoStorageData) as caught:
        await read(storage, config)
    for kind in (LaboxNoStorageData, laboxide.ObjectNotFoundError, FileNotFoundError):
        assert isinstance(caught.value, kind)
    assert caught.value.filename == str(path)


async def test_slow_reader_receives_all_chunks(storage: FileStorage) -> None:
    data = content_of(40 * MIB)
    config = await put_stream(storage, data)
    hasher = hashlib.sha256()
    async for chunk in storage.read_data_stream(config):
        await anyio.sleep(0.001)
        assert len(chunk) == 5 * MIB
        hasher.update(chunk)
    assert hasher.digest() == hashlib.sha256(data).digest()


async def test_abandoned_stream_closes_its_file(storage: FileStorage) -> None:
    config = await put_stream(storage, content_of(20 * MIB))
    before = open_files()
    for close in (True, False):
        chunks = storage.read_data_stream(config)
        async for _ in chunks:
            break
        if close:
            await chunks.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)
        del chunks
        gc.collect()
    await until(lambda: open_files() <= before)


@pytest.mark.parametrize("write", [put, put_stream])
async def test_truncated_object_of_labox_is_replaced(storage: FileStorage, write: Any) -> None:
    data = content_of(100_000)
    config = await write(storage, data)
    [path] = files(storage.path)
    path.unlink()
    path.write_bytes(data[:70_000])  # as after a kill in Labox's write_data
    for read in (FileStorage.read_data, stream):
        with pytest.raises(CorruptDataError) as caught:
            await read(storage, config)
        assert caught.value.path == str(path)
    assert await write(storage, data) == config
    assert await storage.read_data(config) == data
    assert files(storage.path) == [path]


async def test_failed_stream_leaves_no_file(storage: FileStorage) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        for _ in range(50):
            yield bytes(1 << 16)
        raise ConnectionError("lost")

    with pytest.raises(ConnectionError, match="lost"):
        await storage.write_data_stream(*plain_pair(broken()), {})
    await until(lambda: files(storage.path) == [])


async def test_write_creates_no_temp_directory(storage: FileStorage) -> None:
    await put(storage, b"content")
    assert not (storage.path / "temp").exists()


# Reading


async def test_moved_root_is_read(storage: FileStorage, tmp_path: Path) -> None:
    config = await put(storage, b"content")
    moved = FileStorage(storage.path.rename(tmp_path / "moved"))
    assert await moved.read_data(config) == b"content"
    assert await stream(moved, config) == b"content"


@pytest.mark.parametrize("verify_reads", ["hash", "size"])
async def test_foreign_object_is_verified_before_it_is_served(
    storage: FileStorage, tmp_path: Path, verify_reads: VerifyReads
) -> None:
    config = await put_stream(storage, content_of(11 * MIB))
    elsewhere = FileStorage(tmp_path / "elsewhere", mkdir=True, verify_reads=verify_reads)
    assert await elsewhere.read_data(config) == content_of(11 * MIB)
    assert await stream(elsewhere, config) == content_of(11 * MIB)
    [path] = files(storage.path)
    path.chmod(0o644)
    path.write_bytes(bytes(11 * MIB))
    for read in (FileStorage.read_data, stream):
        with pytest.raises(CorruptDataError):
            await read(elsewhere, config)


@pytest.mark.parametrize("read", [FileStorage.read_data, stream])
async def test_forged_location_error_hides_actual_hash(
    storage: FileStorage, tmp_path: Path, read: Any
) -> None:
    secret = tmp_path / ("0" * 64)
    secret.write_bytes(b"a short secret")
    with pytest.raises(CorruptDataError, match=f"expected sha256 {secret.name}") as caught:
        await read(storage, str(secret))
    for algorithm in ("sha256", "blake3"):
        digest = digest_data(secret.read_bytes(), content_type="a/b", algorithm=algorithm)
        assert digest["content_hash"] not in repr(caught.value)


@pytest.mark.parametrize("size", [10, 11 * MIB])
async def test_flipped_bits_raise_corrupt_data_error(storage: FileStorage, size: int) -> None:
    config = await put(storage, content_of(size))
    [path] = files(storage.path)
    path.chmod(0o644)
    path.write_bytes(content_of(size, seed=9))
    with pytest.raises(CorruptDataError, match="sha256"):
        await storage.read_data(config)
    chunks = storage.read_data_stream(config)
    for _ in range((size - 1) // storage.chunk_size):
        assert len(await anext(chunks)) == storage.chunk_size
    with pytest.raises(CorruptDataError, match="sha256"):
        await anext(chunks)
    unverified = FileStorage(storage.path, verify_reads="size")
    assert await stream(unverified, config) == content_of(size, seed=9)


@pytest.mark.parametrize("size", [0, 10, 11 * MIB])
@pytest.mark.parametrize("foreign", [False, True])
async def test_object_named_by_blake3_is_read(
    storage: FileStorage, tmp_path: Path, size: int, foreign: bool
) -> None:
    """Labox's file names do not contain the algorithm."""
    data = content_of(size)
    pair = digest_stream(stream_of([data]), content_type="a/b")
    config = await storage.write_data_stream(*pair, {})
    reader = FileStorage(tmp_path / "other", mkdir=True) if foreign else storage
    assert await reader.read_data(config) == data
    assert await stream(reader, config) == data


@pytest.mark.parametrize("excess", [0, MIB])
async def test_stream_does_not_join_corrupt_and_repaired_content(
    storage: FileStorage, excess: int
) -> None:
    data = content_of(11 * MIB)
    pair = digest_stream(stream_of([data]), content_type="a/b")
    config = await storage.write_data_stream(*pair, {})
    [path] = files(storage.path)
    path.chmod(0o644)
    path.write_bytes(content_of(11 * MIB + excess, seed=9))
    chunks = storage.read_data_stream(config)
    await anext(chunks)
    sound = storage.path.with_name("sound")
    sound.write_bytes(data)
    sound.replace(path)
    with pytest.raises(CorruptDataError, match="sha256"):
        async for _ in chunks:
            pass
    assert await storage.read_data(config) == data


INVALID_LOCATIONS = [
    "/etc/hostname",
    "file:///etc/hostname",
    "",
    "/",
    "file://",
    "file:///",
    f"file://host/{'0' * 64}",
    f"file://localhost/{'0' * 64}",
    f"file:///a%2F{'0' * 64}",
    f"file:///a%2f..%2f{'0' * 64}",
    f"file:///%61/{'0' * 64}",
    f"file:///a b/{'0' * 64}",
    f"file:///a/{'0' * 64}?query",
    f"file:///a/{'0' * 64}%00",
    f"/a\0b/{'0' * 64}",
    f"/a/{'0' * 63}",
    f"/a/{'0' * 64}0",
    f"/a/{'A' * 64}",
    f"/a/{'0' * 64}/",
    f"/a/{'0' * 64}/..",
    f"/a/{'0' * 40}.corrupt-1-2",
    f"/a/{'0' * 64}.corrupt-1-2",
]


@pytest.mark.parametrize("location", INVALID_LOCATIONS)
async def test_location_not_written_by_labox_is_refused(
    storage: FileStorage, location: str
) -> None:
    with pytest.raises(ValueError):
        await storage.read_data(location)
    with pytest.raises(ValueError):
        storage.read_data_stream(location)


@pytest.mark.parametrize("location", [None, 1, b"/a", Path("/a"), {"key": "a"}])
async def test_non_string_location_raises_type_error(storage: FileStorage, location: Any) -> None:
    with pytest.raises(TypeError):
        await storage.read_data(location)
    with pytest.raises(TypeError):
        storage.read_data_stream(location)


# Writing and values


async def test_mismatched_digest_is_refused(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path, verify_writes=True)
    with pytest.raises(DigestMismatchError):
        await storage.write_data(b"other", describe(b"conte"), {})
    with pytest.raises(ValueError, match="md5"):
        await storage.write_data(b"x", describe(b"x", content_hash_algorithm="md5"), {})
    untyped: Any = {**describe(b"x"), "content_type": None}
    with pytest.raises(TypeError, match="content type"):
        await storage.write_data(b"x", untyped, {})
    assert files(tmp_path) == []


async def test_constructor_matches_labox(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileStorage(tmp_path / "missing")
    storage = FileStorage(str(tmp_path / "a/b"), mkdir=True, chunk_size=1000)
    assert (storage.path, storage.chunk_size) == (tmp_path / "a/b", 1000)
    theirs = LaboxFileStorage(tmp_path / "a/b")
    assert (storage.name, storage.version) == (theirs.name, theirs.version)
    assert FileStorage(tmp_path).chunk_size == LaboxFileStorage(tmp_path).chunk_size


async def test_storages_pickle_compare_and_hash_by_value(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path, chunk_size=1000, durable=True)
    copy = pickle.loads(pickle.dumps(storage))
    assert copy == storage
    assert hash(copy) == hash(storage)
    assert await copy.read_data(await put(storage, b"content")) == b"content"
    assert storage != FileStorage(tmp_path)
    assert storage != laboxide.FileStorage(tmp_path)
    assert repr(storage) == f"FileStorage({str(tmp_path)!r})"


async def test_hashing_does_not_block_event_loop(storage: FileStorage) -> None:
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            before = anyio.current_time()
            await anyio.sleep(0.001)
            worst = max(worst, anyio.current_time() - before)

    data = content_of(64 * MIB)
    digest = describe(data)
    best, begun = float("inf"), anyio.current_time()
    hashlib.sha256(data)
    limit = anyio.current_time() - begun
    deadline = anyio.current_time() + 60
    # Other processes also stall the loop: one fast pass is enough.
    while best >= limit and anyio.current_time() < deadline:
        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            await anyio.sleep(0.01)
            worst = 0.0
            config = await storage.write_data(data, digest, {})
            await storage.read_data(config)
            group.cancel_scope.cancel()
        (storage.path / Path(config).name).unlink()
        best = min(best, worst)
    assert best < limit, "loop blocked for longer than hashing 64 MiB takes"


# Limits


async def test_max_object_size_is_enforced(tmp_path: Path) -> None:
    limited = FileStorage(tmp_path, max_object_size=10)
    assert await limited.read_data(await limited.write_data(bytes(10), describe(bytes(10)), {}))
    with pytest.raises(laboxide.ObjectTooLargeError):
        await limited.write_data(bytes(11), describe(bytes(11)), {})
    async with aclosing(stream_of([bytes(11)])) as source:
        pair = digest_stream(source, content_type="x/y", algorithm="sha256")
        with pytest.raises(laboxide.ObjectTooLargeError):
            await limited.write_data_stream(*pair, {})


async def test_allowed_roots_is_enforced(tmp_path: Path) -> None:
    old = FileStorage(tmp_path / "old", mkdir=True)
    location = await old.write_data(b"data", describe(b"data"), {})
    new = FileStorage(tmp_path / "new", mkdir=True, allowed_roots=[old.path])
    closed = FileStorage(tmp_path / "new", allowed_roots=())
    assert await new.read_data(location) == b"data"
    with pytest.raises(laboxide.RootNotAllowedError):
        await closed.read_data(location)
    with pytest.raises(laboxide.RootNotAllowedError):
        await anext(closed.read_data_stream(location))


PUT_DATA: dict[str, Any] = {
    "value": lambda data, _: data,
    "large value": lambda data, _: data * 100_000,
    "stream": lambda data, _: stream_of(cut(data, [5])),
    "chunks": lambda data, _: list(cut(data, [5])),
    "file": lambda data, path: path.write_bytes(data) and path,
}


@pytest.mark.parametrize("kind", PUT_DATA)
async def test_put_names_files_like_labox(tmp_path: Path, kind: str) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    data = b"some content"
    location = await storage.put(
        PUT_DATA[kind](data, tmp_path / "file"), content_type="application/json"
    )
    content = data * 100_000 if kind == "large value" else data
    assert [path.name for path in files(storage.path)] == [
        f"{hashlib.sha256(content).hexdigest()}.json"
    ]
    assert await storage.get(location) == content
    assert await LaboxFileStorage(storage.path).read_data(location) == content


async def test_put_accepts_several_algorithms(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    location = await storage.put(b"content", algorithm=("blake3", "sha256"))
    assert digest_data(b"content", content_type="a/b")["content_hash"] in location
    assert await storage.get(location) == b"content"


async def test_put_calls_methods_of_subclass(tmp_path: Path) -> None:
    class Inverting(FileStorage):
        name = "inverting@v1"

        async def write_data(self, data: Any, digest: Any, tags: Any, /) -> str:
            inverted = bytes(255 - each for each in data)
            digest = digest_data(inverted, content_type="a/b", algorithm="sha256")
            return await super().write_data(inverted, digest, tags)

        async def read_data(self, config: str, /) -> bytes:
            return bytes(255 - each for each in await super().read_data(config))

    storage = Inverting(tmp_path / "root", mkdir=True)
    assert await storage.get(await storage.put(b"content")) == b"content"
    [path] = files(storage.path)
    assert path.read_bytes() == bytes(255 - each for each in b"content")


@pytest.mark.parametrize("kind", PUT_DATA)
async def test_progress_of_puts_and_reads_adds_up(tmp_path: Path, kind: str) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    told: list[int] = []
    location = await storage.put(
        PUT_DATA[kind](b"some content", tmp_path / "file"), progress=told.append
    )
    size = len(await storage.get(location))
    assert sum(told) == size
    assert b"".join([chunk async for chunk in storage.read_data_stream(location)])
    async for _ in storage.read_data_stream(location, progress=told.append):
        pass
    assert sum(told) == 2 * size


async def test_progress_of_a_stream_adds_up(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    told: list[int] = []
    pair = plain_pair(stream_of([b"abc"] * 5))
    location = await storage.write_data_stream(*pair, {}, progress=told.append)
    assert sum(told) == len(await storage.get(location)) == 15


async def test_a_bad_progress_is_refused(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    location, bad = await storage.put(b"content"), cast("Any", 3)
    with pytest.raises(TypeError, match="progress"):
        storage.read_data_stream(location, progress=bad)
    with pytest.raises(TypeError, match="progress"):
        await storage.write_data_stream(*plain_pair(stream_of([b"x"])), {}, progress=bad)
