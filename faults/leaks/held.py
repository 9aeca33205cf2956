"""What this process holds."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PATIENCE = 15.0
"""Seconds for workers to close what nobody waits for, and for idle threads to end."""
HEAP = 2 << 20
"""Bytes by which what the C library gave in small pieces may grow: 20 an operation at night."""
MEMORY = (16 << 20) + (4 << 20)
"""Bytes by which all memory may: the engine keeps 16 blocks of 1 MiB, once so many were in use."""
MMAP_THRESHOLD = (-3, 128 << 10)
"""The parameter of mallopt and its bytes, by which what is freed beyond them leaves the process.

It grows by itself otherwise, and then each thread's arena keeps the 2 MiB that it once held:
malloc_trim does not give back the top of an arena.
"""
BLOCKS = 2000
"""Objects of Python by which it may: caches that fill up. A leak in each operation is more."""


def forget_large_buffers() -> None:
    """Let the C library keep no large buffer that was freed: before anything is compared."""
    ctypes.CDLL(None).mallopt(*MMAP_THRESHOLD)


class _MallocInfo(ctypes.Structure):
    """The result of mallinfo2."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


class Held(NamedTuple):
    """Descriptors, threads and memory."""

    files: Counter[str]
    threads: Counter[str]
    heap: int
    memory: int
    blocks: int

    @classmethod
    def now(cls) -> Held:
        """Look, after everything that is not used any more was given back."""
        gc.collect()
        blocks = sys.getallocatedblocks()
        ctypes.CDLL(None).malloc_trim(0)
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        [memory] = re.findall(r"RssAnon:\s+(\d+) kB", status)
        return cls(_files(), _threads(), _heap(), int(memory) << 10, blocks)

    def more_than(self, before: Held) -> list[str]:
        """Tell what is there beyond what was there before."""
        found = [f"left open: {dict(files)}"] if (files := self.files - before.files) else []
        if threads := self.threads - before.threads:
            found.append(f"threads: {dict(threads)}")
        if (heap := self.heap - before.heap) > HEAP:
            found.append(f"{heap >> 10} KiB more of the heap")
        if (memory := self.memory - before.memory) > MEMORY:
            found.append(f"{memory >> 10} KiB more memory")
        if (blocks := self.blocks - before.blocks) > BLOCKS:
            found.append(f"{blocks} more objects of Python")
        return found


def settled(before: Held) -> list[str]:
    """Wait until no more is held than before, and tell what is held too long."""
    deadline = time.monotonic() + PATIENCE
    while (found := Held.now().more_than(before)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _heap() -> int:
    """Return the bytes in use, without pieces that are mapped by themselves."""
    look = ctypes.CDLL(None).mallinfo2
    look.restype = _MallocInfo
    return int(look().uordblks)


def _files() -> Counter[str]:
    files: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of this listing
            files[str(descriptor.readlink())] += 1
    return files


def _threads() -> Counter[str]:
    tasks = Path("/proc/self/task").glob("*/comm")
    return Counter(task.read_text(encoding="utf-8").strip() for task in tasks)
