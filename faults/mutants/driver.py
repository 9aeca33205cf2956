"""Tests the tests: with each step of the protocol left out or wrong, a named one must fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.driver import Driver
from faults.file_systems import file_systems
from faults.mutants.finders import missed_by_drivers, missed_by_tests
from faults.mutants.table import mutants
from faults.registry import load
from faults.special_build import special_build

if TYPE_CHECKING:
    from faults.driver import Trial


def run(trial: Trial) -> None:
    """Turn on each mutant in turn; at night, on each file system."""
    package = special_build()
    for file_system, place in file_systems(trial):
        for missed, is_for_a_driver in ((missed_by_tests, False), (missed_by_drivers, True)):
            some = [each for each in mutants() if each.is_for_a_driver == is_for_a_driver]
            trial.tried[f"mutants on {file_system}"] += len(some)
            trial.found.extend(f"{file_system}: {line}" for line in missed(some, package, place))


DRIVERS = {mutant.found_by for mutant in mutants() if mutant.is_for_a_driver}

DRIVER = Driver(
    "mutants: steps left out, each seen by a test",
    run,
    {"file systems": (1, 1, 4)},
    tools=tuple(sorted({tool for name in DRIVERS for tool in load(name).tools})),
    seconds=60,
)
