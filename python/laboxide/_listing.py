"""The pointers to all objects of a storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from laboxide import _bridge
from laboxide.pointer import FilePointer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laboxide._native import Listing

BATCH = 512
"""Objects that are asked for at once."""


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
        self._found: list[tuple[str, int]] = []

    async def __anext__(self) -> FilePointer:
        while True:
            while self._found:
                pointer = await self._pointer_to(*self._found.pop())
                if pointer is not None:
                    return pointer
            self._found = await _bridge.run(self._listing.next_batch, BATCH)
            if not self._found:
                raise StopAsyncIteration
