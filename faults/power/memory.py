"""Images in memory: a flush of theirs takes 0.1 ms, and thousands of cuts wear out no disk."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from faults.image import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def in_memory(directory: Path) -> Iterator[Path]:
    """Mount a file system of memory below `directory` for as long as this is entered."""
    mount_point = directory / "memory"
    mount_point.mkdir(exist_ok=True)
    command("mount", "-t", "tmpfs", "-o", "size=2g", "laboxide-faults", mount_point)
    try:
        yield mount_point
    finally:
        command("umount", mount_point)
