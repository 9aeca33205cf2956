"""Checks of a store after the power is back, against the promises of its writers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laboxide import CorruptDataError, FileStorage, ObjectNotFoundError

from faults.power.objects import Object, Promise, State, router

if TYPE_CHECKING:
    from pathlib import Path

STAGING = ".laboxide-staging"


@dataclass
class Outcome:
    """The outcome of a check."""

    found: list[str] = field(default_factory=list)
    torn: int = 0
    """The number of objects without a promise whose content was wrong; reading raised an error."""


class Check:
    """Reads every object, heals torn objects by writing them again, and looks for leftovers.

    Args:
        root: The root of the store, which may have been lost.
        seed: The seed of the objects.
        promises: The promise for the object of each number.
    """

    def __init__(self, root: Path, seed: int, promises: dict[int, Promise]) -> None:
        self._root = root
        self._storage = FileStorage(root, mkdir=True, router=router, durable=bool(seed % 2))
        self._objects = {number: Object(seed, number) for number in promises}
        self._promises = promises
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        """Check the whole store."""
        await self._check_first_write()
        states = {item: await self._state(item) for item in self._objects.values()}
        for item, state in states.items():
            promise = self._promises[item.number]
            if not promise.keeps(state):
                self._find(f"{item}: {state.value}, promised was: {promise.value}")
        self._check_names()
        for item, state in states.items():
            if state is State.TORN:
                await self._check_healing(item)
        return self._outcome

    def _find(self, finding: str) -> None:
        self._outcome.found.append(finding)

    async def _state(self, item: Object) -> State:
        try:
            data = await self._read(item)
        except ObjectNotFoundError:
            return State.ABSENT
        except CorruptDataError:
            return State.TORN
        if data != item.data:
            self._find(f"{item}: wrong content was read")
        return State.WHOLE

    async def _read(self, item: Object) -> bytes:
        pointer = item.pointer(self._root)
        if item.number % 2:
            return await self._storage.read_data(pointer)
        return b"".join([chunk async for chunk in self._storage.read_data_stream(pointer)])

    def _check_names(self) -> None:
        known = {item.digest["content_hash"] for item in self._objects.values()}
        for path in (self._root / "objects").glob("*/*"):
            # The name of a quarantined object starts with the beginning of its hash.
            name, aside, _ = path.name.partition(".corrupt-")
            if name not in known and not (aside and any(one.startswith(name) for one in known)):
                self._find(f"{path}: no write made this file")

    async def _check_first_write(self) -> None:
        item = Object(-1, 0)
        await self._storage.write_data(item.data, item.digest, {})
        staging = self._root / STAGING
        left = [path.name for path in staging.iterdir()] if staging.exists() else []
        if left:
            self._find(f"left over after the first write: {', '.join(left)}")
        await self._storage.delete(item.pointer(self._root))

    async def _check_healing(self, item: Object) -> None:
        self._outcome.torn += 1
        await self._storage.write_data(item.data, item.digest, {})
        if await self._state(item) is not State.WHOLE:
            self._find(f"{item}: still torn after it was written again")
