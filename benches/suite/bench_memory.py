"""The peak of memory while a stream of zeros goes in, or a sparse object comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benches.checks import check_size
from benches.loops import Cost
from benches.measuring import Case, Label, Trial, measure
from benches.scale import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from benches.measuring import Lab
    from benches.scale import Scale

OPERATION = "memory"
ROOT = Path(__file__).parents[2]
COMPARED = ("labox", "aiofiles", "thread", "obstore")
COMPARED_AT_MOST = 256 * MIB
ONCE_FROM = 1 * GIB
"""What takes seconds is measured in the first pass alone."""


def cases(scale: Scale) -> Iterator[Case]:
    """Return the rows."""
    for size in scale.memory_sizes:
        written = f"stream of {_text(size)}, written"
        yield _case(written, "laboxide", "write", size)
        for name in COMPARED if scale.whole and size <= COMPARED_AT_MOST else ():
            yield _case(written, name, "write", size)
        yield _case(f"stream of {_text(size)}, read and verified", "laboxide", "read", size)
    size = min(64 * MIB, scale.memory_sizes[-1])
    for streams in (4, 16):
        variant = f"{streams} streams of {_text(size)} at once, written"
        yield _case(variant, "laboxide", "write", size, streams)


def _text(size: int) -> str:
    return f"{size // GIB} GiB" if size >= GIB else f"{size // MIB} MiB"


def _case(variant: str, name: str, job: str, size: int, streams: int = 1) -> Case:
    label = Label(OPERATION, variant, name, None)
    return Case(label, partial(_run, job, name, size, streams))


def _run(job: str, name: str, size: int, streams: int, lab: Lab) -> Trial[int]:
    if size >= ONCE_FROM and lab.bench_pass:
        pytest.skip("measured in the first pass")
    directory = lab.fresh_directory()
    command = [sys.executable, "-m", "benches.memory_job", job, name]
    command += [str(size), str(streams), str(directory)]

    def work() -> tuple[int, Cost]:
        result = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
        found = json.loads(result.stdout)
        cost = Cost(found["seconds"], found["cpu_seconds"], {"memory": found["memory"]})
        return found["moved"], cost

    return Trial(work, partial(check_size, expected=size * streams))


def bench_memory(benchmark: BenchmarkFixture, lab: Lab, case: Case) -> None:
    """Stream in a process of its own."""
    measure(benchmark, lab, case)
