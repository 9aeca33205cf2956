"""The engine's own tests under AddressSanitizer, LeakSanitizer and ThreadSanitizer."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from faults.driver import Driver
from faults.sanitizers.build import MEMORY, threads

if TYPE_CHECKING:
    from faults.driver import Trial
    from faults.sanitizers.build import Build

CONTROLS = Path("faults/sanitizers/controls")

SAID = re.compile(r"WARNING: ThreadSanitizer: |ERROR: (?:Address|Leak)Sanitizer: ")
PASSED = re.compile(r"^test result: ok\. (\d+) passed", re.MULTILINE)
SHOWN = 12_000
"""Characters of the output from the first report on."""


def run(trial: Trial) -> None:
    """Run the controls and the tests under each sanitizer."""
    for program in ("use_after_free", "leak"):
        _control(trial, MEMORY, program, reports=True)
    _test(trial, MEMORY, "AddressSanitizer")
    build = threads()
    _control(trial, build, "data_race", reports=True)
    _control(trial, build, "ordered", reports=False)
    _test(trial, build, "ThreadSanitizer")


def _control(trial: Trial, build: Build, name: str, *, reports: bool) -> None:
    trial.tried["controls"] += 1
    source = CONTROLS / f"{name}.rs"
    program = build.rustc(source)
    result = subprocess.run(
        [program], env=build.variables(), capture_output=True, text=True, check=False
    )
    if (SAID.search(result.stderr) is not None) != reports:
        said = "was not reported" if reports else "was reported"
        trial.found.append(f"{source} {said}: {result.stderr[:SHOWN]}")


def _test(trial: Trial, build: Build, name: str) -> None:
    for _ in range(trial.count("runs")):
        seed = str(trial.random.randrange(1 << 32))
        result = build.cargo(
            *(
                "test",
                "--package=laboxide-core",
                "--package=laboxide-sha256",
                "--tests",
                "--no-fail-fast",
            ),
            # Both builds take 71 s of processor time instead of 133, and the tests 38 in all.
            "--config=profile.dev.opt-level=0",
            # A harness that captures output takes locks that the sanitizer does not see.
            after=("--", "--nocapture"),
            environment={
                "PROPTEST_RNG_SEED": seed,
                "PROPTEST_CASES": str(trial.count("inputs of each test")),
                "TMPDIR": str(trial.directory),
                # Tests panic on purpose. Two backtraces share memory under a lock of the compiled
                # library, which ThreadSanitizer does not see.
                "RUST_BACKTRACE": "0",
            },
        )
        passed = sum(map(int, PASSED.findall(result.stdout)))
        trial.tried[f"tests under {name}"] += passed
        if result.returncode or SAID.search(result.stdout) or not passed:
            trial.found.append(f"PROPTEST_RNG_SEED={seed}, {name}:\n{_report(result.stdout)}")


def _report(output: str) -> str:
    first = SAID.search(output) or re.search(r"^(error|failures:)", output, re.MULTILINE)
    start = first.start() if first else max(0, len(output) - SHOWN)
    return output[start : start + SHOWN]


DRIVER = Driver(
    "the engine's tests under AddressSanitizer, LeakSanitizer and ThreadSanitizer",
    run,
    {"runs": (1, 1, 3), "inputs of each test": (12, 96, 96)},
    per_change=False,
    tools=("cargo", "cc"),
    root=False,
    lanes=2,
    seconds=200,
)
