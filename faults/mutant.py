"""Builds of laboxide with defects on purpose, and what finds them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faults.image import command

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


class Build:
    """The package with every mutant in it, asleep until it is named.

    Args:
        directory: Where it is built.
    """

    def __init__(self, directory: Path) -> None:
        maturin = (sys.executable, "-m", "maturin", "build", "--release", "--locked", "--quiet")
        command(*maturin, "--features", "mutants", "--out", directory)
        [wheel] = directory.glob("*.whl")
        self._package = directory / "package"
        self._scratch = directory / "scratch"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self._package)

    def finds(self, mutant: Mutant) -> bool:
        """Tell whether the mutant is found by what should find it."""
        return not self._passes(mutant.found_by, mutant)

    def is_sound(self, mutant: Mutant) -> bool:
        """Tell whether what should find the mutant finds nothing while it is asleep."""
        return self._passes(mutant.found_by, None)

    def _passes(self, test: str, mutant: Mutant | None) -> bool:
        environment = {**os.environ, "PYTHONPATH": str(self._package), "CI": ""}
        if mutant is not None:
            environment["LABOXIDE_MUTANT"] = mutant.name
            environment["LABOXIDE_PORTABLE"] = str(int(mutant.portable))
        words = _pytest(test, self._scratch) if "::" in test else _driver(test)
        process = subprocess.run(
            (sys.executable, "-m", *words), env=environment, capture_output=True, check=False
        )
        if process.returncode not in (0, 1):
            raise OSError(f"{test} could not be run:\n{process.stdout.decode()}")
        return process.returncode == 0


def _pytest(test: str, scratch: Path) -> tuple[str, ...]:
    plugins = ("-p", "no:randomly", "-p", "no:cacheprovider")
    return ("pytest", "-q", "-x", *plugins, f"--basetemp={scratch}", f"tests/{test}")


def _driver(name: str) -> tuple[str, ...]:
    return ("faults.one", name, "--seed", "1")
