"""Import time of the package in fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from benches.loops import Cost
from benches.measuring import Case, Label, Trial, bench_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.lab import Lab
    from benches.scale import Scale

__all__ = ("bench_case", "cases")

CONTESTANTS = {"laboxide": "laboxide", "import anyio": "anyio", "import labox": "labox"}

PROGRAM = """
import time
cpu, begun = time.process_time(), time.perf_counter()
import {package}
print(time.perf_counter() - begun, time.process_time() - cpu)
"""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for name, package in CONTESTANTS.items():
        yield Case(Label("import", "time", name, None), partial(_import, package), scale.imports)


def _import(package: str, _lab: Lab) -> Trial[None]:
    return Trial(partial(_timed, package), lambda _: None)


def _timed(package: str) -> tuple[None, Cost]:
    program = PROGRAM.format(package=package)
    # Bytecode is cached, as in normal use.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    found = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, env=environment
    )
    seconds, cpu_seconds = map(float, found.stdout.split())
    return None, Cost(seconds, cpu_seconds)
