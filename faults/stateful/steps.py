"""The parts of the steps: a store, its model, and their comparison."""

from __future__ import annotations

import asyncio
import errno
import shutil
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine, invariant
from laboxide import CorruptDataError, FileStorage, ObjectNotFoundError, digest_stream

from faults.operations import chunks, pointer_of
from faults.stateful import disk, model
from faults.stateful.model import SIZES, Content, Model

if TYPE_CHECKING:
    import itertools
    from collections import Counter
    from collections.abc import Awaitable, Coroutine
    from pathlib import Path

    from laboxide import FilePointer

    from faults.stateful.model import Outcomes, Seen, State

PATIENCE = 10
"""Seconds after which a step counts as hung."""


class Steps(RuleBasedStateMachine):
    """A store and its model. One event loop serves all runs."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    directory: ClassVar[Path]
    contents: ClassVar[list[Content]]
    tried: ClassVar[Counter[str]]
    runs: ClassVar[itertools.count[int]]

    def __init__(self) -> None:
        super().__init__()
        self.root = self.directory / str(next(self.runs))
        self.storage = FileStorage(self.root, mkdir=True)
        self.model = Model(len(SIZES))
        self.tried["runs"] += 1
        # Hypothesis checks the invariant before the first step, too.
        self.tried["steps"] -= 1

    @invariant()
    def count(self) -> None:
        """Count the steps."""
        self.tried["steps"] += 1

    def teardown(self) -> None:
        """Remove the store, to which a cancelled write may still write."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _put(self, number: int) -> Coroutine[Any, Any, object]:
        content = self.contents[number]
        return self.storage.write_data(content.data, content.digest, {})

    async def _stream_put(self, number: int, piece: int) -> object:
        content = self.contents[number]
        pair = digest_stream(
            chunks(content.data, piece),
            content_type="a/b",
            algorithm=content.digest["content_hash_algorithm"],
        )
        return await self.storage.write_data_stream(*pair, {})

    def _write(self, number: int, put: Awaitable[object], *, room: bool = True) -> None:
        async def write() -> Seen:
            assert await put == self._pointer(number)
            return "done"

        self.model.note(number, self._seen(write()), self._writing(room=room))

    def _make(self, number: int, state: State) -> None:
        content = self.contents[number]
        disk.make(self.root / content.key, content, state)
        self.model.put(number, state)

    def _writing(self, *, room: bool) -> Outcomes:
        return model.writing(verified=self.storage.verify_writes, room=room)

    def _reading(self) -> Outcomes:
        return model.reading(hashed=self.storage.verify_reads == "hash")

    def _pointer(self, number: int) -> FilePointer:
        content = self.contents[number]
        return pointer_of(self.root, content.digest, content.key)

    def _compare(self, number: int, data: bytes) -> Seen:
        content = self.contents[number]
        is_whole = len(data) == len(content.data)
        if content.data.startswith(data):
            return "data" if is_whole else "a part"
        assert content.flipped.startswith(data), "the read returned bytes that were never there"
        return "damaged data" if is_whole else "a damaged part"

    def _seen(self, operation: Coroutine[Any, Any, Seen]) -> Seen:
        try:
            seen: Seen = self._run(operation)
        except CorruptDataError:
            return "corrupt"
        except ObjectNotFoundError:
            return "missing"
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            return "refused"
        return seen

    def _run(self, step: Coroutine[Any, Any, Any]) -> Any:
        async def run() -> Any:
            async with asyncio.timeout(PATIENCE):
                return await step

        return self.loop.run_until_complete(run())
