"""The declaration of a driver, and the trial that one run of it fills in."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

Tier = Literal["change", "long", "night"]
"""How much a run tries: with each change, before a release, or as much as one night allows."""
TIERS: tuple[Tier, ...] = get_args(Tier)

SAVE_EVERY = 5.0
"""Seconds of work that a driver loses at most when a night is stopped between two of its units."""


@dataclass(frozen=True)
class Driver:
    """One kind of fault, and the function that tries it."""

    title: str
    """The fault in a few words, for the table of results."""
    run: Callable[[Trial], None]
    """Tries everything once, or as often as the tier says. An exception is a finding."""
    counts: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """The numbers of `Trial.count` by name, one for each tier. Switches are 0 or 1."""
    per_change: bool = True
    """Whether the tier "change" includes this driver. The other tiers include all drivers."""
    tools: tuple[str, ...] = ()
    """The programs that the driver calls."""
    root: bool = True
    """Whether the driver must run as root: to mount, to trace, to freeze."""
    lanes: int = 1
    """The lanes of the runner that it takes; 2 if it needs both processors or a quiet clock."""
    seconds: int = 10
    """The approximate duration in the tier "change". The longest drivers start first."""
    repeats: bool = False
    """Whether it repeats random rounds, which share the remaining time of the tier "long"."""

    def counts_of(self, tier: Tier) -> dict[str, int]:
        """Return the numbers of one tier."""
        return {name: numbers[TIERS.index(tier)] for name, numbers in self.counts.items()}

    def missing(self) -> str | None:
        """Return what prevents the driver from running on this machine, or None."""
        if self.root and os.geteuid() != 0:
            return "needs root"
        absent = [tool for tool in self.tools if shutil.which(tool) is None]
        return f"not installed: {', '.join(absent)}" if absent else None


@dataclass
class Trial:
    """One run of a driver: its parameters and its results."""

    seed: int
    """The seed of `random`; the same seed repeats the same run."""
    tier: Tier
    counts: Mapping[str, int]
    """The numbers of the driver for this tier."""
    directory: Path
    """An empty directory on the file system of the project."""
    until: float = math.inf
    """The value of `time.monotonic` after which no further unit begins."""
    saved: Path | None = None
    """A file that keeps the progress, from which a stopped night continues."""
    tried: Counter[str] = field(default_factory=Counter)
    """The number of trials by file system, operation or another category."""
    done: int = 0
    """The number of finished units, of this run and of the runs that it continues."""
    wanted: int = 0
    """The number of units to do."""
    found: list[str] = field(default_factory=list)
    """The findings: one line each, with everything needed to reproduce it."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._saved_at = time.monotonic()
        if self.saved is not None and self.saved.exists():
            progress = json.loads(self.saved.read_text(encoding="utf-8"))
            self.done, self.tried = progress["done"], Counter(progress["tried"])
        self._before = self.done

    def count(self, name: str) -> int:
        """Return the number that the driver declares for this tier under `name`."""
        return self.counts[name]

    def units(self, items: Collection[T]) -> Iterator[T]:
        """Yield the items that no earlier run has finished, while time is left.

        The items of all calls count as one sequence, which is the same in each run of a tier.
        """
        begin = self.wanted
        self.wanted += len(items)
        for index, item in enumerate(items, begin):
            if index < self._before:
                continue
            if time.monotonic() > self.until:
                return
            yield item
            self.done += 1
            self._save()

    def _save(self) -> None:
        now = time.monotonic()
        if self.saved is None or self.found or now - self._saved_at < SAVE_EVERY:
            return
        self._saved_at = now
        progress = json.dumps({"done": self.done, "tried": self.tried})
        (new := self.saved.with_suffix(".new")).write_text(progress, encoding="utf-8")
        new.replace(self.saved)
