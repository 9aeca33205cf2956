"""Threads that are frozen with ptrace.

The worker that takes a job is random, and strace counts the system calls of each thread. With one
worker left, an operation makes its calls in the same order every time.
"""

from __future__ import annotations

import ctypes
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
ALL_THREADS = 0x40000000
"""`__WALL`: also wait for threads, which are not children of this process."""

_libc = ctypes.CDLL(None, use_errno=True)


def names_of_threads(process: int, *, but: Container[int]) -> dict[int, str]:
    """Return the names of a process's threads by their ids, once all of them wait for work.

    A thread that has not run yet has no name. One that is awake may hold a lock, or be about to
    take the next job, and must not be stopped.

    Args:
        process: The process id.
        but: Frozen threads, which are excluded.
    """
    while True:
        tasks = Path(f"/proc/{process}/task").iterdir()
        # A thread that ends during the look was not waiting.
        with suppress(FileNotFoundError, ProcessLookupError):
            others = [task for task in tasks if int(task.name) not in but]
            if all(_state(task) == "S" for task in others):
                return {int(task.name): _text(task / "comm") for task in others}
        time.sleep(0.0002)


def freeze(thread: int) -> None:
    """Stop a thread that waits for work, until this process ends.

    The kernel removes it from the queue of its futex, so a wake-up reaches another waiter.
    """
    _ptrace(PTRACE_SEIZE, thread)
    _ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, ALL_THREADS)


def bury(thread: int) -> None:
    """Wait for a frozen thread that was killed: its process does not end before."""
    os.waitpid(thread, ALL_THREADS)


def _state(task: Path) -> str:
    return _text(task / "stat").rpartition(")")[2].split()[0]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


def _ptrace(request: int, thread: int) -> None:
    # The last two arguments are as wide as pointers.
    if _libc.ptrace(request, thread, ctypes.c_void_p(), ctypes.c_void_p()) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x} of thread {thread}: {os.strerror(error)}")
