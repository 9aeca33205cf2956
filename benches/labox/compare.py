"""Save a large stream through Labox alone and with laboxide, in turn; print speed and stalls.

Usage: python -m benches.labox [MiB] [rounds]. It needs the extra ``laboxide[labox]`` and aiosqlite.
Its exit status says whether all that was saved was right, and nothing of speed.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benches.page_cache import warm_page_cache

JOB = ("-m", "benches.labox.save_job")
ROOT = Path(__file__).parents[2]
MIB = 1 << 20
LABELS = {
    "labox": "Labox alone",
    "labox+accelerated": "  with accelerate()",
    "drop_in": "laboxide.labox.FileStorage",
    "drop_in+accelerated": "  with accelerate()",
    "laboxide+accelerated": "laboxide.FileStorage with accelerate()",
    "labox+suspending": "Labox alone, source suspends every MiB",
    "drop_in+accelerated+suspending": "laboxide.labox.FileStorage with accelerate()",
    "idle": "a loop with nothing to do",
}
FLOORS = {
    "drop_in+accelerated": "labox",
    "laboxide+accelerated": "labox",
    "drop_in+accelerated+suspending": "labox+suspending",
}
WARM, THROUGHPUT_FLOOR, STALL_FLOOR = "drop_in", 1.3, 5.0


def main() -> int:
    """Run all jobs in turn, each in a process of its own, and print what they took."""
    size, rounds = (int(argument) for argument in [*sys.argv[1:], "512", "7"][:2])
    scratch = Path(tempfile.mkdtemp(dir=Path(__file__).parents[2], prefix="bench-data-"))
    outcomes: dict[str, list[dict[str, float]]] = {name: [] for name in LABELS}
    print(heading(size, rounds), flush=True)
    try:
        run(WARM, size, scratch)
        for _ in range(rounds):
            for name, found in outcomes.items():
                found.append(run(name, size, scratch))
    finally:
        shutil.rmtree(scratch)
    print(report(outcomes))
    return 0


def run(name: str, size: int, scratch: Path) -> dict[str, float]:
    """Run one job; what it has written is removed between the timed parts."""
    directory = scratch / "job"
    directory.mkdir()
    warm_page_cache(scratch, size * MIB)
    try:
        process = subprocess.run(
            [sys.executable, *JOB, name, str(size), directory],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=ROOT,
        )
    finally:
        shutil.rmtree(directory)
    outcome: dict[str, float] = json.loads(process.stdout)
    return outcome


def heading(size: int, rounds: int) -> str:
    """Return what the figures below hold for."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("laboxide", "labox", "sqlalchemy"))
    load = os.getloadavg()[0]
    return (
        f"{packages}, CPython {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {load:.1f}\n"
        f"save_one of a StorableStream of {size} MiB in 64 KiB chunks, from a source that never "
        f"suspends\nif nothing else is said; SHA-256, the record committed to SQLite; {rounds} "
        "rounds, jobs in turn\n"
    )


def report(outcomes: dict[str, list[dict[str, float]]]) -> str:
    """Return a row for each job, and whether the floors were reached."""
    speeds = {
        name: median(outcome["bytes"] / outcome["seconds"] for outcome in found)
        for name, found in outcomes.items()
    }
    lines = [f"{'':44}{'GB/s':>6}{'ratio':>8}{'worst stall, ms':>18}{'median':>9}"]
    for name, label in LABELS.items():
        stalls = [outcome["worst_stall"] * 1e3 for outcome in outcomes[name]]
        plain = "labox+suspending" if name.endswith("+suspending") else "labox"
        speed, ratio = f"{speeds[name] / 1e9:.2f}", f"{speeds[name] / speeds[plain]:.2f}"
        if name == "idle":
            speed = ratio = "-"
        lines.append(f"{label:44}{speed:>6}{ratio:>8}{max(stalls):>18.1f}{median(stalls):>9.1f}")
    lines.append("")
    for name, plain in FLOORS.items():
        ratio_found = speeds[name] / speeds[plain]
        stall = median(outcome["worst_stall"] for outcome in outcomes[name]) * 1e3
        reached = ratio_found >= THROUGHPUT_FLOOR and stall < STALL_FLOOR
        lines.append(
            f"{'PASS' if reached else 'BELOW':7}{name}: {ratio_found:.2f} x the throughput (at "
            f"least {THROUGHPUT_FLOOR}), worst stall {stall:.1f} ms (median; under {STALL_FLOOR:g})"
        )
    return "\n".join(lines)
