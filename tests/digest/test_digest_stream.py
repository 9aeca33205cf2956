"""`digest_stream` hashes chunks as they pass through, and the digest follows the last chunk."""

from __future__ import annotations

import errno
import hashlib
from array import array
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboxide import FileStorage, MemoryStorage, digest_stream

from tests.support.blake3_vectors import HASHES, LARGE_HASHES, vector_input
from tests.support.hashing import (
    BAD_ALGORITHMS,
    BUFFERS,
    MIB,
    Source,
    both_algorithms,
    chunkings,
    closable,
    cut,
    digest_of,
    digested,
    every_buffer,
    every_vector,
    expected_hash,
    one_shot,
    pieces_of,
)
from tests.support.storing import files

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.anyio


@BAD_ALGORITHMS
def test_bad_algorithms_are_refused_at_once(algorithm: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digested([], algorithm=algorithm)


@pytest.mark.parametrize("source", [[b"data"], b"data", None], ids=repr)
def test_source_that_is_not_async_is_refused_by_type(source: Any) -> None:
    with pytest.raises(TypeError, match=type(source).__name__):
        digest_stream(source, content_type="a/b")


@both_algorithms
@every_vector
@pytest.mark.parametrize("size", [64, 1000, 1 << 20])
async def test_digest_has_all_fields(algorithm: str, length: int, size: int) -> None:
    assert await digest_of(pieces_of(vector_input(length), size), algorithm) == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": algorithm,
        "content_hash": expected_hash(algorithm, length),
        "content_size": length,
        "is_complete": True,
    }


@both_algorithms
@pytest.mark.parametrize("length", LARGE_HASHES)
@pytest.mark.parametrize("size", [65_537, 8 * MIB])
async def test_large_stream_has_the_reference_hash(algorithm: str, length: int, size: int) -> None:
    digest = await digest_of(pieces_of(vector_input(length), size), algorithm)
    assert digest["content_hash"] == expected_hash(algorithm, length)


async def test_stream_is_hashed_with_several_algorithms_in_one_pass() -> None:
    chunks = pieces_of(vector_input(102400), 999)
    assert await digest_of(chunks, algorithm=("sha256", "blake3")) == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": "sha256",
        "content_hash": expected_hash("sha256", 102400),
        "content_size": 102400,
        "content_hashes": {"blake3": HASHES[102400]},
        "is_complete": True,
    }


@pytest.mark.parametrize("chunks", [[], [b""], [b"", bytearray(), b""]], ids=repr)
async def test_empty_stream_has_the_hash_of_no_bytes(chunks: list[Any]) -> None:
    digest = await digest_of(chunks)
    assert (digest["content_hash"], digest["content_size"]) == (HASHES[0], 0)


async def test_digest_has_content_type_and_encoding() -> None:
    stream, get_digest = digest_stream(Source([]), content_type="x/y", content_encoding="br")
    async for _ in stream:
        pass
    digest = get_digest()
    assert (digest["content_type"], digest["content_encoding"]) == ("x/y", "br")


async def test_digest_is_refused_until_the_stream_has_ended() -> None:
    stream, get_digest = digested([b"one", b"two"])
    for _ in range(2):
        with pytest.raises(ValueError, match="not been read to its end"):
            get_digest()
        await anext(stream)
    # The last chunk was yielded, but the source has not ended yet.
    with pytest.raises(ValueError, match="not been read to its end"):
        get_digest()


@both_algorithms
async def test_incomplete_digest_covers_the_chunks_so_far(algorithm: str) -> None:
    ends = list(HASHES)
    data = vector_input(ends[-1])
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    stream, get_digest = digested(chunks, algorithm)
    for end in ends:
        await anext(stream)
        assert get_digest(allow_incomplete=True) == {
            "content_encoding": None,
            "content_type": "a/b",
            "content_hash_algorithm": algorithm,
            "content_hash": expected_hash(algorithm, end),
            "content_size": end,
            "is_complete": False,
        }


async def test_incomplete_digest_of_an_unread_stream_covers_no_bytes() -> None:
    _, get_digest = digested([b"data"])
    digest = get_digest(allow_incomplete=True)
    assert (digest["content_hash"], digest["content_size"]) == (HASHES[0], 0)


