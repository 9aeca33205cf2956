"""What the figures hold for."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from benches.images import file_system_of

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
"""What decides how fast an x86 processor hashes, by the names of the kernel's flags."""

OF_A_RUN = {"runs", "passes", "load", "stolen", "minutes"}
"""What is not the machine's own."""


class Machine(TypedDict):
    """Where and with what a run was made."""

    scale: str
    runs: int
    passes: int
    processor: str
    vectors: list[str]
    """Which of `VECTORS` it has."""
    cores: int
    memory: int
    system: str
    python: str
    packages: dict[str, str]
    file_system: str
    reflink: str
    """The file system whose files share blocks, or why there is none."""
    load: list[float]
    """The load average before the first pass and after the last of each run."""
    stolen: float | None
    """The share of its cores' time that its host took for others meanwhile, where that is known."""
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
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        memory=int((_field("/proc/meminfo", "MemTotal") or "0").split()[0]) * 1024,
        system=f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        python=f"CPython {platform.python_version()}",
        packages={name: version(name) for name in PACKAGES},
        file_system=file_system_of(directory),
        reflink=reflink,
        load=[os.getloadavg()[0]],
        stolen=None,
        minutes=0.0,
    )


def difference(earlier: Machine, now: Machine) -> str | None:
    """Return why what was measured on the two cannot be taken together, if it cannot."""
    for name, value in now.items():
        if name not in OF_A_RUN and earlier.get(name) != value:
            return f"{name} was {earlier.get(name)!r}, and is {value!r}"
    return None


def together(earlier: Machine, now: Machine) -> Machine:
    """Return what is to be said of two runs."""
    minutes = earlier["minutes"] + now["minutes"]
    stolen = [
        run["minutes"] / minutes * run["stolen"]
        for run in (earlier, now)
        if run["stolen"] is not None
    ]
    return {
        **now,
        "runs": earlier["runs"] + now["runs"],
        "passes": earlier["passes"] + now["passes"],
        "load": earlier["load"] + now["load"],
        "stolen": sum(stolen) if stolen else None,
        "minutes": minutes,
    }


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(values, None)
