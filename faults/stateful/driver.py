"""Random sequences of writes, reads, damage and faults, compared with a model of the store."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from faults.driver import Driver
from faults.stateful.machine import StoreMachine
from faults.stateful.model import contents

if TYPE_CHECKING:
    from faults.driver import Trial

AT_ONCE = 500
"""Runs for one call of hypothesis, which keeps 6 KiB for each step."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there


def run(trial: Trial) -> None:
    """Run the machine. The notes of an exception list the steps that led to it."""
    # With a flush of a device for each durable write there would be time for a tenth of the steps.
    place = MEMORY if MEMORY.is_dir() else trial.directory
    with tempfile.TemporaryDirectory(dir=place, prefix="laboxide-") as directory:
        StoreMachine.loop = asyncio.new_event_loop()
        StoreMachine.directory = Path(directory)
        StoreMachine.contents = contents(trial.random)
        StoreMachine.tried = trial.tried
        StoreMachine.runs = itertools.count()
        for _ in trial.units(range(trial.count("runs") // AT_ONCE)):
            machine = seed(trial.random.getrandbits(64))(StoreMachine)
            run_state_machine_as_test(machine, settings=_settings(trial))
        StoreMachine.loop.close()


def _settings(trial: Trial) -> settings:
    return settings(
        max_examples=AT_ONCE,
        stateful_step_count=trial.count("steps of a run"),
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


DRIVER = Driver(
    "random steps beside a model (hypothesis)",
    run,
    # At the most: as some runs end early, 57 and 110 steps make 50 and 100 on average.
    {"runs": (500, 6000, 20_000), "steps of a run": (57, 110, 110)},
    root=False,
    seconds=110,
    repeats=True,
)
