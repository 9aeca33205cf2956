"""Save one stream through Labox, once, in this process; print what it took as JSON.

Usage: python -m benches.labox.save_job NAME MiB DIRECTORY.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import laboxide
import laboxide.labox
from labox.builtin import FileStorage as LaboxFileStorage
from labox.builtin import StorableStream
from labox.core import BaseRecord, Registry, StreamSerializer, save_one
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from benches.ticker import lateness_beside

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MIB = 1 << 20
CHUNK_SIZE = 64 << 10
STORAGES: dict[str, Any] = {
    "labox": LaboxFileStorage,
    "drop_in": laboxide.labox.FileStorage,
    "laboxide": laboxide.FileStorage,
}


class ChunkSerializer(StreamSerializer[bytes]):
    """Chunks of bytes as they are."""

    name = "benches.chunks@v1"
    types = (bytes,)
    content_types = ("application/octet-stream",)

    def serialize_data_stream(self, stream: Any, /) -> Any:
        """Return the stream itself."""
        kind = self.content_types[0]
        return {"content_encoding": None, "content_type": kind, "data_stream": stream}

    def deserialize_data_stream(self, content: Any, /) -> Any:
        """Return the stream itself."""
        return content["data_stream"]


def make_chunks() -> list[bytes]:
    """Return a MiB in chunks, none of which is like another."""
    return [
        hashlib.sha256(bytes([index])).digest() * (CHUNK_SIZE // 32)
        for index in range(MIB // CHUNK_SIZE)
    ]


async def upload(size: int, *, suspends: bool) -> AsyncGenerator[bytes]:
    """Yield chunks; suspend every MiB, as a client's upload would, or never, as a cache would."""
    chunks = make_chunks()
    for _ in range(size // MIB):
        for chunk in chunks:
            yield chunk
        if suspends:
            await asyncio.sleep(0)


async def main(name: str, size: int, directory: Path) -> None:
    """Save once to warm up, and once measured."""
    if name == "idle":
        print(json.dumps(await idle()))
        return
    kind, *options = name.split("+")
    suspends = "suspending" in options
    storage = STORAGES[kind](directory / "root", mkdir=True)
    registry = Registry(
        modules=["labox.builtin"], serializers=[ChunkSerializer()], default_storage=storage
    )
    engine = create_async_engine(f"sqlite+aiosqlite:///{directory}/records")
    await BaseRecord.create_all(engine)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    with laboxide.labox.accelerate() if "accelerated" in options else nullcontext():
        async with sessions() as session:
            arguments: dict[str, Any] = {"registry": registry, "session": session}
            await save_one(StorableStream(upload(2 * MIB, suspends=True)), **arguments)

            async def save() -> tuple[Any, float]:
                begun = time.perf_counter()
                saved = await save_one(StorableStream(upload(size, suspends=suspends)), **arguments)
                return saved, time.perf_counter() - begun

            (saved, seconds), late = await lateness_beside(save)
    await engine.dispose()
    check(saved.contents[0], directory / "root", size)
    print(json.dumps({"bytes": size, "seconds": seconds, "worst_stall": max(late)}))


async def idle() -> dict[str, float]:
    """Do nothing: what the ticker itself shows."""
    _, late = await lateness_beside(partial(asyncio.sleep, 0.3))
    return {"bytes": 0, "seconds": 0.3, "worst_stall": max(late)}


def check(record: Any, root: Path, size: int) -> None:
    """Compare what was saved with the source, by other means."""
    expected = hashlib.sha256()
    piece = b"".join(make_chunks())
    for _ in range(size // MIB):
        expected.update(piece)
    [path] = [path for path in root.rglob(f"{expected.hexdigest()}*") if path.is_file()]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if (record.content_hash, found, record.content_size) != (expected.hexdigest(),) * 2 + (size,):
        raise SystemExit(f"{path} or its record is not what was saved")


if __name__ == "__main__":
    name, size, directory = sys.argv[1:]
    asyncio.run(main(name, int(size) * MIB, Path(directory)))
