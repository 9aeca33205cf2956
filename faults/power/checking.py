"""What is left in a store after the power is back, against what was promised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laboxide import CorruptDataError, FileStorage, NoStorageData

from faults.power.items import Item, Promise, State, router

if TYPE_CHECKING:
    from pathlib import Path

STAGING = ".laboxide-staging"


@dataclass
class Outcome:
    """What a check came to."""

    found: list[str] = field(default_factory=list)
    torn: int = 0
    """Objects without a promise that were not their content; reading said so."""


class Check:
    """Reads every object, repairs what is torn by writing it again, and looks for leftovers.

    Args:
        root: Where the store is, if anything is left of it.
        seed: What the objects follow from.
        promises: What was promised of each number.
    """

    def __init__(self, root: Path, seed: int, promises: dict[int, Promise]) -> None:
        self._root = root
        self._storage = FileStorage(root, mkdir=True, router=router, durable=bool(seed % 2))
        self._items = {number: Item(seed, number) for number in promises}
        self._promises = promises
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        """Check all there is to check."""
        await self._check_first_write()
        states = {item: await self._state(item) for item in self._items.values()}
        for item, state in states.items():
            self._check_promise(item, state)
        self._check_names()
        for item, state in states.items():
            if state is State.TORN:
                await self._check_repair(item)
        return self._outcome

    async def _state(self, item: Item) -> State:
        try:
            data = await self._read(item)
        except NoStorageData:
            return State.ABSENT
        except CorruptDataError:
            return State.TORN
        if data != item.data:
            self._outcome.found.append(f"{item}: other content was read")
        return State.WHOLE

    async def _read(self, item: Item) -> bytes:
        pointer = item.pointer(self._root)
        if item.number % 2:
            return await self._storage.read_data(pointer)
        return b"".join([chunk async for chunk in self._storage.read_data_stream(pointer)])

    def _check_promise(self, item: Item, state: State) -> None:
        promise = self._promises[item.number]
        if not promise.keeps(state):
            self._outcome.found.append(f"{item}: {state.value}, promised was: {promise.value}")

    def _check_names(self) -> None:
        known = {item.digest["content_hash"] for item in self._items.values()}
        for path in (self._root / "objects").glob("*/*"):
            # What was moved aside has the beginning of its name.
            name, aside, _ = path.name.partition(".corrupt-")
            if name not in known and not (aside and any(one.startswith(name) for one in known)):
                self._outcome.found.append(f"{path}: nobody wrote that")

    async def _check_first_write(self) -> None:
        item = Item(-1, 0)
        await self._storage.write_data(item.data, item.digest, {})
        staging = self._root / STAGING
        left = [path.name for path in staging.iterdir()] if staging.exists() else []
        if left:
            self._outcome.found.append(f"left over after the first write: {', '.join(left)}")
        await self._storage.delete(item.pointer(self._root))

    async def _check_repair(self, item: Item) -> None:
        self._outcome.torn += 1
        await self._storage.write_data(item.data, item.digest, {})
        if await self._state(item) is not State.WHOLE:
            self._outcome.found.append(f"{item}: torn, and still so after it was written again")
