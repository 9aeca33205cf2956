"""A model of a store: the possible states of the object of each content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from laboxide import digest_data

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from laboxide import Digest

State = Literal["absent", "sound", "flipped", "short", "long", "a directory", "a link", "a FIFO"]
Seen = Literal[
    "data", "damaged data", "a part", "a damaged part", "corrupt", "missing", "done", "refused"
]
"""The outcome of an operation."""

FILES: tuple[State, ...] = ("sound", "flipped", "short", "long")
ODD: tuple[State, ...] = ("short", "long", "a directory", "a link", "a FIFO")
"""States that show when the object is opened."""
SIZES = (0, 1, 100, 5000, 70_000, 70_001, 1_100_000)
"""Bytes: read in one call or more, written as one block or several."""


@dataclass(frozen=True)
class Content:
    """A content, its digest, and a damaged copy."""

    data: bytes
    digest: Digest
    flipped: bytes

    @property
    def key(self) -> str:
        """The key of the default router."""
        content_hash = self.digest["content_hash"]
        return f"{self.digest['content_hash_algorithm']}/{content_hash[:2]}/{content_hash}"


def contents(source: random.Random) -> list[Content]:
    """Make one of each size."""
    made = []
    for number, size in enumerate(SIZES):
        data = source.randbytes(size)
        algorithm = ("blake3", "sha256")[number % 2]
        digest = digest_data(data, content_type="a/b", algorithm=algorithm)
        made.append(Content(data, digest, bytes([data[0] ^ 1]) + data[1:] if data else b""))
        assert algorithm == "blake3" or hashlib.sha256(data).hexdigest() == digest["content_hash"]
    return made


Outcomes = dict[State, set[tuple[Seen, State]]]
"""For each state the possible outcomes of an operation, with the states after them."""


def reading(*, hashed: bool) -> Outcomes:
    """Return the outcomes of reading a whole object."""
    return {
        "absent": {("missing", "absent")},
        "sound": {("data", "sound")},
        "flipped": {("corrupt" if hashed else "damaged data", "flipped")},
        **{state: {("corrupt", state)} for state in ODD},
    }


def leaving(*, hashed: bool) -> Outcomes:
    """Return the outcomes of a stream that may be left before its end."""
    partly: Outcomes = {"sound": {("a part", "sound")}, "flipped": {("a damaged part", "flipped")}}
    whole = reading(hashed=hashed)
    return {state: seen | partly.get(state, set()) for state, seen in whole.items()}


def writing(*, verified: bool, room: bool) -> Outcomes:
    """Return the outcomes of a write, with room on the disk or without."""
    kept: set[State] = {"sound"} if verified else {"sound", "flipped"}
    outcomes: Outcomes = {}
    for state in reading(hashed=True):
        done: tuple[Seen, State] = ("done", state if state in kept else "sound")
        refused: tuple[Seen, State] = ("refused", state)
        # A dedup hit may be noticed before the write needs room.
        outcomes[state] = {done} if room else {refused, *({done} if state in kept else ())}
    return outcomes


def deleting() -> Outcomes:
    """Return the outcomes of a delete."""
    outcomes = reading(hashed=True)
    removed: Outcomes = {state: {("done", "absent")} for state in FILES}
    return {**outcomes, **removed}


class Model:
    """The possible states of the objects.

    After a cancelled write several are possible, since it may be in flight. Such an object may
    become sound at any later time, so no step may damage it: a late write would undo that.
    """

    def __init__(self, count: int) -> None:
        self._states: list[set[State]] = [{"absent"} for _ in range(count)]
        self._unsure: set[int] = set()

    def note(self, number: int, seen: Seen, outcomes: Outcomes) -> None:
        """Note the outcome of an operation, which must be a possible one."""
        before = self._states[number]
        fitting = {after for state in before for what, after in outcomes[state] if what == seen}
        assert fitting, f"content {number} was {' or '.join(before)}, but the outcome was: {seen}"
        late = _changes_in_flight(fitting) if number in self._unsure else set()
        self._states[number] = fitting | late

    def note_cancelled(self, number: int, outcomes: Outcomes) -> None:
        """Note a cancelled write, which may have happened."""
        self._unsure.add(number)
        before = self._states[number]
        late = {after for state in before for _, after in outcomes[state]}
        self._states[number] = before | late | _changes_in_flight(before)

    def put(self, number: int, state: State) -> None:
        """Note the state that a step gave to an object."""
        self._states[number] = {state}

    def is_sure(self, number: int) -> bool:
        """Return whether no cancelled write may still change the object."""
        return number not in self._unsure

    def certain(self, predicate: Callable[[State], bool]) -> set[int]:
        """Return the contents for which `predicate` is true in every possible state."""
        return {n for n, states in enumerate(self._states) if all(map(predicate, states))}


def _changes_in_flight(states: set[State]) -> set[State]:
    """Return the states that a write in flight may still lead to.

    A directory is renamed before the object takes its name, so the name is free in between.
    """
    return {"sound", "absent"} if "a directory" in states else {"sound"}
