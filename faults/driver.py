"""What a driver is, and what it tells."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class Trial:
    """One run of a driver: what it may use, and what came out."""

    seed: int
    """Where `random` starts; the same seed tries the same."""
    long: bool
    """Whether this is the nightly run, with the larger numbers."""
    directory: Path
    """An empty directory of its own, on the file system that the project is on."""
    until: float = math.inf
    """The time of `time.monotonic` after which no round begins any more."""
    tried: Counter[str] = field(default_factory=Counter)
    """How often what was tried, by file system, operation or whatever tells trials apart."""
    done: int = 0
    """The rounds that there was time for."""
    wanted: int = 0
    """The rounds that there should be."""
    found: list[str] = field(default_factory=list)
    """What should not have happened, a line each, with all it takes to see it again."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def count(self, short: int, nightly: int) -> int:
        """Choose between the numbers of the two tiers."""
        return nightly if self.long else short

    def rounds(self, wanted: int) -> Iterator[int]:
        """Yield the numbers of so many rounds, as far as there is time for them."""
        self.wanted += wanted
        for index in range(wanted):
            if time.monotonic() > self.until:
                return
            yield index
            self.done += 1


@dataclass(frozen=True)
class Driver:
    """A kind of fault, and what tries it."""

    title: str
    """What the row of the table says, in a few words."""
    run: Callable[[Trial], None]
    """Tries everything once, or as often as the tier says. An exception is a finding."""
    tools: tuple[str, ...] = ()
    """The programs that it calls."""
    root: bool = True
    """Whether it takes root: to mount, to trace, to freeze."""
    lanes: int = 1
    """How many run as if it were so many; 2 if it needs the processors, or watches a clock."""
    seconds: int = 10
    """About how long it takes with a change."""
    minutes: int = 2
    """About how long it takes at night."""
    goes_on: bool = False
    """Whether it is made of rounds at random: at night they go on until the time is up."""

    def lasts(self, *, long: bool) -> int:
        """Tell about how many seconds it takes in a tier: the longest begin first."""
        return 60 * self.minutes if long else self.seconds
