"""The jobs that the demo compares. Each is run in a process of its own, by `job.py`.

A job stores the file at `source` below `directory`, or reads back what is there, and says what it
found. The plain versions do the same work with the standard library, on the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from laboxide import FileStorage, Hasher, digest_data, digest_stream

from benches.demo.sample import READ_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from laboxide import FilePointer, VerifyReads

CHUNK_SIZE = 64 << 10
CHUNKS_BETWEEN_PAUSES = 16
IN_MEMORY = bytes(range(256)) * (READ_SIZE // 256)
READ_AT_LEAST = 2 << 30
"""Bytes that a reading job reads, if need be in several passes: one takes 25 ms for 512 MiB."""


class Outcome(TypedDict, total=False):
    """What a job says of the content, for the check that follows."""

    moved: int
    """The bytes that went through."""
    stored: str
    """The path of what was stored."""
    hash: str
    """What was stored or read, by BLAKE3 or SHA-256."""


async def chunks_of(path: Path) -> AsyncIterator[bytes]:
    """Yield a file in small chunks and suspend now and then, as a client's upload would."""
    with path.open("rb", buffering=0) as file:
        count = 0
        while chunk := file.read(CHUNK_SIZE):
            yield chunk
            count += 1
            if count % CHUNKS_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)


async def stream_blake3(source: Path, directory: Path) -> Outcome:
    """Store a stream named by BLAKE3, the default."""
    return await _stream(source, directory, "blake3")


async def stream_sha256(source: Path, directory: Path) -> Outcome:
    """Store a stream named by SHA-256."""
    return await _stream(source, directory, "sha256")


async def _stream(source: Path, directory: Path, algorithm: str) -> Outcome:
    storage = FileStorage(directory)
    stream, get_digest = digest_stream(
        chunks_of(source), content_type="application/octet-stream", algorithm=algorithm
    )
    pointer = await storage.write_data_stream(stream, get_digest, {})
    return _stored(storage, pointer)


async def stream_plain(source: Path, directory: Path) -> Outcome:
    """Store a stream with hashlib and ordinary writes."""
    hasher = hashlib.sha256()
    temporary = directory / "temporary"
    with temporary.open("xb") as file:
        async for chunk in chunks_of(source):
            hasher.update(chunk)
            file.write(chunk)
    stored = directory / hasher.hexdigest()
    temporary.rename(stored)
    return {"moved": stored.stat().st_size, "stored": str(stored), "hash": stored.name}


async def import_blake3(source: Path, directory: Path) -> Outcome:
    """Import a whole file; blocks are shared only where the file system can."""
    storage = FileStorage(directory)
    return _stored(storage, await storage.import_file(source))


async def import_plain(source: Path, directory: Path) -> Outcome:
    """Copy and hash a whole file with ordinary reads and writes."""
    hasher = hashlib.sha256()
    temporary = directory / "temporary"
    with source.open("rb", buffering=0) as original, temporary.open("xb", buffering=0) as file:
        while chunk := original.read(READ_SIZE):
            hasher.update(chunk)
            file.write(chunk)
    stored = directory / hasher.hexdigest()
    temporary.rename(stored)
    return {"moved": stored.stat().st_size, "stored": str(stored), "hash": stored.name}


async def read_hash(_source: Path, directory: Path) -> Outcome:
    """Read a stored stream back, every byte verified."""
    return await _read(directory, "hash")


async def read_size(_source: Path, directory: Path) -> Outcome:
    """Read a stored stream back, its size verified."""
    return await _read(directory, "size")


async def _read(directory: Path, verify_reads: VerifyReads) -> Outcome:
    storage = FileStorage(directory, verify_reads=verify_reads)
    pointer = load_pointer(directory)
    moved = 0
    for _ in passes(pointer):
        async for chunk in storage.read_data_stream(pointer):
            moved += len(chunk)
    return {"moved": moved}


async def read_plain(_source: Path, directory: Path) -> Outcome:
    """Read the stored file with an ordinary loop."""
    pointer = load_pointer(directory)
    moved = 0
    for _ in passes(pointer):
        with Path(pointer["root"], pointer["key"]).open("rb", buffering=0) as file:
            while chunk := file.read(READ_SIZE):
                moved += len(chunk)
    return {"moved": moved}


async def round_trip(source: Path, directory: Path) -> Outcome:
    """Store a stream and read it back, every byte verified."""
    storage = FileStorage(directory)
    stream, get_digest = digest_stream(chunks_of(source), content_type="application/octet-stream")
    pointer = await storage.write_data_stream(stream, get_digest, {})
    moved = pointer["size"]
    async for chunk in storage.read_data_stream(pointer):
        moved += len(chunk)
    return {"moved": moved, "hash": pointer["hash"]}


async def check_reads(_source: Path, directory: Path) -> Outcome:
    """Hash what both ways of reading return, with hashlib; they must agree."""
    hashes = set()
    for verify_reads in ("hash", "size"):
        storage = FileStorage(directory, verify_reads=verify_reads)
        hasher = hashlib.sha256()
        async for chunk in storage.read_data_stream(load_pointer(directory)):
            hasher.update(chunk)
        hashes.add(hasher.hexdigest())
    return {"moved": 0, "hash": " and ".join(sorted(hashes))}


async def hash_alone(source: Path, _directory: Path) -> Outcome:
    """Hash as many bytes as the file has, from memory, by one thread."""
    chunk = IN_MEMORY
    hasher = Hasher("blake3")
    left = size = source.stat().st_size
    while left > 0:
        hasher.update(chunk[:left] if left < len(chunk) else chunk)
        left -= len(chunk)
    return {"moved": size}


async def idle(_source: Path, _directory: Path) -> Outcome:
    """Do nothing: what the ticker itself shows."""
    await asyncio.sleep(0.3)
    return {"moved": 0}


JOBS: dict[str, Callable[[Path, Path], Awaitable[Outcome]]] = {
    job.__name__: job
    for job in (
        stream_blake3,
        stream_sha256,
        stream_plain,
        import_blake3,
        import_plain,
        read_hash,
        read_size,
        read_plain,
        check_reads,
        round_trip,
        hash_alone,
        idle,
    )
}


async def warm_up(directory: Path) -> None:
    """Start what a process starts once, with 10 bytes: no buffer is allocated for them."""
    storage = FileStorage(directory)
    data = b"ten bytes."
    pointer = await storage.write_data(data, digest_data(data, content_type="text/plain"), {})
    async for _ in storage.read_data_stream(pointer):
        pass


def load_pointer(directory: Path) -> FilePointer:
    """Return the pointer that `keep_pointer` kept."""
    pointer: FilePointer = json.loads((directory / "pointer.json").read_text(encoding="utf-8"))
    return pointer


def passes(pointer: FilePointer) -> range:
    """Return as many turns as it takes to read enough for a measurement."""
    return range(min(100, max(1, READ_AT_LEAST // pointer["size"])))


def keep_pointer(directory: Path, pointer: FilePointer) -> None:
    """Keep the pointer to what the reading jobs read."""
    (directory / "pointer.json").write_text(json.dumps(pointer), encoding="utf-8")


def _stored(storage: FileStorage, pointer: FilePointer) -> Outcome:
    stored = storage.path / pointer["key"]
    return {"moved": pointer["size"], "stored": str(stored), "hash": pointer["hash"]}
