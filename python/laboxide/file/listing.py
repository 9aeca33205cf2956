"""What is below the root of a storage, and the pointers to all objects of it."""

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
"""Things that are asked for at once."""


class Listed(NamedTuple):
    """Something that is below a root."""

    key: str
    """Its path there."""
    kind: Literal[
        "file", "directory", "link", "special", "displaced", "quarantined", "closed", "foreign"
    ]
    """``"file"``, ``"directory"``, ``"link"``, ``"special"``; ``"displaced"`` or ``"quarantined"``
    if it was moved aside; ``"closed"`` if it, or what is in it, cannot be looked at; ``"foreign"``
    if its path can be no key."""
    size: int
    """Its size in bytes."""
    modified: float | None
    """When it was last changed, in seconds since the epoch, where the file system tells."""
    errno: int | None
    """What the system says of it if it is closed, as a number."""
    why: str | None
    """The same in words."""


def refusal(root: Path, listed: Listed) -> OSError:
    """Return what the system says of something below `root` that is closed."""
    number = listed.errno or errno.EIO
    return OSError(number, os.strerror(number), str(root / listed.key))


async def next_listed(listing: Listing) -> list[Listed]:
    """Return what comes next in a native walk; nothing at its end."""
    return [Listed(*found) for found in await hub.run(listing.next_batch, BATCH)]


class Walk(AsyncIterator[T]):
    """Yields what it makes of a listing. A class, so that it can be left at any point.

    Left by an error, or by a cancelled task, it goes on where it was when it is iterated again.
    """

    def __init__(self, name: str, store: Store, after: str | None) -> None:
        self._name = name
        self._store = store
        self._generation = process.generation
        self._is_running = False
        self._is_closed = False
        self._reached = after
        """The key up to which everything was seen to."""
        self._listing = Listing(store, after)

    @contextmanager
    def _going_back(self) -> Iterator[None]:
        """List anew what was not seen to if anything is raised: what was listed may be lost."""
        try:
            yield
        except BaseException:
            self._listing = Listing(self._store, self._reached)
            raise

    async def __anext__(self) -> T:
        if self._is_closed:
            raise StopAsyncIteration
        # A thread of the parent's may have the lock of the native walk.
        if self._generation != process.generation:
            raise RuntimeError(
                f"this {self._name} belongs to the parent process: after fork begin anew"
            )
        self._check_idle()
        self._is_running = True
        try:
            return await self._next()
        finally:
            self._is_running = False

    def _check_idle(self) -> None:
        if self._is_running:
            raise RuntimeError(f"another task is waiting for what this {self._name} yields next")

    async def aclose(self) -> None:
        """Stop. It has ended then, wherever it was, and holds no directory open.

        Raises:
            RuntimeError: Another task is waiting for what comes next.
        """
        self._check_idle()
        if not self._is_closed:
            self._is_closed = True
            del self._listing

    @abstractmethod
    async def _next(self) -> T:
        """Return the next one, or raise `StopAsyncIteration`."""

    def _pass(self, listed: Listed) -> None:
        """Take note that this was seen to, and everything before it."""
        if listed.kind != "foreign":
            self._reached = listed.key


class PointerListing(Walk[FilePointer]):
    """Yields a pointer to each object.

    Args:
        store: Where the objects are.
        pointer_to: Makes a pointer of what was listed; None passes it over.
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
                if (pointer := await self._see_to(self._pending[0])) is not None:
                    return pointer
            with self._going_back():
                self._pending.extend(await next_listed(self._listing))
            if not self._pending:
                raise StopAsyncIteration

    async def _see_to(self, listed: Listed) -> FilePointer | None:
        try:
            pointer = await self._pointer_to(listed)
        except Exception:
            self._pass(self._pending.popleft())  # what comes after it can still be had
            raise
        self._pass(self._pending.popleft())
        return pointer
