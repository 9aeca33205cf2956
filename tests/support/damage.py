"""Faults of an object, and the operations that must notice them: reads, checks and writes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from laboxide import FileStorage, digest_data, digest_stream
from laboxide.testing._sources import content_of, cut, plain_pair, stream_of

from tests.support.storing import KIB, collect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from laboxide import FilePointer, ImportLink


def overwrite(path: Path, data: bytes | bytearray) -> None:
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def flip(path: Path, index: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[index] ^= 1 << bit
    overwrite(path, data)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "kept").write_bytes(b"kept")


def replace_by_link(path: Path) -> None:
    copy = path.parents[3] / "good copy"
    path.rename(copy)
    path.symlink_to(copy)


def replace_by_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SIZE_FAULTS: dict[str, Callable[[Path], None]] = {
    "emptied": lambda path: overwrite(path, b""),
    "truncated by one": lambda path: overwrite(path, path.read_bytes()[:-1]),
    "extended by one": lambda path: overwrite(path, path.read_bytes() + b"\0"),
}

CONTENT_FAULTS: dict[str, Callable[[Path], None]] = {
    "first bit": lambda path: flip(path, 0),
    "bit in the middle": lambda path: flip(path, path.stat().st_size // 2, bit=3),
    "last bit": lambda path: flip(path, -1, bit=7),
    "other content": lambda path: overwrite(path, content_of(path.stat().st_size, seed=9)),
    "zeroes": lambda path: overwrite(path, bytes(path.stat().st_size)),
}

LINKS: dict[str, Callable[[Path], None]] = {
    "link to a good copy": replace_by_link,
    "dangling link": replace_by_dangling_link,
}

KIND_FAULTS: dict[str, Callable[[Path], None]] = {
    "directory": replace_by_directory,
    **LINKS,
    "fifo": replace_by_fifo,
}

FAULTS = SIZE_FAULTS | CONTENT_FAULTS | KIND_FAULTS

KINDS = {
    "directory": "a directory",
    "link to a good copy": "a symbolic link",
    "dangling link": "a symbolic link",
    "fifo": "a special file",
}


async def export(storage: FileStorage, pointer: FilePointer) -> bytes:
    target = storage.path.with_name("exports") / "out"
    target.parent.mkdir(exist_ok=True)
    await storage.export_file(pointer, target)
    return target.read_bytes()


READS: dict[str, Callable[[FileStorage, FilePointer], Awaitable[Any]]] = {
    "read_data": lambda s, pointer: s.read_data(pointer),
    "read_data_stream": lambda s, pointer: collect(s.read_data_stream(pointer)),
}

CHECKS: dict[str, Callable[[FileStorage, FilePointer], Awaitable[Any]]] = {
    "verify": lambda s, pointer: s.verify(pointer),
    "export_file": export,
}

USES: dict[str, Callable[[FileStorage, FilePointer], Awaitable[Any]]] = {
    **READS,
    **CHECKS,
    "stat": lambda s, pointer: s.stat(pointer),
    "delete": lambda s, pointer: s.delete(pointer),
}


async def put(storage: FileStorage, data: bytes, algorithm: str = "blake3") -> FilePointer:
    digest = digest_data(data, content_type="a/b", algorithm=algorithm)
    return await storage.write_data(data, digest, {})


async def put_stream(storage: FileStorage, data: bytes, algorithm: str = "blake3") -> FilePointer:
    source = stream_of(cut(data, [64 * KIB]))
    pair = digest_stream(source, content_type="a/b", algorithm=algorithm)
    return await storage.write_data_stream(*pair, {})


async def put_hashlib_stream(storage: FileStorage, data: bytes, algorithm: str) -> FilePointer:
    """Write a stream with a digest by hashlib, which needs SHA-256."""
    assert algorithm == "sha256"
    return await storage.write_data_stream(*plain_pair(stream_of(cut(data, [64 * KIB]))), {})


async def put_file(
    storage: FileStorage, data: bytes, algorithm: str = "blake3", link: ImportLink = "auto"
) -> FilePointer:
    source = storage.path.with_name("source")
    source.write_bytes(data)
    return await storage.import_file(source, algorithm=algorithm, link=link)


async def put_hardlink(storage: FileStorage, data: bytes, algorithm: str) -> FilePointer:
    return await put_file(storage, data, algorithm, "hardlink")


WRITES: dict[str, Callable[[FileStorage, bytes, str], Awaitable[FilePointer]]] = {
    "write_data": put,
    "write_data_stream": put_stream,
    "write_data_stream by hashlib": put_hashlib_stream,
    "import_file": put_file,
    "import_file as hardlink": put_hardlink,
}
