"""Stores and reads while the system takes and gives fewer bytes than it was asked to.

Run by the driver `short_io`, with libfiu in the process and a directory and a seed as arguments.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path

from laboxide import FileStorage

from faults.disk.operations import ALGORITHMS, READS, writes

SIZES = (5_000, 1 << 20, (3 << 20) + 7)


def calls() -> Counter[str]:
    """Return how many calls this process has made to read and to write."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return Counter({name: int(count) for name, count in (line.split(": ") for line in lines)})


async def main(directory: Path, seed: int) -> None:
    """Try everything once and print what came out, as JSON."""
    chance, tried, found = random.Random(seed), Counter[str](), list[str]()
    before = calls()
    for durable in (False, True):
        storage = FileStorage(directory / f"durable={durable}", mkdir=True, durable=durable)
        for algorithm in ALGORITHMS:
            for name, write in writes(algorithm).items():
                for size in SIZES:
                    content = chance.randbytes(size)
                    pointer = await write(storage, content, directory)
                    tried[name] += 1
                    if (storage.path / pointer["key"]).read_bytes() != content:
                        found.append(f"{name} of {size} bytes, {algorithm}: stored other bytes")
                    for reading, read in READS.items():
                        tried[reading] += 1
                        if await read(storage, pointer, directory) != content:
                            found.append(f"{reading} of {size} bytes, {algorithm}: other bytes")
    made = calls() - before
    print(json.dumps({"tried": tried, "found": found, "calls": made["syscw"] + made["syscr"]}))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
