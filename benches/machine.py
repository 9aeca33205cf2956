"""The machine behind the figures, and the steal time of its virtual processors."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

PACKAGES = (
    "laboxide",
    "labox",
    "aiofiles",
    "anyio",
    "blake3",
    "obstore",
    "trio",
    "uvloop",
)

VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "sha_ni": "SHA-NI"}
"""Instruction sets that decide the hash speed on x86, by kernel flag."""

RUN_FIELDS = {"runs", "passes", "load", "steal", "minutes"}
"""Fields that describe a run, not the machine."""

STEAL = 7
"""Index of the steal time in a line of ``/proc/stat``; the fields behind it repeat earlier ones."""


class Machine(TypedDict):
    """The environment of a run."""

    scale: str
    runs: int
    passes: int
    processor: str
    vectors: list[str]
    """Supported members of `VECTORS`."""
    cores: int
    memory: int
    system: str
    python: str
    packages: dict[str, str]
    file_system: str
    reflink: str
    """The file system with reflinks, or the reason why there is none."""
    load: list[float]
    """Load average before the first and after the last pass of each run."""
    steal: float | None
    """Share of processor time that the host took, None if unknown."""
    minutes: float


def describe(directory: Path, scale: str, reflink: str) -> Machine:
    """Describe this machine, before the first pass."""
    flags = (_field("/proc/cpuinfo", "flags") or "").split()
    return Machine(
        scale=scale,
        runs=1,
        passes=0,
        processor=_field("/proc/cpuinfo", "model name") or platform.processor(),
        vectors=[VECTORS[flag] for flag in VECTORS if flag in flags],
        cores=core_count(),
        memory=int((_field("/proc/meminfo", "MemTotal") or "0").split()[0]) * 1024,
        system=system_name(),
        python=f"CPython {platform.python_version()}",
        packages={name: version(name) for name in PACKAGES},
        file_system=file_system_of(directory),
        reflink=reflink,
        load=[os.getloadavg()[0]],
        steal=None,
        minutes=0.0,
    )


def core_count() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def system_name() -> str:
    """Return the kernel, its version and the architecture."""
    return f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}"


def difference(earlier: Machine, now: Machine) -> str | None:
    """Return the first difference that forbids merging two runs, if any."""
    for name, value in now.items():
        if name not in RUN_FIELDS and earlier.get(name) != value:
            return f"{name} was {earlier.get(name)!r}, now {value!r}"
    return None


def merged(earlier: Machine, now: Machine) -> Machine:
    """Merge the descriptions of two runs."""
    minutes = earlier["minutes"] + now["minutes"]
    steal = [
        run["minutes"] / minutes * run["steal"]
        for run in (earlier, now)
        if run["steal"] is not None
    ]
    return {
        **now,
        "runs": earlier["runs"] + now["runs"],
        "passes": earlier["passes"] + now["passes"],
        "load": earlier["load"] + now["load"],
        "steal": sum(steal) if steal else None,
        "minutes": minutes,
    }


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(values, None)


def core_times() -> list[int]:
    """Return the time of all cores since boot, by kind; empty outside Linux."""
    try:
        line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return []
    return [int(field) for field in line.split()[1 : STEAL + 2]]


def steal_share(before: list[int]) -> float | None:
    """Return the share of steal time since `before`, None if unknown."""
    passed = _passed(before)
    return passed[STEAL] / sum(passed) if sum(passed) else None


def steal_seconds(before: list[int]) -> float:
    """Return the steal time of all cores since `before`, to 10 ms."""
    passed = _passed(before)
    return passed[STEAL] / os.sysconf("SC_CLK_TCK") if passed else 0.0


def _passed(before: list[int]) -> list[int]:
    return [end - start for end, start in zip(core_times(), before, strict=True)]


def file_system_of(path: Path) -> str:
    """Return the type of the file system below `path`, with its journal and loop mode."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown file system"
    parents = {str(path), *map(str, path.parents)}
    fitting = [fields for line in mounts if (fields := line.split())[1] in parents]
    if not fitting:
        return "unknown file system"
    device, _, kind, *_ = max(fitting, key=lambda fields: len(fields[1]))
    return f"{kind}{_journal_of(device) if kind == 'ext4' else ''}{_loop_of(device)}"


def _journal_of(device: str) -> str:
    journals = Path("/proc/fs/jbd2")
    if not journals.is_dir():
        return ", journal unknown"
    name = Path(device).name
    has = any(path.name.startswith(f"{name}-") for path in journals.iterdir())
    return " with a journal" if has else " without a journal"


def _loop_of(device: str) -> str:
    direct = Path("/sys/block", Path(device).name, "loop", "dio")
    try:
        mode = "direct" if direct.read_text(encoding="ascii").strip() == "1" else "buffered"
    except OSError:
        return ""
    return f", loop-mounted image ({mode} I/O)"
