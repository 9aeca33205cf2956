"""Hashes are those of the algorithms, whatever way the bytes take."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import random
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from blake3_vectors import HASHES, LARGE_HASHES, vector_input
from hypothesis import given
from hypothesis import strategies as st
from laboxide import ALGORITHMS, Hasher, MemoryStorage, digest_data, digest_stream, hash_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence
    from pathlib import Path

    from laboxide import DigestedStream, GetStreamDigest, StreamDigest

both_algorithms = pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
every_vector = pytest.mark.parametrize("length", HASHES)

MIB = 1 << 20
FILE_SIZES = [0, 1, *LARGE_HASHES]
TOTAL_LIMIT = 6 * MIB


def expected_hash(algorithm: str, length: int) -> str:
    """Return the hash of the vector's input of `length` bytes, which laboxide had no part in."""
    if algorithm == "sha256":
        return hashlib.sha256(vector_input(length)).hexdigest()
    return {**HASHES, **LARGE_HASHES}[length]


def one_shot(algorithm: str, data: bytes) -> str:
    if algorithm == "sha256":
        return hashlib.sha256(data).hexdigest()
    return Hasher(algorithm, data).hexdigest()


class Source:
    """An async iterator that may be left in the middle, as it cannot be closed."""

    def __init__(self, chunks: Iterable[Any]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> Any:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


async def closable(chunks: Iterable[Any]) -> AsyncGenerator[Any]:
    for chunk in chunks:
        yield chunk


def digested(
    chunks: Iterable[Any], algorithm: str = "blake3", algorithms: Sequence[str] | None = None
) -> tuple[DigestedStream, GetStreamDigest]:
    return digest_stream(
        Source(chunks), content_type="a/b", algorithm=algorithm, algorithms=algorithms
    )


async def digest_of(
    chunks: Iterable[Any], algorithm: str = "blake3", algorithms: Sequence[str] | None = None
) -> StreamDigest:
    stream, get_digest = digested(chunks, algorithm, algorithms)
    async for _ in stream:
        pass
    return get_digest()


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def test_these_are_all_the_algorithms() -> None:
    assert sorted(ALGORITHMS) == ["blake3", "sha256"]


# Hasher: the hashes


@both_algorithms
@every_vector
def test_one_update_gives_the_official_hash(algorithm: str, length: int) -> None:
    hasher = Hasher(algorithm)
    hasher.update(vector_input(length))
    assert hasher.hexdigest() == expected_hash(algorithm, length)


@both_algorithms
@every_vector
def test_data_given_to_the_constructor_is_hashed(algorithm: str, length: int) -> None:
    assert Hasher(algorithm, vector_input(length)).hexdigest() == expected_hash(algorithm, length)


@both_algorithms
@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, 2048, 2049])
def test_updates_in_pieces_give_the_official_hash(algorithm: str, size: int) -> None:
    hasher = Hasher(algorithm)
    for piece in pieces_of(vector_input(31744), size):
        hasher.update(piece)
    assert hasher.hexdigest() == expected_hash(algorithm, 31744)


@both_algorithms
@pytest.mark.parametrize("length", LARGE_HASHES)
def test_large_data_has_the_hash_of_the_reference_implementation(
    algorithm: str, length: int
) -> None:
    assert Hasher(algorithm, vector_input(length)).hexdigest() == expected_hash(algorithm, length)


@both_algorithms
def test_the_hash_may_be_asked_for_between_updates(algorithm: str) -> None:
    data = vector_input(max(HASHES))
    hasher = Hasher(algorithm)
    for start, end in zip(list(HASHES), list(HASHES)[1:], strict=False):
        assert hasher.hexdigest() == expected_hash(algorithm, start)
        hasher.update(data[start:end])
    assert hasher.hexdigest() == expected_hash(algorithm, max(HASHES))


# Hasher: the shape of hashlib


def test_the_default_algorithm_is_blake3() -> None:
    assert Hasher().name == "blake3"


@both_algorithms
def test_a_hasher_has_the_name_of_its_algorithm(algorithm: str) -> None:
    assert Hasher(algorithm).name == algorithm


