"""What is done on a poor system, each with content of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide import digest_data, digest_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from laboxide import FilePointer, FileStorage

    Write = Callable[[FileStorage, bytes, Path], Awaitable[FilePointer]]
    Read = Callable[[FileStorage, FilePointer, Path], Awaitable[bytes]]

ALGORITHMS = ("blake3", "sha256")
CHUNK = 60_000


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


def writes(algorithm: str) -> dict[str, Write]:
    """Return the ways to store content. The last argument is a directory for files to import."""

    async def value(storage: FileStorage, content: bytes, _: Path) -> FilePointer:
        digest = digest_data(content, content_type="a/b", algorithm=algorithm)
        return await storage.write_data(content, digest, {})

    async def stream(storage: FileStorage, content: bytes, _: Path) -> FilePointer:
        pair = digest_stream(_chunks(content), content_type="a/b", algorithm=algorithm)
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
