"""A FUSE file system that removes each file once its times are set, like a garbage collector.

Arguments: the backing directory and the mount point.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import mfusepy

from tests.support.refusing_disk import RefusingDisk


class CollectingDisk(RefusingDisk):
    """Accept every write, report times, and remove each file that is touched."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        return {**super().getattr(path, fh), "st_mtime": os.lstat(self._at(path)).st_mtime_ns}

    def flush(self, path: str, fh: int) -> None:
        """Succeed."""

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path))
        self._at(path).unlink()


if __name__ == "__main__":
    # A cached name in the kernel would hide the removal.
    no_cache = dict.fromkeys(("entry_timeout", "attr_timeout", "negative_timeout"), 0)
    disk = CollectingDisk(sys.argv[1])
    mfusepy.FUSE(disk, sys.argv[2], foreground=True, nothreads=True, **no_cache)
