"""Inputs made up by hypothesis for its tests, as many as there is time for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING

from faults.driver import Driver

if TYPE_CHECKING:
    from faults.driver import Trial

TARGETS = {
    "chunking": ("tests/digest/test_hasher.py",),
    "pointers": ("tests/hostile/test_pointer_values.py",),
    "streams": ("tests/digest/test_digest_stream.py", "tests/runtime/test_native_sequences.py"),
}
PASSED = re.compile(r"(\d+) passing(?: examples)?, (\d+) failing")
SHOWN = 6000
"""Characters of the end of pytest's output."""


def run(trial: Trial) -> None:
    """Run all targets side by side, over and over with another seed."""
    seeds = [trial.random.getrandbits(32) for _ in TARGETS]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda target, seed: _search(trial, target, Random(seed)), TARGETS, seeds))


def _search(trial: Trial, target: str, random: Random) -> None:
    until = time.monotonic() + trial.count("seconds")
    profile = "more" if trial.tier == "change" else "slow"
    while time.monotonic() < until:
        words = ["-m", "pytest", "-m", "hypothesis", f"--hypothesis-seed={random.getrandbits(32)}"]
        words += [*TARGETS[target], *["--tier=long"] * (trial.tier != "change")]
        status, output = _pytest(words, profile)
        tried = sum(int(passed) + int(failed) for passed, failed in PASSED.findall(output))
        trial.tried[f"inputs of {target}"] += tried
        if status or not tried:
            again = f"LABOXIDE_HYPOTHESIS={profile} python {' '.join(words)}"
            trial.found.append(f"{again}\n{output[-SHOWN:]}")
            return


def _pytest(words: list[str], profile: str) -> tuple[int, str]:
    options = ("-x", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-show-statistics")
    process = subprocess.run(
        # The lowest priority, beside other drivers.
        ("nice", "-n19", sys.executable, *words, *options),
        env={**os.environ, "LABOXIDE_HYPOTHESIS": profile, "CI": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return process.returncode, process.stdout


DRIVER = Driver(
    "more inputs of hypothesis for its tests",
    run,
    {"seconds": (12, 300, 900)},
    per_change=False,
    root=False,
    lanes=0,
    seconds=50,
)
