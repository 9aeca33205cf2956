"""Random steps, each applied to a store and to its model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from laboxide import FileStorage, digest_data

from faults.cancel.attempt import Attempt
from faults.cancel.ways import before_it_waits, while_it_waits, with_the_result
from faults.stateful import disk, model
from faults.stateful.model import FILES, SIZES
from faults.stateful.steps import Steps

if TYPE_CHECKING:
    from faults.stateful.model import Seen, State

CHUNK_SIZES = (4096, 65_536, 1 << 20)
ENDINGS = (before_it_waits, while_it_waits, with_the_result)
EXTRA = b"not one of the contents"

numbers = st.integers(0, len(SIZES) - 1)
pieces = st.sampled_from((1000, 65_536, 1 << 20))


class StoreMachine(Steps):
    """The steps, in any order."""

    @rule(number=numbers)
    def put(self, number: int) -> None:
        """Write a value."""
        self._write(number, self._put(number))

    @rule(number=numbers, piece=pieces)
    def stream_put(self, number: int, piece: int) -> None:
        """Write a stream."""
        self._write(number, self._stream_put(number, piece))

    @rule(number=numbers, piece=st.none() | pieces, at=st.integers(1, 4), ending=st.integers(0, 2))
    def cancel_a_put(self, number: int, piece: int | None, at: int, ending: int) -> None:
        """Cancel a write at its `at`-th suspension, if it has so many."""
        put = self._put(number) if piece is None else self._stream_put(number, piece)
        attempt = Attempt(put, at)
        self._run(ENDINGS[ending](attempt))
        assert attempt.failed is None, attempt.failed
        if attempt.struck is None:
            self.model.note(number, "done", self._writing(room=True))
        else:
            assert attempt.cancelled, "the cancellation did not reach the caller"
            self.model.note_cancelled(number, self._writing(room=True))

    @rule(number=numbers, piece=st.none() | pieces, limit=st.sampled_from((0, 4096, 80_000)))
    def put_on_a_full_disk(self, number: int, piece: int | None, limit: int) -> None:
        """Write while no file may grow beyond `limit`."""
        put = self._put(number) if piece is None else self._stream_put(number, piece)
        with disk.files_limited(limit):
            self._write(number, put, room=len(self.contents[number].data) <= limit)

    @rule(number=numbers)
    def read(self, number: int) -> None:
        """Read a value."""

        async def read() -> Seen:
            return self._compare(number, await self.storage.read_data(self._pointer(number)))

        self.model.note(number, self._seen(read()), self._reading())

    @rule(number=numbers, chunks=st.integers(1, 20), close=st.booleans())
    def read_a_part(self, number: int, chunks: int, close: bool) -> None:  # noqa: FBT001
        """Read some chunks of a stream, and leave it."""

        async def read() -> Seen:
            stream = self.storage.read_data_stream(self._pointer(number))
            taken = []
            async for chunk in stream:
                taken.append(chunk)
                if len(taken) == chunks:
                    break
            if close:
                await stream.aclose()
            return self._compare(number, b"".join(taken))

        hashed = self.storage.verify_reads == "hash"
        self.model.note(number, self._seen(read()), model.leaving(hashed=hashed))

    @rule(number=numbers)
    def verify(self, number: int) -> None:
        """Compare an object with its hash."""

        async def verify() -> Seen:
            await self.storage.verify(self._pointer(number))
            return "data"

        self.model.note(number, self._seen(verify()), model.reading(hashed=True))

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        """Remove an object."""

        async def delete() -> Seen:
            await self.storage.delete(self._pointer(number))
            return "done"

        if self.model.is_sure(number):
            self.model.note(number, self._seen(delete()), model.deleting())

    @rule(number=numbers, state=st.sampled_from(("flipped", "short", "long")))
    def damage(self, number: int, state: State) -> None:
        """Damage an object behind the back of the store."""
        if number and self.model.is_sure(number):
            self._make(number, state)

    @rule(number=numbers, state=st.sampled_from(("absent", "a directory", "a link", "a FIFO")))
    def replace(self, number: int, state: State) -> None:
        """Put another kind of file in the place of an object."""
        if self.model.is_sure(number):
            self._make(number, state)

    @rule()
    def list_everything(self) -> None:
        """List all regular files, and nothing else."""

        async def keys() -> set[str]:
            return {pointer["key"] async for pointer in self.storage.list_pointers()}

        found = self._run(keys())
        there = self.model.certain(lambda state: state in FILES)
        absent = self.model.certain(lambda state: state not in FILES)
        assert {self.contents[number].key for number in there} <= found
        assert not {self.contents[number].key for number in absent} & found

    @rule(
        durable=st.booleans(),
        verify_writes=st.booleans(),
        verify_reads=st.sampled_from(("hash", "size")),
        chunk_size=st.sampled_from(CHUNK_SIZES),
    )
    def reopen(self, **options: Any) -> None:
        """Continue with another storage of the same root."""
        self.storage = FileStorage(self.root, **options)

    @rule(delete=st.booleans())
    def clean(self, delete: bool) -> None:  # noqa: FBT001
        """Clean: find the temporary file of a killed writer, and no file in use.

        A cancelled write may clean at the same time, and take the file.
        """
        left = disk.leave_temporary_file(self.root)
        leftovers = self._run(self.storage.clean(delete=delete))
        temporary = [each for each in leftovers if each.kind == "temporary"]
        assert {each.kind for each in leftovers} <= {"temporary", "displaced"}
        assert all(each.removed == delete for each in temporary)
        if all(map(self.model.is_sure, range(len(SIZES)))):
            assert [each.path for each in temporary] == [left]
            assert left.exists() != delete
        left.unlink(missing_ok=True)

    @rule()
    def clean_by_writing(self) -> None:
        """Write: the temporary file of a killed writer is gone afterwards, or a moment later.

        A cancelled write may clean at the same time, and remove the file.
        """

        async def gone() -> None:
            while left.exists():
                await asyncio.sleep(0.001)

        left = disk.leave_temporary_file(self.root)
        self.storage = FileStorage(self.root)
        pointer = self._run(
            self.storage.write_data(EXTRA, digest_data(EXTRA, content_type="a/b"), {})
        )
        self._run(gone())
        self._run(self.storage.delete(pointer))
