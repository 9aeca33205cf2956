"""Defects on purpose, and what finds them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """A step of the protocol that goes wrong, and what finds that."""

    name: str
    """What `LABOXIDE_MUTANT` says; rust/core asks for it."""
    found_by: str
    """A test of pytest ("file::name"), or a driver."""
    portable: bool = False
    """Whether the step is one of the portable path."""

    @property
    def is_for_a_driver(self) -> bool:
        """Tell whether it is a driver that finds it."""
        return "::" not in self.found_by


def false_alarms(mutants: Sequence[Mutant], package: Path, scratch: Path) -> list[str]:
    """Return what finds something while no mutant is awake: it says nothing when one is."""
    drivers = sorted({each.found_by for each in mutants if each.is_for_a_driver})
    found = [name for name in drivers if not _passes(_driver(name, scratch), package, {})]
    tests = dict.fromkeys(each.found_by for each in mutants if not each.is_for_a_driver)
    return found if _passes(_pytest(tests, scratch), package, {}) else [*found, "the tests"]


def survives(mutant: Mutant, package: Path, scratch: Path) -> bool:
    """Tell whether a mutant is awake and nothing is found.

    Args:
        mutant: What goes wrong, and what should find that.
        package: Where the build with the mutants is.
        scratch: A directory to work in, on the file system that is asked about.

    Raises:
        OSError: The test could not be run, and what it said.
    """
    finder = mutant.found_by
    words = _driver(finder, scratch) if mutant.is_for_a_driver else _pytest([finder], scratch)
    awake = {"LABOXIDE_MUTANT": mutant.name, "LABOXIDE_PORTABLE": str(int(mutant.portable))}
    return _passes(words, package, awake)


def _passes(words: Sequence[str], package: Path, environment: dict[str, str]) -> bool:
    process = subprocess.run(
        (sys.executable, "-m", *words),
        env={**os.environ, "PYTHONPATH": str(package), "CI": "", **environment},
        capture_output=True,
        check=False,
    )
    if process.returncode not in (0, 1):
        raise OSError(f"{words} could not be run:\n{process.stdout.decode()}")
    return process.returncode == 0


def _driver(name: str, scratch: Path) -> tuple[str, ...]:
    return ("faults.one", name, "--seed", "1", "--first", "--below", str(scratch))


def _pytest(tests: Iterable[str], scratch: Path) -> tuple[str, ...]:
    plugins = ("-p", "no:randomly", "-p", "no:cacheprovider")
    return (
        "pytest",
        "-q",
        "-x",
        *plugins,
        f"--basetemp={scratch / 'tests'}",
        *(f"tests/{test}" for test in tests),
    )
