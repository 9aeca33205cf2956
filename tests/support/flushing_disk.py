"""A file system that writes down which of its directories are flushed.

Run with a directory for the files, one to mount it on, a file for the paths, and the error that a
flush of the topmost directory ends in, or 0.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mfusepy

from tests.support.refusing_disk import RefusingDisk


class FlushingDisk(RefusingDisk):
    """Nothing is refused but that flush."""

    def __init__(self, backing: str, log: str, error: int) -> None:
        super().__init__(backing)
        self.log = Path(log)
        self.error = error

    def flush(self, path: str, fh: int) -> None:
        """Refuse nothing."""

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        """Refuse nothing."""

    def fsyncdir(self, path: str, datasync: int, fh: int) -> None:
        with self.log.open("a") as log:
            log.write(f"{path}\n")
        if path == "/" and self.error:
            raise OSError(self.error, os.strerror(self.error))


if __name__ == "__main__":
    disk = FlushingDisk(sys.argv[1], sys.argv[3], int(sys.argv[4]))
    mfusepy.FUSE(disk, sys.argv[2], foreground=True, nothreads=True)
