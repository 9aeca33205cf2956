"""File system images, mounted through a loop device."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benches.scale import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRATCH = Path(__file__).parents[1] / "target" / "bench"
MAKE = {
    # Initialise the inode tables and the journal now, not in the background after mounting.
    "ext4": ("-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("-q", "-f"),
}
SIZES = {"ext4": 12 * GIB, "xfs": 2 * GIB}
"""Sizes of the sparse image files; most files are removed before their write-back."""


def missing_for(kind: str) -> str | None:
    """Return the reason why this machine cannot mount an image, if any."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "mounting an image takes root"
    for tool in (f"mkfs.{kind}", "losetup", "mount", "umount"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices"
    return None


@contextmanager
def scratch_directory(asked: Path | None) -> Iterator[Path]:
    """Yield a new directory on an ext4 image, or below `asked` or the project's target folder."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    if asked is None and missing_for("ext4") is None:
        with mounted("ext4", SCRATCH) as mount:
            yield mount
        return
    with tempfile.TemporaryDirectory(dir=asked or SCRATCH) as directory:
        yield Path(directory).resolve()


@contextmanager
def mounted(kind: str, directory: Path) -> Iterator[Path]:
    """Mount an empty file system below `directory`; remove it at the end.

    Raises:
        OSError: A tool failed; the message is the tool's own.
    """
    image, mount = directory / f"{kind}.image", directory / kind
    mount.mkdir(parents=True, exist_ok=True)
    try:
        with image.open("wb") as file:
            file.truncate(SIZES[kind])
        _run(f"mkfs.{kind}", *MAKE[kind], image)
        device = _attach(image)
        try:
            _run("mount", device, mount)
            try:
                yield mount
            finally:
                _unmount(mount)
        finally:
            _run("losetup", "--detach", device)
    finally:
        image.unlink(missing_ok=True)
        with suppress(OSError):
            mount.rmdir()


def _unmount(mount: Path) -> None:
    # A worker may close its file shortly after the call that used it has returned.
    deadline = time.monotonic() + 30
    while True:
        try:
            _run("umount", mount)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _attach(image: Path) -> str:
    options = ("--find", "--show", image)
    try:
        # Direct I/O bypasses the page cache of the outer file system, which would hold a copy.
        return _run("losetup", "--direct-io=on", *options)
    except OSError:
        return _run("losetup", *options)


def _run(*command: str | Path) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise OSError(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return result.stdout.strip()
