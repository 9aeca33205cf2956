"""Forks while other threads hold whatever locks there are; the children use all that they have."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.special_build import special_build

if TYPE_CHECKING:
    from pathlib import Path

FORKS = 25
"""Of one process. The next one starts anew: what happens at the first use is caught, too."""
LIMIT = 180
"""Seconds after which a process that forks counts as hung."""
CHILDS = 20
"""Seconds after which one of its children does."""
CONTROLS = 5
"""The same, of the child that is known to hang."""
MUTANT = {"LABOXIDE_MUTANT": "engine-kept-after-fork"}
HUNG = "Timeout ("
"""What the child says then."""


def run(trial: Trial) -> None:
    """Fork as often as the tier says, on both paths of the engine, and once with a defect."""
    for index in range(trial.count(100, 5000) // FORKS):
        name = ("native", "portable")[index % 2]
        seed = trial.random.getrandbits(32)
        found = _process(trial.directory / str(index), seed, {"LABOXIDE_PORTABLE": str(index % 2)})
        trial.tried[f"{name} forks"] += FORKS
        if found:
            trial.found.append(f"{name} process with seed {seed}:\n{found}")
    trial.tried["controls"] += 1
    awake = {"PYTHONPATH": str(special_build()), **MUTANT}
    if HUNG not in _process(trial.directory / "control", 1, awake, forks=1, limit=CONTROLS):
        trial.found.append(f"not found: {MUTANT}")


def _process(
    directory: Path,
    seed: int,
    environment: dict[str, str],
    *,
    forks: int = FORKS,
    limit: int = CHILDS,
) -> str:
    """Let a process fork, and return what went wrong."""
    command = (sys.executable, "-W", "ignore::DeprecationWarning", "-m", "faults.forking.parent")
    process = subprocess.run(
        (*command, str(directory), *map(str, (seed, forks, limit))),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    if process.returncode == 0 and not process.stdout:
        return ""
    return f"ended with {process.returncode}\n{process.stdout[-4000:]}"


DRIVER = Driver("fork while threads hold locks", run, root=False, seconds=55, minutes=16)