@pytest.mark.parametrize("allow_incomplete", [False, True])
async def test_digest_of_an_ended_stream_is_complete(allow_incomplete: bool) -> None:
    stream, get_digest = digested([b"one", b"two"])
    async for _ in stream:
        pass
    assert get_digest(allow_incomplete=allow_incomplete)["is_complete"] is True


async def test_get_digest_returns_the_same_digest_again() -> None:
    stream, get_digest = digested([b"one", b"two"])
    async for _ in stream:
        pass
    assert get_digest() == get_digest()


async def test_exhausted_stream_stays_exhausted() -> None:
    stream, _ = digested([b"one"])
    assert [chunk async for chunk in stream] == [b"one"]
    assert [chunk async for chunk in stream] == []


async def test_stream_yields_the_same_objects() -> None:
    chunks = [b"one", bytearray(b"two"), memoryview(b"three"), array("i", [4]), b""]
    stream, _ = digested(chunks)
    passed = [chunk async for chunk in stream]
    assert list(map(id, passed)) == list(map(id, chunks))


@both_algorithms
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [1000, 3 * MIB])
async def test_large_chunk_of_any_buffer_type_is_hashed(
    algorithm: str, kind: type[Any], size: int
) -> None:
    data = vector_input(5 * MIB + 7)
    digest = await digest_of(map(kind, pieces_of(data[: 2 * size], size)), algorithm)
    assert digest["content_hash"] == one_shot(algorithm, data[: 2 * size])


@every_buffer
async def test_contiguous_chunk_of_any_type_is_hashed(kind: str) -> None:
    digest = await digest_of([BUFFERS[kind]])
    assert digest["content_hash"] == one_shot("blake3", bytes(BUFFERS[kind]))


async def test_yielded_buffer_may_be_reused() -> None:
    buffer = bytearray(100_000)
    hasher = hashlib.sha256()
    stream, get_digest = digested((buffer for _ in range(50)), "sha256")
    index = 0
    async for _ in stream:
        hasher.update(bytes([index]) * 100_000)
        index += 1
        buffer[:] = bytes([index]) * 100_000
    assert get_digest()["content_hash"] == hasher.hexdigest()


async def test_yielded_buffer_may_be_resized() -> None:
    stream, _ = digested([bytearray(3 * MIB)])
    chunk: Any = await anext(stream)
    chunk.extend(b"more")
    assert len(chunk) == 3 * MIB + 4


@pytest.mark.parametrize(
    "chunk",
    ["text", 3, None, [b"data"], memoryview(b"abcd")[::2]],
    ids=lambda chunk: type(chunk).__name__,
)
async def test_chunk_of_a_wrong_type_is_refused_by_type(chunk: Any) -> None:
    stream, _ = digested([b"good", chunk])
    await anext(stream)
    with pytest.raises(TypeError, match=type(chunk).__name__):
        await anext(stream)


async def test_error_of_a_source_reaches_the_caller_unchanged() -> None:
    error = OSError(errno.ECONNRESET, "gone")

    async def source() -> AsyncGenerator[bytes]:
        yield b"data"
        raise error

    stream, _ = digest_stream(source(), content_type="a/b")
    await anext(stream)
    with pytest.raises(OSError) as raised:
        await anext(stream)
    assert raised.value is error


async def failing_source() -> AsyncGenerator[bytes]:
    yield b"half"
    raise ConnectionResetError


async def test_stream_of_a_failed_source_never_becomes_complete() -> None:
    stream, get_digest = digest_stream(failing_source(), content_type="a/b")
    with pytest.raises(ConnectionResetError):
        async for _ in stream:
            pass
    assert get_digest(allow_incomplete=True)["is_complete"] is False
    with pytest.raises(Exception):  # noqa: B017, PT012 - either call may raise
        async for _ in stream:
            pass
        get_digest()
    assert get_digest(allow_incomplete=True)["is_complete"] is False


