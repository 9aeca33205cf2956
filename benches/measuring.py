"""One round of one contestant, measured and checked."""

from __future__ import annotations

import gc
import shutil
import warnings
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from benches.checks import WrongContentError
from benches.loops import timed
from benches.page_cache import warm_page_cache
from benches.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.limit import Reference
    from benches.loops import Cost, Loops
    from benches.scale import Scale

T = TypeVar("T")

ATTEMPTS = 10


class PeerFailedError(Exception):
    """A contestant could not do the work."""


@dataclass(frozen=True)
class Label:
    """What was measured."""

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
    """Does it, and tells what it took."""
    check: Callable[[T], None]
    """Fails if the outcome is not what it must be."""
    size: int = 0
    """Bytes that go through."""
    calls: int = 1
    """Objects that are stored or read."""
    memory: int = 0
    """Bytes of memory that it takes anew, for the page cache or what is returned."""


@dataclass(frozen=True)
class Case:
    """A contestant and its work."""

    label: Label
    prepare: Callable[[Lab], Trial[Any]]
    rounds: int = 1
    place: int = 0
    """Its number within its module, in the order of the report."""


@dataclass
class Lab:
    """What all measurements need."""

    scale: Scale
    directory: Path
    """On the file system that is measured."""
    reference: Reference
    loops: Loops
    bench_pass: int
    reflink: Path | None
    """A directory on a file system whose files can share blocks."""
    _numbers: count[int] = field(default_factory=count)
    _written: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self._shelf_directory(self.directory), self.loops)
        self.reflink_shelf = self.reflink and Shelf(self._shelf_directory(self.reflink), self.loops)

    def fresh_directory(self, parent: Path | None = None) -> Path:
        """Make an empty directory."""
        path = (parent or self.directory) / f"round-{next(self._numbers)}"
        path.mkdir()
        self._written.append(path)
        return path

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], loop: str) -> tuple[T, Cost]:
        """Do the work on an event loop, and tell what it took."""
        return self.loops.run(loop, partial(timed, work))

    def run_often(self, work: Callable[[], Coroutine[Any, Any, T]], loop: str) -> tuple[T, Cost]:
        """Do work that fails at random until it succeeds, and count the failures.

        Raises:
            PeerFailedError: It never succeeded.
        """
        for failures in range(ATTEMPTS):
            try:
                result, cost = self.run(work, loop)
            except WrongContentError:
                raise
            except Exception:  # noqa: BLE001, S112 - whatever it is, it is counted
                continue
            return result, replace(cost, figures={"failures": failures})
        raise PeerFailedError(f"failed {ATTEMPTS} times of {ATTEMPTS}")

    def clean(self) -> None:
        """Remove what the rounds wrote, but not what is kept to be read."""
        while self._written:
            shutil.rmtree(self._written.pop())

    @staticmethod
    def _shelf_directory(parent: Path) -> Path:
        path = parent / "shelf"
        path.mkdir()
        return path


def measure(benchmark: BenchmarkFixture, lab: Lab, case: Case) -> None:
    """Run the rounds of a case. Preparing, checking and removing are not timed."""
    costs: list[dict[str, Any]] = []
    sizes: dict[str, int] = {}

    # What is skipped has to be before pytest-benchmark expects rounds of it.
    ready = [case.prepare(lab)]

    def prepare() -> tuple[tuple[Trial[Any]], dict[str, Any]]:
        trial = ready.pop() if ready else case.prepare(lab)
        sizes.update(bytes=trial.size, calls=trial.calls)
        warm_page_cache(lab.directory, trial.memory)
        _freeze()
        return (trial,), {}

    def check(trial: Trial[Any]) -> None:
        for outcome, cost in done:
            trial.check(outcome)
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
    pedantic: Any = benchmark.pedantic  # it has no types
    pedantic(work, setup=prepare, teardown=check, rounds=case.rounds, iterations=1)
    benchmark.extra_info.update(
        label=asdict(case.label), place=case.place, costs=costs, failed=sum(failed), **sizes
    )


def _freeze() -> None:
    """Keep the collector from all that there is now.

    Looking through what pytest holds, some 100,000 objects, takes 80 ms, and each row adds 190 of
    them. No user's loop stands still for that.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of files that a peer left open
        gc.collect()
    gc.freeze()
