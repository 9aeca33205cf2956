"""The process under test: it serves the calls of its driver, one operation at a time."""

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
from laboxide import FileStorage, ObjectNotFoundError, VerificationError

from faults.operations import digest_of
from faults.strace.operations import OPERATIONS, SMALL, Operation

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PATIENCE = 2.0
"""Seconds in which workers close the files of operations that were abandoned."""


class Scene(NamedTuple):
    """An operation by name, and the place for it."""

    name: str
    directory: Path
    durable: bool

    @property
    def root(self) -> Path:
        """The root of the store."""
        return self.directory / "store"

    def storage(self) -> FileStorage:
        """Return a new storage."""
        return FileStorage(self.root, mkdir=True, durable=self.durable)

    @property
    def operation(self) -> Operation:
        """The operation."""
        return OPERATIONS[self.name]


class Held(NamedTuple):
    """The resources of a process."""

    files: frozenset[str]
    threads: int


class Outcome(NamedTuple):
    """The outcome of an operation."""

    error: str | None
    typed: bool


class Subject:
    """The methods that a driver can call in the process."""

    _storage: FileStorage
    _operation: Operation
    _before: Held

    async def warm_up(self, directory: Path) -> None:
        """Start every thread, and import modules that are imported late."""
        logging.disable()  # the storage warns when it heals an object
        storage = FileStorage(directory / "warm", mkdir=True, durable=True)
        data = os.urandom(100)
        await storage.write_data(data, digest_of(data), {})

    async def arrange(self, scene: Scene) -> None:
        """Create the files that the operation finds, and the storage for it."""
        scene.directory.mkdir(exist_ok=True)
        await scene.operation.arrange(FileStorage(scene.root, mkdir=True))
        self._storage, self._operation = scene.storage(), scene.operation
        self._before = _held()

    async def act(self) -> Outcome:
        """Run the operation."""
        try:
            await self._operation.act(self._storage)
        except Exception as error:  # noqa: BLE001 - the driver judges it
            return Outcome(describe(error), is_typed(error))
        return Outcome(None, typed=True)

    async def leaks(self) -> list[str]:
        """Return the resources beyond those before, after some time to release them."""
        deadline = time.monotonic() + PATIENCE
        while found := _more(self._before, _held()):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.001)
        return found

    async def again(self) -> str | None:
        """Repeat the operation with the same storage; return the error, if there is one."""
        return await self._undisturbed(self._storage)

    async def again_anew(self, scene: Scene) -> str | None:
        """Repeat the operation with a new storage, and write: its first write cleans up."""
        self._operation = scene.operation
        storage = scene.storage()
        return await self._undisturbed(storage) or await _write_and_delete(storage)

    async def _undisturbed(self, storage: FileStorage) -> str | None:
        try:
            await self._operation.act(storage)
        except ObjectNotFoundError as error:
            return None if self._operation.absent else describe(error)
        except Exception as error:  # noqa: BLE001 - nothing disturbs it, so any error is a finding
            return describe(error)
        return None

    async def marked(self, scene: Scene) -> None:
        """Run the operation with a new storage, and mark its begin and end in the log."""
        mark(scene.name, "made")
        storage = scene.storage()
        mark(scene.name, "begin")
        await scene.operation.act(storage)
        mark(scene.name, "end")

    async def after_another_write(self, scene: Scene) -> None:
        """Write an object that another storage wrote, in a directory that is flushed already."""
        mark(scene.name, "made")
        storage, another = scene.storage(), FileStorage(scene.root)
        digest = digest_of(SMALL)
        await storage.write_data(SMALL, digest, {})
        await storage.delete(await another.write_data(SMALL, digest, {}))
        await another.write_data(SMALL, digest, {})
        mark(scene.name, "begin")
        await storage.write_data(SMALL, digest, {})
        mark(scene.name, "end")

    async def write_many(self, scene: Scene, contents: list[bytes]) -> None:
        """Write all contents at once, and mark the end of each write."""
        mark(scene.name, "made")
        storage = scene.storage()
        mark(scene.name, "begin")

        async def one(index: int, data: bytes) -> None:
            await storage.write_data(data, digest_of(data), {})
            mark(scene.name, str(index))

        await asyncio.gather(*itertools.starmap(one, enumerate(contents)))


def mark(operation: str, moment: str) -> None:
    """Make a system call that marks a moment in the log."""
    os.access(mark_of(operation, moment), os.F_OK)


def mark_of(operation: str, moment: str) -> str:
    """Return the path that marks a moment in the log."""
    return f"/marked/{operation}/{moment}"


async def _write_and_delete(storage: FileStorage) -> str | None:
    data = b"after"
    try:
        await storage.delete(await storage.write_data(data, digest_of(data), {}))
    except OSError as error:
        return describe(error)
    return None


def serve(connection: Connection, portable: bool, directory: Path) -> None:  # noqa: FBT001
    """Serve calls of the driver until it closes the connection."""
    # LABOXIDE_PORTABLE was read when the fork server started.
    laboxide._runtime.process.PORTABLE = portable  # noqa: SLF001
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
    """Return the class of an error, the name of its errno, and its text."""
    number = getattr(error, "errno", None)
    name = f" {errno.errorcode.get(number, number)}" if number is not None else ""
    return f"{type(error).__name__}{name}: {error}"


def is_typed(error: BaseException) -> bool:
    """Return whether an error has an errno and a file name, or reports a corrupt object."""
    if isinstance(error, VerificationError):
        return True
    return isinstance(error, OSError) and None not in (error.errno, error.filename)


def _held() -> Held:
    files = set()
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # the descriptor of the listing itself
            files.add(f"{descriptor.name} {descriptor.readlink()}")
    return Held(frozenset(files), len(list(Path("/proc/self/task").iterdir())))


def _more(before: Held, now: Held) -> list[str]:
    files = [f"left open: {file}" for file in sorted(now.files - before.files)]
    threads = now.threads - before.threads
    return files + [f"{threads} more threads"] * (threads > 0)
