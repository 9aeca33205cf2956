"""Starts everything there is, and leaves the loop and the interpreter with all of it in flight.

Run by the driver `hung_disk`, which stops the disk of the store before it sends a line.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from laboxide import FileStorage

from faults.disk.blocked import Scene, acts


async def main(root: Path, elsewhere: Path) -> None:
    """Tell when all is ready, wait for the line, and leave."""
    scene = await Scene.of(FileStorage(root), bytes(5_000), elsewhere)
    print("ready", flush=True)
    sys.stdin.readline()
    tasks = [asyncio.ensure_future(act.run(scene)) for act in acts(large=False).values()]
    await asyncio.wait(tasks, timeout=0.1)


asyncio.run(main(*map(Path, sys.argv[1:])))
