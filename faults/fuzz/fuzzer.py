"""Coverage-guided fuzzing of the engine: `make fuzz`."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from faults.sanitizers.build import DIRECTORY, MEMORY, ROOT, TARGET

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ROOT / "rust" / "fuzz"
CORPUS = ROOT / "target" / "fuzz"
"""Inputs that reach new code, kept for the next run."""

COVERAGE = (
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
)
"""The flags of cargo-fuzz."""

COVERED = ("laboxide-core", "laboxide-sha256", "laboxide-fuzz")
"""The crates with coverage. cargo-fuzz covers all, and spends most of the time in SHA-256 then."""

LONGEST = 512
"""Bytes of the longest input. They are choices, not content."""

TARGETS = tuple(sorted(path.stem for path in (SOURCES / "fuzz_targets").glob("*.rs")))
RUNS = re.compile(r"^stat::number_of_executed_units:\s+(\d+)$", re.MULTILINE)


def build() -> None:
    """Build all targets.

    Raises:
        OSError: The build failed; with the compiler's message.
    """
    flags = [f"--config=profile.dev.package.{name}.rustflags={list(COVERAGE)}" for name in COVERED]
    manifest = f"--manifest-path={SOURCES / 'Cargo.toml'}"
    result = MEMORY.cargo("build", manifest, "-Zprofile-rustflags", *flags)
    if result.returncode:
        raise OSError(result.stdout)


def command(target: str, *arguments: str) -> list[str]:
    """Return the command that runs a built target."""
    return [
        str(DIRECTORY / TARGET / "debug" / target),
        f"-max_len={LONGEST}",
        # A run takes a tenth of a second: one that takes this long waits for ever.
        "-timeout=100",
        "-print_final_stats=1",
        *arguments,
    ]


def search(target: str, seconds: int, seed: int, found: Path) -> list[str]:
    """Return the command that looks for inputs on which `target` fails; they go to `found`."""
    corpus = CORPUS / target
    corpus.mkdir(parents=True, exist_ok=True)
    limits = (f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={found}/")
    return command(target, *limits, str(corpus), str(SOURCES / "seeds" / target))


def environment(scratch: Path | str) -> dict[str, str]:
    """Return the environment of a target, whose stores are in `scratch`."""
    return {**MEMORY.variables(), "TMPDIR": str(scratch)}


def main() -> int:
    """Look for an input that fails, or repeat one."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--input", help="the bytes of one input in hex, to repeat it")
    options = parser.parse_args()
    build()
    (found := CORPUS / f"{options.target}-found").mkdir(parents=True, exist_ok=True)
    if options.input is None:
        seed = int.from_bytes(os.urandom(3))
        words = search(options.target, options.seconds, seed, found)
    else:
        (again := found / "again").write_bytes(bytes.fromhex(options.input))
        # Repeated, since the speed of the workers varies.
        words = command(options.target, "-runs=100", str(again))
    with TemporaryDirectory(dir=DIRECTORY) as scratch:
        return subprocess.run(words, env=environment(scratch), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
