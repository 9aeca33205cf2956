"""Inputs with known hashes, buffers of every type, and digests of streams."""

from __future__ import annotations

import ctypes
import hashlib
import random
from array import array
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from laboxide import Hasher, digest_stream

from tests.support.blake3_vectors import HASHES, LARGE_HASHES, vector_input

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from laboxide import DigestedStream, GetStreamDigest, StreamDigest
    from typing_extensions import Buffer

both_algorithms = pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
every_vector = pytest.mark.parametrize("length", HASHES)

MIB = 1 << 20
FILE_SIZES = [0, 1, *LARGE_HASHES]
TOTAL_LIMIT = 6 * MIB


def expected_hash(algorithm: str, length: int) -> str:
    """Return the hash of the vector input of `length` bytes, computed without laboxide."""
    if algorithm == "sha256":
        return hashlib.sha256(vector_input(length)).hexdigest()
    return {**HASHES, **LARGE_HASHES}[length]


def one_shot(algorithm: str, data: Buffer) -> str:
    if algorithm == "sha256":
        return hashlib.sha256(data).hexdigest()
    return Hasher(algorithm, data).hexdigest()


class Source:
    """An async iterator without `aclose`, so that a test may abandon it."""

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
    chunks: Iterable[Any], algorithm: str | Sequence[str] = "blake3"
) -> tuple[DigestedStream, GetStreamDigest]:
    return digest_stream(Source(chunks), content_type="a/b", algorithm=algorithm)


async def digest_of(
    chunks: Iterable[Any], algorithm: str | Sequence[str] = "blake3"
) -> StreamDigest:
    stream, get_digest = digested(chunks, algorithm)
    async for _ in stream:
        pass
    return get_digest()


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


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

BAD_ALGORITHMS = pytest.mark.parametrize(
    ("algorithm", "message"),
    [
        (("sha256", "sha256"), "distinct names"),
        ((), "one or more"),
        (("sha256", "md5"), "'md5'"),
        (("",), "''"),
    ],
)


@cache
def random_bytes() -> bytes:
    return random.Random(20).randbytes(TOTAL_LIMIT)


chunkings = st.lists(
    st.one_of(st.integers(0, 200), st.integers(0, 70_000), st.integers(0, 3 * MIB)), max_size=16
)


def cut(sizes: list[int]) -> list[bytes]:
    """Cut random bytes into chunks of these sizes, up to TOTAL_LIMIT."""
    ends = [min(end, TOTAL_LIMIT) for end in accumulate(sizes)]
    return [random_bytes()[start:end] for start, end in zip([0, *ends], ends, strict=False)]
