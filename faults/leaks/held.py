"""The resources of this process."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from faults.operations import open_files

PATIENCE = 15.0
"""Seconds for workers to close abandoned files, and for idle threads to end."""
HEAP = 2 << 20
"""Bytes by which small allocations of the C library may grow: 20 per operation at night."""
MEMORY = (16 << 20) + (4 << 20)
"""Bytes by which all memory may grow: the engine keeps up to 16 used blocks of 1 MiB."""
MMAP_THRESHOLD = (-3, 128 << 10)
"""The parameter of mallopt and its value: larger allocations leave the process when freed.

The threshold grows by itself otherwise, and then each thread's arena keeps the 2 MiB that it once
held: malloc_trim does not release the top of an arena.
"""
BLOCKS = 2000
"""Python objects by which their number may grow: caches fill up. A leak per operation is more."""


def forget_large_buffers() -> None:
    """Make the C library release each freed large buffer. Call it before the first comparison."""
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
    """File descriptors, threads and memory."""

    files: Counter[str]
    threads: Counter[str]
    heap: int
    memory: int
    blocks: int

    @classmethod
    def now(cls) -> Held:
        """Release unused memory, and return the present resources."""
        gc.collect()
        blocks = sys.getallocatedblocks()
        ctypes.CDLL(None).malloc_trim(0)
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        [memory] = re.findall(r"RssAnon:\s+(\d+) kB", status)
        return cls(open_files(), _threads(), _heap(), int(memory) << 10, blocks)

    def more_than(self, before: Held) -> list[str]:
        """Return a finding for each resource that has grown."""
        found = [f"left open: {dict(files)}"] if (files := self.files - before.files) else []
        if threads := self.threads - before.threads:
            found.append(f"threads: {dict(threads)}")
        if (heap := self.heap - before.heap) > HEAP:
            found.append(f"{heap >> 10} KiB more heap")
        if (memory := self.memory - before.memory) > MEMORY:
            found.append(f"{memory >> 10} KiB more memory")
        if (blocks := self.blocks - before.blocks) > BLOCKS:
            found.append(f"{blocks} more Python objects")
        return found


def settled(before: Held) -> list[str]:
    """Wait until all resources are back; return findings for the others."""
    deadline = time.monotonic() + PATIENCE
    while (found := Held.now().more_than(before)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _heap() -> int:
    """Return the bytes in use, without allocations that have their own mapping."""
    look = ctypes.CDLL(None).mallinfo2
    look.restype = _MallocInfo
    return int(look().uordblks)


def _threads() -> Counter[str]:
    tasks = Path("/proc/self/task").glob("*/comm")
    return Counter(task.read_text(encoding="utf-8").strip() for task in tasks)
