"""A task beside the cancelled ones, which must not notice them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from laboxide import FileStorage

from faults.cancel.world import BYSTANDER
from faults.operations import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SIZE = 400_000
CONTENTS = 8
"""The number of different contents."""


class Bystander:
    """Writes, reads and deletes an object over and over."""

    def __init__(self, directory: Path) -> None:
        self._storage = FileStorage(directory / BYSTANDER, mkdir=True, chunk_size=64 << 10)
        self.is_stopping = False
        self.rounds = 0

    async def run(self) -> None:
        """Work until `is_stopping` is set. Each round must return the right bytes."""
        while not self.is_stopping:
            data = bytes([self.rounds % CONTENTS]) * SIZE
            pointer = await self._storage.write_data(data, digest_of(data), {})
            chunks = [chunk async for chunk in self._storage.read_data_stream(pointer)]
            assert b"".join(chunks) == data
            await self._storage.delete(pointer)
            self.rounds += 1
            await anyio.sleep(0.005)


@asynccontextmanager
async def bystander(directory: Path, found: list[str]) -> AsyncIterator[Bystander]:
    """Run a bystander in the background. Any error of it is added to `found`."""
    bystander = Bystander(directory)

    async def watch() -> None:
        try:
            await bystander.run()
        except BaseException as error:
            if not bystander.is_stopping:
                found.append(f"the bystander was disturbed by {error!r}")
            raise

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            yield bystander
        finally:
            bystander.is_stopping = True
    if not bystander.rounds:
        found.append("the bystander finished no round")
