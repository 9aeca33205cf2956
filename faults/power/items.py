"""Objects that can be made again from a number, and what may be left of them."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from laboxide import FilePointer, digest_data

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide import Digest, FileKey
    from laboxide.contract import TagMap

SMALL, LARGE = 30_000, 9 << 18
BYTES = random.Random(0).randbytes(2 * LARGE)
"""What contents are cut from: to make new bytes for each takes longer than to write them."""
KINDS = ("written", "streamed", "imported", "lazy", "settled", "again", "healed", "deleted")
"""How an object comes about; `writing.Writing` has a method for each."""


class State(enum.Enum):
    """What is found of an object."""

    WHOLE = "whole"
    ABSENT = "absent"
    TORN = "torn"
    """It is there and is not its content, and reading it says so."""


class Promise(enum.Enum):
    """What the caller was told of an object, or could conclude."""

    PRESENT = "present"
    """A durable write returned."""
    GONE = "gone"
    """A durable deletion returned."""
    ATOMIC = "atomic"
    """A durable write or deletion is under way."""
    NOTHING = "nothing"
    """It was written without `durable`, or damaged on purpose."""

    def keeps(self, state: State) -> bool:
        """Tell whether an object may be found like this."""
        return state in _ALLOWED[self]


_ALLOWED = {
    Promise.PRESENT: {State.WHOLE},
    Promise.GONE: {State.ABSENT},
    Promise.ATOMIC: {State.WHOLE, State.ABSENT},
    Promise.NOTHING: set(State),
}


def router(digest: Digest, _tags: TagMap, /, *, temp: bool = False) -> FileKey:  # noqa: ARG001
    """Put objects into two directories.

    A directory is made durable with all above it when it is first written to. It is the second
    object in it that may be forgotten.
    """
    content_hash = digest["content_hash"]
    return {"key": f"objects/{int(content_hash[0], 16) % 2}/{content_hash}"}


def content_of(key: str) -> tuple[str, str]:
    """Tell the algorithm and hash of what `router` puts under a key."""
    return "blake3", key.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Item:
    """An object. All of it follows from the two numbers."""

    seed: int
    number: int

    @cached_property
    def _random(self) -> random.Random:
        return random.Random(f"{self.seed} {self.number}")

    @cached_property
    def kind(self) -> str:
        """How it comes about."""
        return self._random.choices(KINDS, (6, 1, 1, 3, 2, 1, 2, 1))[0]

    @cached_property
    def data(self) -> bytes:
        """The content: small, or several blocks that are no whole ones."""
        large = self.kind in ("streamed", "imported") or self._random.random() < 1 / 32
        size = self._random.randrange(LARGE // 2, LARGE) if large else self._random.randrange(SMALL)
        start = self._random.randrange(len(BYTES) - size)
        return f"{self.seed} {self.number} ".encode() + BYTES[start : start + size]

    @cached_property
    def digest(self) -> Digest:
        """The digest of the content."""
        return digest_data(self.data, content_type="application/octet-stream")

    def pointer(self, root: Path) -> FilePointer:
        """Return what writing it below `root` returned, or would have."""
        return FilePointer(
            root=str(root),
            key=router(self.digest, {})["key"],
            algorithm=self.digest["content_hash_algorithm"],
            hash=self.digest["content_hash"],
            size=self.digest["content_size"],
        )

    def __str__(self) -> str:
        return f"object {self.number} of seed {self.seed} ({self.kind}, {len(self.data)} bytes)"
