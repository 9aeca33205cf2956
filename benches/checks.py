"""Content checks, all outside the timed part of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.scale import MIB
from benches.sources import hash_of, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benches.peers.contract import Stored


class WrongContentError(Exception):
    """A contestant stored or returned content that differs from its input."""


def check_stored(stored: Stored, size: int, shift: int = 0) -> None:
    """Compare an object's digest and bytes with content of the pool."""
    check_size(stored.size, size)
    if stored.algorithm is not None:
        check_hash(stored.hash, hash_of(stored.algorithm, size, shift))
    check_pieces(stored.path, pieces(size, shift))


def check_hash(found: str | None, expected: str) -> None:
    """Compare two hashes."""
    if found != expected:
        raise WrongContentError(f"wrong hash: {found}, expected {expected}")


def check_size(found: int, expected: int) -> None:
    """Compare two sizes in bytes."""
    if found != expected:
        raise WrongContentError(f"wrong size: {found} bytes, expected {expected}")


def check_bytes(found: bytes, expected: bytes) -> None:
    """Compare an object read as one value."""
    if found != expected:
        raise WrongContentError(f"wrong content: the {len(found)} bytes read differ")


def check_file(path: Path, data: bytes) -> None:
    """Compare a file with `data`."""
    view = memoryview(data)
    check_pieces(path, (view[start : start + MIB] for start in range(0, len(data), MIB)))


def check_copy(path: Path, source: Path) -> None:
    """Compare two files."""
    check_pieces(path, file_pieces(source))


def file_pieces(path: Path) -> Iterator[memoryview]:
    """Yield a file in pieces of 1 MiB."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(MIB):
            yield memoryview(piece)


def check_pieces(path: Path, expected: Iterable[memoryview]) -> None:
    """Compare a file with `expected`, piece by piece."""
    with path.open("rb") as file:
        for piece in expected:
            # A bytearray and a view compare by memcmp; bytes and a view take 20 times as long.
            found = bytearray(len(piece))
            file.readinto(found)
            if found != piece:
                raise WrongContentError(f"wrong content: {path}")
        if file.read(1):
            raise WrongContentError(f"too long: {path}")


class Comparer:
    """Compares the chunks of a stream with its expected content."""

    def __init__(self, expected: bytes) -> None:
        self._expected = expected
        self._taken = 0

    def take(self, chunk: bytes) -> None:
        """Compare the next chunk."""
        if not self._expected.startswith(chunk, self._taken):
            raise WrongContentError(f"wrong chunk at byte {self._taken}")
        self._taken += len(chunk)

    def end(self) -> None:
        """Fail if the stream ended early."""
        check_size(self._taken, len(self._expected))
