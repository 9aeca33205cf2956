"""The conformance suite on file systems without links, unnamed files or case-sensitive names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from faults.driver import Driver
from faults.file_systems import MAKERS, Image, command, mounted_tmpfs, served_exfat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.driver import Trial

SIZE = 512 << 20
STORAGES = ("TestFileStorage", "TestFileStorageWithOtherOptions")


def run(trial: Trial) -> None:
    """Run the suite on each file system: two storages on asyncio, or every one on every loop."""
    with served_exfat(trial.directory, SIZE) as disk:
        _conform(trial, "exfat", disk.mount)
    with mounted_tmpfs(trial.directory / "tmpfs", "size=512m") as mount:
        with _overlay(mount) as merged:
            _conform(trial, "overlay", merged)
        if trial.count("all storages and loops"):
            _conform(trial, "tmpfs", mount)
    for kind in ("xfs", "btrfs") if trial.count("all storages and loops") else ():
        with Image(kind, trial.directory / f"{kind}.image", SIZE).mounted() as mount:
            _conform(trial, kind, mount)


@contextmanager
def _overlay(directory: Path) -> Iterator[Path]:
    lower, upper, work, merged = (directory / name for name in ("lower", "upper", "work", "merged"))
    for each in (lower, upper, work, merged):
        each.mkdir()
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    command("mount", "-t", "overlay", "-o", layers, "none", merged)
    try:
        yield merged
    finally:
        command("umount", merged)


def _conform(trial: Trial, kind: str, mount: Path) -> None:
    nodes = [f"tests/contract/test_conformance.py::{storage}" for storage in STORAGES]
    everything = trial.count("all storages and loops")
    chosen = ("tests/contract/test_conformance.py",) if everything else (*nodes, "-k", "asyncio")
    options = ("-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider")
    process = subprocess.run(
        (sys.executable, "-m", "pytest", *options, f"--basetemp={mount / 'tests'}", *chosen),
        env={**os.environ, "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = re.search(r"(\d+) passed", process.stdout)
    trial.tried[kind] += int(passed[1]) if passed else 0
    if process.returncode:
        trial.found.append(f"{kind}: {process.stdout}")


DRIVER = Driver(
    "file systems without links, unnamed files, case",
    run,
    {"all storages and loops": (0, 1, 1)},
    tools=("mkfs.exfat", "mount.exfat-fuse", *MAKERS),
    seconds=25,
)
