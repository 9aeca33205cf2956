"""The event loops, and the longest time for which one stands still."""

from __future__ import annotations

import time
from typing import Any

import anyio

LOOPS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}
"""The arguments of `anyio.run` for each loop."""

GAP = 0.05
"""Seconds for which a loop may stand still, and in which a cancelled call must return."""
TRIES = 10
"""Attempts of which one must be fast: a busy machine delays some of them, a defect all."""


async def longest_gap(seconds: float) -> float:
    """Run the loop for `seconds` and return the longest time for which it stood still."""
    longest, end = 0.0, time.perf_counter() + seconds
    while (before := time.perf_counter()) < end:
        await anyio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    return longest
