"""Whether content is what it must be, told outside of what is timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.scale import MIB
from benches.sources import hash_of, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benches.peers.contract import Stored


class WrongContentError(Exception):
    """A contestant stored or returned something else than what it was given."""


def check_stored(stored: Stored, size: int, shift: int = 0) -> None:
    """Compare an object's digest and bytes with content of the pool."""
    if stored.size != size:
        raise WrongContentError(f"{stored} is not of {size} bytes")
    if stored.algorithm is not None:
        check_hash(stored.hash, hash_of(stored.algorithm, size, shift))
    check_pieces(stored.path, pieces(size, shift))


def check_hash(found: str | None, expected: str) -> None:
    """Compare two hashes."""
    if found != expected:
        raise WrongContentError(f"hashed to {found}, not to {expected}")


def check_size(found: int, expected: int) -> None:
    """Compare how many bytes came."""
    if found != expected:
        raise WrongContentError(f"{found} bytes, not {expected}")


def check_bytes(found: bytes, expected: bytes) -> None:
    """Compare what was read as a whole."""
    if found != expected:
        raise WrongContentError(f"{len(found)} bytes were read, and not those that were stored")


def check_file(path: Path, data: bytes) -> None:
    """Compare a file's content."""
    check_pieces(
        path, (memoryview(data)[start : start + MIB] for start in range(0, len(data), MIB))
    )


def check_pieces(path: Path, expected: Iterable[memoryview]) -> None:
    """Compare a file's content, piece by piece."""
    with path.open("rb") as file:
        for piece in expected:
            # A bytearray compares with a view by memcmp; bytes and views take 20 times as long.
            found = bytearray(len(piece))
            file.readinto(found)
            if found != piece:
                raise WrongContentError(f"{path} is not what was to be stored")
        if file.read(1):
            raise WrongContentError(f"{path} goes on after what was to be stored")


class Comparer:
    """Compares the chunks of a stream with the content that they must add up to."""

    def __init__(self, expected: bytes) -> None:
        self._expected = expected
        self._taken = 0

    def take(self, chunk: bytes) -> None:
        """Compare one more chunk."""
        if not self._expected.startswith(chunk, self._taken):
            raise WrongContentError(f"a chunk is wrong, from byte {self._taken} on")
        self._taken += len(chunk)

    def end(self) -> None:
        """Fail if something is missing."""
        check_size(self._taken, len(self._expected))
