"""Measure concurrent stream writes on 1, 2, 4 and more cores.

Usage: python -m benches.scaling [--directory D] [--rounds N]. Each round runs once per number of
cores, in a process pinned to them; the output shows the medians.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from benches.images import scratch_directory
from benches.machine import file_system_of
from benches.memory import in_new_process, warm_page_cache
from benches.peers.laboxide_storage import Laboxide
from benches.scale import MIB
from benches.zeros import write_zeros

ROUNDS = 7
STREAMS = 4
SIZE = 64 * MIB


def main() -> int:
    """Measure, and print one line per number of cores."""
    parser = argparse.ArgumentParser(description="Measure stream writes on more and more cores.")
    parser.add_argument("--directory", type=Path, help="scratch directory, not an ext4 image")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    available = sorted(os.sched_getaffinity(0))
    counts = [1 << power for power in range(len(available).bit_length())]
    speeds: dict[int, list[float]] = {count: [] for count in counts if count <= len(available)}
    with scratch_directory(options.directory) as directory:
        for _ in range(options.rounds):
            for count, found in speeds.items():
                found.append(measure(available[:count], directory))
        print(f"{STREAMS} streams of {SIZE // MIB} MiB with BLAKE3, {file_system_of(directory)}")
    for count, found in speeds.items():
        ratio = median(found) / median(speeds[1])
        print(f"{count:3} cores: {median(found) / 1e9:5.2f} GB/s, {ratio:.2f} x one core")
    return 0


def measure(cores: list[int], directory: Path) -> float:
    """Return the bytes per second of stream writes by a process on `cores`."""
    warm_page_cache(directory, STREAMS * SIZE)
    with tempfile.TemporaryDirectory(dir=directory) as fresh:
        moved, cost = in_new_process(write_zeros, Laboxide, SIZE, STREAMS, Path(fresh), cores)
    return moved / cost.seconds


if __name__ == "__main__":
    sys.exit(main())
