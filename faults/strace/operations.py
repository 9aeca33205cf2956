"""The operations that are disturbed, and the files that they find."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laboxide import digest_file, digest_stream

from faults.operations import chunks, digest_of, pointer_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from laboxide import FilePointer, FileStorage

    Step = Callable[[FileStorage], Awaitable[object]]

STAGING = ".laboxide-staging"
TEMPORARY = ".laboxide-tmp"


def _painted(size: int, seed: int) -> bytes:
    """Return content in which no two blocks are equal."""
    return (random.Random(seed).randbytes(251) * (size // 251 + 1))[:size]


NEIGHBOUR = _painted(5000, 1)
SMALL = _painted(4096, 2)
LARGE = _painted((3 << 20) + 1000, 3)
LARGER = _painted(17 << 20, 4)
"""So large that a durable write has the device start before its last block."""


@dataclass(frozen=True)
class Operation:
    """One operation of a new storage, and the preparations by another storage."""

    act: Step
    arrange: Step
    data: bytes = SMALL
    """The content of its object."""
    writes: bool = True
    """Whether it changes the store. Only then can a kill tear anything."""
    publishes: bool = True
    """Whether its content has a name at the end that it may have lacked before."""
    absent: bool = False
    """Whether it removes the object, so that it fails the second time."""
    alone: str = ""
    """The only system call to disturb; the others occur in other operations, too."""
    early: bool = False
    """Whether it has the device start before the last write, if it is durable."""


async def _nothing(_: FileStorage) -> None:
    pass


async def _write(storage: FileStorage, data: bytes = SMALL) -> FilePointer:
    return await storage.write_data(data, digest_of(data), {})


async def _write_stream(storage: FileStorage, data: bytes = LARGE) -> None:
    await storage.write_data_stream(*digest_stream(chunks(data, 1 << 16), content_type="a/b"), {})


async def _neighbour(storage: FileStorage, *others: bytes) -> None:
    for data in (NEIGHBOUR, *others):
        await _write(storage, data)


def _pointer(storage: FileStorage, data: bytes = SMALL) -> FilePointer:
    return pointer_of(storage.path, digest_of(data))


def object_path(root: Path, data: bytes) -> Path:
    """Return the path of `data` in a store with the default router."""
    return root / pointer_of(root, digest_of(data))["key"]


def _source(storage: FileStorage) -> Path:
    return storage.path.parent / "source"


def _exported(storage: FileStorage) -> Path:
    return storage.path.parent / "exported"


async def _neighbour_and_source(storage: FileStorage) -> None:
    await _neighbour(storage)
    _source(storage).write_bytes(LARGE)


async def _old(storage: FileStorage) -> None:
    await _neighbour(storage, SMALL)
    yesterday = time.time() - 24 * 60 * 60
    os.utime(object_path(storage.path, SMALL), (yesterday, yesterday))


async def _torn(storage: FileStorage) -> None:
    await _neighbour(storage, SMALL)
    path = object_path(storage.path, SMALL)
    path.unlink()
    path.write_bytes(SMALL[:100])


async def _leftovers(storage: FileStorage) -> None:
    await _neighbour(storage)
    staging = storage.path / STAGING
    staging.mkdir(exist_ok=True)
    for index in range(3):
        (staging / f"{index}{TEMPORARY}").write_bytes(SMALL)


async def _read(storage: FileStorage, data: bytes = SMALL) -> None:
    _expect(await storage.read_data(_pointer(storage, data)), data)


async def _read_twice(storage: FileStorage) -> None:
    # The second time on the loop's thread, since the storage knows the file system by then.
    await _read(storage)
    await _read(storage)


async def _read_stream(storage: FileStorage) -> None:
    stream = storage.read_data_stream(_pointer(storage, LARGE))
    _expect(b"".join([chunk async for chunk in stream]), LARGE)


async def _export(storage: FileStorage) -> None:
    await storage.export_file(_pointer(storage, LARGE), _exported(storage), overwrite=True)


async def _exported_before(storage: FileStorage) -> None:
    """Export once before: only the first export of a process looks for leftovers of others."""
    await _large(storage)
    await _export(storage)
    _exported(storage).unlink()


async def _list(storage: FileStorage) -> None:
    async for _ in storage.list_pointers():
        pass


def _expect(read: bytes, written: bytes) -> None:
    # The message of an assertion would contain both contents.
    if read != written:
        raise AssertionError("the read returned other bytes than were written")


_small: Step = lambda storage: _neighbour(storage, SMALL)  # noqa: E731 - as in the table
_large: Step = lambda storage: _neighbour(storage, LARGE)  # noqa: E731

OPERATIONS = {
    "first write": Operation(_write, _nothing),
    "write_data": Operation(_write, _neighbour),
    "write_data, large": Operation(lambda s: _write(s, LARGE), _neighbour, LARGE),
    "write_data_stream": Operation(_write_stream, _neighbour, LARGE),
    "write_data_stream, larger": Operation(
        lambda s: _write_stream(s, LARGER),
        _neighbour,
        LARGER,
        alone="sync_file_range",
        early=True,
    ),
    "import_file": Operation(lambda s: s.import_file(_source(s)), _neighbour_and_source, LARGE),
    "import_file, hard link": Operation(
        lambda s: s.import_file(_source(s), link="hardlink"), _neighbour_and_source, LARGE
    ),
    "dedup hit": Operation(_write, _small),
    "dedup hit of an old object": Operation(_write, _old),
    "heal": Operation(_write, _torn),
    "delete": Operation(lambda s: s.delete(_pointer(s)), _small, absent=True),
    "first write after a crash": Operation(_write, _leftovers),
    "clean": Operation(lambda s: s.clean(delete=True), _leftovers, publishes=False),
    "read_data, twice": Operation(_read_twice, _small, writes=False),
    "read_data, large": Operation(lambda s: _read(s, LARGE), _large, writes=False),
    "read_data_stream": Operation(_read_stream, _large, writes=False),
    "export_file": Operation(_export, _exported_before, writes=False),
    "verify": Operation(lambda s: s.verify(_pointer(s, LARGE)), _large, writes=False),
    "list_pointers": Operation(_list, _large, writes=False),
    "stat": Operation(lambda s: s.stat(_pointer(s)), _small, writes=False),
    "digest_file": Operation(
        lambda s: digest_file(_source(s)), _neighbour_and_source, writes=False
    ),
}
