"""Invalid data and failing callbacks: the error reaches the caller, and no file is left."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, digest_stream
from laboxide.testing._sources import stream_of

from tests.support.failing import PAIRS, SOURCES, OwnError, assert_unharmed, describe, getter
from tests.support.storing import DATA

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.anyio

NOT_BYTES: dict[str, Any] = {
    "None": None,
    "str": "text",
    "int": 3,
    "list": [1, 2],
    "object": object(),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("pair", ["digest_stream", "not hashed"])
@pytest.mark.parametrize("chunk", NOT_BYTES)
async def test_chunk_that_is_not_bytes_like_is_refused(
    storage: FileStorage, chunk: str, pair: str, source: str
) -> None:
    before = SOURCES[source]
    chunks = stream_of([*before, NOT_BYTES[chunk], *before])
    async with aclosing(chunks):
        with pytest.raises(TypeError, match=f"'{type(NOT_BYTES[chunk]).__name__}'"):
            await storage.write_data_stream(*PAIRS[pair](chunks), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("pair", ["digest_stream", "not hashed"])
async def test_non_contiguous_chunk_is_refused(storage: FileStorage, pair: str) -> None:
    chunk: Any = memoryview(b"abcdef")[::2]
    async with aclosing(stream_of([b"a", chunk])) as chunks:
        with pytest.raises(TypeError, match="contiguous"):
            await storage.write_data_stream(*PAIRS[pair](chunks), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("data", NOT_BYTES)
async def test_data_that_is_not_bytes_like_is_refused(storage: FileStorage, data: str) -> None:
    value = NOT_BYTES[data]
    with pytest.raises(TypeError, match=type(value).__name__):
        await storage.write_data(value, describe(DATA), {})
    await assert_unharmed(storage)


async def test_non_contiguous_data_is_refused(storage: FileStorage) -> None:
    data: Any = memoryview(b"abcdef")[::2]
    with pytest.raises(BufferError, match="contiguous"):
        await storage.write_data(data, describe(b"ace"), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("source", [[b"chunk"], None, b"chunk"], ids=repr)
async def test_stream_that_is_not_an_async_iterable_is_refused(
    storage: FileStorage, source: Any
) -> None:
    with pytest.raises(TypeError, match=type(source).__name__):
        await storage.write_data_stream(source, getter(describe(DATA)), {})
    await assert_unharmed(storage)


@pytest.mark.every_loop
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("kind", [OwnError, ValueError, OSError, TimeoutError])
async def test_error_of_a_source_reaches_the_caller_unchanged(
    storage: FileStorage, kind: type[Exception], pair: str, source: str
) -> None:
    error = kind("mine")

    async def failing() -> AsyncGenerator[bytes]:
        for chunk in SOURCES[source]:
            yield chunk
        raise error

    with pytest.raises(kind) as caught:
        await storage.write_data_stream(*PAIRS[pair](failing()), {})
    assert caught.value is error
    await assert_unharmed(storage)


@pytest.mark.parametrize("verify_writes", [False, True])
@pytest.mark.parametrize("when", ["always", "at the end"])
@pytest.mark.parametrize("source", SOURCES)
async def test_error_of_get_digest_reaches_the_caller_unchanged(
    storage: FileStorage, source: str, when: str, verify_writes: bool
) -> None:
    error = OwnError("mine")

    def get_digest(*, allow_incomplete: bool = False) -> Any:
        if when == "at the end" and allow_incomplete:
            return describe(DATA)
        raise error

    writer = FileStorage(storage.path, verify_writes=verify_writes)
    with pytest.raises(OwnError) as caught:
        await writer.write_data_stream(stream_of(SOURCES[source]), get_digest, {})
    assert caught.value is error
    await assert_unharmed(writer)


@pytest.mark.parametrize("get_digest", [None, 3, describe(DATA)], ids=["None", "int", "digest"])
async def test_get_digest_that_is_not_callable_is_refused(
    storage: FileStorage, get_digest: Any
) -> None:
    with pytest.raises(TypeError, match=type(get_digest).__name__):
        await storage.write_data_stream(stream_of([DATA]), get_digest, {})
    await assert_unharmed(storage)


async def test_digest_of_an_unread_stream_is_refused(storage: FileStorage) -> None:
    _, get_digest = digest_stream(stream_of([DATA]), content_type="a/b")
    with pytest.raises(ValueError, match="to its end"):
        await storage.write_data_stream(stream_of([DATA]), get_digest, {})
    await assert_unharmed(storage)
