"""Short writes and reads: libfiu asks the kernel for less than the engine asked it for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from faults.driver import Driver
from faults.special_build import special_build

if TYPE_CHECKING:
    from pathlib import Path

    from faults.driver import Trial

SHORT = ("pread", "pwritev")
"""What files are read and written by. No other call is ever short."""


def run(trial: Trial) -> None:
    """Store and read with every call short at random, on both paths."""
    package = special_build()
    for number in range(trial.count("rounds")):
        for portable in (False, True):
            seed = trial.random.randrange(1 << 31)
            scratch = trial.directory / f"{number}-{portable}"
            full = _child(scratch / "full", seed, package, portable=portable, probability=0)
            short = _child(scratch / "short", seed, package, portable=portable, probability=0.5)
            trial.tried.update(short["tried"])
            what = f"seed {seed}, portable {portable}"
            trial.found.extend(f"{line} ({what})" for line in short["found"])
            if short["calls"] <= full["calls"]:
                trial.found.append(f"no call was short: there were {short['calls']} ({what})")


def _child(
    scratch: Path, seed: int, package: Path, *, portable: bool, probability: float
) -> dict[str, Any]:
    scratch.mkdir(parents=True)
    points = [
        f"-c enable_random name=posix/io/rw/{call}/reduce,probability={probability}".split(" ", 1)
        for call in SHORT
    ]
    options = [word for point in points for word in point] if probability else []
    process = subprocess.run(
        (
            "fiu-run",
            "-x",
            *options,
            sys.executable,
            "-m",
            "faults.disk.short_io_child",
            scratch,
            str(seed),
        ),
        env={
            **os.environ,
            "PYTHONPATH": str(package),
            "LABOXIDE_PORTABLE": str(int(portable)),
            "PYTHONWARNINGS": "error",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        return {"tried": {}, "found": [process.stderr], "calls": 1 << 62}
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


DRIVER = Driver(
    "short writes and reads (libfiu)",
    run,
    {"rounds": (1, 3, 10)},
    tools=("fiu-run",),
    root=False,
    minutes=6,
)
