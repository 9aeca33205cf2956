"""The digest of a file."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import anyio
import pytest
from laboxide import digest_file

from tests.support.blake3_vectors import HASHES, vector_input
from tests.support.hashing import BAD_ALGORITHMS, FILE_SIZES, both_algorithms, expected_hash

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.anyio
@BAD_ALGORITHMS
async def test_digest_file_refuses_bad_algorithms(
    tmp_path: Path, algorithm: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await digest_file(tmp_path / "missing", algorithm=algorithm)


@pytest.mark.anyio
@both_algorithms
@pytest.mark.parametrize("size", FILE_SIZES)
async def test_a_file_has_the_hash_of_its_content(
    tmp_path: Path, algorithm: str, size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(size))
    assert await digest_file(path, content_type="a/b", algorithm=algorithm) == {
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
    digest = await digest_file(path, algorithm=("sha256", "blake3"))
    hashes = [digest["content_hash"], digest["content_hashes"]["blake3"]]
    assert hashes == [expected_hash("sha256", size), expected_hash("blake3", size)]


@pytest.mark.anyio
async def test_a_file_is_of_unknown_type_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert (await digest_file(path))["content_type"] == "application/octet-stream"


@pytest.mark.anyio
async def test_a_path_may_be_text(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(65))
    assert (await digest_file(str(path)))["content_hash"] == HASHES[65]


@pytest.mark.anyio
async def test_digest_file_follows_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(vector_input(65))
    (tmp_path / "link").symlink_to("file")
    assert (await digest_file(tmp_path / "link"))["content_hash"] == HASHES[65]


@pytest.mark.anyio
async def test_a_missing_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as raised:
        await digest_file(path)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, str(path))


@pytest.mark.anyio
async def test_a_directory_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a regular file") as raised:
        await digest_file(tmp_path)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.anyio
async def test_a_fifo_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with anyio.fail_after(30):
        with pytest.raises(ValueError, match="not a regular file"):
            await digest_file(path)


@pytest.mark.anyio
async def test_a_path_with_a_nul_character_is_refused() -> None:
    with pytest.raises(ValueError):
        await digest_file("a\0b")
