"""Memory for what is written next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
WARM_AT_MOST = 1024 * MIB


def warm_page_cache(directory: Path, size: int) -> None:
    """Write as much as the next work will, and remove it.

    A virtual machine gives memory that is free for seconds back to its host. Taking it anew costs
    more than the work does, and would fall to whoever comes after a pause.
    """
    path = directory / "throwaway"
    zeros = bytes(MIB)
    with path.open("wb", buffering=0) as file:
        for _ in range(min(size, WARM_AT_MOST) // MIB):
            file.write(zeros)
    path.unlink()
