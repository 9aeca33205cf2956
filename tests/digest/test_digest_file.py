"""`digest_file`: fields, hashes, paths, and files that are refused."""

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

pytestmark = pytest.mark.anyio


@BAD_ALGORITHMS
async def test_bad_algorithms_are_refused(
    tmp_path: Path, algorithm: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await digest_file(tmp_path / "missing", algorithm=algorithm)


@both_algorithms
@pytest.mark.parametrize("size", FILE_SIZES)
async def test_digest_has_all_fields(tmp_path: Path, algorithm: str, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(size))
    assert await digest_file(path, content_type="a/b", algorithm=algorithm) == {
        "content_encoding": None,
        "content_type": "a/b",
        "content_hash_algorithm": algorithm,
        "content_hash": expected_hash(algorithm, size),
        "content_size": size,
    }


@pytest.mark.parametrize("size", FILE_SIZES)
async def test_file_is_hashed_with_several_algorithms(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(size))
    digest = await digest_file(path, algorithm=("sha256", "blake3"))
    hashes = [digest["content_hash"], digest["content_hashes"]["blake3"]]
    assert hashes == [expected_hash("sha256", size), expected_hash("blake3", size)]


async def test_default_content_type_is_octet_stream(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert (await digest_file(path))["content_type"] == "application/octet-stream"


async def test_path_may_be_a_str(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(vector_input(65))
    assert (await digest_file(str(path)))["content_hash"] == HASHES[65]


async def test_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(vector_input(65))
    (tmp_path / "link").symlink_to("file")
    assert (await digest_file(tmp_path / "link"))["content_hash"] == HASHES[65]


async def test_missing_file_raises_an_os_error_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as raised:
        await digest_file(path)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, str(path))


async def test_directory_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a regular file") as raised:
        await digest_file(tmp_path)
    assert str(tmp_path) in str(raised.value)


async def test_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with anyio.fail_after(30):
        with pytest.raises(ValueError, match="not a regular file"):
            await digest_file(path)


async def test_path_with_a_nul_character_is_refused() -> None:
    with pytest.raises(ValueError):
        await digest_file("a\0b")
