"""The digest of a value."""

from __future__ import annotations

import hashlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboxide import digest_data

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
def test_digest_data_of_what_several_threads_hash(kind: type[bytes], length: int) -> None:
    digest = digest_data(kind(vector_input(length)), content_type="a/b")
    assert digest["content_hash"] == LARGE_HASHES[length]


@given(start=st.integers(0, 100), size=st.integers(MIB - 10, TOTAL_LIMIT))
def test_digest_data_of_any_large_part_is_that_of_one_thread(start: int, size: int) -> None:
    part = memoryview(random_bytes())[start : start + size]
    digest = digest_data(part, content_type="a/b", algorithm=("sha256", "blake3"))
    assert digest["content_hash"] == hashlib.sha256(part).hexdigest()
    assert digest["content_hashes"] == {"blake3": one_shot("blake3", part)}


def test_digest_data_has_let_go_of_a_buffer_when_it_returns() -> None:
    data = bytearray(5 * MIB)
    digest_data(data, content_type="a/b")
    data.append(1)  # a BufferError while anybody has it


def test_digest_data_keeps_no_bytes() -> None:
    data = bytes(5 * MIB)
    before = sys.getrefcount(data)
    for _ in range(100):
        digest_data(data, content_type="a/b")
    deadline = time.monotonic() + 10
    while sys.getrefcount(data) > before and time.monotonic() < deadline:
        time.sleep(0.001)
        digest_data(b"", content_type="a/b")  # drops what workers have left
    assert sys.getrefcount(data) == before


def test_digests_of_large_data_at_once_are_right() -> None:
    parts = [random_bytes()[start:] for start in range(12)]
    with ThreadPoolExecutor(12) as pool:
        digests = pool.map(partial(digest_data, content_type="a/b"), parts)
        hashes = [digest["content_hash"] for digest in digests]
    assert hashes == [one_shot("blake3", part) for part in parts]


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


@BAD_ALGORITHMS
def test_digest_data_refuses_bad_algorithms(algorithm: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digest_data(b"", content_type="a/b", algorithm=algorithm)
