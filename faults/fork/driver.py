"""Forks while other threads hold locks; each child uses everything that it inherits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from faults.driver import Driver, Trial
from faults.fork.locks import VARIABLE, Locks
from faults.special_build import special_build

PATHS = ("native", "portable")
FORKS = 25
"""Forks of one process. The next one starts anew, which covers the first use of everything."""
LIMIT = 240
"""Seconds after which a process that forks counts as hung."""
CHILD_LIMIT = 20
"""Seconds after which one of its children counts as hung."""
CONTROL_LIMIT = 5
"""The same for the child that hangs on purpose."""
MUTANT = {"LABOXIDE_MUTANT": "engine-kept-after-fork"}
HUNG = "Timeout ("
"""The message of a hung child."""
LEAST = 30
"""Places at which a lock must have been held. At most others its owner also has the interpreter,
without which no thread forks."""


def run(trial: Trial) -> None:
    """Fork with each lock held, at random moments, and once with a defect."""
    special = {"PYTHONPATH": str(special_build())}
    first = trial.random.randrange(2)
    for index in trial.units(range(first, first + trial.count("processes with locks"))):
        _fork_with_each_lock(trial, PATHS[index % 2], special)
    for index in trial.units(range(trial.count("forks at any moment") // FORKS)):
        _fork_at_any_moment(trial, PATHS[index % 2])
    trial.tried["controls"] += 1
    control = _process(trial, 1, {**special, **MUTANT}, forks=1, limit=CONTROL_LIMIT)
    if HUNG not in control:
        trial.found.append(f"not found: {MUTANT}")


def _fork_at_any_moment(trial: Trial, path: str) -> None:
    seed = trial.random.getrandbits(32)
    found = _process(trial, seed, _environment(path))
    trial.tried[f"{path}, at any moment"] += FORKS
    trial.found += [f"{path}, process with seed {seed}:\n{found}"] if found else []


def _fork_with_each_lock(trial: Trial, path: str, special: dict[str, str]) -> None:
    seed, locks = trial.random.getrandbits(32), trial.directory / "locks"
    locks.mkdir()
    found = _process(trial, seed, {**_environment(path), VARIABLE: str(locks), **special})
    if found:
        trial.found.append(f"{path}, each lock, process with seed {seed}:\n{found}")
        return
    held: dict[str, bool] = json.loads(Locks(locks).summary.read_text(encoding="utf-8"))
    trial.tried[f"{path}, with a lock held"] += sum(held.values())
    if sum(held.values()) < LEAST:
        places = ", ".join(place for place, was_held in held.items() if not was_held)
        trial.found.append(f"{path}, seed {seed}: not held at any fork: {places}")
    shutil.rmtree(locks)


def _environment(path: str) -> dict[str, str]:
    return {"LABOXIDE_PORTABLE": str(PATHS.index(path))}


def _process(
    trial: Trial,
    seed: int,
    environment: dict[str, str],
    *,
    forks: int = FORKS,
    limit: int = CHILD_LIMIT,
) -> str:
    """Let a process with its own store fork; return its output if anything went wrong."""
    command = (sys.executable, "-W", "ignore::DeprecationWarning", "-m", "faults.fork.parent")
    store = trial.directory / "store"
    process = subprocess.run(
        (*command, str(store), *map(str, (seed, forks, limit))),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    shutil.rmtree(store)
    if process.returncode == 0 and not process.stdout:
        return ""
    return f"ended with {process.returncode}\n{process.stdout[-4000:]}"


DRIVER = Driver(
    "fork while threads hold locks",
    run,
    {"processes with locks": (1, 4, 20), "forks at any moment": (25, 500, 4000)},
    root=False,
    seconds=55,
    repeats=True,
)
