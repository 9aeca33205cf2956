"""Writes and reads while libfiu shortens system calls: `... short_io_child DIRECTORY SEED`."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path

from laboxide import FileStorage

from faults.operations import ALGORITHMS, READS, writes

SIZES = (5_000, 1 << 20, (3 << 20) + 7)


def calls() -> Counter[str]:
    """Return the number of read and write calls of this process."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return Counter({name: int(count) for name, count in (line.split(": ") for line in lines)})


async def main(directory: Path, seed: int) -> None:
    """Try every write and read once, and print the result as JSON."""
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
                        found.append(f"{name} stored wrong bytes: {size} bytes, {algorithm}")
                    for reading, read in READS.items():
                        tried[reading] += 1
                        if await read(storage, pointer, directory) != content:
                            found.append(f"{reading} returned wrong bytes: {size}, {algorithm}")
    made = calls() - before
    print(json.dumps({"tried": tried, "found": found, "calls": made["syscw"] + made["syscr"]}))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
