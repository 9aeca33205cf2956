"""Paths, names and modes of the objects of a FileStorage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, content_router, digest_data
from laboxide.testing._sources import content_of, cut, plain_pair, stream_of

from tests.support.scripts import assert_clean, run_script
from tests.support.storing import (
    DATA,
    KIB,
    MIB,
    READS,
    WRITES,
    files,
    names,
    path_of,
    put,
    put_stream,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from laboxide import Digest, FileKey


pytestmark = pytest.mark.anyio


def fixed_router(_digest: Digest, _tags: Mapping[str, str], /, *, temp: bool) -> FileKey:
    return {"key": "fixed/name"}


def router_returning(result: object) -> Any:
    def router(_digest: Digest, _tags: Mapping[str, str], /, *, temp: bool) -> object:
        return result

    return router


# Layout and pointers


@pytest.mark.parametrize("write", WRITES)
async def test_default_layout_is_algorithm_two_digits_hash(
    storage: FileStorage, write: str
) -> None:
    pointer = await WRITES[write](storage, b"", {})
    empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert pointer["key"] == f"blake3/af/{empty}"
    assert files(storage.path) == [storage.path / "blake3" / "af" / empty]


async def test_default_layout_is_the_same_for_sha256(storage: FileStorage) -> None:
    pointer = await put(storage, b"", algorithm="sha256")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert pointer["key"] == f"sha256/e3/{empty}"
    assert files(storage.path) == [storage.path / "sha256" / "e3" / empty]


@pytest.mark.parametrize("write", WRITES)
async def test_pointer_has_root_key_algorithm_hash_and_size(
    storage: FileStorage, write: str
) -> None:
    digest = digest_data(DATA, content_type="a/b")
    assert await WRITES[write](storage, DATA, {}) == {
        "root": str(storage.path),
        "key": content_router(digest, {})["key"],
        "algorithm": "blake3",
        "hash": digest["content_hash"],
        "size": len(DATA),
    }


@pytest.mark.parametrize("read", READS)
async def test_pointer_survives_json(storage: FileStorage, tmp_path: Path, read: str) -> None:
    pointer = await put(storage, DATA)
    text = storage.serialize_config(pointer)
    assert json.loads(text) == pointer
    restored = storage.deserialize_config(text)
    assert await READS[read](storage, restored, tmp_path / "out") == DATA


async def test_same_content_with_two_algorithms_is_two_objects(storage: FileStorage) -> None:
    pointers = [await put(storage, DATA, algorithm=name) for name in ("blake3", "sha256")]
    assert len(files(storage.path)) == 2
    await storage.delete(pointers[0])
    assert await storage.read_data(pointers[1]) == DATA


@pytest.mark.parametrize("second", WRITES)
@pytest.mark.parametrize("first", WRITES)
async def test_same_content_written_twice_is_one_object(
    storage: FileStorage, first: str, second: str
) -> None:
    pointer = await WRITES[first](storage, DATA, {})
    before = path_of(storage, pointer).stat()
    assert await WRITES[second](storage, DATA, {}) == pointer
    assert files(storage.path) == [path_of(storage, pointer)]
    assert path_of(storage, pointer).stat().st_ino == before.st_ino


@pytest.mark.parametrize("size", [0, 12, 100 * KIB, 3 * MIB])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_any_contiguous_buffer_is_written(
    storage: FileStorage, kind: Callable[[bytes], Any], size: int
) -> None:
    data = content_of(size)
    pointer = await put(storage, kind(data))
    assert pointer["size"] == len(data)
    assert await storage.read_data(pointer) == data


async def test_buffer_may_be_reused_after_write(storage: FileStorage) -> None:
    data = bytearray(DATA)
    pointer = await put(storage, data)
    data[:] = bytes(len(data))
    assert await storage.read_data(pointer) == DATA


# Routers


@pytest.mark.parametrize("write", WRITES)
async def test_router_gets_digest_and_tags_and_temp_false(tmp_path: Path, write: str) -> None:
    calls: list[tuple[Digest, dict[str, str], bool]] = []

    def router(digest: Digest, tags: Mapping[str, str], /, *, temp: bool) -> FileKey:
        calls.append((digest, dict(tags), temp))
        return {"key": f"mine/{digest['content_hash']}"}

    storage = FileStorage(tmp_path / "root", mkdir=True, router=router)
    pointer = await WRITES[write](storage, DATA, {"kind": "novel"})
    [(digest, tags, temp)] = calls
    expected = digest_data(DATA, content_type="a/b")
    assert {name: digest.get(name) for name in expected} == expected
    assert (tags, temp) == ({"kind": "novel"}, False)
    assert files(storage.path) == [storage.path / pointer["key"]]
    assert pointer["key"] == f"mine/{expected['content_hash']}"


@pytest.mark.parametrize("write", WRITES)
async def test_router_may_return_key_as_string(tmp_path: Path, write: str) -> None:
    def router(digest: Digest, _tags: Mapping[str, str], /, *, temp: bool) -> str:
        return f"mine/{digest['content_hash']}"

    storage = FileStorage(tmp_path / "root", mkdir=True, router=router)
    pointer = await WRITES[write](storage, DATA, {})
    assert pointer["key"] == f"mine/{pointer['hash']}"
    assert files(storage.path) == [storage.path / pointer["key"]]
    assert await storage.read_data(pointer) == DATA


HOSTILE: dict[str, tuple[object, type[Exception], str]] = {
    "absolute": ({"key": "/etc/escaped"}, ValueError, "/etc/escaped"),
    "parent": ({"key": "../escaped"}, ValueError, "../escaped"),
    "parent in the middle": ({"key": "a/../../escaped"}, ValueError, "a/../../escaped"),
    "parent at the end": ({"key": "a/.."}, ValueError, "a/.."),
    "only parent": ({"key": ".."}, ValueError, '".."'),
    "dot": ({"key": "."}, ValueError, '"."'),
    "empty": ({"key": ""}, ValueError, '""'),
    "empty component": ({"key": "a//b"}, ValueError, "a//b"),
    "trailing slash": ({"key": "a/"}, ValueError, "a/"),
    "NUL": ({"key": "before\0after"}, ValueError, "before"),
    "below staging directory": ({"key": ".laboxide-staging/x"}, ValueError, ".laboxide-staging/x"),
    "staging directory": ({"key": ".laboxide-staging"}, ValueError, ".laboxide-staging"),
    "quarantined": ({"key": "a/b.corrupt-1f-2"}, ValueError, 'quarantined files: "b.corrupt-1f-2"'),
    "displaced directory": (
        {"key": "a.displaced-1-2/b"},
        ValueError,
        'quarantined files: "a.displaced-1-2"',
    ),
    "long name": ({"key": "x" * 256}, ValueError, "x" * 200),
    "long path": ({"key": "x/" * 512 + "x"}, ValueError, "x/" * 100),
    "surrogate": ({"key": "\udc80"}, ValueError, "\\udc80"),
    "None": (None, TypeError, "None"),
    "string, parent": ("../escaped", ValueError, "../escaped"),
    "string, absolute": ("/etc/escaped", ValueError, "/etc/escaped"),
    "string, empty": ("", ValueError, '""'),
    "bytes": (b"a/key", TypeError, "b'a/key'"),
    "path": (Path("a/b"), TypeError, "PosixPath('a/b')"),
    "list": ([("key", "a")], TypeError, "[('key', 'a')]"),
    "no key": ({"path": "a"}, TypeError, "{'path': 'a'}"),
    "key None": ({"key": None}, TypeError, "{'key': None}"),
    "key bytes": ({"key": b"a"}, TypeError, "{'key': b'a'}"),
    "key number": ({"key": 7}, TypeError, "{'key': 7}"),
    "key path": ({"key": Path("a/b")}, TypeError, "PosixPath('a/b')"),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("case", HOSTILE)
async def test_error_names_hostile_key_from_router(tmp_path: Path, case: str, write: str) -> None:
    result, error, text = HOSTILE[case]
    storage = FileStorage(tmp_path / "root", mkdir=True, router=router_returning(result))
    with pytest.raises(error) as caught:
        await WRITES[write](storage, DATA, {})
    assert text in str(caught.value)
    await until(lambda: files(storage.path) == [])
    assert {*names(storage.path)} <= {".laboxide-staging"}
    assert {*names(tmp_path)} <= {"root", "source"}


async def test_exception_of_router_propagates(tmp_path: Path) -> None:
    error = LookupError("no place")

    def router(_digest: Digest, _tags: Mapping[str, str], /, *, temp: bool) -> FileKey:
        raise error

    storage = FileStorage(tmp_path, router=router)
    for write in (put, put_stream):
        with pytest.raises(LookupError) as caught:
            await write(storage, DATA)
        assert caught.value is error
    await until(lambda: files(storage.path) == [])


@pytest.mark.parametrize("write", WRITES)
async def test_key_without_hash_accepts_same_content_twice(tmp_path: Path, write: str) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, router=fixed_router)
    pointers = [await WRITES[write](storage, DATA, {}) for _ in range(2)]
    assert pointers[0] == pointers[1]
    assert await storage.read_data(pointers[0]) == DATA


@pytest.mark.parametrize("size", [0, 12, 3 * MIB])
async def test_key_without_hash_accepts_stream_with_foreign_digest(
    tmp_path: Path, size: int
) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, router=fixed_router)
    data = content_of(size)
    for _ in range(2):
        pair = plain_pair(stream_of(cut(data, [64 * KIB])))
        pointer = await storage.write_data_stream(*pair, {})
        assert await storage.read_data(pointer) == data


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("second", [b"x" * len(DATA), b"other size"], ids=["same size", "shorter"])
async def test_key_without_hash_keeps_its_first_content(
    tmp_path: Path, second: bytes, write: str
) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, router=fixed_router)
    pointer = await put(storage, DATA)
    with pytest.raises(FileExistsError) as caught:
        await WRITES[write](storage, second, {})
    assert caught.value.filename == str(storage.path / "fixed/name")
    assert await storage.read_data(pointer) == DATA
    await until(lambda: files(storage.path) == [storage.path / "fixed/name"])


# Read-only


@pytest.mark.parametrize("operation", [*WRITES, "delete"])
async def test_storage_without_router_refuses_writes(storage: FileStorage, operation: str) -> None:
    pointer = await put(storage, DATA)
    reader = FileStorage(storage.path, router=None)
    write = (
        reader.delete(pointer) if operation == "delete" else WRITES[operation](reader, b"more", {})
    )
    with pytest.raises(NotImplementedError, match="read-only"):
        await write
    assert files(storage.path) == [path_of(storage, pointer)]


@pytest.mark.parametrize("read", READS)
async def test_storage_without_router_reads_objects(
    storage: FileStorage, tmp_path: Path, read: str
) -> None:
    pointer = await put(storage, DATA)
    reader = FileStorage(storage.path, router=None)
    assert await READS[read](reader, pointer, tmp_path / "out") == DATA


async def test_storage_without_router_finds_objects(storage: FileStorage) -> None:
    pointer = await put(storage, DATA)
    reader = FileStorage(storage.path, router=None)
    assert await reader.exists(pointer)
    assert (await reader.stat(pointer)).size == len(DATA)
    await reader.verify(pointer)
    assert [found async for found in reader.list_pointers()] == [pointer]


# Modes


UMASKS = ["0o000", "0o002", "0o022", "0o027", "0o077"]


@pytest.mark.parametrize("umask", UMASKS)
def test_objects_are_0444_and_directories_0777_less_umask(tmp_path: Path, umask: str) -> None:
    script = f"""
    os.umask({umask})
    (root / "source").write_bytes(b"imported")
    storage = FileStorage(root / "store", mkdir=True, verify_writes=True)

    async def work():
        for data in (b"small", bytes(3 << 20)):
            await storage.write_data(data, digest_data(data, content_type="a/b"), {{}})
        for count in (1, 100):
            await store(storage, count)
        await storage.import_file(root / "source")
        healed = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        path = storage.path / healed["key"]
        path.unlink()
        path.write_bytes(b"!")
        path.chmod(0o666)
        await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})

    import logging
    logging.disable()
    asyncio.run(work())
    kinds = {{False: set(), True: set()}}
    for path in (root / "store").rglob("*"):
        kinds[path.is_dir()].add(oct(path.stat().st_mode & 0o7777))
    print(kinds)
    """
    mask = int(umask, 8)
    expected = {False: {oct(0o444 & ~mask)}, True: {oct(0o777 & ~mask)}}
    assert_clean(run_script(script, tmp_path), str(expected))


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("umask", UMASKS)
def test_exports_are_0666_less_umask(tmp_path: Path, umask: str, overwrite: bool) -> None:
    script = f"""
    os.umask({umask})
    storage = FileStorage(root / "store", mkdir=True)
    if {overwrite}:
        (root / "out").touch()
        (root / "out").chmod(0o600)

    async def work():
        pointer = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        await storage.export_file(pointer, root / "out", overwrite={overwrite})

    asyncio.run(work())
    print(oct((root / "out").stat().st_mode & 0o7777))
    """
    assert_clean(run_script(script, tmp_path), oct(0o666 & ~int(umask, 8)))


def test_new_directories_of_durable_root_are_fsynced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    root = tmp_path / "a" / "root"
    FileStorage(tmp_path / "other", mkdir=True)
    FileStorage(root, mkdir=True, durable=True)
    assert synced == [directory.stat().st_ino for directory in (root.parent, tmp_path)]
    FileStorage(root, mkdir=True, durable=True)
    assert len(synced) == 2, "the first write syncs the name of an existing root"
