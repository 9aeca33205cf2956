"""What each further core adds, for streams written at once.

Usage: python -m benches.scaling [--directory D] [--rounds N]. Each round runs once on each number
of cores, 1, 2, 4 and so on, in a process that is kept to them; the medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benches.images import file_system_of, mounted, why_not
from benches.page_cache import warm_page_cache
from benches.run import SCRATCH
from benches.scale import MIB

ROUNDS = 7
STREAMS = 4
SIZE = 64 * MIB


def main() -> int:
    """Measure, and print a line for each number of cores."""
    parser = argparse.ArgumentParser(description="Measure what each further core adds.")
    parser.add_argument("--directory", type=Path, help="where to write, instead of an ext4 image")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    available = sorted(os.sched_getaffinity(0))
    counts = [1 << power for power in range(len(available).bit_length())]
    speeds: dict[int, list[float]] = {count: [] for count in counts if count <= len(available)}
    with ExitStack() as stack:
        directory = place(options.directory, stack)
        for _ in range(options.rounds):
            for count, found in speeds.items():
                found.append(measure(available[:count], directory))
        print(f"{STREAMS} streams of {SIZE // MIB} MiB with BLAKE3, {file_system_of(directory)}")
    for count, found in speeds.items():
        ratio = median(found) / median(speeds[1])
        print(f"{count:3} cores: {median(found) / 1e9:5.2f} GB/s, {ratio:.2f} x one core")
    return 0


def place(asked: Path | None, stack: ExitStack) -> Path:
    """Return where to write."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    if asked is None and why_not("ext4") is None:
        return stack.enter_context(mounted("ext4", SCRATCH))
    return asked or SCRATCH


def measure(cores: list[int], directory: Path) -> float:
    """Return the bytes per second of streams written by a process on some cores."""
    warm_page_cache(directory, STREAMS * SIZE)
    with tempfile.TemporaryDirectory(dir=directory) as fresh:
        job = [sys.executable, "-m", "benches.memory_job", "write", "laboxide"]
        process = subprocess.run(
            [*job, str(SIZE), str(STREAMS), fresh],
            stdout=subprocess.PIPE,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    found = json.loads(process.stdout)
    return float(found["moved"] / found["seconds"])


if __name__ == "__main__":
    sys.exit(main())
