"""Threads that are kept from running.

Which of several workers does a job is chance, and a system call is counted for each thread. With
one worker left the calls of an operation come in the same order every time.
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
"""`__WALL`: a thread is not a child of who waits for it."""

_libc = ctypes.CDLL(None, use_errno=True)


def names_of_threads(process: int, *, but: Container[int]) -> dict[int, str]:
    """Return the names of a process's threads by their numbers, once all wait for work.

    A thread that has not run yet has not named itself. One that is awake might hold a lock, or have
    promised to look for the next job: it is not to be stopped.

    Args:
        process: Its number.
        but: Threads that are frozen, and left out.
    """
    while True:
        tasks = Path(f"/proc/{process}/task").iterdir()
        # One that ends while it is looked at was not waiting.
        with suppress(FileNotFoundError, ProcessLookupError):
            others = [task for task in tasks if int(task.name) not in but]
            if all(_state(task) == "S" for task in others):
                return {int(task.name): _text(task / "comm") for task in others}
        time.sleep(0.0002)


def freeze(thread: int) -> None:
    """Stop a thread that waits for work, until this process ends.

    The kernel takes it off the queue of its futex: what wakes one of the waiting wakes another.
    """
    _ptrace(PTRACE_SEIZE, thread)
    _ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, ALL_THREADS)


def bury(thread: int) -> None:
    """Take note that a frozen thread was killed: its process is not gone before."""
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