@both_algorithms
def test_a_digest_has_32_bytes(algorithm: str) -> None:
    assert (Hasher(algorithm).digest_size, len(Hasher(algorithm).digest())) == (32, 32)


@both_algorithms
def test_a_block_has_64_bytes(algorithm: str) -> None:
    assert Hasher(algorithm).block_size == 64


@both_algorithms
def test_hexdigest_is_the_digest_in_lower_case_hexadecimal(algorithm: str) -> None:
    hasher = Hasher(algorithm, b"some bytes")
    assert hasher.hexdigest() == hasher.digest().hex()


@both_algorithms
def test_update_returns_none(algorithm: str) -> None:
    update: Any = Hasher(algorithm).update
    assert update(b"data") is None


@both_algorithms
def test_a_copy_starts_from_the_same_bytes(algorithm: str) -> None:
    hasher = Hasher(algorithm, vector_input(1025))
    copied = hasher.copy()
    copied.update(vector_input(2049)[1025:])
    assert copied.hexdigest() == expected_hash(algorithm, 2049)


@both_algorithms
def test_an_update_of_a_copy_leaves_the_original_alone(algorithm: str) -> None:
    hasher = Hasher(algorithm, vector_input(1025))
    hasher.copy().update(b"more")
    assert hasher.hexdigest() == expected_hash(algorithm, 1025)


@both_algorithms
def test_an_update_of_the_original_leaves_a_copy_alone(algorithm: str) -> None:
    hasher = Hasher(algorithm, vector_input(1025))
    copied = hasher.copy()
    hasher.update(b"more")
    assert copied.hexdigest() == expected_hash(algorithm, 1025)


@both_algorithms
def test_a_copy_is_of_the_same_algorithm(algorithm: str) -> None:
    assert Hasher(algorithm).copy().name == algorithm


@pytest.mark.parametrize("algorithm", ["md5", "SHA256", "blake3 ", ""])
def test_an_unknown_algorithm_is_refused_and_named(algorithm: str) -> None:
    with pytest.raises(ValueError) as raised:
        Hasher(algorithm)
    assert f'"{algorithm}"' in str(raised.value)


# What a hasher takes


BUFFERS: dict[str, Any] = {
    "bytes": b"12345678",
    "bytearray": bytearray(b"12345678"),
    "memoryview": memoryview(b"012345678")[1:],
    "array of integers": array("i", [1, -2, 3, 4]),
    "two dimensions": memoryview(b"12345678").cast("B", (2, 4)),
    "empty bytes": b"",
    "empty bytearray": bytearray(),
    "empty memoryview": memoryview(b""),
    "empty array": array("i"),
    "ctypes array": (ctypes.c_int * 3)(1, 2, 3),
    "empty ctypes array": (ctypes.c_int * 0)(),
}
every_buffer = pytest.mark.parametrize("kind", BUFFERS)


@both_algorithms
@every_buffer
def test_any_contiguous_buffer_is_hashed(algorithm: str, kind: str) -> None:
    buffer = BUFFERS[kind]
    assert Hasher(algorithm, buffer).hexdigest() == one_shot(algorithm, bytes(buffer))


@both_algorithms
def test_a_strided_memoryview_is_refused(algorithm: str) -> None:
    with pytest.raises(BufferError, match="contiguous"):
        Hasher(algorithm).update(memoryview(b"abcdef")[::2])


@both_algorithms
def test_a_str_is_refused(algorithm: str) -> None:
    with pytest.raises(TypeError, match="strings must be encoded"):
        Hasher(algorithm).update(cast("Any", "text"))


@both_algorithms
@pytest.mark.parametrize("data", [None, 3, ["a"]], ids=repr)
def test_what_is_no_buffer_is_refused(algorithm: str, data: Any) -> None:
    with pytest.raises(TypeError, match=type(data).__name__):
        Hasher(algorithm).update(data)


@both_algorithms
def test_a_refused_update_changes_nothing(algorithm: str) -> None:
    hasher = Hasher(algorithm, vector_input(65))
    with pytest.raises(BufferError):
        hasher.update(memoryview(b"abcdef")[::2])
    assert hasher.hexdigest() == expected_hash(algorithm, 65)


