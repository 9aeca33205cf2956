"""Writes that must fail, and the state of a storage afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from laboxide import Digest, FileStorage, digest_data, digest_stream
from laboxide.testing import _sources
from laboxide.testing._sources import Pair, content_of, cut, stream_of

from tests.support.storing import DATA, KIB, collect, files, put, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from laboxide import FileKey, FilePointer, GetStreamDigest, TagMap


async def assert_unharmed(storage: FileStorage) -> None:
    """Assert that a failed write left no files, and that later writes succeed."""
    await until(lambda: not files(storage.path), timeout=30)
    for data in (b"next", content_of(100 * KIB)):
        pointer = await put(storage, data)
        assert await storage.read_data(pointer) == data
        await storage.delete(pointer)
        pair = digest_stream(stream_of(cut(data, [5000])), content_type="a/b")
        pointer = await storage.write_data_stream(*pair, {})
        assert await collect(storage.read_data_stream(pointer)) == data
        await storage.delete(pointer)


def describe(data: bytes, **changes: object) -> Digest:
    """Return the digest of `data` with some fields replaced."""
    digest = {**digest_data(data, content_type="a/b"), **changes}
    return cast("Digest", digest)


def getter(digest: object) -> GetStreamDigest:
    """Return a `get_digest` that returns `digest`."""

    def get_digest(*, allow_incomplete: bool = False) -> Any:
        return digest

    return get_digest


async def write_value(storage: FileStorage, data: bytes, digest: Any) -> FilePointer:
    return await storage.write_data(data, digest, {})


async def write_stream(storage: FileStorage, data: bytes, digest: Any) -> FilePointer:
    return await storage.write_data_stream(
        stream_of(cut(data, [64 * KIB])), getter({**digest, "is_complete": True}), {}
    )


WRITES: dict[str, Callable[[FileStorage, bytes, Any], Awaitable[FilePointer]]] = {
    "write_data": write_value,
    "write_data_stream": write_stream,
}

PAIRS: dict[str, Callable[[AsyncIterable[bytes]], Pair]] = {
    **_sources.PAIRS,
    "not hashed": lambda source: (source, getter(describe(DATA))),
}
SOURCES = {"empty": [], "small": [b"small"], "large": [bytes(64 * KIB)] * 100}


def fixed_router(_digest: Digest, _tags: TagMap, /, *, temp: bool) -> FileKey:
    return {"key": "fixed"}


class OwnError(Exception):
    """An exception raised by the caller's code."""
