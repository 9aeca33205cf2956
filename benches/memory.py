"""Memory of the process and of the page cache."""

from __future__ import annotations

import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from benches.scale import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

MAX_THROWAWAY = 1 * GIB


def warm_page_cache(directory: Path, size: int) -> None:
    """Write and remove a throwaway file of `size` bytes, at most 1 GiB.

    The host of a virtual machine may reclaim memory that was free for two seconds. Getting it back
    costs more than the measured work, and the first contestant after a pause would pay for it.
    """
    path = directory / "throwaway"
    zeros = bytes(MIB)
    with path.open("wb", buffering=0) as file:
        for _ in range(min(size, MAX_THROWAWAY) // MIB):
            file.write(zeros)
    path.unlink()


def start_peak() -> int:
    """Reset the peak where the system can; return the resident bytes."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    return peak()


def peak() -> int:
    """Return the peak of resident bytes."""
    with suppress(OSError):
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise OSError(f"no {field} in /proc/self/status")


def in_new_process(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `work` in a fresh interpreter; return its result or raise its error."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()
