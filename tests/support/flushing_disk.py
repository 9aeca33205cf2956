"""A FUSE file system that logs each fsync of a directory.

Arguments: the backing directory, the mount point, the log file, and the errno that an fsync of the
topmost directory fails with, or 0.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mfusepy

from tests.support.refusing_disk import RefusingDisk


class FlushingDisk(RefusingDisk):
    """Fail only an fsync of the topmost directory."""

    def __init__(self, backing: str, log: str, error: int) -> None:
        super().__init__(backing)
        self.log = Path(log)
        self.error = error

    def flush(self, path: str, fh: int) -> None:
        """Succeed."""

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        """Succeed."""

    def fsyncdir(self, path: str, datasync: int, fh: int) -> None:
        with self.log.open("a") as log:
            log.write(f"{path}\n")
        if path == "/" and self.error:
            raise OSError(self.error, os.strerror(self.error))


if __name__ == "__main__":
    disk = FlushingDisk(sys.argv[1], sys.argv[3], int(sys.argv[4]))
    mfusepy.FUSE(disk, sys.argv[2], foreground=True, nothreads=True)
