"""Objects that follow from a seed and a number, their promises and possible states."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from laboxide import digest_data

from faults.operations import pointer_of

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide import Digest, FileKey, FilePointer
    from laboxide.types import TagMap

SMALL, LARGE = 30_000, 9 << 18
BYTES = random.Random(0).randbytes(2 * LARGE)
"""Random bytes of which all contents are parts: making new ones takes longer than writing them."""
KINDS = (
    *("written", "streamed", "imported", "not_durable"),
    *("made_durable", "rewritten", "healed", "deleted"),
)
"""Ways to make an object; `writer.Writer` has a method for each."""


class State(enum.Enum):
    """A state of an object."""

    WHOLE = "whole"
    ABSENT = "absent"
    TORN = "torn"
    """It has wrong content, and reading it raises an error."""


class Promise(enum.Enum):
    """A promise to the caller of an operation."""

    PRESENT = "present"
    """A durable write has returned."""
    GONE = "gone"
    """A durable deletion has returned."""
    ATOMIC = "atomic"
    """A durable write or deletion is in flight."""
    NOTHING = "nothing"
    """The object was written without `durable`, or damaged on purpose."""

    def keeps(self, state: State) -> bool:
        """Return whether the promise allows the state."""
        return state in _ALLOWED[self]


_ALLOWED = {
    Promise.PRESENT: {State.WHOLE},
    Promise.GONE: {State.ABSENT},
    Promise.ATOMIC: {State.WHOLE, State.ABSENT},
    Promise.NOTHING: set(State),
}


def router(digest: Digest, _tags: TagMap, /, *, temp: bool = False) -> FileKey:  # noqa: ARG001
    """Put all objects into two directories.

    The first write to a directory makes it durable, with all its parents. A defect loses the second
    object in it.
    """
    content_hash = digest["content_hash"]
    return {"key": f"objects/{int(content_hash[0], 16) % 2}/{content_hash}"}


def content_of(key: str) -> tuple[str, str]:
    """Return the algorithm and the hash of the object that `router` puts at `key`."""
    return "blake3", key.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Object:
    """An object, which follows from two numbers."""

    seed: int
    number: int

    @cached_property
    def _random(self) -> random.Random:
        return random.Random(f"{self.seed} {self.number}")

    @cached_property
    def kind(self) -> str:
        """The way to make it, one of `KINDS`."""
        return self._random.choices(KINDS, (6, 1, 1, 3, 2, 1, 2, 1))[0]

    @cached_property
    def data(self) -> bytes:
        """The content: small, or several blocks of which the last is not full."""
        large = self.kind in ("streamed", "imported") or self._random.random() < 1 / 32
        size = self._random.randrange(LARGE // 2, LARGE) if large else self._random.randrange(SMALL)
        start = self._random.randrange(len(BYTES) - size)
        return f"{self.seed} {self.number} ".encode() + BYTES[start : start + size]

    @cached_property
    def digest(self) -> Digest:
        """The digest of the content."""
        return digest_data(self.data, content_type="application/octet-stream")

    def pointer(self, root: Path) -> FilePointer:
        """Return the pointer of the object in the store at `root`."""
        return pointer_of(root, self.digest, router(self.digest, {})["key"])

    def __str__(self) -> str:
        return f"object {self.number} of seed {self.seed} ({self.kind}, {len(self.data)} bytes)"
