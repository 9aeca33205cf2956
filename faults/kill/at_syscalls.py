"""SIGKILL at every system call that touches a file, of what writes, heals, sweeps and deletes."""

from __future__ import annotations

import shutil
from itertools import product
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.file_systems import MAKERS, file_systems
from faults.strace.child import Child
from faults.strace.holds import differences, halfway, leftovers, visible
from faults.strace.operations import OPERATIONS
from faults.strace.points import Course, Point, changing, concerning, course
from faults.strace.strace import traced
from faults.strace.subject import Scene

if TYPE_CHECKING:
    from pathlib import Path

MAIN = ("write_data", "write_data_stream", "import_file", "heal", "delete")
"""The operations of a run per change: each way in, the one that replaces an object, and the end.
Reads leave nothing that a kill could tear."""


def run(trial: Trial) -> None:
    """Kill at each point, look at the files, and do it anew."""
    for place, directory in file_systems(trial):
        for portable in (False, True):
            with Child(directory, portable=portable, frozen=False) as survivor:
                _all_operations(trial, place, directory, survivor, portable=portable)


def _all_operations(
    trial: Trial, place: str, directory: Path, survivor: Child, *, portable: bool
) -> None:
    way = "portable" if portable else "native"
    writing = [name for name, operation in OPERATIONS.items() if operation.writes]
    names = writing if trial.count("all operations") else MAIN
    for name, durable in trial.units(list(product(names, (False, True)))):
        scene = Scene(name, directory / "scene", durable)
        told = f"{name}, {way}{', durable' * durable}, {place}"
        log = directory / "log"
        undisturbed = course(scene, log, portable=portable)
        shutil.rmtree(scene.directory)
        points = concerning(undisturbed.points, scene.what.alone)
        for point in points if trial.count("every call") else changing(points):
            trial.tried[f"{way} on {place}"] += 1
            found = _kill(scene, point, undisturbed, survivor, portable=portable)
            trial.found += [f"{told}: killed at {point}: {what}" for what in found]
            shutil.rmtree(scene.directory)


def _kill(
    scene: Scene, point: Point, undisturbed: Course, survivor: Child, *, portable: bool
) -> list[str]:
    with Child(scene.directory.parent, portable=portable) as victim:
        victim.call("arrange", scene)
        before = visible(scene.directory)
        fault = f"{point.call}:signal=SIGKILL:when={point.nth}"
        log = scene.directory.parent / "log"
        with traced([victim.threads[point.thread]], log, f"trace={point.call}", f"inject={fault}"):
            try:
                outcome = victim.call("act")
            except EOFError:
                outcome = None
    # It may be the last thing that a worker does when the caller knows already.
    if outcome is not None and "killed by SIGKILL" not in log.read_text(encoding="utf-8"):
        return [f"it was not reached: {outcome}"]
    if outcome is not None:
        before = undisturbed.after
    found = halfway(before, undisturbed.after, visible(scene.directory))
    error = survivor.call("anew", scene)
    found += [f"a new storage cannot do it: {error}"] if error else []
    found += differences(undisturbed.after, visible(scene.directory))
    return found + [f"{file} was left" for file in leftovers(scene.directory)]


DRIVER = Driver(
    "kill at every system call that changes something",
    run,
    {"all operations": (0, 1, 1), "every call": (0, 1, 1)},
    tools=("strace", *MAKERS),
    seconds=50,
    minutes=8,
)
