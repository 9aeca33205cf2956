"""Which states the reports of the workers allow for each object, against the states found."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from faults.kill.worker import ABSENT, CORRUPT, DONE, WRITES, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

PRESENT = DONE
LOOKS = (PRESENT, ABSENT, CORRUPT)
"""The possible results of looking at an object."""

_EXPECTED = {
    **dict.fromkeys(WRITES, (DONE, None)),
    "delete": (DONE, ABSENT, None),
    "read_data": (DONE, ABSENT, CORRUPT, None),
    "read_data_stream": (DONE, ABSENT, CORRUPT, None),
}


class Span(NamedTuple):
    """The time of an operation, whose effect lies between begin and end."""

    begun: float
    ended: float


BEFORE = Span(-inf, -inf)


@dataclass
class History:
    """The operations on one object since the last rest. An unreported end is infinity."""

    torn: bool = False
    """Whether the object was there at first, but torn."""
    writes: list[Span] = field(default_factory=list)
    """All writes, acknowledged or not."""
    acknowledged: list[Span] = field(default_factory=list)
    deletes: list[Span] = field(default_factory=list)
    """All operations that may have removed the object."""
    deleted: list[Span] = field(default_factory=list)
    """The acknowledged ones of these."""

    @classmethod
    def of(cls, *, present: bool, torn: bool = False) -> History:
        """Return the history of an object at rest."""
        at_first = [BEFORE]
        if present:
            return cls(torn=torn, writes=at_first, acknowledged=at_first.copy())
        return cls(deletes=at_first, deleted=at_first.copy())

    def may_be_absent(self, look: Span) -> bool:
        """Return whether a delete overlaps or follows each write acknowledged before the look."""
        return all(
            any(delete.ended > write.begun and delete.begun < look.ended for delete in self.deletes)
            for write in self.acknowledged
            if write.ended < look.begun
        )

    def may_be_present(self, look: Span) -> bool:
        """Return whether a write overlaps or follows each delete acknowledged before the look."""
        return all(
            any(write.ended > delete.begun and write.begun < look.ended for write in self.writes)
            for delete in self.deleted
            if delete.ended < look.begun
        )

    def may_be_torn(self, look: Span) -> bool:
        """Return whether it was torn, and no acknowledged operation replaced or removed it."""
        changes = [*self.acknowledged, *self.deleted]
        return self.torn and not any(BEFORE.ended < change.ended < look.begun for change in changes)


class Account:
    """The histories of all objects since the last rest.

    Args:
        states: The state of each object at rest: `PRESENT`, `ABSENT` or `CORRUPT`.
    """

    def __init__(self, states: dict[int, str]) -> None:
        self._histories = {
            number: History.of(present=state != ABSENT, torn=state == CORRUPT)
            for number, state in states.items()
        }
        self._looks: list[tuple[Report, Span]] = []
        self._lines: dict[int, list[str]] = {number: [] for number in states}
        self.operations = 0
        self.found: list[str] = []

    def enter(self, process: str, reports: Iterable[Report]) -> None:
        """Enter all reports of a process."""
        begun: dict[int, Report] = {}
        for report in reports:
            if report.outcome is None:
                begun[report.number] = report
            else:
                self._enter(process, report, Span(begun.pop(report.number).at, report.at))
        for report in begun.values():
            self._enter(process, report, Span(report.at, inf))

    def _enter(self, process: str, report: Report, span: Span) -> None:
        history = self._histories[report.content]
        self.operations += 1
        line = f"{process} {report.action} {span.begun:.6f}-{span.ended:.6f}: {report.outcome}"
        self._lines[report.content].append(line)
        if report.outcome not in _EXPECTED[report.action]:
            self.found.append(f"content {report.content}: {line}")
        if report.action in WRITES:
            history.writes.append(span)
            history.acknowledged += [span] * (report.outcome == DONE)
        elif report.action == "delete" and report.outcome != ABSENT:
            history.deletes.append(span)
            history.deleted += [span] * (report.outcome == DONE)
        elif report.outcome in LOOKS:
            self._looks.append((report, span))

    def close(self, states: dict[int, str]) -> None:
        """Judge all looks of the processes, and the last one, which found `states`."""
        for report, span in self._looks:
            assert report.outcome is not None
            self._judge(report.content, report.outcome, span, f"for {report.action}")
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
            lines = "\n  ".join(self._lines[number])
            name = "present" if state == PRESENT else state
            self.found.append(f"content {number} was {name} {when} at {look}:\n  {lines}")
