"""Content, streams and digests for the tests of the suite."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio

from laboxide.digest import digest_data, digest_stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
    from pathlib import Path

    from laboxide.types import Digest, GetStreamDigest, StreamDigest

Pair = tuple["AsyncIterable[bytes]", "GetStreamDigest"]
"""A stream and its digest function, as `Storage.write_data_stream` takes them."""

KIB, MIB = 1 << 10, 1 << 20

SIZES = sorted(
    {0, 1, 2, 1000, 17 * MIB + 4321}
    | {edge + step for edge in (2 * KIB, 16 * KIB, 64 * KIB) for step in (-1, 0, 1)}
    | {count * MIB + step for count in (1, 2, 4, 7, 8) for step in (-1, 0, 1)}
)
"""Sizes in bytes: the smallest ones, and those around common thresholds of storages."""

CHUNKINGS = {
    "one byte": [1],
    "odd": [1000],
    "odd and large": [60_000],
    "page": [4096],
    "64 KiB": [64 * KIB],
    "1 MiB": [MIB],
    "5 MiB": [5 * MIB],
    "mixed": [1, 70_000, 3, 16 * KIB, 0, 2 * MIB, 999, 64 * KIB],
}
"""Sizes in bytes of chunks, repeated until the end of the content."""


def backends() -> list[Any]:
    """Return the parameters of anyio's ``anyio_backend`` fixture for each installed loop."""
    installed: list[Any] = [("asyncio", {"use_uvloop": False})]
    if find_spec("uvloop"):
        installed.append(("asyncio", {"use_uvloop": True}))
    if find_spec("trio"):
        installed.append(("trio", {}))
    return installed


def backend_name(backend: tuple[str, dict[str, Any]]) -> str:
    """Return the name of a loop for the name of a test."""
    name, options = backend
    return "uvloop" if options.get("use_uvloop") else name


def content_of(size: int, seed: int = 0) -> bytes:
    """Return `size` bytes that depend on `seed`; adjacent aligned blocks differ."""
    cycle = bytes(range(251))  # a prime number, so blocks of a power of two never repeat
    return (bytes([seed]) + cycle * (size // len(cycle) + 1))[:size]


def cut(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """Yield `data` in chunks of `sizes`, repeated."""
    repeated = list(sizes)
    start = 0
    while start < len(data):
        for size in repeated:
            yield data[start : start + size]
            start += size


async def stream_of(chunks: Iterable[bytes], pause: float | None = 0) -> AsyncGenerator[bytes]:
    """Yield `chunks`, each after a pause in seconds; None never suspends."""
    for chunk in chunks:
        if pause is not None:
            await anyio.sleep(pause)
        yield chunk


def describe(data: bytes) -> Digest:
    """Return the digest of a value."""
    return digest_data(data, content_type="application/octet-stream", algorithm="sha256")


def native_pair(source: AsyncIterable[bytes]) -> Pair:
    """Return a stream and its digest function, made by laboxide."""
    return digest_stream(source, content_type="application/octet-stream")


def plain_pair(source: AsyncIterable[bytes]) -> Pair:
    """Return a stream and its digest function, made by a framework without laboxide."""
    content_hash = hashlib.sha256()
    size = 0
    is_complete = False

    async def stream() -> AsyncGenerator[bytes]:
        nonlocal size, is_complete
        async for chunk in source:
            content_hash.update(chunk)
            size += len(chunk)
            yield chunk
        is_complete = True

    def get_digest(*, allow_incomplete: bool = False) -> StreamDigest:
        if not (is_complete or allow_incomplete):
            raise ValueError("The stream has not been read to its end.")
        return {
            "content_encoding": None,
            "content_type": "application/octet-stream",
            "content_hash_algorithm": "sha256",
            "content_hash": content_hash.hexdigest(),
            "content_size": size,
            "is_complete": is_complete,
        }

    return stream(), get_digest


PAIRS: dict[str, Callable[[AsyncIterable[bytes]], Pair]] = {
    "digest_stream": native_pair,
    "hashlib": plain_pair,
}
"""The makers of digest functions."""


def _file_of(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


DATA_KINDS: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda data, _: data,
    "bytearray": lambda data, _: bytearray(data),
    "sync iterable": lambda data, _: cut(data, [100_000]),
    "async iterable": lambda data, _: stream_of(cut(data, [100_000])),
    "path": _file_of,
}
"""The kinds of data that `Storage.put` takes, made from content and the path of a new file."""
