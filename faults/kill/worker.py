"""A process that uses a store until it is stopped or killed, and reports each operation."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

import laboxide
from laboxide import (
    CorruptDataError,
    Digest,
    FilePointer,
    FileStorage,
    ObjectNotFoundError,
    digest_stream,
)

from faults.operations import chunks, digest_of, pointer_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

TASKS = 3
"""Operations that are in flight at once."""

DONE, ABSENT, CORRUPT = "done", "absent", "corrupt"
"""Expected outcomes of operations; any other outcome is a finding."""

SIZES = (0, 1, 500, 4096, 60_000, 300_000, 1 << 20, 1_200_000, 2_200_000)
"""An empty content, one job, several blocks, a stream with a last block that is not full."""


class Scene(NamedTuple):
    """The place and the options of a process."""

    directory: Path
    seed: int
    portable: bool
    durable: bool

    @property
    def root(self) -> Path:
        """The root of the store."""
        return self.directory / "store"


class Report(NamedTuple):
    """A report of an operation, when it begins and when it has ended."""

    number: int
    action: str
    content: int
    at: float
    outcome: str | None = None


class Content(NamedTuple):
    """One of the contents that all processes write and delete."""

    number: int
    data: bytes
    digest: Digest

    def pointer(self, root: Path) -> FilePointer:
        """Return the pointer of the content in the store at `root`."""
        return pointer_of(root, self.digest)

    def source(self, directory: Path) -> Path:
        """Return the path of the file to import it from."""
        return directory / f"source-{self.number}"


def make_contents() -> list[Content]:
    """Return one content of each size."""
    contents = []
    for number, size in enumerate(SIZES):
        data = (random.Random(number).randbytes(251) * (size // 251 + 1))[:size]
        contents.append(Content(number, data, digest_of(data)))
    return contents


CONTENTS = make_contents()
"""Made once: forked processes inherit them."""


async def _slow_chunks(data: bytes) -> AsyncIterator[bytes]:
    async for chunk in chunks(data, 200_000):
        yield chunk
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
        begun = Report(number, action, content.number, time.monotonic())
        self._pipe.send(begun)
        outcome = await self._outcome(ACTIONS[action](self, content))
        self._pipe.send(begun._replace(at=time.monotonic(), outcome=outcome))

    async def _outcome(self, operation: Awaitable[object]) -> str:
        try:
            await operation
        except ObjectNotFoundError:
            return ABSENT
        except CorruptDataError:
            return CORRUPT
        except Exception as error:  # noqa: BLE001 - any other exception is a finding
            return repr(error)
        return DONE

    async def write(self, content: Content) -> None:
        await self._storage.write_data(content.data, content.digest, {})

    async def write_stream(self, content: Content) -> None:
        pair = digest_stream(_slow_chunks(content.data), content_type="a/b")
        await self._storage.write_data_stream(*pair, {})

    async def import_file(self, content: Content) -> None:
        source = content.source(self._scene.directory)
        await self._storage.import_file(source, link=self._random.choice(("copy", "hardlink")))

    async def delete(self, content: Content) -> None:
        await self._storage.delete(content.pointer(self._scene.root))

    async def read(self, content: Content) -> None:
        _expect(await self._storage.read_data(content.pointer(self._scene.root)), content)

    async def read_stream(self, content: Content) -> None:
        stream = self._storage.read_data_stream(content.pointer(self._scene.root))
        _expect(b"".join([chunk async for chunk in stream]), content)


def _expect(read: bytes, content: Content) -> None:
    # The message of an assertion would contain both contents.
    if read != content.data:
        raise AssertionError(f"content {content.number} was read wrong")


ACTIONS: dict[str, Callable[[_Worker, Content], Awaitable[None]]] = {
    "write_data": _Worker.write,
    "write_data_stream": _Worker.write_stream,
    "import_file": _Worker.import_file,
    "delete": _Worker.delete,
    "read_data": _Worker.read,
    "read_data_stream": _Worker.read_stream,
}
WEIGHTS = dict(zip(ACTIONS, (3, 3, 2, 2, 1, 1), strict=True))
WRITES = ("write_data", "write_data_stream", "import_file")


def work(scene: Scene, pipe: Connection) -> None:
    """Use the store of `scene` until SIGTERM arrives."""
    # LABOXIDE_PORTABLE was read when the fork server started.
    laboxide._runtime.process.PORTABLE = scene.portable  # noqa: SLF001
    logging.disable()  # it warns about each torn object that it replaces
    asyncio.run(_Worker(scene, pipe).run())