async def test_stream_of_a_failed_source_is_not_stored_by_a_second_write() -> None:
    storage = MemoryStorage()
    stream, get_digest = digest_stream(failing_source(), content_type="a/b")
    with pytest.raises(ConnectionResetError):
        await storage.write_data_stream(stream, get_digest, {})
    with pytest.raises(Exception):  # noqa: B017 - any error, but never half of the content
        await storage.write_data_stream(stream, get_digest, {})


@pytest.mark.every_loop
async def test_stream_closed_early_never_becomes_complete() -> None:
    stream, get_digest = digest_stream(closable([b"one", b"two"]), content_type="a/b")
    await anext(stream)
    await stream.aclose()
    with pytest.raises(Exception):  # noqa: B017, PT012 - one of both raises
        async for _ in stream:
            pass
        get_digest()
    assert get_digest(allow_incomplete=True)["is_complete"] is False


@pytest.mark.every_loop
async def test_closed_stream_is_not_stored(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path)
    stream, get_digest = digest_stream(closable([b"one", b"two"]), content_type="a/b")
    await stream.aclose()
    with pytest.raises(ValueError, match="closed"):
        await storage.write_data_stream(stream, get_digest, {})
    assert not files(tmp_path)


@pytest.mark.every_loop
async def test_stream_cannot_be_closed_while_a_storage_writes_it(tmp_path: Path) -> None:
    begun = anyio.Event()
    refused: list[RuntimeError] = []

    async def source() -> AsyncGenerator[bytes]:
        # The source never suspends: other tasks run only while the storage waits for workers.
        for _ in range(512):
            yield bytes(64 << 10)
            begun.set()

    stream, get_digest = digest_stream(source(), content_type="a/b")

    async def close() -> None:
        await begun.wait()
        try:
            await stream.aclose()
        except RuntimeError as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(close)
        pointer = await FileStorage(tmp_path).write_data_stream(stream, get_digest, {})
    assert pointer["size"] == 32 * MIB
    assert [str(error) for error in refused] == ["stream is being written by a storage"]
    await stream.aclose()


@pytest.mark.every_loop
async def test_closed_stream_keeps_its_incomplete_digest() -> None:
    stream, get_digest = digested([vector_input(65), b"more"])
    await anext(stream)
    await stream.aclose()
    assert get_digest(allow_incomplete=True)["content_hash"] == HASHES[65]


@pytest.mark.every_loop
async def test_closing_a_stream_closes_its_source() -> None:
    closed = []

    async def source() -> AsyncGenerator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.append(True)

    stream, _ = digest_stream(source(), content_type="a/b")
    await anext(stream)
    await stream.aclose()
    assert closed


@pytest.mark.every_loop
async def test_closing_an_unread_stream_closes_its_source() -> None:
    source = closable([b"data"])
    stream, _ = digest_stream(source, content_type="a/b")
    await stream.aclose()
    assert [chunk async for chunk in source] == []


@pytest.mark.every_loop
async def test_stream_of_a_source_without_aclose_can_be_closed() -> None:
    stream, _ = digested([b"data"])
    await anext(stream)
    await stream.aclose()


@both_algorithms
@given(sizes=chunkings, kinds=st.lists(st.sampled_from([bytes, bytearray, memoryview])))
def test_hash_does_not_depend_on_chunking(
    algorithm: str, sizes: list[int], kinds: list[type[Any]]
) -> None:
    chunks = cut(sizes)
    data = b"".join(chunks)
    kinds += [bytes] * len(chunks)
    sent = [kind(chunk) for kind, chunk in zip(kinds, chunks, strict=False)]
    digest = anyio.run(digest_of, sent, algorithm)
    assert digest["content_hash"] == one_shot(algorithm, data)


@given(sizes=chunkings)
def test_hashes_of_several_algorithms_do_not_depend_on_chunking(sizes: list[int]) -> None:
    chunks = cut(sizes)
    data = b"".join(chunks)
    digest = anyio.run(digest_of, chunks, ("blake3", "sha256"))
    hashes = [digest["content_hash"], digest["content_hashes"]["sha256"]]
    assert hashes == [one_shot("blake3", data), one_shot("sha256", data)]
