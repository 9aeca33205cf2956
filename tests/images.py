"""Images of file systems, for what the one below the tests may not be able to do."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from needs import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 300 << 20

NEEDS_XFS = needs("mkfs.xfs")


@contextmanager
def mounted_xfs(directory: Path) -> Iterator[Path]:
    """Make an XFS image in `directory` and mount it."""
    image = directory / "image"
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.xfs", "-q", image], check=True)
    with mounted(image) as mount:
        yield mount


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """Mount an image beside itself."""
    mount = image.with_name("mounted")
    mount.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        yield mount
    finally:
        _unmount(mount)


def _unmount(mount: Path) -> None:
    # A worker may close its file a moment after the call that needed it.
    deadline = time.monotonic() + 30
    while subprocess.run(["umount", mount], check=False).returncode:
        assert time.monotonic() < deadline, f"{mount} is busy"
        time.sleep(0.01)
