"""A hung disk: loops keep running, calls can be cancelled, processes can end, no data is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
from laboxide import FileStorage

from faults.disk.blocked import Scene, acts
from faults.driver import Driver
from faults.file_systems import STOP_LIMIT, served_exfat
from faults.loops import GAP, LOOPS, TRIES, longest_gap
from faults.operations import open_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faults.disk.blocked import Act
    from faults.driver import Trial
    from faults.file_systems import ServedDisk

SIZE = 64 << 20
SMALL, LARGE = 5_000, (9 << 20) + 7
"""One job, and more than is read ahead or in flight."""
WAIT = 0.06
"""Seconds for which an operation waits for the disk."""
LIMIT = 20
"""Seconds in which an operation completes after the disk has resumed."""


class Outcome(NamedTuple):
    """The outcome of one attempt."""

    failure: str | None
    seconds: float
    """The longest time for which the loop stood still, or until the cancelled call returned."""


def run(trial: Trial) -> None:
    """Hang the disk under every operation, on every kind of loop."""
    with served_exfat(trial.directory, SIZE) as disk:
        names = sorted(LOOPS)
        one = [trial.random.choice(names)]
        for loop in names:
            anyio.run(partial(_hang, trial, disk, loop, SMALL), **LOOPS[loop])
        for loop in names if trial.count("large objects on every loop") else one:
            anyio.run(partial(_hang, trial, disk, loop, LARGE), **LOOPS[loop])
        _leave(trial, disk)


async def _hang(trial: Trial, disk: ServedDisk, loop: str, size: int) -> None:
    storage = FileStorage(disk.mount / "store", mkdir=True)
    content = trial.random.randbytes(size)
    for name, act in acts(large=size == LARGE).items():
        scene = await Scene.of(storage, content, trial.directory)
        await scene.set_up(present=act.present)
        expected = await act.run(scene)
        scene.stop = disk.stop
        for ending in (_cancel, _go_on):
            trial.tried[f"{loop}, {ending.__name__[1:]}"] += 1
            failure = await _best(partial(ending, scene, act, expected, disk))
            if failure is not None:
                trial.found.append(f"{loop}: {name} of {size} bytes: {failure}")
        await scene.set_up(present=False)


async def _best(attempt: Callable[[], Awaitable[Outcome]]) -> str | None:
    """Repeat an attempt that was too slow; return the finding, if there is one."""
    for _ in range(TRIES):
        failure, seconds = await attempt()
        if failure is not None or seconds <= GAP:
            return failure
    return f"the loop stood still, or cancelling took {seconds:.3f} s"


async def _cancel(scene: Scene, act: Act, _: object, disk: ServedDisk) -> Outcome:
    """Cancel the operation while the disk hangs."""
    await scene.set_up(present=act.present)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(act.run, scene)
            gap = await longest_gap(WAIT)
            begun = time.perf_counter()
            group.cancel_scope.cancel()
        seconds = time.perf_counter() - begun
    finally:
        disk.go_on()
    if gap <= GAP and not group.cancel_scope.cancelled_caught:
        return Outcome("it did not wait for the disk", 0)
    return Outcome(await _left(scene), max(gap, seconds))


async def _go_on(scene: Scene, act: Act, expected: object, disk: ServedDisk) -> Outcome:
    """Resume the disk, and await the operation."""
    await scene.set_up(present=act.present)
    results: list[object] = []

    async def keep() -> None:
        results.append(await act.run(scene))

    try:
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                group.start_soon(keep)
                gap = await longest_gap(WAIT)
                early = bool(results)
                disk.go_on()
    finally:
        disk.go_on()
    if gap <= GAP and early:
        return Outcome("it did not wait for the disk", 0)
    if results != [expected]:
        return Outcome("wrong result after the disk resumed", 0)
    return Outcome(await _left(scene), gap)


async def _left(scene: Scene) -> str | None:
    """Wait for the workers, and return a finding if they left anything."""
    deadline = time.monotonic() + 10
    while (wrong := _leftovers(scene)) and time.monotonic() < deadline:
        await anyio.sleep(0.005)
    if wrong is None and scene.path.exists() and scene.path.read_bytes() != scene.content:
        wrong = "wrong bytes are there"
    return wrong


def _leftovers(scene: Scene) -> str | None:
    root = scene.storage.path
    if is_open := [target for target in open_files() if target.startswith(str(root))]:
        return f"still open: {is_open}"
    left = {path for path in root.rglob("*") if path.is_file()} - {scene.path}
    return f"left behind: {sorted(map(str, left))}" if left else None


def _leave(trial: Trial, disk: ServedDisk) -> None:
    """Let an interpreter end while all its operations wait for the disk."""
    trial.tried["leave"] += 1
    arguments = (disk.mount / "store", trial.directory, str(SMALL))
    with subprocess.Popen(
        (sys.executable, "-m", "faults.disk.exiting", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        disk.stop()
        try:
            has_ended = _ends(process)
        finally:
            disk.go_on()
        _, errors = process.communicate()
        if not has_ended:
            trial.found.append("an interpreter did not end while the disk hung")
        if process.returncode != 0 or errors:
            trial.found.append(f"an interpreter ended with {process.returncode}: {errors!r}")


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Start the operations; return whether the process ends before the disk resumes by itself."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    deadline = time.monotonic() + STOP_LIMIT - 1
    while time.monotonic() < deadline:
        # A zombie has ended, even if the disk keeps one of its threads with a pending request.
        state = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


DRIVER = Driver(
    "a disk that hangs",
    run,
    {"large objects on every loop": (0, 1, 1)},
    tools=("mkfs.exfat", "mount.exfat-fuse"),
    lanes=2,
)
