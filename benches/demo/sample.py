"""The files that the demo works on."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
READ_SIZE = MIB


def make_sample(path: Path, size: int) -> None:
    """Write `size` bytes of which no two blocks are equal and none can be compressed."""
    pattern = random.Random(2).randbytes(READ_SIZE)
    with path.open("wb") as file:
        for index in range(size // READ_SIZE):
            turn = index * 4099 % READ_SIZE
            file.write(pattern[turn:])
            file.write(pattern[:turn])


def make_sparse(path: Path, size: int) -> None:
    """Make a file of `size` zero bytes that takes no space."""
    with path.open("wb") as file:
        file.truncate(size)


def sha256_of(path: Path) -> str:
    """Hash a file with what has nothing to do with laboxide."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
