"""Writes, reads and checks of a store by every method, and its files on disk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
from laboxide import FileStorage, digest_data, digest_stream
from laboxide.testing._sources import cut, stream_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
    from pathlib import Path

    from laboxide import Digest, FileKey, FilePointer

    Operation = Callable[[FileStorage, Any, Path], Awaitable[Any]]
    Write = Callable[[FileStorage, bytes, Mapping[str, str]], Awaitable[FilePointer]]

KIB, MIB = 1 << 10, 1 << 20
DATA = b"some content"


def tag_router(digest: Digest, tags: Mapping[str, str], /, *, temp: bool) -> FileKey:
    """Return a key by the tag "kind"; a pointer from it needs the hash of the file."""
    return {"key": f"{tags.get('kind', 'none')}/{digest['content_hash']}"}


async def put(
    storage: FileStorage,
    data: Any,
    tags: Mapping[str, str] | None = None,
    *,
    algorithm: str = "blake3",
) -> FilePointer:
    digest = digest_data(data, content_type="a/b", algorithm=algorithm)
    return await storage.write_data(data, digest, tags or {})


async def put_stream(
    storage: FileStorage, data: bytes, tags: Mapping[str, str] | None = None
) -> FilePointer:
    source = stream_of(cut(data, [64 * KIB]))
    return await storage.write_data_stream(*digest_stream(source, content_type="a/b"), tags or {})


async def put_file(
    storage: FileStorage, data: bytes, tags: Mapping[str, str] | None = None
) -> FilePointer:
    path = storage.path.with_name("source")
    path.write_bytes(data)
    return await storage.import_file(path, tags, content_type="a/b")


WRITES: dict[str, Write] = {
    "write_data": put,
    "write_data_stream": put_stream,
    "import_file": put_file,
}


async def collect(stream: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def export(storage: FileStorage, pointer: Any, path: Path) -> bytes:
    await storage.export_file(pointer, path)
    return path.read_bytes()


async def read_stream(storage: FileStorage, pointer: Any, path: Path) -> bytes:
    return await collect(storage.read_data_stream(pointer))


READS: dict[str, Operation] = {
    "read_data": lambda s, pointer, _: s.read_data(pointer),
    "read_data_stream": read_stream,
    "export_file": export,
}

CHECKS: dict[str, Operation] = {
    "exists": lambda s, pointer, _: s.exists(pointer),
    "stat": lambda s, pointer, _: s.stat(pointer),
    "verify": lambda s, pointer, _: s.verify(pointer),
}

DELETES: dict[str, Operation] = {"delete": lambda s, pointer, _: s.delete(pointer)}


def files(root: Path) -> list[Path]:
    """Return every file below `root`, temporary files included."""
    return sorted(path for path in root.rglob("*") if not path.is_dir())


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def path_of(storage: FileStorage, pointer: FilePointer) -> Path:
    return storage.path / pointer["key"]


async def until(condition: Callable[[], bool], timeout: float = 10) -> None:
    """Wait until workers have made `condition` true."""
    with anyio.fail_after(timeout):
        while not condition():
            await anyio.sleep(0.01)


def wait_until(condition: Callable[[], bool], timeout: float = 10) -> None:
    """Wait until workers have made `condition` true, without an event loop."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"condition not met after {timeout} s"
        time.sleep(0.01)
