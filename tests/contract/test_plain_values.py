"""Pointers and digests hold plain str and int, even if the caller passes subclasses of them."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, MemoryStorage, digest_data, digest_file, digest_stream
from laboxide.testing._sources import stream_of

from tests.support.failing import describe, getter
from tests.support.storing import DATA

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from laboxide import FileKey

pytestmark = pytest.mark.anyio


class Algorithm(StrEnum):
    BLAKE3 = "blake3"


class OldAlgorithm(str, Enum):  # noqa: UP042 - users have such enums
    BLAKE3 = "blake3"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Number(int):
    def __int__(self) -> int:
        return -1


ALGORITHMS = pytest.mark.parametrize(
    "algorithm", [Algorithm.BLAKE3, OldAlgorithm.BLAKE3, Text("blake3")], ids=repr
)


def router_of_subclasses(digest: Any, _tags: Any, /, *, temp: bool) -> FileKey:
    assert types_of([digest["content_hash_algorithm"], digest["content_hash"]]) == {str}
    return {"key": Text("a/" + digest["content_hash"])}


def subclass_digest(**changes: Any) -> Any:
    digest = describe(DATA)
    kinds = {"content_hash": Text(digest["content_hash"]), "content_size": Number(len(DATA))}
    return {**digest, **kinds, "is_complete": True, **changes}


async def import_file(storage: Any, algorithm: str) -> Any:
    path = storage.path.with_name("source")
    path.write_bytes(DATA)
    return await storage.import_file(path, algorithm=algorithm)


async def import_with_digest(storage: Any, algorithm: str) -> Any:
    path = storage.path.with_name("source")
    path.write_bytes(DATA)
    return await storage.import_file(path, digest=subclass_digest(content_hash_algorithm=algorithm))


WRITES: dict[str, Callable[[Any, str], Awaitable[Any]]] = {
    "write_data": lambda s, name: s.write_data(
        DATA, subclass_digest(content_hash_algorithm=name), {}
    ),
    "write_data_stream": lambda s, name: s.write_data_stream(
        *digest_stream(stream_of([DATA]), content_type="a/b", algorithm=name), {}
    ),
    "write_data_stream, not hashed": lambda s, name: s.write_data_stream(
        stream_of([DATA]), getter(subclass_digest(content_hash_algorithm=name)), {}
    ),
}
FILE_WRITES = {
    **WRITES,
    "import_file": import_file,
    "import_file with digest": import_with_digest,
}


def types_of(values: Any) -> set[type]:
    return {type(value) for value in values if value is not None}


@ALGORITHMS
@pytest.mark.parametrize("write", FILE_WRITES)
async def test_returned_pointer_is_plain_and_can_be_read(
    tmp_path: Path, write: str, algorithm: str
) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True, router=router_of_subclasses)
    pointer = await FILE_WRITES[write](storage, algorithm)
    assert await storage.read_data(pointer) == DATA
    assert b"".join([chunk async for chunk in storage.read_data_stream(pointer)]) == DATA
    assert types_of(pointer.values()) == {str, int}
    assert pointer["algorithm"] == "blake3"


@ALGORITHMS
@pytest.mark.parametrize("write", FILE_WRITES)
async def test_object_key_is_made_of_algorithm_and_hash(
    tmp_path: Path, write: str, algorithm: str
) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    content_hash = describe(DATA)["content_hash"]
    pointer = await FILE_WRITES[write](storage, algorithm)
    assert pointer["key"] == f"blake3/{content_hash[:2]}/{content_hash}"


@ALGORITHMS
@pytest.mark.parametrize("write", WRITES)
async def test_returned_memory_pointer_is_plain_and_can_be_read(write: str, algorithm: str) -> None:
    storage = MemoryStorage()
    pointer = await WRITES[write](storage, algorithm)
    assert await storage.read_data(pointer) == DATA
    assert types_of(pointer.values()) == {str}


@ALGORITHMS
@pytest.mark.parametrize("several", [False, True])
async def test_digest_holds_plain_values(tmp_path: Path, several: bool, algorithm: str) -> None:
    names: Any = {"algorithm": [algorithm] if several else algorithm}
    path = tmp_path / "file"
    path.write_bytes(DATA)
    stream, get_digest = digest_stream(stream_of([DATA]), content_type="a/b", **names)
    async for _ in stream:
        pass
    made = [
        digest_data(DATA, content_type="a/b", **names),
        get_digest(),
        await digest_file(path, **names),
    ]
    assert [digest["content_hash_algorithm"] for digest in made] == ["blake3"] * 3
    assert types_of(value for digest in made for value in digest.values()) == {str, int, bool}
