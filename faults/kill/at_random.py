"""Two processes that share a store, of which one or both are killed at random moments."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from laboxide import FileStorage

from faults.driver import Driver, Trial
from faults.kill.history import PRESENT, Account
from faults.kill.process import Process
from faults.kill.worker import ABSENT, CONTENTS, CORRUPT, Scene
from faults.operations import digest_of

if TYPE_CHECKING:
    from pathlib import Path

STAGING = ".laboxide-staging"
PATHS = {"native": False, "portable": True}
ENOUGH = 5
"""Findings after which the driver stops: most have one cause."""


def run(trial: Trial) -> None:
    """Kill as often as the tier says, on both paths of the engine."""
    for name in PATHS:
        directory = trial.directory / name
        directory.mkdir()
        for content in CONTENTS:
            content.source(directory).write_bytes(content.data)
    for cycle in trial.units(range(trial.count("cycles"))):
        for name, portable in PATHS.items():
            found = _cycle(trial, trial.directory / name, portable=portable)
            trial.found.extend(f"{name}, cycle {cycle}: {text}" for text in found)
            trial.tried[f"{name} cycles"] += 1
            if len(trial.found) >= ENOUGH:
                return


def _cycle(trial: Trial, directory: Path, *, portable: bool) -> list[str]:
    """Kill once, and return the findings."""
    root = FileStorage(directory / "store", mkdir=True).path
    _tear_one(trial, root)
    account = Account(_states(root))
    scenes = [
        Scene(directory, trial.random.getrandbits(32), portable, trial.random.random() < 0.2)
        for _ in range(2)
    ]
    with Process(scenes[0]) as first, Process(scenes[1]) as second:
        for process in (first, second):
            process.wait_until_at_work()
        _kill(trial, account, root, first, second)
    account.close(_states(root))
    unknown = [str(path) for path in _unknown_files(root)]
    asyncio.run(_use_anew(root))
    leftovers = [str(path) for path in root.glob(f"{STAGING}/*")]
    trial.tried["operations"] += account.operations
    return [
        *account.found,
        *(f"no process wrote {path}" for path in unknown),
        *(f"left after the next write: {path}" for path in leftovers),
    ]


def _kill(trial: Trial, account: Account, root: Path, first: Process, second: Process) -> None:
    time.sleep(trial.random.uniform(0, 0.03))
    account.enter("first", first.kill())
    if trial.random.random() < 0.7:
        # The cleanup of the next process must keep the temporary files of the second one.
        asyncio.run(_use_anew(root))
        time.sleep(trial.random.uniform(0, 0.02))
    end = second.stop if trial.random.random() < 0.5 else second.kill
    account.enter("second", end())


async def _use_anew(root: Path) -> None:
    """Open the store and write, as the next process does."""
    storage = FileStorage(root)
    data = b"the next process"
    pointer = await storage.write_data(data, digest_of(data), {})
    assert await storage.read_data(pointer) == data
    await storage.delete(pointer)


def _tear_one(trial: Trial, root: Path) -> None:
    """Tear an object: only its replacement needs a temporary name."""
    content = trial.random.choice(CONTENTS)
    path = root / content.pointer(root)["key"]
    if path.exists() and content.data:
        path.unlink()  # it may be a hard link to the imported file
        path.write_bytes(content.data[: len(content.data) // 2])


def _states(root: Path) -> dict[int, str]:
    states = {}
    for content in CONTENTS:
        path = root / content.pointer(root)["key"]
        if not path.exists():
            states[content.number] = ABSENT
        else:
            states[content.number] = PRESENT if path.read_bytes() == content.data else CORRUPT
    return states


def _unknown_files(root: Path) -> set[Path]:
    ours = {root / content.pointer(root)["key"] for content in CONTENTS}
    found = {path for path in root.rglob("*") if path.is_file() and path.parent.name != STAGING}
    return found - ours


DRIVER = Driver(
    "kill -9 at random, 2 processes sharing keys",
    run,
    {"cycles": (60, 1000, 5000)},
    root=False,
    seconds=15,
    repeats=True,
)
