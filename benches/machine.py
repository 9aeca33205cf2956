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


class Machine(TypedDict):
    """Where and with what a run was made."""

    scale: str
    passes: int
    processor: str
    cores: int
    memory: int
    system: str
    python: str
    packages: dict[str, str]
    file_system: str
    reflink: str
    """The file system whose files share blocks, or why there is none."""
    load: list[float]
    """The load average before the first pass and after the last."""
    minutes: float


def describe(directory: Path, scale: str, reflink: str) -> Machine:
    """Describe this machine, before the first pass."""
    return Machine(
        scale=scale,
        passes=0,
        processor=_field("/proc/cpuinfo", "model name") or platform.processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        memory=int((_field("/proc/meminfo", "MemTotal") or "0").split()[0]) * 1024,
        system=f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        python=f"CPython {platform.python_version()}",
        packages={name: version(name) for name in PACKAGES},
        file_system=file_system_of(directory),
        reflink=reflink,
        load=[os.getloadavg()[0]],
        minutes=0.0,
    )


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(values, None)
