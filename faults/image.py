"""File systems to break: images, mounted through a loop device."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAKE = {
    # What ext4 would do in the background after mounting is done at once.
    "ext4": ("-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("-q", "-f"),
    "btrfs": ("-q", "-f"),
}
MAKERS = tuple(f"mkfs.{kind}" for kind in MAKE)
"""The programs that it takes."""
SIZE = 320 << 20
"""The least that XFS takes. The files are sparse."""
PATIENCE = 10
"""Seconds in which a file that was let go of is closed."""


class UnmountableError(OSError):
    """There is no file system any more that could be mounted."""


class Image:
    """A file with a file system in it.

    Args:
        kind: ``"ext4"``, ``"xfs"`` or ``"btrfs"``.
        path: The file, which is made.
        size: Its size in bytes.
        options: More options for the program that makes the file system.
    """

    def __init__(
        self, kind: str, path: Path, size: int = SIZE, options: tuple[str, ...] = ()
    ) -> None:
        self.kind = kind
        self.path = path
        self.mount_point = path.with_suffix(".mount")
        self.mount_point.mkdir()
        with path.open("wb") as file:
            file.truncate(size)
        command(f"mkfs.{kind}", *MAKE[kind], *options, path)

    @contextmanager
    def mounted(self, *options: str, device: Path | None = None) -> Iterator[Path]:
        """Mount it, as after a start of the machine: what the journal has is replayed.

        Args:
            options: For ``mount -o``.
            device: Where the image is offered, if that is not the file itself.

        Raises:
            UnmountableError: It cannot be mounted, and what was said of it.
        """
        mount = ",".join(("loop", *options))
        try:
            command("mount", "-o", mount, device or self.path, self.mount_point)
        except OSError as error:
            raise UnmountableError(*error.args) from None
        try:
            yield self.mount_point
        finally:
            unmount(self.mount_point)


@contextmanager
def mounted_tmpfs(mount: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory at `mount`, which is made."""
    mount.mkdir()
    command("mount", "-t", "tmpfs", "-o", options, "none", mount)
    try:
        yield mount
    finally:
        unmount(mount)


def unmount(mount: Path) -> None:
    """Unmount what is at `mount`. A call may return before a worker has closed its file."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            command("umount", mount)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            break


def command(*words: str | Path) -> str:
    """Run a program and return what it printed.

    Raises:
        OSError: It failed, and what it said.
    """
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise OSError(f"{' '.join(map(str, words))}: {result.stderr.strip()}")
    return result.stdout.strip()
