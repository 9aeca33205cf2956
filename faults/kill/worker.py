"""A process that uses a store until it is stopped or killed, and tells what it does."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

import laboxide
from laboxide import CorruptDataError, FileStorage, NoStorageData, digest_stream

from faults.kill.contents import CONTENTS, Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

TASKS = 3
"""Operations that are in flight at once."""

DONE, ABSENT, CORRUPT = "done", "absent", "corrupt"
"""How operations end that nothing is wrong with; any other end is a finding."""


class Scene(NamedTuple):
    """Where a process works, and how."""

    directory: Path
    seed: int
    portable: bool
    durable: bool

    @property
    def root(self) -> Path:
        """The store."""
        return self.directory / "store"


class Told(NamedTuple):
    """What is told of an operation, when it begins and when it has ended."""

    number: int
    action: str
    content: int
    at: float
    outcome: str | None = None


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 200_000):
        yield data[start : start + 200_000]
        await asyncio.sleep(0)


class _Worker:
    def __init__(self, scene: Scene, pipe: Connection) -> None:
        self._scene = scene
        self._pipe = pipe
        self._random = random.Random(scene.seed)
        self._storage = FileStorage(scene.root, durable=scene.durable)
        self._numbers = itertools.count()
        self._stopped = False

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stop)
        await asyncio.gather(*(self._go_on() for _ in range(TASKS)))

    def _stop(self) -> None:
        self._stopped = True

    async def _go_on(self) -> None:
        while not self._stopped:
            action = self._random.choices(tuple(ACTIONS), tuple(WEIGHTS.values()))[0]
            await self._do(action, self._random.choice(CONTENTS))

    async def _do(self, action: str, content: Content) -> None:
        number = next(self._numbers)
        begun = Told(number, action, content.number, time.monotonic())
        self._pipe.send(begun)
        outcome = await self._outcome(ACTIONS[action](self, content))
        self._pipe.send(begun._replace(at=time.monotonic(), outcome=outcome))

    async def _outcome(self, operation: Awaitable[object]) -> str:
        try:
            await operation
        except NoStorageData:
            return ABSENT
        except CorruptDataError:
            return CORRUPT
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            return repr(error)
        return DONE

    async def write(self, content: Content) -> None:
        await self._storage.write_data(content.data, content.digest, {})

    async def stream(self, content: Content) -> None:
        pair = digest_stream(_chunks(content.data), content_type="a/b")
        await self._storage.write_data_stream(*pair, {})

    async def bring(self, content: Content) -> None:
        source = content.source(self._scene.directory)
        await self._storage.import_file(source, link=self._random.choice(("copy", "hardlink")))

    async def delete(self, content: Content) -> None:
        await self._storage.delete(content.pointer(self._scene.root))

    async def read(self, content: Content) -> None:
        _same(await self._storage.read_data(content.pointer(self._scene.root)), content)

    async def read_stream(self, content: Content) -> None:
        stream = self._storage.read_data_stream(content.pointer(self._scene.root))
        _same(b"".join([chunk async for chunk in stream]), content)


def _same(read: bytes, content: Content) -> None:
    # Not an assertion: its message would be both of them.
    if read != content.data:
        raise AssertionError(f"content {content.number} was read wrong")


ACTIONS: dict[str, Callable[[_Worker, Content], Awaitable[None]]] = {
    "write_data": _Worker.write,
    "write_data_stream": _Worker.stream,
    "import_file": _Worker.bring,
    "delete": _Worker.delete,
    "read_data": _Worker.read,
    "read_data_stream": _Worker.read_stream,
}
WEIGHTS = dict(zip(ACTIONS, (3, 3, 2, 2, 1, 1), strict=True))
WRITES = ("write_data", "write_data_stream", "import_file")


def work(scene: Scene, pipe: Connection) -> None:
    """Use the store of `scene` until SIGTERM comes."""
    # As LABOXIDE_PORTABLE does, which was looked at when the process that forks was started.
    laboxide._bridge.PORTABLE = scene.portable  # noqa: SLF001
    logging.disable()  # it tells of each torn object that it replaces
    asyncio.run(_Worker(scene, pipe).run())
