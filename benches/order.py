"""In which order a pass measures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benches.measuring import Case


def in_turn(cases: Iterable[Case], turn: int, only: str | None = None) -> list[Case]:
    """Put the contestants of a row next to each other, and begin with another one in each pass.

    Args:
        cases: The cases of a module.
        turn: The number of the pass.
        only: The one contestant to keep.
    """
    rows: dict[tuple[str, str], list[Case]] = {}
    for place, case in enumerate(cases):
        if only is None or case.label.contestant == only:
            row = rows.setdefault((case.label.operation, case.label.variant), [])
            row.append(replace(case, place=place))
    return [case for row in rows.values() for case in _turned(row, turn)]


def _turned(row: list[Case], turn: int) -> list[Case]:
    # Every other pass goes backwards, so that nobody always follows the same one.
    start = turn * 3 % len(row)
    turned = row[start:] + row[:start]
    return turned[::-1] if turn % 2 else turned
