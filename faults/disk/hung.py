"""A disk that stops to answer: loops go on, cancelling and leaving work, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
from laboxide import FileStorage

from faults.disk.blocked import Scene, acts
from faults.disk.exfat import PATIENCE, served
from faults.driver import Driver
from faults.loops import GAP, LOOPS, longest_gap

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faults.disk.blocked import Act
    from faults.disk.exfat import Disk
    from faults.driver import Trial

SIZE = 64 << 20
SMALL, LARGE = 5_000, (9 << 20) + 7
"""A job, and more than what is read ahead or kept in flight."""
WAIT = 0.06
"""Seconds for which an operation waits for the disk."""
LIMIT = 20
"""Seconds after which it should have what it waited for."""
TRIES = 3


class Outcome(NamedTuple):
    """What came of one attempt."""

    failure: str | None
    seconds: float
    """The longest for which the loop stood still, or the cancelled call did not return."""


def run(trial: Trial) -> None:
    """Let the disk hang under every operation, on every kind of loop."""
    with served(trial.directory, SIZE) as disk:
        all_loops, one = sorted(LOOPS), trial.random.choice(sorted(LOOPS))
        for loop in all_loops:
            anyio.run(partial(_hang, trial, disk, loop, SMALL), **LOOPS[loop])
        for loop in all_loops if trial.count("large objects on every loop") else [one]:
            anyio.run(partial(_hang, trial, disk, loop, LARGE), **LOOPS[loop])
        _leave(trial, disk)


async def _hang(trial: Trial, disk: Disk, loop: str, size: int) -> None:
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
    """Try until it takes no longer than it may, and tell what was wrong."""
    # The machine may be busy for once; a loop that waits for the disk always does.
    for _ in range(TRIES):
        failure, seconds = await attempt()
        if failure is not None or seconds <= GAP:
            return failure
    return f"the loop stood still, or cancelling took {seconds:.3f} s"


async def _cancel(scene: Scene, act: Act, _: object, disk: Disk) -> Outcome:
    """Cancel it while the disk hangs."""
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


async def _go_on(scene: Scene, act: Act, expected: object, disk: Disk) -> Outcome:
    """Let the disk answer again."""
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
        return Outcome("its result was another when the disk went on", 0)
    return Outcome(await _left(scene), gap)


async def _left(scene: Scene) -> str | None:
    """Tell what is there that should not be, once the workers are done."""
    deadline = time.monotonic() + 10
    while (wrong := _too_much(scene)) and time.monotonic() < deadline:
        await anyio.sleep(0.005)
    if wrong is None and scene.path.exists() and scene.path.read_bytes() != scene.content:
        wrong = "other bytes are there"
    return wrong


def _too_much(scene: Scene) -> str | None:
    root = scene.storage.path
    if is_open := _open_below(root):
        return f"still open: {is_open}"
    left = {path for path in root.rglob("*") if path.is_file()} - {scene.path}
    return f"left behind: {sorted(map(str, left))}" if left else None


def _open_below(root: Path) -> list[str]:
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            targets.append(str(descriptor.readlink()))
    return [target for target in targets if target.startswith(str(root))]


def _leave(trial: Trial, disk: Disk) -> None:
    """End an interpreter while all operations wait for the disk."""
    trial.tried["leave"] += 1
    leaving = ("-m", "faults.disk.exiting", disk.mount / "store", trial.directory)
    with subprocess.Popen(
        (sys.executable, *leaving),
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
    """Let it leave, and tell whether it has ended before the disk goes on by itself."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    deadline = time.monotonic() + PATIENCE - 1
    while time.monotonic() < deadline:
        # A zombie has left, even if a thread is kept whose request the disk has taken.
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
