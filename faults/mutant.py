"""Defects on purpose, and what finds them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def passes(test: str, mutant: Mutant | None, package: Path, scratch: Path) -> bool:
    """Run a test or a driver, with a mutant or without, and tell whether it is content.

    Args:
        test: The node of a test, or the name of a driver.
        mutant: What goes wrong.
        package: Where the build with the mutants is.
        scratch: A directory to work in.

    Raises:
        OSError: It could not be run, and what it said.
    """
    environment = {**os.environ, "PYTHONPATH": str(package), "CI": ""}
    if mutant is not None:
        environment["LABOXIDE_MUTANT"] = mutant.name
        environment["LABOXIDE_PORTABLE"] = str(int(mutant.portable))
    words = _pytest(test, scratch) if "::" in test else ("faults.one", test, "--seed", "1")
    process = subprocess.run(
        (sys.executable, "-m", *words), env=environment, capture_output=True, check=False
    )
    if process.returncode not in (0, 1):
        raise OSError(f"{test} could not be run:\n{process.stdout.decode()}")
    return process.returncode == 0


def _pytest(test: str, scratch: Path) -> tuple[str, ...]:
    plugins = ("-p", "no:randomly", "-p", "no:cacheprovider")
    return ("pytest", "-q", "-x", *plugins, f"--basetemp={scratch}", f"tests/{test}")
