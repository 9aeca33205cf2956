"""The time that a virtual machine's host takes from its cores."""

from __future__ import annotations

import os
from pathlib import Path

STOLEN = 7
"""Its place among the times in ``/proc/stat``. What comes behind it is part of what is before."""


def core_times() -> list[int]:
    """Return what all cores together have spent time on, since they began; nothing but on Linux."""
    try:
        line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return []
    return [int(field) for field in line.split()[1 : STOLEN + 2]]


def share_stolen(before: list[int]) -> float | None:
    """Return which share of the cores' time since `before` the host took, where that is known."""
    passed = _passed(before)
    return passed[STOLEN] / sum(passed) if sum(passed) else None


def seconds_stolen(before: list[int]) -> float:
    """Return how much time of all cores together the host took since `before`, to 10 ms."""
    passed = _passed(before)
    return passed[STOLEN] / os.sysconf("SC_CLK_TCK") if passed else 0.0


def _passed(before: list[int]) -> list[int]:
    return [end - start for end, start in zip(core_times(), before, strict=True)]
