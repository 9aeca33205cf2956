"""The process that stands for the hardware: a directory in FUSE with one file in it, the device."""

# ruff: noqa: ARG002 - which arguments there are is for libfuse to say

from __future__ import annotations

import errno
import logging
import os
import pickle
import stat
from typing import TYPE_CHECKING

import mfusepy

from faults.power.records import Fault, Flush, Mark, Record, Write

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

IMAGE = "/image"
MARK, FAIL, COUNT = "user.mark", "user.fail", "user.count"
"""Extended attributes by which it is spoken to: no cache is on the way, and they come in order."""


def serve(pipe: Connection, image: Path, mount_point: Path, recording: bool) -> None:  # noqa: FBT001
    """Offer the file `image`; send its name once it is there, and the records at the end."""
    logging.disable()  # that calls fail is wanted here
    hardware = _Hardware(pipe, image, recording=recording)
    # One thread, so that there is one order. Without big_writes all would come in pages.
    mfusepy.FUSE(hardware, str(mount_point), foreground=True, nothreads=True, big_writes=True)
    for record in hardware.records:
        pipe.send(record)
    pipe.send(None)


class _Hardware(mfusepy.Operations):  # type: ignore[misc] # has no types
    use_ns = True

    def __init__(self, pipe: Connection, image: Path, *, recording: bool) -> None:
        self.records: list[Record] = []
        self._pipe = pipe
        self._image = os.open(image, os.O_RDWR)
        self._recording = recording
        self._counts = {"write": 0, "flush": 0}
        self._fault: Fault | None = None

    def init(self, path: str) -> None:
        self._pipe.send(IMAGE[1:])

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path != IMAGE:
            raise mfusepy.FuseOSError(errno.ENOENT)
        size = os.fstat(self._image).st_size
        return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": size}

    def open(self, path: str, flags: int) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(self._image, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._take("write", Write(offset, data))
        return os.pwrite(self._image, data, offset)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._take("flush", Flush())
        return 0

    def _take(self, kind: str, record: Record) -> None:
        index = self._counts[kind]
        self._counts[kind] += 1
        if self._fault is not None and self._fault.hits(kind, index):
            raise mfusepy.FuseOSError(errno.EIO)
        if self._recording:
            self.records.append(record)

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        if name == MARK:
            self.records.append(Mark(value))
        elif name == FAIL:
            self._fault = pickle.loads(value)  # noqa: S301 - it comes from `Device.fail`
            self._counts = dict.fromkeys(self._counts, 0)
        return 0

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        if name != COUNT:
            raise mfusepy.FuseOSError(errno.ENODATA)
        return pickle.dumps(self._counts)
