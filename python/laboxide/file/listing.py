"""Walks over the entries below a root, and the listing of all pointers.

`Walk` is the base of `PointerListing` and of `laboxide.file.audit.Audit`. It owns a native
`Listing`, which returns entries in batches, and the key up to which entries were processed, from
which a walk resumes after an error or a cancellation.
"""

from __future__ import annotations

import errno
import os
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from laboxide._native import Listing
from laboxide._runtime import hub, process
from laboxide.file.pointer import FilePointer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from laboxide._native import Store

T = TypeVar("T")

BATCH = 512
"""Entries per call of the native listing."""


class Listed(NamedTuple):
    """An entry below a root."""

    key: str
    """The path below the root."""
    kind: Literal[
        "file",
        "directory",
        "link",
        "special",
        "displaced",
        "quarantined",
        "unreadable",
        "invalid key",
    ]
    """The kind of the entry.

    Writers and audits rename ``"displaced"`` and ``"quarantined"`` entries. ``"unreadable"`` means
    that a file system call on the entry failed, ``"invalid key"`` that its path is not a key.
    """
    size: int
    """The size in bytes."""
    modified: float | None
    """The modification time in seconds since the epoch, or None if there is none."""
    errno: int | None
    """The error number of an unreadable entry, or None."""
    why: str | None
    """The error text of an unreadable entry, or None."""


def listing_error(root: Path, listed: Listed) -> OSError:
    """Return the error of an unreadable entry below `root`."""
    number = listed.errno or errno.EIO
    return OSError(number, os.strerror(number), str(root / listed.key))


async def next_listed(listing: Listing) -> list[Listed]:
    """Return the next batch of a native listing; empty at its end."""
    return [Listed(*found) for found in await hub.run(listing.next_batch, BATCH)]


class Walk(AsyncIterator[T]):
    """Async iterator over the entries of a store, resumable after an error or a cancellation.

    Not an async generator, so it can be abandoned at any point without cleanup by the event loop.
    """

    def __init__(self, name: str, store: Store, after: str | None) -> None:
        self._name = name
        self._store = store
        self._generation = process.generation
        self._is_running = False
        self._is_closed = False
        self._reached = after
        """The key up to which all entries were processed."""
        self._listing = Listing(store, after)

    @contextmanager
    def _restarting_on_error(self) -> Iterator[None]:
        """Restart the listing after the last processed key on an error: a batch may be lost."""
        try:
            yield
        except BaseException:
            self._listing = Listing(self._store, self._reached)
            raise

    async def __anext__(self) -> T:
        if self._is_closed:
            raise StopAsyncIteration
        # A thread of the parent process may hold the lock of the native listing.
        if self._generation != process.generation:
            raise RuntimeError(
                f"this {self._name} belongs to the parent process: start a new one after fork"
            )
        self._check_idle()
        self._is_running = True
        try:
            return await self._next()
        finally:
            self._is_running = False

    def _check_idle(self) -> None:
        if self._is_running:
            raise RuntimeError(f"another task is waiting for the next item of this {self._name}")

    async def aclose(self) -> None:
        """End the iteration and close all directories. Idempotent.

        Raises:
            RuntimeError: Another task is waiting for the next item.
        """
        self._check_idle()
        if not self._is_closed:
            self._is_closed = True
            del self._listing

    @abstractmethod
    async def _next(self) -> T:
        """Return the next item, or raise `StopAsyncIteration`."""

    def _mark_processed(self, listed: Listed) -> None:
        """Record that this entry and all entries before it were processed."""
        if listed.kind != "invalid key":
            self._reached = listed.key


class PointerListing(Walk[FilePointer]):
    """Yields a pointer to each object.

    Args:
        store: The store to list.
        pointer_to: Returns the pointer to an entry, or None to skip the entry.
    """

    def __init__(
        self, store: Store, pointer_to: Callable[[Listed], Awaitable[FilePointer | None]]
    ) -> None:
        super().__init__("listing", store, None)
        self._pointer_to = pointer_to
        self._pending: deque[Listed] = deque()

    async def _next(self) -> FilePointer:
        while True:
            while self._pending:
                if (pointer := await self._process(self._pending[0])) is not None:
                    return pointer
            with self._restarting_on_error():
                self._pending.extend(await next_listed(self._listing))
            if not self._pending:
                raise StopAsyncIteration

    async def _process(self, listed: Listed) -> FilePointer | None:
        try:
            pointer = await self._pointer_to(listed)
        except Exception:
            self._mark_processed(self._pending.popleft())  # a retry resumes after this entry
            raise
        self._mark_processed(self._pending.popleft())
        return pointer
