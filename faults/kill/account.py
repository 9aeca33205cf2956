"""What the processes told, held against what is there and against each other."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from faults.kill.history import History, Span
from faults.kill.worker import ABSENT, CORRUPT, DONE, WRITES, Told

if TYPE_CHECKING:
    from collections.abc import Iterable

PRESENT = DONE
LOOKS = (PRESENT, ABSENT, CORRUPT)
"""What a look at an object finds."""


class Account:
    """The histories of all objects since they were at rest.

    Args:
        states: What each of them was then: `PRESENT`, `ABSENT` or `CORRUPT`.
    """

    def __init__(self, states: dict[int, str]) -> None:
        self._histories = {
            number: History.of(present=state != ABSENT, torn=state == CORRUPT)
            for number, state in states.items()
        }
        self._looks: list[tuple[Told, Span]] = []
        self._told: dict[int, list[str]] = {number: [] for number in states}
        self.operations = 0
        self.found: list[str] = []

    def enter(self, who: str, told: Iterable[Told]) -> None:
        """Enter all that a process told."""
        begun: dict[int, Told] = {}
        for word in told:
            if word.outcome is None:
                begun[word.number] = word
            else:
                self._enter(who, word, Span(begun.pop(word.number).at, word.at))
        for word in begun.values():
            self._enter(who, word, Span(word.at, inf))

    def _enter(self, who: str, word: Told, span: Span) -> None:
        history = self._histories[word.content]
        self.operations += 1
        line = f"{who} {word.action} {span.begun:.6f}-{span.ended:.6f}: {word.outcome}"
        self._told[word.content].append(line)
        if word.outcome not in _EXPECTED[word.action]:
            self.found.append(f"content {word.content}: {line}")
        if word.action in WRITES:
            history.writes.append(span)
            history.acknowledged += [span] * (word.outcome == DONE)
        elif word.action == "delete" and word.outcome != ABSENT:
            history.deletes.append(span)
            history.deleted += [span] * (word.outcome == DONE)
        elif word.outcome in LOOKS:
            self._looks.append((word, span))

    def close(self, states: dict[int, str]) -> None:
        """Judge all looks, those of the processes and the last one, which found `states`."""
        for word, span in self._looks:
            assert word.outcome is not None
            self._judge(word.content, word.outcome, span, f"for {word.action}")
        for number, state in states.items():
            self._judge(number, state, Span(inf, inf), "at the end")

    def _judge(self, number: int, state: str, look: Span, when: str) -> None:
        history = self._histories[number]
        allowed = {
            PRESENT: history.may_be_present,
            ABSENT: history.may_be_absent,
            CORRUPT: history.may_be_torn,
        }
        if not allowed[state](look):
            told = "\n  ".join(self._told[number])
            name = "present" if state == PRESENT else state
            self.found.append(f"content {number} was {name} {when} at {look}:\n  {told}")


_EXPECTED = {
    **dict.fromkeys(WRITES, (DONE, None)),
    "delete": (DONE, ABSENT, None),
    "read_data": (DONE, ABSENT, CORRUPT, None),
    "read_data_stream": (DONE, ABSENT, CORRUPT, None),
}
