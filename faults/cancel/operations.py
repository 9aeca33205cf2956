"""Every operation that awaits, as a function that starts it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from laboxide import digest_file, digest_stream

from faults.operations import digest_of

if TYPE_CHECKING:
    from laboxide import FileStorage, StreamDigest

    from faults.cancel.world import World

Operation = Callable[["World"], Coroutine[Any, Any, object]]

CHUNK = 1_100_000


class _Source:
    """Yields data in chunks. Not a generator, which keeps running after its reader on 3.11."""

    def __init__(self, data: bytes, *, suspends: bool) -> None:
        self._chunks = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
        self._suspends = suspends

    def __aiter__(self) -> _Source:
        return self

    async def __anext__(self) -> bytes:
        if self._suspends:
            await anyio.sleep(0)
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


class _HashedSource(_Source):
    """Hashes the chunks that it yields, as the stream of a framework would."""

    def __init__(self, data: bytes, *, suspends: bool) -> None:
        super().__init__(data, suspends=suspends)
        self._hash = hashlib.sha256()
        self._size = 0

    async def __anext__(self) -> bytes:
        chunk = await super().__anext__()
        self._hash.update(chunk)
        self._size += len(chunk)
        return chunk

    def digest(self, *, allow_incomplete: bool = False) -> StreamDigest:
        digest = digest_of(b"", "sha256")
        digest["content_hash"], digest["content_size"] = self._hash.hexdigest(), self._size
        return {**digest, "is_complete": not allow_incomplete}


async def _write_pair(storage: FileStorage, data: bytes, *, suspends: bool) -> object:
    source = _Source(data, suspends=suspends)
    return await storage.write_data_stream(*digest_stream(source, content_type="a/b"), {})


async def _write_foreign(storage: FileStorage, data: bytes, *, suspends: bool) -> object:
    source = _HashedSource(data, suspends=suspends)
    return await storage.write_data_stream(source, source.digest, {})


async def _digest(data: bytes, algorithm: str, *, suspends: bool) -> object:
    source = _Source(data, suspends=suspends)
    stream, get_digest = digest_stream(source, content_type="a/b", algorithm=algorithm)
    async for _ in stream:
        pass
    return get_digest()


async def _read(storage: FileStorage, world: World, name: str) -> object:
    async for _ in storage.read_data_stream(world.kept[name]):
        pass
    return None


async def _list(storage: FileStorage) -> object:
    return [pointer async for pointer in storage.list_pointers()]


async def _audit(storage: FileStorage, **options: Any) -> object:
    return [finding async for finding in storage.audit(**options)]


async def _delete(world: World) -> None:
    # A cancelled delete may still be in flight.
    await world.store.delete(world.kept["doomed"], missing_ok=True)


def _export(world: World, **options: Any) -> Coroutine[Any, Any, object]:
    return world.store.export_file(world.kept["large"], world.target, **options)


def _write(storage: FileStorage, data: bytes, algorithm: str) -> Coroutine[Any, Any, object]:
    return storage.write_data(data, digest_of(data, algorithm), {})


OPERATIONS: dict[str, Operation] = {
    "write_data, small": lambda w: _write(w.store, w.new_small, "blake3"),
    "write_data, small, durable": lambda w: _write(w.durable, w.new_small, "blake3"),
    "write_data, large": lambda w: _write(w.store, w.new_large, "blake3"),
    "write_data, large, durable": lambda w: _write(w.durable, w.new_large, "blake3"),
    "write_data, large, verified": lambda w: _write(w.verifying, w.new_large, "sha256"),
    "write_data, there already": lambda w: _write(w.verifying, w.large, "blake3"),
    **{
        f"write_data_stream, {name}, {'suspending' if suspends else 'never suspending'}": partial(
            write, suspends=suspends
        )
        for suspends in (True, False)
        for name, write in {
            "ours": lambda w, suspends: _write_pair(w.store, w.new_large, suspends=suspends),
            "ours, durable": lambda w, suspends: _write_pair(
                w.durable, w.new_large, suspends=suspends
            ),
            "ours, small": lambda w, suspends: _write_pair(w.store, w.new_small, suspends=suspends),
            "foreign": lambda w, suspends: _write_foreign(w.store, w.new_large, suspends=suspends),
            "foreign, verified": lambda w, suspends: _write_foreign(
                w.verifying, w.new_large, suspends=suspends
            ),
        }.items()
    },
    "digest_stream, suspending": lambda w: _digest(w.large, "sha256", suspends=True),
    "digest_stream, never suspending": lambda w: _digest(w.large, "blake3", suspends=False),
    "digest_file": lambda w: digest_file(w.file),
    "digest_file, sha256": lambda w: digest_file(w.file, algorithm="sha256"),
    "read_data, small": lambda w: w.store.read_data(w.kept["small"]),
    "read_data, large": lambda w: w.store.read_data(w.kept["large"]),
    "read_data, elsewhere": lambda w: w.store.read_data(w.kept["elsewhere"]),
    "read_data_stream": lambda w: _read(w.store, w, "large"),
    "read_data_stream, small": lambda w: _read(w.store, w, "small"),
    "read_data_stream, elsewhere": lambda w: _read(w.store, w, "elsewhere"),
    "import_file": lambda w: w.store.import_file(w.file),
    "import_file, copied, sha256": lambda w: w.store.import_file(
        w.file, link="copy", algorithm="sha256"
    ),
    "import_file, durable": lambda w: w.durable.import_file(w.file, link="copy"),
    "export_file": _export,
    "export_file, overwriting": partial(_export, overwrite=True),
    "verify": lambda w: w.store.verify(w.kept["large"]),
    "audit": lambda w: _audit(w.store),
    "audit, repairing": lambda w: _audit(w.store, repair=True, workers=2),
    "clean": lambda w: w.store.clean(delete=True),
    "delete": _delete,
    "stat": lambda w: w.store.stat(w.kept["small"]),
    "exists, elsewhere": lambda w: w.store.exists(w.kept["elsewhere"]),
    "list_pointers": lambda w: _list(w.store),
    "list_pointers, hashed": lambda w: _list(w.plain_names),
}
