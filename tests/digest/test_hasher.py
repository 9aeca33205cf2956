"""`Hasher`: the interface of hashlib, hashes independent of chunking, copies and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from laboxide import ALGORITHMS, Hasher

from tests.support.blake3_vectors import HASHES, LARGE_HASHES, vector_input
from tests.support.hashing import (
    BUFFERS,
    both_algorithms,
    chunkings,
    cut,
    every_buffer,
    every_vector,
    expected_hash,
    one_shot,
    pieces_of,
)


def test_algorithms_are_blake3_and_sha256() -> None:
    assert sorted(ALGORITHMS) == ["blake3", "sha256"]


@both_algorithms
@every_vector
def test_single_update_has_the_reference_hash(algorithm: str, length: int) -> None:
    hasher = Hasher(algorithm)
    hasher.update(vector_input(length))
    assert hasher.hexdigest() == expected_hash(algorithm, length)


@both_algorithms
@pytest.mark.parametrize("length", [*HASHES, *LARGE_HASHES])
def test_constructor_hashes_its_data(algorithm: str, length: int) -> None:
    assert Hasher(algorithm, vector_input(length)).hexdigest() == expected_hash(algorithm, length)


@both_algorithms
@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, 2048, 2049])
def test_updates_in_pieces_have_the_reference_hash(algorithm: str, size: int) -> None:
    hasher = Hasher(algorithm)
    for piece in pieces_of(vector_input(31744), size):
        hasher.update(piece)
    assert hasher.hexdigest() == expected_hash(algorithm, 31744)


@both_algorithms
def test_hexdigest_may_be_called_between_updates(algorithm: str) -> None:
    data = vector_input(max(HASHES))
    hasher = Hasher(algorithm)
    for start, end in zip(list(HASHES), list(HASHES)[1:], strict=False):
        assert hasher.hexdigest() == expected_hash(algorithm, start)
        hasher.update(data[start:end])
    assert hasher.hexdigest() == expected_hash(algorithm, max(HASHES))


def test_default_algorithm_is_blake3() -> None:
    assert Hasher().name == "blake3"


@both_algorithms
def test_hasher_has_name_and_sizes(algorithm: str) -> None:
    hasher = Hasher(algorithm)
    assert (hasher.name, hasher.digest_size, hasher.block_size) == (algorithm, 32, 64)
    assert len(hasher.digest()) == 32


@both_algorithms
def test_hexdigest_is_the_digest_in_lower_case_hexadecimal(algorithm: str) -> None:
    hasher = Hasher(algorithm, b"some bytes")
    assert hasher.hexdigest() == hasher.digest().hex()


@both_algorithms
def test_update_returns_none(algorithm: str) -> None:
    update: Any = Hasher(algorithm).update
    assert update(b"data") is None


@both_algorithms
def test_copy_continues_from_the_same_bytes(algorithm: str) -> None:
    hasher = Hasher(algorithm, vector_input(1025))
    copied = hasher.copy()
    copied.update(vector_input(2049)[1025:])
    assert copied.name == algorithm
    assert copied.hexdigest() == expected_hash(algorithm, 2049)
    assert hasher.hexdigest() == expected_hash(algorithm, 1025)


@both_algorithms
def test_update_of_the_original_does_not_change_a_copy(algorithm: str) -> None:
    hasher = Hasher(algorithm, vector_input(1025))
    copied = hasher.copy()
    hasher.update(b"more")
    assert copied.hexdigest() == expected_hash(algorithm, 1025)


@pytest.mark.parametrize("algorithm", ["md5", "SHA256", "blake3 ", ""])
def test_unknown_algorithm_is_refused_by_name(algorithm: str) -> None:
    with pytest.raises(ValueError) as raised:
        Hasher(algorithm)
    assert f'"{algorithm}"' in str(raised.value)


def test_bytes_as_algorithm_are_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match="such as 'blake3', not bytes"):
        Hasher(cast("Any", b"some bytes"))


@both_algorithms
@every_buffer
def test_contiguous_buffer_of_any_type_is_hashed(algorithm: str, kind: str) -> None:
    buffer = BUFFERS[kind]
    assert Hasher(algorithm, buffer).hexdigest() == one_shot(algorithm, bytes(buffer))


@both_algorithms
def test_strided_memoryview_is_refused(algorithm: str) -> None:
    with pytest.raises(BufferError, match="contiguous"):
        Hasher(algorithm).update(memoryview(b"abcdef")[::2])


@both_algorithms
def test_str_is_refused(algorithm: str) -> None:
    with pytest.raises(TypeError, match="strings must be encoded"):
        Hasher(algorithm).update(cast("Any", "text"))


@both_algorithms
@pytest.mark.parametrize("data", [None, 3, ["a"]], ids=repr)
def test_object_without_a_buffer_is_refused(algorithm: str, data: Any) -> None:
    with pytest.raises(TypeError, match=type(data).__name__):
        Hasher(algorithm).update(data)


@both_algorithms
def test_refused_update_does_not_change_the_hash(algorithm: str) -> None:
    hasher = Hasher(algorithm, vector_input(65))
    with pytest.raises(BufferError):
        hasher.update(memoryview(b"abcdef")[::2])
    assert hasher.hexdigest() == expected_hash(algorithm, 65)


@both_algorithms
@pytest.mark.parametrize("size", [10, 10_000])
def test_buffer_is_released_after_an_update(algorithm: str, size: int) -> None:
    data = bytearray(size)
    hasher = Hasher(algorithm, data)
    hasher.update(data)
    data.extend(b"resized")
    assert hasher.hexdigest() == one_shot(algorithm, bytes(2 * size))


@both_algorithms
@pytest.mark.parametrize("size", [100, 5000, 200_000])
def test_updates_of_several_threads_are_atomic(algorithm: str, size: int) -> None:
    hasher = Hasher(algorithm)
    chunk = vector_input(size)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(200):
            pool.submit(hasher.update, chunk)
    assert hasher.hexdigest() == one_shot(algorithm, chunk * 200)


@both_algorithms
@given(sizes=chunkings)
def test_hash_does_not_depend_on_chunking(algorithm: str, sizes: list[int]) -> None:
    chunks = cut(sizes)
    hasher = Hasher(algorithm)
    for chunk in chunks:
        hasher.update(chunk)
    assert hasher.hexdigest() == one_shot(algorithm, b"".join(chunks))
