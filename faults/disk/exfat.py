"""A disk that is served by a process, and answers nobody while that is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from faults.image import command, unmount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 3
"""Seconds after which a disk goes on by itself: a loop that waits for it cannot see to that."""


class Disk:
    """A file system without links, modes, nameless files, and names that differ in case: exFAT.

    Args:
        mount: Where it is mounted.
        server: The process that answers for it.
    """

    def __init__(self, mount: Path, server: int) -> None:
        self.mount = mount
        self._server = server
        self._alarm: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Answer nobody from now on."""
        # Started before: a new process closes what this one has open, and each close asks the disk.
        wake_up = f"sleep {PATIENCE} && kill -CONT {self._server}"
        self._alarm = subprocess.Popen(("sh", "-c", wake_up))
        os.kill(self._server, signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer all that was asked meanwhile."""
        if self._alarm is not None:
            self._alarm.kill()
            self._alarm.wait()
            self._alarm = None
        os.kill(self._server, signal.SIGCONT)


@contextmanager
def served(directory: Path, size: int) -> Iterator[Disk]:
    """Make a disk of `size` bytes in `directory` and serve it."""
    image, mount = directory / "exfat.image", directory / "exfat"
    with image.open("wb") as file:
        file.truncate(size)
    mount.mkdir()
    command("mkfs.exfat", image)
    device = command("losetup", "--find", "--show", image)
    # With -d it stays in the foreground, where its process is known.
    server = subprocess.Popen(
        ("mount.exfat-fuse", "-d", device, mount),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not mount.is_mount():
            assert server.poll() is None, "the disk is not served"
            time.sleep(0.01)
        yield Disk(mount, server.pid)
    finally:
        server.send_signal(signal.SIGCONT)
        unmount(mount)
        server.wait()
        command("losetup", "--detach", device)
