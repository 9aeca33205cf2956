"""Verification reads from the device, so that a wrong page cache is not a finding.

The tests change the device below the page cache of an ext4 image.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from laboxide import CorruptDataError, FileStorage

from tests.support.images import mounted
from tests.support.needs import needs
from tests.support.storing import path_of, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE_SIZE = 16 << 20

pytestmark = [pytest.mark.anyio, needs("mkfs.ext4")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(IMAGE_SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    with mounted(image):
        yield image


def drop_page_cache(path: Path) -> None:
    """Evict a file from the page cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def replace_on_device(image: Path, old: bytes, new: bytes) -> None:
    """Replace `old` by `new` on the device, below the page cache."""
    offset = image.read_bytes().index(old)
    with image.open("r+b") as file:
        file.seek(offset)
        file.write(new)


async def test_suspected_damage_is_read_again_from_the_device(image: Path) -> None:
    data, bad = os.urandom(4096), os.urandom(4096)
    storage = FileStorage(image.with_name("mounted") / "root", mkdir=True, durable=True)
    pointer = await put(storage, data)
    drop_page_cache(path_of(storage, pointer))
    replace_on_device(image, data, bad)
    with pytest.raises(CorruptDataError):  # this read caches the bad content
        await storage.read_data(pointer)
    replace_on_device(image, bad, data)
    with pytest.raises(CorruptDataError):
        await storage.read_data(pointer)

    await storage.verify(pointer)
    replace_on_device(image, data, bad)
    drop_page_cache(path_of(storage, pointer))
    with pytest.raises(CorruptDataError):
        await storage.verify(pointer)
    replace_on_device(image, bad, data)
    audit = storage.audit(repair=True)
    assert [finding async for finding in audit] == []
    assert audit.objects == 1
    assert await storage.read_data(pointer) == data


async def test_damage_on_the_device_is_found(image: Path) -> None:
    data = os.urandom(4096)
    storage = FileStorage(image.with_name("mounted") / "root", mkdir=True, durable=True)
    pointer = await put(storage, data)
    drop_page_cache(path_of(storage, pointer))
    replace_on_device(image, data, os.urandom(4096))
    [finding] = [finding async for finding in storage.audit()]
    assert (finding.key, finding.problem) == (pointer["key"], "corrupt")
