"""Runs the tests and drivers that find mutants, with each mutant on and with none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from faults.mutants.table import Mutant

NOT_FOUND = "LABOXIDE_MUTANT={0.name} is not found by {0.found_by}"
FALSE_ALARM = "{} fails without a mutant"


def missed_by_tests(mutants: Sequence[Mutant], package: Path, scratch: Path) -> Iterator[str]:
    """Yield the mutants that no test finds, and a line if the tests fail without a mutant.

    Args:
        mutants: Mutants to be found by tests.
        package: The directory of the build with mutants.
        scratch: A directory to work in, on the file system to test on.

    Raises:
        OSError: pytest could not run, with its output.
    """
    tests = dict.fromkeys(mutant.found_by for mutant in mutants)
    runs: list[tuple[list[str], dict[str, str]]] = [(list(tests), {})]
    runs += [([mutant.found_by], _environment(mutant)) for mutant in mutants]
    words = ("faults.mutants.forked_tests", str(scratch / "tests"))
    process = _python(words, package, {}, json.dumps(runs))
    if process.returncode:
        raise OSError(f"the tests could not run:\n{process.stderr}")
    results: list[tuple[int, str]] = json.loads(process.stdout)
    if broken := [output for status, output in results if status not in (0, 1)]:
        raise OSError("\n".join(("pytest could not run:", *broken)))
    (control, output), *others = results
    if control:
        yield f"{FALSE_ALARM.format('a test')}:\n{output}"
    for mutant, (status, _) in zip(mutants, others, strict=True):
        if status == 0:
            yield NOT_FOUND.format(mutant)


def missed_by_drivers(mutants: Sequence[Mutant], package: Path, scratch: Path) -> Iterator[str]:
    """Yield the mutants that no driver finds, and each driver with a finding without a mutant.

    A driver stops at its first finding. Without a mutant it then repeats, with the same seed, as
    many of its trials as the slowest of its mutants needed.

    Args:
        mutants: Mutants to be found by drivers.
        package: The directory of the build with mutants.
        scratch: A directory to work in, on the file system to test on.

    Raises:
        OSError: A driver could not run, with its output.
    """
    tries: dict[str, int] = {}
    for mutant in mutants:
        found, tried = _drive(mutant.found_by, package, scratch, _environment(mutant))
        tries[mutant.found_by] = max(tried, tries.get(mutant.found_by, 0))
        if not found:
            yield NOT_FOUND.format(mutant)
    for driver, count in tries.items():
        found, _ = _drive(driver, package, scratch, {}, "--tries", str(count))
        if found:
            yield "\n".join((f"{FALSE_ALARM.format(driver)}:", *found))


def _drive(
    driver: str, package: Path, scratch: Path, environment: dict[str, str], *options: str
) -> tuple[list[str], int]:
    """Return the findings of a driver, and the number of its trials."""
    words = ("faults.one", driver, "--seed", "1", "--first", "--below", str(scratch), *options)
    process = _python(words, package, environment)
    if process.returncode not in (0, 1):
        raise OSError(f"{driver} could not run:\n{process.stderr}")
    result = json.loads(process.stdout)
    return result["found"], sum(result["tried"].values())


def _environment(mutant: Mutant) -> dict[str, str]:
    return {"LABOXIDE_MUTANT": mutant.name, "LABOXIDE_PORTABLE": str(int(mutant.portable))}


def _python(
    words: Sequence[str], package: Path, environment: dict[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", *words),
        env={**os.environ, "PYTHONPATH": str(package), "CI": "", **environment},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
