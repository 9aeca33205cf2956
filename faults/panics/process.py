"""A process whose engine panics when told to: run with a directory and a file that tells it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from laboxide import FileStorage, digest_data, digest_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from laboxide import FilePointer

SIZES = (1000, 3 << 20)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1 << 16):
        yield data[start : start + (1 << 16)]


async def _value(storage: FileStorage, data: bytes) -> FilePointer:
    return await storage.write_data(data, digest_data(data, content_type="a/b"), {})


async def _stream(storage: FileStorage, data: bytes) -> FilePointer:
    return await storage.write_data_stream(*digest_stream(_chunks(data), content_type="a/b"), {})


async def _file(storage: FileStorage, data: bytes) -> FilePointer:
    source = storage.path.with_name("source")
    source.write_bytes(data)
    return await storage.import_file(source, link="copy")


WRITES: dict[str, Callable[[FileStorage, bytes], Awaitable[FilePointer]]] = {
    "write_data": _value,
    "write_data_stream": _stream,
    "import_file": _file,
}


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _left(storage: FileStorage) -> list[Path]:
    return [path for path in storage.path.rglob("*") if path.is_file()]


async def _is_raised(operation: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(20):
            await operation
    except RuntimeError as error:
        return "on purpose" in str(error)
    return False


async def _trouble(name: str, storage: FileStorage, data: bytes, armed: Path) -> AsyncIterator[str]:
    before = _descriptors()
    armed.touch()
    if not await _is_raised(WRITES[name](storage, data)):
        yield "the panic is no RuntimeError"
    # The last of a stream's blocks may be in work when its writer is told.
    for _ in range(200):
        if not _left(storage) and _descriptors() <= before:
            break
        await asyncio.sleep(0.01)
    if left := _left(storage):
        yield f"left: {left}"
    if (now := _descriptors()) > before:
        yield f"{now - before} descriptors are lost"
    async with asyncio.timeout(20):
        pointer = await WRITES[name](storage, data)
        if await storage.read_data(pointer) != data:
            yield "what is written afterwards is something else"
        await storage.delete(pointer)


async def main(directory: Path, armed: Path) -> None:
    """Print an operation and what was wrong with it, or nothing, for each."""
    for durable in (False, True):
        storage = FileStorage(directory / f"store-{durable}", mkdir=True, durable=durable)
        await storage.delete(await _value(storage, b"so that all is there that lasts"))
        for name in WRITES:
            for size in SIZES:
                what = f"{name} of {size} bytes{', durable' * durable}"
                found = [each async for each in _trouble(name, storage, os.urandom(size), armed)]
                print(what, *found, sep="\t", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
