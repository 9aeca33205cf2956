"""`digest_data`: fields, hashes of any buffer, threads, and refused input."""

from __future__ import annotations

import ctypes
import hashlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboxide import FileStorage, Hasher, digest_data

from tests.support.blake3_vectors import HASHES, LARGE_HASHES, vector_input
from tests.support.hashing import (
    BAD_ALGORITHMS,
    BUFFERS,
    MIB,
    TOTAL_LIMIT,
    both_algorithms,
    every_buffer,
    every_vector,
    expected_hash,
    one_shot,
    random_bytes,
)

if TYPE_CHECKING:
    from pathlib import Path


@both_algorithms
@every_vector
def test_digest_has_all_fields(algorithm: str, length: int) -> None:
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


def test_default_algorithm_is_blake3() -> None:
    assert digest_data(b"", content_type="a/b") == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": "blake3",
        "content_hash": HASHES[0],
        "content_size": 0,
    }


def test_further_algorithms_are_in_content_hashes() -> None:
    digest = digest_data(vector_input(1025), content_type="a/b", algorithm=("sha256", "blake3"))
    assert digest == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": "sha256",
        "content_hash": expected_hash("sha256", 1025),
        "content_size": 1025,
        "content_hashes": {"blake3": HASHES[1025]},
    }


@pytest.mark.parametrize("length", LARGE_HASHES)
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_data_hashed_by_threads_has_the_reference_hash(kind: type[bytes], length: int) -> None:
    digest = digest_data(kind(vector_input(length)), content_type="a/b")
    assert digest["content_hash"] == LARGE_HASHES[length]


@given(start=st.integers(0, 100), size=st.integers(MIB - 10, TOTAL_LIMIT))
def test_threads_and_one_pass_hash_any_large_slice_alike(start: int, size: int) -> None:
    part = memoryview(random_bytes())[start : start + size]
    digest = digest_data(part, content_type="a/b", algorithm=("sha256", "blake3"))
    assert digest["content_hash"] == hashlib.sha256(part).hexdigest()
    assert digest["content_hashes"] == {"blake3": one_shot("blake3", part)}


def test_buffer_is_released_on_return() -> None:
    data = bytearray(5 * MIB)
    digest_data(data, content_type="a/b")
    data.append(1)  # a BufferError if the buffer is still exported


def test_references_to_bytes_are_dropped() -> None:
    data = bytes(5 * MIB)
    before = sys.getrefcount(data)
    for _ in range(100):
        digest_data(data, content_type="a/b")
    deadline = time.monotonic() + 10
    while sys.getrefcount(data) > before and time.monotonic() < deadline:
        time.sleep(0.001)
        digest_data(b"", content_type="a/b")  # drops the references that workers have released
    assert sys.getrefcount(data) == before


def test_concurrent_digests_of_large_data_are_correct() -> None:
    parts = [random_bytes()[start:] for start in range(12)]
    with ThreadPoolExecutor(12) as pool:
        digests = pool.map(partial(digest_data, content_type="a/b"), parts)
        hashes = [digest["content_hash"] for digest in digests]
    assert hashes == [one_shot("blake3", part) for part in parts]


@every_buffer
def test_content_size_counts_bytes(kind: str) -> None:
    buffer = BUFFERS[kind]
    assert digest_data(buffer, content_type="a/b")["content_size"] == len(bytes(buffer))


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 5000, MIB + 1])
async def test_buffer_without_dimensions_is_hashed_and_stored(tmp_path: Path, size: int) -> None:
    class OneField(ctypes.Structure):
        _fields_ = (("content", ctypes.c_char * size),)

    content = random_bytes()[:size]
    data = OneField.from_buffer_copy(content)
    digest = digest_data(data, content_type="a/b")
    assert digest == digest_data(content, content_type="a/b")
    hasher = Hasher("blake3", data)
    hasher.update(data)
    assert hasher.hexdigest() == one_shot("blake3", content * 2)
    storage = FileStorage(tmp_path)
    assert await storage.read_data(await storage.write_data(data, digest, {})) == content


def test_strided_memoryview_is_refused() -> None:
    with pytest.raises(BufferError, match="contiguous"):
        digest_data(memoryview(b"abcdef")[::2], content_type="a/b")


def test_str_is_refused() -> None:
    with pytest.raises(TypeError, match="encoded"):
        digest_data(cast("Any", "text"), content_type="a/b")


@BAD_ALGORITHMS
def test_bad_algorithms_are_refused(algorithm: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digest_data(b"", content_type="a/b", algorithm=algorithm)
