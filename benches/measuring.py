"""Cases and trials: a contestant's row, and one measured and checked round of it."""

from __future__ import annotations

import gc
import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from benches.lab import ATTEMPTS, PeerFailedError
from benches.memory import warm_page_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.lab import Lab
    from benches.loops import Cost

T = TypeVar("T")


@dataclass(frozen=True)
class Label:
    """The row and the contestant of a measurement."""

    operation: str
    variant: str
    contestant: str
    algorithm: str | None
    loop: str = "asyncio"

    def __str__(self) -> str:
        parts = (self.variant, self.contestant, self.algorithm or "plain", self.loop)
        return ", ".join(parts)


@dataclass(frozen=True)
class Trial(Generic[T]):
    """A round that is ready to run."""

    work: Callable[[], tuple[T, Cost]]
    """Runs the round and measures it."""
    check: Callable[[T], None]
    """Fails if the result of the round is wrong."""
    size: int = 0
    """Bytes moved."""
    calls: int = 1
    """Objects stored or read."""
    memory: int = 0
    """Bytes of fresh memory needed, in the page cache or for the result."""


@dataclass(frozen=True)
class Case:
    """A contestant and its work."""

    label: Label
    prepare: Callable[[Lab], Trial[Any]]
    rounds: int = 1
    place: int = 0
    """Index within its module, in the order of the report."""


def in_turn(cases: Iterable[Case], turn: int, only: str | None = None) -> list[Case]:
    """Group the contestants of each row and rotate them from pass to pass.

    Args:
        cases: The cases of a module.
        turn: The number of the pass.
        only: The only contestant to keep.
    """
    rows: dict[tuple[str, str], list[Case]] = {}
    for place, case in enumerate(cases):
        if only is None or case.label.contestant == only:
            row = rows.setdefault((case.label.operation, case.label.variant), [])
            row.append(replace(case, place=place))
    return [case for row in rows.values() for case in rotated(row, turn)]


def rotated(row: list[T], turn: int) -> list[T]:
    """Return `row` with another beginning in each turn, and backwards in every other."""
    # The change of direction gives each contestant another predecessor.
    start = turn * 3 % len(row)
    turned = row[start:] + row[:start]
    return turned[::-1] if turn % 2 else turned


def bench_case(benchmark: BenchmarkFixture, lab: Lab, case: Case) -> None:
    """Run the rounds of a case. Preparation, checks and removal are not timed.

    Every module of the suite imports this function as its test.
    """
    costs: list[dict[str, Any]] = []
    sizes: dict[str, int] = {}

    # A skip has to come before pytest-benchmark expects rounds.
    ready = [case.prepare(lab)]

    def prepare() -> tuple[tuple[Trial[Any]], dict[str, Any]]:
        trial = ready.pop() if ready else case.prepare(lab)
        sizes.update(bytes=trial.size, calls=trial.calls)
        warm_page_cache(lab.directory, trial.memory)
        _freeze()
        return (trial,), {}

    def check(trial: Trial[Any]) -> None:
        for result, cost in done:
            trial.check(result)
            costs.append(asdict(cost))
        done.clear()
        lab.clean()

    done: list[tuple[Any, Cost]] = []
    failed: list[int] = []

    def work(trial: Trial[Any]) -> None:
        try:
            done.append(trial.work())
        except PeerFailedError:
            failed.append(ATTEMPTS)

    benchmark.group = f"{case.label.operation}, {case.label.variant}"
    pedantic: Any = benchmark.pedantic  # untyped
    pedantic(work, setup=prepare, teardown=check, rounds=case.rounds, iterations=1)
    benchmark.extra_info.update(
        label=asdict(case.label), place=case.place, costs=costs, failed=sum(failed), **sizes
    )


def _freeze() -> None:
    """Exclude all existing objects from garbage collection.

    A collection over pytest's 100,000 objects takes 80 ms, and each row adds 190 of them. A user's
    loop has no such pause.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # files that a peer left open
        gc.collect()
    gc.freeze()
