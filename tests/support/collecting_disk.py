"""A file system that removes each file right after its times were set, as a collector might.

Run with a directory for the files and one to mount it on.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import mfusepy

from tests.support.refusing_disk import RefusingDisk


class CollectingDisk(RefusingDisk):
    """Refuse nothing, keep times, and collect each touched file."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        return {**super().getattr(path, fh), "st_mtime": os.lstat(self._at(path)).st_mtime_ns}

    def flush(self, path: str, fh: int) -> None:
        """Refuse nothing."""

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path))
        self._at(path).unlink()


if __name__ == "__main__":
    # A cached name in the kernel would hide the removal.
    forgotten = dict.fromkeys(("entry_timeout", "attr_timeout", "negative_timeout"), 0)
    disk = CollectingDisk(sys.argv[1])
    mfusepy.FUSE(disk, sys.argv[2], foreground=True, nothreads=True, **forgotten)