@both_algorithms
@pytest.mark.parametrize("size", [10, 10_000])
def test_a_buffer_is_given_back_after_an_update(algorithm: str, size: int) -> None:
    data = bytearray(size)
    hasher = Hasher(algorithm, data)
    hasher.update(data)
    data.extend(b"resized")
    assert hasher.hexdigest() == one_shot(algorithm, bytes(2 * size))


@both_algorithms
@pytest.mark.parametrize("size", [100, 5000, 200_000])
def test_threads_share_a_hasher_and_each_update_counts_as_a_whole(
    algorithm: str, size: int
) -> None:
    hasher = Hasher(algorithm)
    chunk = vector_input(size)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(200):
            pool.submit(hasher.update, chunk)
    assert hasher.hexdigest() == one_shot(algorithm, chunk * 200)


# digest_data


@both_algorithms
@every_vector
def test_digest_data_has_all_fields(algorithm: str, length: int) -> None:
    digest = digest_data(
        vector_input(length), content_type="a/b", content_encoding="gzip", algorithm=algorithm
    )
    assert digest == {
        "content_encoding": "gzip",
        "content_type": "a/b",
        "content_hash_algorithm": algorithm,
        "content_hash": expected_hash(algorithm, length),
        "content_size": length,
    }


def test_digest_data_names_content_by_blake3_unless_told() -> None:
    assert digest_data(b"", content_type="a/b") == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": "blake3",
        "content_hash": HASHES[0],
        "content_size": 0,
    }


def test_digest_data_puts_the_hashes_of_further_algorithms_beside_the_first() -> None:
    digest = digest_data(vector_input(1025), content_type="a/b", algorithms=("sha256", "blake3"))
    assert digest == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": "sha256",
        "content_hash": expected_hash("sha256", 1025),
        "content_size": 1025,
        "content_hashes": {"blake3": HASHES[1025]},
    }


@every_buffer
def test_digest_data_counts_bytes_and_not_items(kind: str) -> None:
    buffer = BUFFERS[kind]
    assert digest_data(buffer, content_type="a/b")["content_size"] == len(bytes(buffer))


def test_digest_data_refuses_a_strided_memoryview() -> None:
    with pytest.raises((BufferError, TypeError), match="contiguous"):
        digest_data(memoryview(b"abcdef")[::2], content_type="a/b")


def test_digest_data_refuses_a_str() -> None:
    with pytest.raises(TypeError, match="encoded"):
        digest_data(cast("Any", "text"), content_type="a/b")


BAD_ALGORITHMS = pytest.mark.parametrize(
    ("algorithms", "message"),
    [
        (("sha256", "sha256"), "each once"),
        ((), "must be named"),
        (("sha256", "md5"), "'md5'"),
        (("",), "''"),
    ],
)


