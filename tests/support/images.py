"""Mounted file systems with features that the file system of `tmp_path` may lack."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.needs import needs, skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SIZE = 300 << 20

NEEDS_XFS = needs("mkfs.xfs")

NEEDS_FUSE = needs("fusermount", also=[Path("/dev/fuse").exists()])


@contextmanager
def mounted_xfs(directory: Path) -> Iterator[Path]:
    """Create an XFS image in `directory` and mount it."""
    image = directory / "image"
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.xfs", "-q", image], check=True)
    with mounted(image) as mount:
        yield mount


@contextmanager
def mounted_tmpfs(path: Path, size: str) -> Iterator[None]:
    """Create the directory `path` and mount a file system in memory there."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        skip_or_fail(f"cannot mount a tmpfs: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """Mount an image on the directory `mounted` next to it."""
    mount = image.with_name("mounted")
    mount.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        yield mount
    finally:
        _unmount(mount)


@contextmanager
def mounted_fuse(program: str, directory: Path, *arguments: str) -> Iterator[Path]:
    """Mount the FUSE file system of a program in tests/support."""
    backing, mount = directory / "backing", directory / "mount"
    backing.mkdir()
    mount.mkdir()
    command = (sys.executable, "-m", f"tests.support.{program}")
    with subprocess.Popen([*command, backing, mount, *arguments], cwd=ROOT) as process:
        deadline = time.monotonic() + 10
        while not mount.is_mount() and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield mount
        finally:
            subprocess.run(["umount", "--lazy", mount], check=True)
            process.wait(10)


def _unmount(mount: Path) -> None:
    # A worker may close its file shortly after the call has returned.
    deadline = time.monotonic() + 30
    while subprocess.run(["umount", mount], check=False).returncode:
        assert time.monotonic() < deadline, f"{mount} is busy"
        time.sleep(0.01)
