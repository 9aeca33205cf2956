"""Operations that wait for a hung disk, each with the moment at which the disk stops."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from laboxide import digest_file, digest_stream
from laboxide._runtime import hub

from faults.operations import CHUNK, READS, digest_of, writes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

    from laboxide import FilePointer, FileStorage

    Run = Callable[["Scene"], Coroutine[Any, Any, object]]


@dataclass
class Scene:
    """One object, a disk that may stop, and a directory on another disk."""

    storage: FileStorage
    content: bytes
    pointer: FilePointer
    elsewhere: Path
    stop: Callable[[], None] = lambda: None
    """Stops the disk. Each act calls it once."""

    @classmethod
    async def of(cls, storage: FileStorage, content: bytes, elsewhere: Path) -> Self:
        """Store `content` while the disk works."""
        pointer = await storage.write_data(content, digest_of(content), {})
        return cls(storage, content, pointer, elsewhere)

    @property
    def path(self) -> Path:
        """The path of the object."""
        return self.storage.path / self.pointer["key"]

    async def set_up(self, *, present: bool) -> None:
        """Store the object and drop it from the page cache, or delete it."""
        if not present:
            await self.storage.delete(self.pointer, missing_ok=True)
            return
        await self.storage.write_data(self.content, digest_of(self.content), {})
        with self.path.open("rb") as file:
            # Cached pages would be read without the disk.
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Act(NamedTuple):
    """An operation that needs the disk."""

    run: Run
    present: bool
    """Whether the object exists before."""


def acts(*, large: bool) -> dict[str, Act]:
    """Return the operations that find the disk stopped, or that it stops halfway.

    Args:
        large: Whether the object takes more than one job to read and to write.
    """
    found = {name: Act(_from_the_start(_writing(name)), present=False) for name in writes("blake3")}
    for name in READS:
        found[name] = Act(_from_the_start(_reading(name)), present=True)
    for name, run in _OTHERS.items():
        found[name] = Act(_from_the_start(run), present=True)
    found["verify, closed"] = Act(_close_verified, present=True)
    if large:
        found["write_data_stream, in the middle"] = Act(_write_on, present=False)
        found["read_data_stream, in the middle"] = Act(_read_on, present=True)
    return found


def _from_the_start(run: Callable[[Scene], Awaitable[object]]) -> Run:
    async def stopped(scene: Scene) -> object:
        scene.stop()
        return await run(scene)

    return stopped


def _writing(name: str) -> Callable[[Scene], Awaitable[object]]:
    write = writes("blake3")[name]
    return lambda scene: write(scene.storage, scene.content, scene.elsewhere)


def _reading(name: str) -> Callable[[Scene], Awaitable[object]]:
    return lambda scene: READS[name](scene.storage, scene.pointer, scene.elsewhere)


async def _list(scene: Scene) -> object:
    return [pointer["key"] async for pointer in scene.storage.list_pointers()]


async def _audit(scene: Scene) -> object:
    return [finding async for finding in scene.storage.audit()]


async def _size(scene: Scene) -> object:
    return (await scene.storage.stat(scene.pointer)).size


async def _export_onto_it(scene: Scene) -> object:
    target = scene.storage.path.with_name("exported")
    await scene.storage.export_file(scene.pointer, target, overwrite=True)
    return None


_OTHERS: dict[str, Callable[[Scene], Awaitable[object]]] = {
    "export_file onto it": _export_onto_it,
    "digest_file": lambda scene: digest_file(scene.path),
    "verify": lambda scene: scene.storage.verify(scene.pointer),
    "audit": _audit,
    "clean": lambda scene: scene.storage.clean(),
    "exists": lambda scene: scene.storage.exists(scene.pointer),
    "stat": _size,
    "list_pointers": _list,
    "delete": lambda scene: scene.storage.delete(scene.pointer),
}


async def _close_verified(scene: Scene) -> object:
    """Drop a verified object, which is still open, while the disk hangs: its close waits."""
    pointer, store = scene.pointer, scene.storage._store()  # noqa: SLF001
    expected = (pointer["size"], (pointer["algorithm"], pointer["hash"]))
    verified = await hub.run(store.open_verified, pointer["key"], expected)
    scene.stop()
    del verified
    return await scene.storage.exists(pointer)


async def _write_on(scene: Scene) -> object:
    async def stopping() -> AsyncIterator[bytes]:
        half = len(scene.content) // 2
        for start in range(0, len(scene.content), CHUNK):
            if start <= half < start + CHUNK:
                scene.stop()
            yield scene.content[start : start + CHUNK]

    stream, get_digest = digest_stream(stopping(), content_type="a/b")
    try:
        return await scene.storage.write_data_stream(stream, get_digest, {})
    except BaseException:
        # A cancelled stream has no digest, and raises that without waiting for the disk.
        with suppress(ValueError):
            get_digest(allow_incomplete=True)
        raise


async def _read_on(scene: Scene) -> object:
    stream = scene.storage.read_data_stream(scene.pointer)
    taken = [await anext(stream)]
    scene.stop()
    taken.extend([chunk async for chunk in stream])
    return b"".join(taken)