@BAD_ALGORITHMS
def test_digest_data_refuses_bad_algorithms(algorithms: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digest_data(b"", content_type="a/b", algorithms=algorithms)


@BAD_ALGORITHMS
def test_digest_stream_refuses_bad_algorithms_at_once(
    algorithms: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        digested([], algorithms=algorithms)


@pytest.mark.anyio
@BAD_ALGORITHMS
async def test_hash_file_refuses_bad_algorithms(
    tmp_path: Path, algorithms: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await hash_file(tmp_path / "missing", algorithms=algorithms)


# digest_stream


@pytest.mark.parametrize("source", [[b"data"], b"data", None], ids=repr)
def test_a_source_that_is_not_async_is_refused_and_its_type_named(source: Any) -> None:
    with pytest.raises(TypeError, match=type(source).__name__):
        digest_stream(source, content_type="a/b")


@pytest.mark.anyio
@both_algorithms
@every_vector
@pytest.mark.parametrize("size", [64, 1000, 1 << 20])
async def test_a_stream_has_the_official_hash(algorithm: str, length: int, size: int) -> None:
    assert await digest_of(pieces_of(vector_input(length), size), algorithm) == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": algorithm,
        "content_hash": expected_hash(algorithm, length),
        "content_size": length,
        "is_complete": True,
    }


@pytest.mark.anyio
@both_algorithms
@pytest.mark.parametrize("length", LARGE_HASHES)
@pytest.mark.parametrize("size", [65_537, 8 * MIB])
async def test_a_large_stream_has_the_hash_of_the_reference_implementation(
    algorithm: str, length: int, size: int
) -> None:
    digest = await digest_of(pieces_of(vector_input(length), size), algorithm)
    assert digest["content_hash"] == expected_hash(algorithm, length)


@pytest.mark.anyio
async def test_several_algorithms_take_one_pass_of_a_stream() -> None:
    chunks = pieces_of(vector_input(102400), 999)
    assert await digest_of(chunks, algorithms=("sha256", "blake3")) == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": "sha256",
        "content_hash": expected_hash("sha256", 102400),
        "content_size": 102400,
        "content_hashes": {"blake3": HASHES[102400]},
        "is_complete": True,
    }


@pytest.mark.anyio
@pytest.mark.parametrize("chunks", [[], [b""], [b"", bytearray(), b""]], ids=repr)
async def test_an_empty_stream_has_the_hash_of_nothing(chunks: list[Any]) -> None:
    digest = await digest_of(chunks)
    assert (digest["content_hash"], digest["content_size"]) == (HASHES[0], 0)


@pytest.mark.anyio
async def test_a_stream_keeps_its_content_type_and_encoding() -> None:
    stream, get_digest = digest_stream(Source([]), content_type="x/y", content_encoding="br")
    async for _ in stream:
        pass
    digest = get_digest()
    assert (digest["content_type"], digest["content_encoding"]) == ("x/y", "br")


@pytest.mark.anyio
async def test_the_digest_is_refused_until_the_stream_has_ended() -> None:
    stream, get_digest = digested([b"one", b"two"])
    for _ in range(2):
        with pytest.raises(ValueError, match="not been read to its end"):
            get_digest()
        await anext(stream)
    # The last chunk is out, but nobody knows yet that it is the last.
    with pytest.raises(ValueError, match="not been read to its end"):
        get_digest()


@pytest.mark.anyio
@both_algorithms
async def test_an_incomplete_digest_is_of_the_chunks_so_far(algorithm: str) -> None:
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


@pytest.mark.anyio
async def test_an_incomplete_digest_of_a_stream_not_begun_is_of_nothing() -> None:
    _, get_digest = digested([b"data"])
    digest = get_digest(allow_incomplete=True)
    assert (digest["content_hash"], digest["content_size"]) == (HASHES[0], 0)


@pytest.mark.anyio
@pytest.mark.parametrize("allow_incomplete", [False, True])
async def test_the_digest_of_an_ended_stream_is_complete(allow_incomplete: bool) -> None:
    stream, get_digest = digested([b"one", b"two"])
    async for _ in stream:
        pass
    assert get_digest(allow_incomplete=allow_incomplete)["is_complete"] is True


@pytest.mark.anyio
async def test_the_digest_may_be_asked_for_again() -> None:
    stream, get_digest = digested([b"one", b"two"])
    async for _ in stream:
        pass
    assert get_digest() == get_digest()


@pytest.mark.anyio
async def test_a_stream_that_has_ended_stays_ended() -> None:
    stream, _ = digested([b"one"])
    assert [chunk async for chunk in stream] == [b"one"]
    assert [chunk async for chunk in stream] == []


@pytest.mark.anyio
async def test_chunks_pass_through_as_the_same_objects() -> None:
    chunks = [b"one", bytearray(b"two"), memoryview(b"three"), array("i", [4]), b""]
    stream, _ = digested(chunks)
    passed = [chunk async for chunk in stream]
    assert list(map(id, passed)) == list(map(id, chunks))


@pytest.mark.anyio
@both_algorithms
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [1000, 3 * MIB])
async def test_a_chunk_of_any_buffer_type_is_hashed(
    algorithm: str, kind: type[Any], size: int
) -> None:
    data = vector_input(5 * MIB + 7)
    digest = await digest_of(map(kind, pieces_of(data[: 2 * size], size)), algorithm)
    assert digest["content_hash"] == one_shot(algorithm, data[: 2 * size])


