"""Inputs made up by libFuzzer, guided by the code that they reach."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from faults.driver import Driver
from faults.fuzz import fuzzer

if TYPE_CHECKING:
    from pathlib import Path

    from faults.driver import Trial

SHOWN = 4000
"""Characters of the output of a target from its first report on."""


def run(trial: Trial) -> None:
    """Run all targets side by side."""
    fuzzer.build()
    seconds = trial.count("seconds")
    searches = [_start(trial, target, seconds) for target in fuzzer.TARGETS]
    for target, search, scratch in searches:
        output = scratch / "output"
        status = search.wait()
        _note(trial, target, status, scratch, output.read_text(encoding="utf-8", errors="replace"))


def _start(trial: Trial, target: str, seconds: int) -> tuple[str, subprocess.Popen[bytes], Path]:
    scratch = trial.directory / target
    scratch.mkdir()
    seed = trial.random.randrange(1, 1 << 31)
    with (scratch / "output").open("wb") as output:
        search = subprocess.Popen(
            ("nice", "-n19", *fuzzer.search(target, seconds, seed, scratch)),
            env=fuzzer.environment(scratch),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return target, search, scratch


def _note(trial: Trial, target: str, status: int, scratch: Path, output: str) -> None:
    counted = fuzzer.RUNS.search(output)
    trial.tried[f"inputs of {target}"] += int(counted[1]) if counted else 0
    # Files of the fuzzer: crash-, leak-, timeout- or oom- and a hash.
    inputs = sorted(path for path in scratch.iterdir() if path.is_file() and "-" in path.name)
    again = [
        f"{path.name}: make fuzz TARGET={target} INPUT={path.read_bytes().hex()}" for path in inputs
    ]
    if status or again or not counted:
        start = next((at for at in map(output.find, ("panicked at", "ERROR: ")) if at >= 0), 0)
        trial.found.append("\n".join([*again, f"status {status}", output[start : start + SHOWN]]))


DRIVER = Driver(
    "the engine under a coverage-guided fuzzer, and AddressSanitizer",
    run,
    {"seconds": (60, 300, 900)},
    per_change=False,
    tools=("cargo", "cc", "c++"),
    root=False,
    # It runs with the lowest priority, beside the lanes of other drivers.
    lanes=0,
    seconds=115,
)
