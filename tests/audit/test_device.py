"""What only the page cache has wrong is no finding, on an image that the test makes."""

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

pytestmark = [
    pytest.mark.anyio,
    needs("mkfs.ext4"),
]


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


def forget(path: Path) -> None:
    """Have the system read a file from its device again."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def swap(image: Path, old: bytes, new: bytes) -> None:
    """Put `new` in the place of `old` on the device."""
    offset = image.read_bytes().index(old)
    with image.open("r+b") as file:
        file.seek(offset)
        file.write(new)


async def test_what_seems_bad_is_read_again_from_the_device(image: Path) -> None:
    data, bad = os.urandom(4096), os.urandom(4096)
    storage = FileStorage(image.with_name("mounted") / "root", mkdir=True, durable=True)
    pointer = await put(storage, data)
    forget(path_of(storage, pointer))
    swap(image, data, bad)
    with pytest.raises(CorruptDataError):  # which is in the page cache from now on
        await storage.read_data(pointer)
    swap(image, bad, data)
    with pytest.raises(CorruptDataError):
        await storage.read_data(pointer)

    await storage.verify(pointer)
    swap(image, data, bad)
    forget(path_of(storage, pointer))
    with pytest.raises(CorruptDataError):
        await storage.verify(pointer)
    swap(image, bad, data)
    audit = storage.audit(repair=True)
    assert [finding async for finding in audit] == []
    assert audit.objects == 1
    assert await storage.read_data(pointer) == data


async def test_what_is_bad_on_the_device_is_found(image: Path) -> None:
    data = os.urandom(4096)
    storage = FileStorage(image.with_name("mounted") / "root", mkdir=True, durable=True)
    pointer = await put(storage, data)
    forget(path_of(storage, pointer))
    swap(image, data, os.urandom(4096))
    [finding] = [finding async for finding in storage.audit()]
    assert (finding.key, finding.problem) == (pointer["key"], "corrupt")
