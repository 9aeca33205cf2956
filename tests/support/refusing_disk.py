"""A FUSE file system that accepts every write and reports a full quota when a file is closed.

Network file systems do that. Arguments: the backing directory and the mount point.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import mfusepy


class RefusingDisk(mfusepy.Operations):  # type: ignore[misc] # it has no types
    """Forward every operation to `backing`; fail the close of a file with content."""

    use_ns = True

    def __init__(self, backing: str) -> None:
        self.backing = backing

    def _at(self, path: str) -> Path:
        return Path(self.backing + path)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        status = os.lstat(self._at(path))
        names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_ino")
        return {name: getattr(status, name) for name in names}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(entry.name for entry in self._at(path).iterdir())]

    def mkdir(self, path: str, mode: int) -> None:
        self._at(path).mkdir(mode)

    def create(self, path: str, mode: int, fi: object = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def flush(self, path: str, fh: int) -> None:
        if os.fstat(fh).st_size:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    def link(self, target: str, source: str) -> None:
        self._at(target).hardlink_to(self._at(source))

    def rename(self, old: str, new: str) -> None:
        self._at(old).rename(self._at(new))

    def unlink(self, path: str) -> None:
        self._at(path).unlink()


if __name__ == "__main__":
    mfusepy.FUSE(RefusingDisk(sys.argv[1]), sys.argv[2], foreground=True, nothreads=True)
