"""Writes and reads of a store in every way, and checks of their effects."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from laboxide import FilePointer, content_router, digest_data, digest_stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from laboxide import Digest, FileStorage

    Write = Callable[[FileStorage, bytes, Path], Awaitable[FilePointer]]
    Read = Callable[[FileStorage, FilePointer, Path], Awaitable[bytes]]

ALGORITHMS = ("blake3", "sha256")
CHUNK = 60_000


def digest_of(data: bytes, algorithm: str = "blake3") -> Digest:
    """Return the digest of `data`."""
    return digest_data(data, content_type="a/b", algorithm=algorithm)


def pointer_of(root: Path, digest: Digest, key: str | None = None) -> FilePointer:
    """Return the pointer of an object in the store at `root`, by default with its usual key."""
    return FilePointer(
        root=str(root),
        key=content_router(digest, {})["key"] if key is None else key,
        algorithm=digest["content_hash_algorithm"],
        hash=digest["content_hash"],
        size=digest["content_size"],
    )


async def chunks(data: bytes, size: int = CHUNK) -> AsyncGenerator[bytes]:
    """Yield `data` in chunks of `size` bytes."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def writes(algorithm: str) -> dict[str, Write]:
    """Return each way to write. The last argument is a directory for the file to import."""

    async def value(storage: FileStorage, content: bytes, _: Path) -> FilePointer:
        return await storage.write_data(content, digest_of(content, algorithm), {})

    async def stream(storage: FileStorage, content: bytes, _: Path) -> FilePointer:
        pair = digest_stream(chunks(content), content_type="a/b", algorithm=algorithm)
        return await storage.write_data_stream(*pair, {})

    async def file(storage: FileStorage, content: bytes, directory: Path) -> FilePointer:
        path = directory / "original"
        path.write_bytes(content)
        return await storage.import_file(path, algorithm=algorithm, link="copy")

    return {"write_data": value, "write_data_stream": stream, "import_file": file}


async def _read_stream(storage: FileStorage, pointer: FilePointer, _: Path) -> bytes:
    return b"".join([chunk async for chunk in storage.read_data_stream(pointer)])


async def _export(storage: FileStorage, pointer: FilePointer, directory: Path) -> bytes:
    target = directory / "exported"
    await storage.export_file(pointer, target, overwrite=True)
    return target.read_bytes()


READS: dict[str, Read] = {
    "read_data": lambda storage, pointer, _: storage.read_data(pointer),
    "read_data_stream": _read_stream,
    "export_file": _export,
}
"""Each way to read. The last argument is a directory for the exported file."""


async def refused(operation: Awaitable[object], number: int) -> bool:
    """Return whether the operation failed with errno `number` and a file name.

    Raises:
        OSError: It failed with another errno, or without a file name.
    """
    try:
        await operation
    except OSError as error:
        if error.errno != number or error.filename is None:
            raise
        return True
    return False


def files_below(root: Path) -> dict[Path, bytes]:
    """Return all regular files below `root` with their content."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def open_files() -> Counter[str]:
    """Count the open file descriptors of this process by their targets."""
    targets: Counter[str] = Counter()
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # the descriptor of this listing
            targets[str(descriptor.readlink())] += 1
    return targets
