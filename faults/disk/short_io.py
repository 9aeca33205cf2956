"""Short writes and reads: libfiu passes the kernel smaller sizes than the engine asked for."""

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
"""The calls that read and write files. No other call is ever short."""


def run(trial: Trial) -> None:
    """Write and read while calls are short at random, on both paths of the engine."""
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
                trial.found.append(f"no call was short: {short['calls']} calls ({what})")


def _child(
    scratch: Path, seed: int, package: Path, *, portable: bool, probability: float
) -> dict[str, Any]:
    scratch.mkdir(parents=True)
    options = [
        option
        for call in SHORT
        for option in (
            "-c",
            f"enable_random name=posix/io/rw/{call}/reduce,probability={probability}",
        )
    ]
    child = (sys.executable, "-m", "faults.disk.short_io_child", scratch, str(seed))
    process = subprocess.run(
        ("fiu-run", "-x", *(options if probability else ()), *child),
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
)
