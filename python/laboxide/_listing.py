"""What is below the root of a storage, and the pointers to all objects of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from laboxide import _bridge
from laboxide.pointer import FilePointer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laboxide._native import Listing

BATCH = 512
"""Things that are asked for at once."""


class Listed(NamedTuple):
    """Something that is below a root."""

    key: str
    """Its path there."""
    kind: str
    """``"file"``, ``"directory"``, ``"link"``, ``"special"``; ``"displaced"`` or ``"quarantined"``
    if it was moved aside; ``"closed"`` if it is a directory that cannot be listed; ``"foreign"`` if
    its name is no text."""
    size: int
    """Its size in bytes."""
    modified: float | None
    """When it was last changed, in seconds since the epoch, where the file system tells."""
    why: str | None
    """Why it is closed."""


async def next_listed(listing: Listing) -> list[Listed]:
    """Return what comes next in a native walk; nothing at its end."""
    return [Listed(*found) for found in await _bridge.run(listing.next_batch, BATCH)]


class PointerListing(AsyncIterator[FilePointer]):
    """Yields a pointer to each object. A class, so that it can be left at any point.

    Args:
        listing: The native walk.
        pointer_to: Makes a pointer of a key and a size; None passes the object over.
    """

    def __init__(
        self, listing: Listing, pointer_to: Callable[[str, int], Awaitable[FilePointer | None]]
    ) -> None:
        self._listing = listing
        self._pointer_to = pointer_to
        self._generation = _bridge.generation
        self._found: list[Listed] = []

    async def __anext__(self) -> FilePointer:
        # A thread of the parent's may have the lock of the native walk.
        if self._generation != _bridge.generation:
            raise RuntimeError("this listing belongs to the parent process: after fork begin anew")
        while True:
            while self._found:
                found = self._found.pop()
                if found.kind != "file":
                    continue
                if (pointer := await self._pointer_to(found.key, found.size)) is not None:
                    return pointer
            self._found = await next_listed(self._listing)
            if not self._found:
                raise StopAsyncIteration
