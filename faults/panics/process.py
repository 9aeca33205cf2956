"""The process whose engine panics: `python -m faults.panics.process DIRECTORY ARMED`.

A panic happens at the step in `LABOXIDE_MUTANT` when the file ARMED exists, which it removes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from laboxide import FileStorage

from faults.operations import digest_of, files_below, open_files, writes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

SIZES = (1000, 3 << 20)
WRITES = writes("blake3")


async def _is_raised(operation: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(20):
            await operation
    except RuntimeError as error:
        return "on purpose" in str(error)
    return False


async def _findings(
    name: str, storage: FileStorage, data: bytes, armed: Path
) -> AsyncIterator[str]:
    write, directory = WRITES[name], storage.path.parent
    before = open_files().total()
    armed.touch()
    if not await _is_raised(write(storage, data, directory)):
        yield "the panic is no RuntimeError"
    # The last block of a stream may be in work when its writer gets the error.
    for _ in range(200):
        if not files_below(storage.path) and open_files().total() <= before:
            break
        await asyncio.sleep(0.01)
    if left := list(files_below(storage.path)):
        yield f"left: {left}"
    if (now := open_files().total()) > before:
        yield f"{now - before} file descriptors leaked"
    async with asyncio.timeout(20):
        pointer = await write(storage, data, directory)
        if await storage.read_data(pointer) != data:
            yield "a later write stored wrong bytes"
        await storage.delete(pointer)


async def main(directory: Path, armed: Path) -> None:
    """Print each operation with its findings."""
    for durable in (False, True):
        storage = FileStorage(directory / f"store-{durable}", mkdir=True, durable=durable)
        data = b"starts everything that lasts"
        await storage.delete(await storage.write_data(data, digest_of(data), {}))
        for name in WRITES:
            for size in SIZES:
                what = f"{name} of {size} bytes{', durable' * durable}"
                found = [each async for each in _findings(name, storage, os.urandom(size), armed)]
                print(what, *found, sep="\t", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
