"""File systems to measure on: fresh images, mounted through a loop device."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benches.scale import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKE = {
    # What ext4 would do in the background after mounting is done at once.
    "ext4": ("-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("-q", "-f"),
}
SIZES = {"ext4": 12 * GIB, "xfs": 2 * GIB}
"""The files are sparse: they take what is written, and most of that is removed before it is."""


def why_not(kind: str) -> str | None:
    """Tell what keeps this machine from mounting an image, if anything does."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "mounting an image takes root"
    for tool in (f"mkfs.{kind}", "losetup", "mount", "umount"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices"
    return None


@contextmanager
def mounted(kind: str, directory: Path) -> Iterator[Path]:
    """Mount an empty file system below `directory`, and remove it at the end.

    Raises:
        OSError: A tool failed, and what it said.
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
    # A worker may close its file a moment after the call that needed it.
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
        # Past the page cache of the file system below, which would keep everything twice.
        return _run("losetup", "--direct-io=on", *options)
    except OSError:
        return _run("losetup", *options)


def _run(*command: str | Path) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise OSError(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return result.stdout.strip()


def file_system_of(path: Path) -> str:
    """Tell the type of the file system that holds `path`, and whether it has a journal."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown file system"
    parents = {str(path), *map(str, path.parents)}
    fitting = [fields for line in mounts if (fields := line.split())[1] in parents]
    if not fitting:
        return "unknown file system"
    device, _, kind, *_ = max(fitting, key=lambda fields: len(fields[1]))
    return f"{kind}{_journal_of(device) if kind == 'ext4' else ''}{_loop_of(device)}"


def _journal_of(device: str) -> str:
    journals = Path("/proc/fs/jbd2")
    if not journals.is_dir():
        return ", journal unknown"
    name = Path(device).name
    has = any(path.name.startswith(f"{name}-") for path in journals.iterdir())
    return " with a journal" if has else " without a journal"


def _loop_of(device: str) -> str:
    direct = Path("/sys/block", Path(device).name, "loop", "dio")
    try:
        way = "direct" if direct.read_text(encoding="ascii").strip() == "1" else "buffered"
    except OSError:
        return ""
    return f", loop-mounted image ({way} I/O)"
