"""How long an event loop stands still."""

from __future__ import annotations

import time
from typing import Any

import anyio

LOOPS: dict[str, dict[str, Any]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}
"""What `anyio.run` takes for each of them."""

GAP = 0.05
"""Seconds for which a loop may stand still, and in which a cancelled call returns."""


async def longest_gap(seconds: float) -> float:
    """Let the loop run for a while and return for how long it stood still at the most."""
    longest, end = 0.0, time.perf_counter() + seconds
    while (before := time.perf_counter()) < end:
        await anyio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    return longest
