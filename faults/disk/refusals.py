"""What was refused, and what is there afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path


async def refused(operation: Awaitable[object], number: int) -> bool:
    """Tell whether the system refused with this errno, and where that was.

    Raises:
        OSError: It refused in another way, or did not say what it was about.
    """
    try:
        await operation
    except OSError as error:
        if error.errno != number or error.filename is None:
            raise
        return True
    return False


def contents(root: Path) -> dict[Path, bytes]:
    """Return all files below `root`: objects, and whatever was left behind."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
