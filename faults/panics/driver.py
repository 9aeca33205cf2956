"""Panics of the engine, on purpose, while it writes and while it publishes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from faults.driver import Driver
from faults.special_build import special_build

if TYPE_CHECKING:
    from pathlib import Path

    from faults.driver import Trial

STEPS = ("panic-while-writing", "panic-while-publishing")
WAYS = {"0": "native", "1": "portable"}


def run(trial: Trial) -> None:
    """Let each write panic once at each step, and write again."""
    package = special_build()
    for step in STEPS:
        for portable, way in WAYS.items():
            directory = trial.directory / f"{step}-{way}"
            directory.mkdir()
            environment = {"LABOXIDE_MUTANT": step, "LABOXIDE_PORTABLE": portable}
            for line in _lines(directory, package, environment):
                what, *found = line.split("\t")
                trial.tried[way] += 1
                trial.found += [f"{step}, {way}, {what}: {each}" for each in found]


def _lines(directory: Path, package: Path, environment: dict[str, str]) -> list[str]:
    armed = directory / "armed"
    process = subprocess.run(
        (sys.executable, "-m", "faults.panics.process", directory, armed),
        env={
            **os.environ,
            "PYTHONPATH": str(package),
            "LABOXIDE_ARMED": str(armed),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if process.returncode:
        raise OSError(f"the process that panics failed:\n{process.stderr}")
    return process.stdout.splitlines()


DRIVER = Driver("panics of the engine, while writing and publishing", run)
