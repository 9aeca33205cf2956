"""The process that is disturbed: it does what it is told, one operation at a time."""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import laboxide
from laboxide import CorruptDataError, FileStorage, NoStorageData, digest_data

from faults.strace.operations import OPERATIONS, SMALL, Operation

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PATIENCE = 2.0
"""Seconds for workers to close what nobody waits for any more."""


DIGEST = digest_data(SMALL, content_type="a/b")


class Scene(NamedTuple):
    """Where an operation is done, and how."""

    operation: str
    directory: Path
    durable: bool

    @property
    def root(self) -> Path:
        """The store."""
        return self.directory / "store"

    def storage(self) -> FileStorage:
        """Return a new storage."""
        return FileStorage(self.root, mkdir=True, durable=self.durable)

    @property
    def what(self) -> Operation:
        """The operation."""
        return OPERATIONS[self.operation]


class Held(NamedTuple):
    """What a process has."""

    files: frozenset[str]
    threads: int


class Outcome(NamedTuple):
    """How an operation ended."""

    error: str | None
    typed: bool


class Subject:
    """What the process can be told to do."""

    _storage: FileStorage
    _operation: Operation
    _before: Held

    async def warm_up(self, directory: Path) -> None:
        """Start every thread, and import what is imported late."""
        logging.disable()  # the storage tells when it heals
        storage = FileStorage(directory / "warm", mkdir=True, durable=True)
        data = os.urandom(100)
        await storage.write_data(data, digest_data(data, content_type="a/b"), {})

    async def arrange(self, scene: Scene) -> None:
        """Make what the operation finds, and the storage that will do it."""
        scene.directory.mkdir(exist_ok=True)
        await scene.what.arrange(FileStorage(scene.root, mkdir=True))
        self._storage, self._operation = scene.storage(), scene.what
        self._before = _held()

    async def act(self) -> Outcome:
        """Do the operation."""
        try:
            await self._operation.act(self._storage)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is judged
            return Outcome(describe(error), is_typed(error))
        return Outcome(None, typed=True)

    async def leaks(self) -> list[str]:
        """Tell what there is more than before the operation, when it had time to go."""
        deadline = time.monotonic() + PATIENCE
        while found := _more(self._before, _held()):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.001)
        return found

    async def again(self) -> str | None:
        """Do it a second time with the same storage; what should not fail."""
        return await self._undisturbed(self._storage)

    async def anew(self, scene: Scene) -> str | None:
        """Do it with a storage that is new, and write: its first write sweeps."""
        self._operation = scene.what
        storage = scene.storage()
        return await self._undisturbed(storage) or await _write_and_delete(storage)

    async def _undisturbed(self, storage: FileStorage) -> str | None:
        try:
            await self._operation.act(storage)
        except NoStorageData as error:
            return None if self._operation.absent else describe(error)
        except Exception as error:  # noqa: BLE001 - nothing disturbs it, so it should not fail
            return describe(error)
        return None

    async def marked(self, scene: Scene) -> None:
        """Do the operation with a storage that is new, and mark where it begins and ends."""
        mark(scene.operation, "made")
        storage = scene.storage()
        mark(scene.operation, "begin")
        await scene.what.act(storage)
        mark(scene.operation, "end")

    async def known_way(self, scene: Scene) -> None:
        """Write what another wrote last, where the directory was flushed before that."""
        mark(scene.operation, "made")
        storage, another = scene.storage(), FileStorage(scene.root)
        await storage.write_data(SMALL, DIGEST, {})
        await storage.delete(await another.write_data(SMALL, DIGEST, {}))
        await another.write_data(SMALL, DIGEST, {})
        mark(scene.operation, "begin")
        await storage.write_data(SMALL, DIGEST, {})
        mark(scene.operation, "end")

    async def crowd(self, scene: Scene, contents: list[bytes]) -> None:
        """Write everything at once, and mark the end of each."""
        mark(scene.operation, "made")
        storage = scene.storage()
        mark(scene.operation, "begin")

        async def one(index: int, data: bytes) -> None:
            await storage.write_data(data, digest_data(data, content_type="a/b"), {})
            mark(scene.operation, str(index))

        await asyncio.gather(*itertools.starmap(one, enumerate(contents)))


def mark(operation: str, moment: str) -> None:
    """Make a system call that shows in a log."""
    os.access(mark_of(operation, moment), os.F_OK)


def mark_of(operation: str, moment: str) -> str:
    """Return the path by which a moment is known in a log."""
    return f"/marked/{operation}/{moment}"


async def _write_and_delete(storage: FileStorage) -> str | None:
    data = b"after"
    try:
        pointer = await storage.write_data(data, digest_data(data, content_type="a/b"), {})
        await storage.delete(pointer)
    except OSError as error:
        return describe(error)
    return None


def serve(connection: Connection, portable: bool, directory: Path) -> None:  # noqa: FBT001
    """Be told what to do until the other end is closed."""
    # As LABOXIDE_PORTABLE does, which was looked at when the process that forks was started.
    laboxide._bridge.PORTABLE = portable  # noqa: SLF001
    subject = Subject()
    with asyncio.Runner() as runner:
        runner.run(subject.warm_up(directory))
        connection.send(None)
        while True:
            try:
                name, arguments = connection.recv()
            except EOFError:
                return
            connection.send(runner.run(getattr(subject, name)(*arguments)))


def describe(error: BaseException) -> str:
    """Return the class of an error, what it is about, and its text."""
    number = getattr(error, "errno", None)
    name = f" {errno.errorcode.get(number, number)}" if number is not None else ""
    return f"{type(error).__name__}{name}: {error}"


def is_typed(error: BaseException) -> bool:
    """Tell whether an error says what is wrong, and with which file."""
    if isinstance(error, CorruptDataError):
        return True
    return isinstance(error, OSError) and None not in (error.errno, error.filename)


def _held() -> Held:
    files = set()
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # that of the list itself
            files.add(f"{descriptor.name} {descriptor.readlink()}")
    return Held(frozenset(files), len(list(Path("/proc/self/task").iterdir())))


def _more(before: Held, now: Held) -> list[str]:
    files = [f"left open: {file}" for file in sorted(now.files - before.files)]
    threads = now.threads - before.threads
    return files + [f"{threads} threads more"] * (threads > 0)
