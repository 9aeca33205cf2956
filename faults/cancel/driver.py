"""Operations ended from outside at each point where they suspend, on each loop, in each way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from faults.cancel.session import Session
from faults.driver import Driver

if TYPE_CHECKING:
    from faults.driver import Trial

LOOPS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio", "backend_options": {"use_uvloop": False}},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}


def run(trial: Trial) -> None:
    """Run everything on one loop after the other."""
    for name, options in LOOPS.items():
        anyio.run(Session(trial, name).run, **options)


DRIVER = Driver(
    "cancelled at every suspension, streams left at every chunk",
    run,
    {"in trouble": (0, 1, 1)},
    root=False,
    seconds=80,
    minutes=16,
)
