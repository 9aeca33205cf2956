"""The resources of a process after thousands of operations, also failing and cancelled ones."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import anyio

from faults.cancel.operations import OPERATIONS
from faults.cancel.trouble import FAILURES, NONE, TROUBLES
from faults.cancel.world import World
from faults.driver import Driver, Trial
from faults.leaks.controls import unseen_controls
from faults.leaks.failing import FAILING, BrokenSourceError
from faults.leaks.held import Held, forget_large_buffers, settled
from faults.loops import LOOPS

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = {**OPERATIONS, **FAILING}
LARGE = (2 << 20) + 77_777
"""More than the limit of a full disk in `TROUBLES`."""
AT_ONCE = 8
OPERATIONS_OF_A_LOOP = 800
EXPECTED = (*FAILURES, BrokenSourceError, ValueError)


def run(trial: Trial) -> None:
    """Compare the resources after many operations with those after a warm-up."""
    forget_large_buffers()
    for warmed_up in range(len(LOOPS)):
        _loop(trial, warmed_up)
    before = Held.now()
    for kind, unseen in unseen_controls():
        trial.tried["controls"] += 1
        trial.found.extend([f"a leak of {kind} is not seen"] if unseen else [])
    for index in range(trial.count("loops")):
        _loop(trial, index)
        if trial.found:
            return
    trial.found.extend(settled(before))


def _loop(trial: Trial, index: int) -> None:
    """Start a loop, work in it, and end it."""
    name = tuple(LOOPS)[index % len(LOOPS)]
    directory = trial.directory / name
    anyio.run(_work, trial, name, directory, **LOOPS[name])
    shutil.rmtree(directory)


async def _work(trial: Trial, name: str, directory: Path) -> None:
    world = World(directory, trial.random, LARGE)
    await world.furnish()
    for _ in range(OPERATIONS_OF_A_LOOP // AT_ONCE):
        trouble = NONE
        if trial.random.random() < 0.1:
            trouble = trial.random.choice(tuple(TROUBLES.values()))
        with trouble(world):
            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(_do, trial, name, world)
        world.clear()
    if wrong := await world.settled():
        trial.found.append(f"{name}: {wrong}")


async def _do(trial: Trial, name: str, world: World) -> None:
    """Run an operation; a third of them are cancelled, most before their end."""
    operation = trial.random.choice(tuple(EVERYTHING))
    limit = trial.random.uniform(0, 0.005) if trial.random.random() < 0.33 else None
    trial.tried[name] += 1
    with anyio.move_on_after(limit):
        try:
            await EVERYTHING[operation](world)
        except EXPECTED:
            pass
        except Exception as error:  # noqa: BLE001 - any other exception is a finding
            trial.found.append(f"{name}: {operation} raised {error!r}")


DRIVER = Driver(
    "leaks: descriptors, threads, temps, memory",
    run,
    {"loops": (7, 40, 125)},
    root=False,
    seconds=30,
)
