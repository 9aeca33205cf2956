"""The measurements of all passes, merged."""

from __future__ import annotations

import json
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LIMIT, MINE = "limit", "laboxide"


class Key(NamedTuple):
    """The row and the contestant of a record."""

    operation: str
    variant: str
    contestant: str
    algorithm: str | None = None
    loop: str = "asyncio"


class Spread(NamedTuple):
    """The median, minimum and maximum of several passes."""

    median: float
    minimum: float
    maximum: float


def spread(values: Iterable[float]) -> Spread:
    """Summarise the values of several passes."""
    found = list(values)
    return Spread(median(found), min(found), max(found))


class Record:
    """The measurements of one contestant in one row, by pass."""

    def __init__(self) -> None:
        self.place = 0
        """Its index in the suite."""
        self.speeds: dict[int, float] = {}
        """Bytes per second."""
        self.rates: dict[int, float] = {}
        """Objects per second."""
        self.seconds: dict[int, float] = {}
        self.cpu: dict[int, float] = {}
        """Processor seconds per GB."""
        self.figures: dict[str, dict[int, float]] = defaultdict(dict)
        """Further measurements, by name."""
        self.worst: dict[str, float] = {}
        """The figures of the round with the longest stall."""
        self.failures = 0
        self.attempts = 0

    def add(self, index: int, info: dict[str, Any]) -> None:
        """Add one pass."""
        costs, size = info["costs"], info["bytes"]
        self.place = info["place"]
        failures = info["failed"] + sum(cost["figures"].get("failures", 0) for cost in costs)
        self.failures += failures
        self.attempts += failures + len(costs)
        if not costs:
            return
        self.seconds[index] = seconds = median(cost["seconds"] for cost in costs)
        self.rates[index] = info["calls"] / seconds
        if size:
            self.speeds[index] = size / seconds
            self.cpu[index] = median(cost["cpu_seconds"] for cost in costs) / size * 1e9
        for name in costs[0]["figures"]:
            self.figures[name][index] = median(cost["figures"][name] for cost in costs)
        for cost in costs:
            if cost["figures"].get("max", 0.0) > self.worst.get("max", 0.0):
                self.worst = cost["figures"]


class Records:
    """All records, in the order of the suite."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._records: dict[Key, Record] = defaultdict(Record)
        for index, path in enumerate(paths):
            for benchmark in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]:
                info = benchmark["extra_info"]
                self._records[Key(**info["label"])].add(index, info)

    def __iter__(self) -> Iterator[Key]:
        return iter(sorted(self._records, key=lambda key: self._records[key].place))

    def get(self, key: Key) -> Record | None:
        """Return a record, None if not measured."""
        return self._records.get(key)

    def ratio(self, key: Key, to: Key) -> Spread | None:
        """Return the ratio of two speeds, over the passes of both."""
        one, other = self.get(key), self.get(to)
        if one is None or other is None:
            return None
        both = one.seconds.keys() & other.seconds.keys()
        per_byte = bool(one.speeds and other.speeds)
        mine, theirs = (one.speeds, other.speeds) if per_byte else (one.rates, other.rates)
        return spread(mine[index] / theirs[index] for index in both) if both else None

    def contestants(self, operation: str, variant: str) -> list[Key]:
        """Return the contestants of a row."""
        return [key for key in self._records if key[:2] == (operation, variant)]
