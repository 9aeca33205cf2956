"""A hasher has the hash of its algorithm, in whatever pieces the bytes come."""

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


def test_these_are_all_the_algorithms() -> None:
    assert sorted(ALGORITHMS) == ["blake3", "sha256"]


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


def test_bytes_in_the_place_of_the_algorithm_are_refused_and_told_what_goes_there() -> None:
    with pytest.raises(TypeError, match="'blake3' is expected, not bytes"):
        Hasher(cast("Any", b"some bytes"))


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


@both_algorithms
@given(sizes=chunkings)
def test_any_updates_give_the_hash_of_the_whole(algorithm: str, sizes: list[int]) -> None:
    chunks = cut(sizes)
    hasher = Hasher(algorithm)
    for chunk in chunks:
        hasher.update(chunk)
    assert hasher.hexdigest() == one_shot(algorithm, b"".join(chunks))
