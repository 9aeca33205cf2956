"""A device that records every write and flush, and can fail at one: a file served through FUSE."""

# ruff: noqa: ARG002 - libfuse decides about the arguments

from __future__ import annotations

import errno
import logging
import os
import pickle
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import mfusepy

from faults.file_systems import command
from faults.power.processes import forked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

NAME = "image"
"""The only file of the served directory."""
MARK, FAIL, COUNT = "user.mark", "user.fail", "user.count"
"""Extended attributes that control the device: no cache intercepts them, and their order stays."""


class Write(NamedTuple):
    """Bytes that the device accepted; they may still be in its cache."""

    offset: int
    data: bytes


class Flush(NamedTuple):
    """A flush: all earlier writes are on the medium."""


class Mark(NamedTuple):
    """A text that the driver put between the records."""

    text: bytes


Record = Write | Flush | Mark


@dataclass(frozen=True)
class Fault:
    """A write or flush that fails with EIO."""

    kind: str
    """``"write"`` or ``"flush"``."""
    index: int
    """The number of the failing call among those of its kind."""
    ever_after: bool
    """Whether all later calls of the kind fail, too."""

    def hits(self, kind: str, index: int) -> bool:
        """Return whether this write or flush fails."""
        later = self.ever_after and index > self.index
        return kind == self.kind and (index == self.index or later)


class Device:
    """A device in use.

    Args:
        path: The file to mount through a loop device.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        """Everything that happened to the device, in order. Complete after the last unmount."""

    def mark(self, text: bytes) -> None:
        """Put `text` between the records."""
        os.setxattr(self.path, MARK, text)

    def fail(self, fault: Fault | None) -> None:
        """Count from 0 again, and fail at this write or flush from now on, or at none."""
        os.setxattr(self.path, FAIL, pickle.dumps(fault))

    def counts(self) -> dict[str, int]:
        """Return the numbers of writes and flushes since the last `fail`."""
        counts: dict[str, int] = pickle.loads(os.getxattr(self.path, COUNT))  # noqa: S301
        return counts


@contextmanager
def device(image: Path, *, recording: bool = False) -> Iterator[Device]:
    """Serve the file `image` as a device."""
    mount_point = image.with_suffix(".device")
    mount_point.mkdir()
    with forked(_serve, image, mount_point, recording) as pipe:
        served = Device(mount_point / pipe.recv())
        try:
            yield served
        finally:
            command("umount", mount_point)
        served.records += iter(pipe.recv, None)


def _serve(pipe: Connection, image: Path, mount_point: Path, recording: bool) -> None:  # noqa: FBT001
    """Serve `image`; send its name when it is mounted, and the records at the end."""
    logging.disable()  # failing calls are intended
    hardware = _Hardware(pipe, image, recording=recording)
    # One thread keeps one order. Without big_writes all data would arrive in pages.
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
        self._pipe.send(NAME)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path != f"/{NAME}":
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
            self._fault = pickle.loads(value)  # noqa: S301 - sent by `Device.fail`
            self._counts = dict.fromkeys(self._counts, 0)
        return 0

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        if name != COUNT:
            raise mfusepy.FuseOSError(errno.ENODATA)
        return pickle.dumps(self._counts)
