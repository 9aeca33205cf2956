"""Starts all operations, and leaves the loop and the interpreter with all of them in flight.

`python -m faults.disk.exiting ROOT ELSEWHERE SIZE` prints "ready", waits for a line while its
parent stops the disk below ROOT, starts the operations, leaves its loop, and prints "left".
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from laboxide import FileStorage

from faults.disk.blocked import Scene, acts


async def main(root: Path, elsewhere: Path, size: int) -> None:
    """Store one object, wait for the line, and start all operations on it."""
    scene = await Scene.of(FileStorage(root), bytes(size), elsewhere)
    print("ready", flush=True)
    sys.stdin.readline()
    tasks = [asyncio.ensure_future(act.run(scene)) for act in acts(large=False).values()]
    await asyncio.wait(tasks, timeout=0.1)


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
print("left", flush=True)
