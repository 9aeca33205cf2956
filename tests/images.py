"""An XFS image, for what the file system below the tests may not be able to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 300 << 20

NEEDS_XFS = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0 or shutil.which("mkfs.xfs") is None,
    reason="making an XFS image takes root and mkfs.xfs",
)


@contextmanager
def mounted_xfs(directory: Path) -> Iterator[Path]:
    image, mounted = directory / "image", directory / "mounted"
    with image.open("wb") as file:
        file.truncate(SIZE)
    mounted.mkdir()
    subprocess.run(["mkfs.xfs", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", mounted], check=True)