@pytest.mark.anyio
@every_buffer
async def test_any_contiguous_chunk_is_hashed(kind: str) -> None:
    digest = await digest_of([BUFFERS[kind]])
    assert digest["content_hash"] == one_shot("blake3", bytes(BUFFERS[kind]))


@pytest.mark.anyio
async def test_a_buffer_may_be_used_again_once_it_was_yielded() -> None:
    buffer = bytearray(100_000)
    hasher = hashlib.sha256()
    stream, get_digest = digested((buffer for _ in range(50)), "sha256")
    index = 0
    async for _ in stream:
        hasher.update(bytes([index]) * 100_000)
        index += 1
        buffer[:] = bytes([index]) * 100_000
    assert get_digest()["content_hash"] == hasher.hexdigest()


@pytest.mark.anyio
async def test_a_buffer_may_be_resized_once_it_was_yielded() -> None:
    stream, _ = digested([bytearray(3 * MIB)])
    chunk: Any = await anext(stream)
    chunk.extend(b"more")
    assert len(chunk) == 3 * MIB + 4


@pytest.mark.anyio
@pytest.mark.parametrize(
    "chunk",
    ["text", 3, None, [b"data"], memoryview(b"abcd")[::2]],
    ids=lambda chunk: type(chunk).__name__,
)
async def test_a_chunk_of_a_wrong_type_is_refused_and_its_type_named(chunk: Any) -> None:
    stream, _ = digested([b"good", chunk])
    await anext(stream)
    with pytest.raises(TypeError, match=type(chunk).__name__):
        await anext(stream)


@pytest.mark.anyio
async def test_the_exception_of_a_source_arrives_as_it_is() -> None:
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


@pytest.mark.anyio
async def test_a_stream_whose_source_failed_is_not_complete() -> None:
    stream, get_digest = digest_stream(failing_source(), content_type="a/b")
    with pytest.raises(ConnectionResetError):
        async for _ in stream:
            pass
    assert get_digest(allow_incomplete=True)["is_complete"] is False


@pytest.mark.anyio
async def test_a_stream_whose_source_failed_never_becomes_complete() -> None:
    stream, get_digest = digest_stream(failing_source(), content_type="a/b")
    with pytest.raises(ConnectionResetError):
        async for _ in stream:
            pass
    with pytest.raises(Exception):  # noqa: B017, PT012 - whichever says so first
        async for _ in stream:
            pass
        get_digest()
    assert get_digest(allow_incomplete=True)["is_complete"] is False


@pytest.mark.anyio
async def test_a_stream_whose_source_failed_is_not_stored_by_a_second_attempt() -> None:
    storage = MemoryStorage()
    stream, get_digest = digest_stream(failing_source(), content_type="a/b")
    with pytest.raises(ConnectionResetError):
        await storage.write_data_stream(stream, get_digest, {})
    with pytest.raises(Exception):  # noqa: B017 - anything but half of the content
        await storage.write_data_stream(stream, get_digest, {})


@pytest.mark.anyio
async def test_a_stream_closed_in_the_middle_never_becomes_complete() -> None:
    stream, get_digest = digest_stream(closable([b"one", b"two"]), content_type="a/b")
    await anext(stream)
    await stream.aclose()
    with pytest.raises(Exception):  # noqa: B017, PT012 - whichever says so first
        async for _ in stream:
            pass
        get_digest()
    assert get_digest(allow_incomplete=True)["is_complete"] is False


@pytest.mark.anyio
async def test_a_closed_stream_keeps_the_digest_so_far() -> None:
    stream, get_digest = digested([vector_input(65), b"more"])
    await anext(stream)
    await stream.aclose()
    assert get_digest(allow_incomplete=True)["content_hash"] == HASHES[65]


@pytest.mark.anyio
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


@pytest.mark.anyio
async def test_closing_a_stream_not_begun_closes_its_source() -> None:
    source = closable([b"data"])
    stream, _ = digest_stream(source, content_type="a/b")
    await stream.aclose()
    assert [chunk async for chunk in source] == []


