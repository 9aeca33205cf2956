"""What the demo prints."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benches.demo.sample import MIB

if TYPE_CHECKING:
    from benches.demo.rounds import Series

GIB = 1 << 30
ROWS = {
    "Store it": {
        "stream_blake3": "laboxide stream, BLAKE3",
        "stream_sha256": "laboxide stream, SHA-256",
        "stream_plain": "hashlib SHA-256 + writes on the loop",
        "import_blake3": "laboxide import_file, BLAKE3",
        "import_plain": "hashlib SHA-256 + 1 MiB copy on the loop",
    },
    "Read it back": {
        "read_hash": 'laboxide stream, verify_reads="hash"',
        "read_size": 'laboxide stream, verify_reads="size"',
        "read_plain": "1 MiB reads on the loop, unverified",
    },
    "For comparison": {
        "hash_alone": "BLAKE3 of bytes in memory, one thread",
        "idle": "a loop with nothing to do",
    },
}
WIDTH = 42
STREAM_FLOOR, HASH_READ_FLOOR = 3.0, 0.6
STALL_FLOOR, MEMORY_FLOOR = 0.005, 32 * MIB


def heading(source: Path, rounds: int) -> str:
    """Return what the figures below hold for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return (
        f"laboxide {version('laboxide')}, CPython {platform.python_version()}, "
        f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}, "
        f"{cores} cores, {file_system_of(source)}, {load}\n"
        f"{source.name}: {source.stat().st_size / MIB:,.0f} MiB, streamed in 64 KiB chunks from a "
        "source that suspends every MiB\n"
        f"{rounds} rounds of all jobs in turn, each in a process of its own: the median speed, the "
        "most\nextra memory, and the longest stall of the event loop (of all rounds; the median "
        "round's)"
    )


def table(series: dict[str, Series]) -> str:
    """Return a row for each job."""
    lines = [f"{'':{WIDTH}}{'GB/s':>7}{'extra MiB':>12}{'longest stall, ms':>20}{'median':>9}"]
    for title, rows in ROWS.items():
        lines.append(title)
        lines += [row(label, series[name], name) for name, label in rows.items()]
    return "\n".join(lines)


def row(label: str, costs: Series, name: str = "") -> str:
    """Return the row of one job."""
    speed = "-" if name == "idle" else f"{costs.speed / 1e9:.2f}"
    memory = f"{costs.extra_memory / MIB:.1f}"
    worst, usual = f"{costs.worst_stall * 1e3:.1f}", f"{costs.usual_stall * 1e3:.1f}"
    if name == "hash_alone":  # it has no loop to keep free
        memory = worst = usual = "-"
    return f"  {label:{WIDTH - 2}}{speed:>7}{memory:>12}{worst:>20}{usual:>9}"


def checks(series: dict[str, Series], growth: dict[int, Series]) -> str:
    """Return the floors and whether they were reached."""

    def ratio(name: str, to: str) -> float:
        return series[name].speed / series[to].speed

    stream = series["stream_blake3"]
    results = [
        _least(
            "stream, against hashlib + writes", ratio("stream_blake3", "stream_plain"), STREAM_FLOOR
        ),
        _most("stream, longest stall (median)", stream.usual_stall * 1e3, STALL_FLOOR * 1e3, "ms"),
        _most("stream, extra memory", stream.extra_memory / MIB, MEMORY_FLOOR / MIB, "MiB"),
        _least("read with size, against plain reads", ratio("read_size", "read_plain"), 1.0),
        _least(
            "read with hash, against BLAKE3 alone",
            ratio("read_hash", "hash_alone"),
            HASH_READ_FLOOR,
        ),
    ]
    results += [
        _most(f"{size / GIB:g} GiB in and out, extra memory", costs.extra_memory / MIB, 32, "MiB")
        for size, costs in growth.items()
    ]
    return "\n".join(results)


def _least(what: str, found: float, floor: float) -> str:
    return _line(what, f"{found:.2f} x", f"at least {floor:g} x", reached=found >= floor)


def _most(what: str, found: float, ceiling: float, unit: str) -> str:
    return _line(what, f"{found:.1f} {unit}", f"under {ceiling:g} {unit}", reached=found < ceiling)


def _line(what: str, found: str, floor: str, *, reached: bool) -> str:
    return f"  {'PASS' if reached else 'BELOW':7}{what:{WIDTH}}{found:>11}   ({floor})"


def file_system_of(path: Path) -> str:
    """Return the type of the file system that holds `path`, where the system tells."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown file system"
    parents = {str(path), *map(str, path.parents)}
    fitting = [fields for line in mounts if (fields := line.split())[1] in parents]
    return max(fitting, key=lambda fields: len(fields[1]))[2] if fitting else "unknown file system"
