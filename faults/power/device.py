"""A device whose every write and flush is recorded, and may be made to fail."""

from __future__ import annotations

import os
import pickle
from contextlib import contextmanager
from typing import TYPE_CHECKING

from faults.image import command
from faults.power.child import forked
from faults.power.hardware import COUNT, FAIL, MARK, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.power.records import Fault, Record


class Device:
    """A device in use.

    Args:
        path: The file to mount through a loop device.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        """What happened to it, in order. Known at the end."""

    def mark(self, text: bytes) -> None:
        """Put `text` between the records."""
        os.setxattr(self.path, MARK, text)

    def fail(self, fault: Fault | None) -> None:
        """Let a write or flush fail, counted from now, or none any more."""
        os.setxattr(self.path, FAIL, pickle.dumps(fault))

    def counts(self) -> dict[str, int]:
        """Tell how many writes and flushes there were since the last `fail`."""
        counts: dict[str, int] = pickle.loads(os.getxattr(self.path, COUNT))  # noqa: S301
        return counts


@contextmanager
def device(image: Path, *, recording: bool = False) -> Iterator[Device]:
    """Offer the file `image` as a device."""
    mount_point = image.with_suffix(".device")
    mount_point.mkdir()
    with forked(serve, image, mount_point, recording) as pipe:
        offered = Device(mount_point / pipe.recv())
        try:
            yield offered
        finally:
            command("umount", mount_point)
        offered.records += iter(pipe.recv, None)