@pytest.mark.anyio
async def test_a_stream_of_a_source_that_cannot_be_closed_can_be_closed() -> None:
    stream, _ = digested([b"data"])
    await anext(stream)
    await stream.aclose()


# Random chunkings


@cache
def random_bytes() -> bytes:
    return random.Random(20).randbytes(TOTAL_LIMIT)


chunkings = st.lists(
    st.one_of(st.integers(0, 200), st.integers(0, 70_000), st.integers(0, 3 * MIB)), max_size=16
)


def cut(sizes: list[int]) -> list[bytes]:
    """Cut random bytes into chunks of these sizes, as far as there are any."""
    ends = [min(end, TOTAL_LIMIT) for end in accumulate(sizes)]
    return [random_bytes()[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@both_algorithms
@given(sizes=chunkings)
def test_any_updates_give_the_hash_of_the_whole(algorithm: str, sizes: list[int]) -> None:
    chunks = cut(sizes)
    hasher = Hasher(algorithm)
    for chunk in chunks:
        hasher.update(chunk)
    assert hasher.hexdigest() == one_shot(algorithm, b"".join(chunks))


@both_algorithms
@given(sizes=chunkings, kinds=st.lists(st.sampled_from([bytes, bytearray, memoryview])))
def test_any_chunks_of_a_stream_give_the_hash_of_the_whole(
    algorithm: str, sizes: list[int], kinds: list[type[Any]]
) -> None:
    chunks = cut(sizes)
    data = b"".join(chunks)
    kinds += [bytes] * len(chunks)
    sent = [kind(chunk) for kind, chunk in zip(kinds, chunks, strict=False)]
    digest = anyio.run(digest_of, sent, algorithm)
    assert digest["content_hash"] == one_shot(algorithm, data)


@given(sizes=chunkings)
def test_any_chunks_with_several_algorithms_give_each_hash_of_the_whole(sizes: list[int]) -> None:
    chunks = cut(sizes)
    data = b"".join(chunks)
    digest = anyio.run(digest_of, chunks, "", ("blake3", "sha256"))
    hashes = [digest["content_hash"], digest["content_hashes"]["sha256"]]
    assert hashes == [one_shot("blake3", data), one_shot("sha256", data)]


# hash_file


@pytest.mark.anyio
@both_algorithms
@pytest.mark.parametrize("size", FILE_SIZES)
async def test_a_file_has_the_hash_of_its_content(
    tmp_path: Path, algorithm: str, size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(size))
    assert await hash_file(path, content_type="a/b", algorithm=algorithm) == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": algorithm,
        "content_hash": expected_hash(algorithm, size),
        "content_size": size,
    }


@pytest.mark.anyio
@pytest.mark.parametrize("size", FILE_SIZES)
async def test_a_file_is_hashed_with_several_algorithms(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(size))
    digest = await hash_file(path, algorithms=("sha256", "blake3"))
    hashes = [digest["content_hash"], digest["content_hashes"]["blake3"]]
    assert hashes == [expected_hash("sha256", size), expected_hash("blake3", size)]


@pytest.mark.anyio
async def test_a_file_is_of_unknown_type_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert (await hash_file(path))["content_type"] == "application/octet-stream"


@pytest.mark.anyio
async def test_a_path_may_be_text(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(65))
    assert (await hash_file(str(path)))["content_hash"] == HASHES[65]


@pytest.mark.anyio
async def test_hash_file_follows_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(vector_input(65))
    (tmp_path / "link").symlink_to("file")
    assert (await hash_file(tmp_path / "link"))["content_hash"] == HASHES[65]


@pytest.mark.anyio
async def test_a_missing_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as raised:
        await hash_file(path)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, str(path))


@pytest.mark.anyio
async def test_a_directory_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a regular file") as raised:
        await hash_file(tmp_path)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.anyio
async def test_a_fifo_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with anyio.fail_after(5):
        with pytest.raises(ValueError, match="not a regular file"):
            await hash_file(path)


@pytest.mark.anyio
async def test_a_path_with_a_nul_character_is_refused() -> None:
    with pytest.raises(ValueError):
        await hash_file("a\0b")
