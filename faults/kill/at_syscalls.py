"""SIGKILL at every system call that touches a file, in operations that write, clean and delete."""

from __future__ import annotations

import shutil
from itertools import product
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.file_systems import MAKERS, file_systems
from faults.strace.child import Child
from faults.strace.operations import OPERATIONS
from faults.strace.points import Baseline, Point, baseline, changing, concerning
from faults.strace.state import differences, intermediate, leftovers, visible
from faults.strace.subject import Scene
from faults.strace.trace import traced

if TYPE_CHECKING:
    from pathlib import Path

MAIN = ("write_data", "write_data_stream", "import_file", "heal", "delete")
"""The operations of the tier "change": each way to write, one that replaces an object, and delete.
Reads write nothing that a kill could tear."""


def run(trial: Trial) -> None:
    """Kill at each point, check the files, and repeat the operation."""
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
        what = f"{name}, {way}{', durable' * durable}, {place}"
        log = directory / "log"
        undisturbed = baseline(scene, log, portable=portable)
        shutil.rmtree(scene.directory)
        points = concerning(undisturbed.points, scene.operation.alone)
        for point in points if trial.count("every call") else changing(points):
            trial.tried[f"{way} on {place}"] += 1
            found = _kill(scene, point, undisturbed, survivor, portable=portable)
            trial.found += [f"{what}: killed at {point}: {each}" for each in found]
            shutil.rmtree(scene.directory)


def _kill(
    scene: Scene, point: Point, undisturbed: Baseline, survivor: Child, *, portable: bool
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
    # The call may be the last one of a worker, after the operation has returned.
    if outcome is not None and "killed by SIGKILL" not in log.read_text(encoding="utf-8"):
        return [f"the call was not reached: {outcome}"]
    if outcome is not None:
        before = undisturbed.after
    found = intermediate(before, undisturbed.after, visible(scene.directory))
    error = survivor.call("again_anew", scene)
    found += [f"the operation fails in a new storage: {error}"] if error else []
    found += differences(undisturbed.after, visible(scene.directory))
    return found + [f"{file} was left" for file in leftovers(scene.directory)]


DRIVER = Driver(
    "kill at every system call that changes something",
    run,
    {"all operations": (0, 1, 1), "every call": (0, 1, 1), "file systems": (1, 1, 4)},
    tools=("strace", *MAKERS),
    seconds=50,
)
