"""FileStorage and MemoryStorage refuse the same input with the same error."""

from __future__ import annotations

import ctypes
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, MemoryStorage, digest_data, digest_stream
from laboxide.testing._sources import stream_of

from tests.support.failing import PAIRS, describe
from tests.support.storing import DATA

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
def storages(tmp_path: Path) -> list[Any]:
    plain = FileStorage(tmp_path / "root", mkdir=True)
    return [plain, FileStorage(plain.path, max_object_size=1 << 20), MemoryStorage()]


async def errors_of(
    storages: list[Any], attempt: Callable[[Any], Awaitable[object]]
) -> set[tuple[type, str]]:
    """Return the set of errors that the storages raise."""
    errors = set()
    for storage in storages:
        with pytest.raises((TypeError, ValueError, BufferError)) as caught:
            await attempt(storage)
        errors.add((caught.type, str(caught.value).replace("memory pointer", "file pointer")))
    return errors


BAD: dict[str, Any] = {
    "str": "text",
    "None": None,
    "int": 3,
    "not contiguous": memoryview(b"abcdef")[::2],
    "not contiguous, two dimensions": memoryview(b"abcdef").cast("B", (2, 3))[::-1],
}


@pytest.mark.parametrize("chunk", BAD)
@pytest.mark.parametrize("pair", ["digest_stream", "not hashed"])
async def test_bad_chunk_is_refused_alike(storages: list[Any], pair: str, chunk: str) -> None:
    async def write(storage: Any) -> None:
        async with aclosing(stream_of([b"ab", BAD[chunk]])) as source:
            await storage.write_data_stream(*PAIRS[pair](source), {})

    [(kind, message)] = await errors_of(storages, write)
    assert kind is TypeError
    name = type(BAD[chunk]).__name__
    assert message == f"a chunk must be contiguous and bytes-like, not {name!r}"


@pytest.mark.parametrize("value", ["None", "int"])
async def test_value_that_is_not_bytes_like_is_refused_alike(
    storages: list[Any], value: str
) -> None:
    name = type(BAD[value]).__name__
    expected = TypeError, f"a bytes-like object is required, not {name!r}"
    errors = await errors_of(storages, lambda s: s.write_data(BAD[value], describe(DATA), {}))
    assert errors == {expected}
    with pytest.raises(TypeError) as caught:
        digest_data(BAD[value], content_type="a/b")
    assert str(caught.value) == expected[1]


async def test_non_contiguous_value_is_refused_alike(storages: list[Any]) -> None:
    errors = await errors_of(
        storages, lambda s: s.write_data(BAD["not contiguous"], describe(b"ace"), {})
    )
    assert errors == {(BufferError, "buffer must be contiguous")}


HASH = "0" * 64
POINTERS: list[Any] = [
    {},
    None,
    {"algorithm": "blake3"},
    {"algorithm": 3, "hash": HASH},
    {"algorithm": "blake3", "hash": b"0" * 64},
    {"algorithm": "md5", "hash": HASH},
    {"algorithm": "blake3", "hash": "0"},
]


@pytest.mark.parametrize("pointer", POINTERS, ids=repr)
async def test_bad_pointer_is_refused_alike_before_reading(
    storages: list[Any], pointer: Any
) -> None:
    full = pointer and {"root": "/", "key": "a", "size": 3, **pointer}

    async def read(storage: Any) -> None:
        await storage.read_data(full)

    async def read_stream(storage: Any) -> None:
        storage.read_data_stream(full)

    errors = await errors_of(storages, read)
    assert await errors_of(storages, read_stream) == errors
    assert len({kind for kind, _ in errors}) == 1
    # The error names the first missing field, which differs between the storages.
    assert len(errors) == (2 if pointer == {} else 1)


@pytest.mark.parametrize("digest", [{}, None, {"content_hash_algorithm": "md5"}], ids=repr)
async def test_bad_digest_is_refused_before_bad_data(storages: list[Any], digest: Any) -> None:
    [(_, message)] = await errors_of(storages, lambda s: s.write_data("text", digest, {}))
    assert "digest" in message


async def test_empty_chunk_of_any_shape_adds_no_bytes(storages: list[Any]) -> None:
    chunk: Any = ((ctypes.c_int * 0) * 2)()
    for storage in storages:
        source = stream_of([b"a", chunk, b"b"])
        pair = digest_stream(source, content_type="a/b")
        assert await storage.read_data(await storage.write_data_stream(*pair, {})) == b"ab"
