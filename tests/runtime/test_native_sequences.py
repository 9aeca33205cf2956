"""Native streams accept calls in any order: no crash, hang, wrong digest or wrong object."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from laboxide import LaboxideError, digest_data
from laboxide._native import Completions, Reader, Store, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from laboxide._native import Staged

TIMEOUT = 20.0
"""Seconds, more than any call takes."""
KIB, MIB = 1 << 10, 1 << 20
CHUNKS = [b"", b"a", b"\x11" * 1000, b"\xa5" * (70 * KIB), b"\x5a" * (MIB + 1), b"\x3c" * (5 * MIB)]
STATE_ERRORS = (ValueError, RuntimeError, LaboxideError)
"""Errors of a call that the state of the stream does not allow."""

many = settings(max_examples=4 * settings().max_examples)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Path]:
    path = tmp_path_factory.mktemp("store")
    return Store(path), path


class Calls:
    """Runs native operations without an event loop."""

    def __init__(self) -> None:
        self._completions = Completions(portable=True)

    def run(self, start: Callable[..., object], *args: object) -> Any:
        ticket = self._completions.ticket()
        if start(ticket, *args) is True:
            return None
        while self._completions.wait(TIMEOUT):
            for ticket_id, value, error in self._completions.drain():
                if ticket_id == ticket.id:
                    if error is not None:
                        raise error
                    return value
        raise AssertionError(f"{start}: no completion in {TIMEOUT} s")


class WriterTrial:
    """A writer and its expected state."""

    def __init__(self, store: Store, root: Path) -> None:
        self.calls = Calls()
        self.root = root
        self.writer = Writer(["blake3", "sha256"], store)
        self.fed = b""
        self.is_open, self.is_aborted = True, False
        self.staged: Staged | None = None

    def feed(self, chunk: bytes) -> None:
        if self.is_open:
            self.writer.feed(chunk)
            self.fed += chunk
        else:
            with pytest.raises(STATE_ERRORS):
                self.writer.feed(chunk)

    def feed_changing(self, chunk: bytes) -> None:
        """Feed a buffer that changes after the call."""
        buffer = bytearray(chunk)
        if self.is_open:
            self.writer.feed(buffer)
            self.fed += chunk
            buffer[:] = bytes(len(buffer))

    def room(self) -> None:
        if self.is_open:
            self.calls.run(self.writer.room)
        else:
            with pytest.raises(STATE_ERRORS):
                self.calls.run(self.writer.room)

    def finish(self) -> None:
        if self.is_open:
            self.calls.run(self.writer.finish)
            self.is_open = False
        else:
            with pytest.raises(STATE_ERRORS):
                self.calls.run(self.writer.finish)

    def digest(self) -> None:
        try:
            found = self.writer.digest()
        except STATE_ERRORS:
            assert self.is_aborted
        else:
            self._assert_right(found)

    def abort(self) -> None:
        self.writer.abort()
        self.is_open, self.is_aborted = False, True

    def take(self) -> None:
        try:
            staged = self.writer.take_staged()
        except STATE_ERRORS:
            assert self.is_open or self.is_aborted or self.staged is not None
        else:
            assert not self.is_open
            self._assert_right(staged.digest)
            self.staged = staged

    def publish(self) -> None:
        if self.staged is None:
            return
        content_hash = hashlib.sha256(self.fed).hexdigest()
        expected = len(self.fed), ("sha256", content_hash)
        try:
            self.calls.run(self.staged.publish, content_hash, expected, True)
        except STATE_ERRORS:
            return
        path = self.root / content_hash
        assert path.read_bytes() == self.fed
        path.unlink()

    def discard(self) -> None:
        if self.staged is not None:
            self.staged.discard()

    def _assert_right(self, found: tuple[int, list[tuple[str, str]]]) -> None:
        blake3 = digest_data(self.fed, content_type="a/b")["content_hash"]
        sha256 = hashlib.sha256(self.fed).hexdigest()
        assert found == (len(self.fed), [("blake3", blake3), ("sha256", sha256)])


feeds = st.tuples(st.sampled_from(["feed", "feed_changing"]), st.sampled_from(CHUNKS))
other_calls = st.tuples(
    st.sampled_from(["room", "finish", "digest", "abort", "take", "publish", "discard"])
)
STORED = [("feed", CHUNKS[4]), ("finish",), ("take",), ("publish",)]


@many
@example(STORED)
@example([*STORED, ("publish",), ("take",), ("abort",), ("digest",)])
@example([("feed", CHUNKS[4]), ("finish",), ("abort",), ("take",), ("publish",)])
@example([("finish",), ("take",), ("discard",), ("publish",)])
@given(steps=st.lists(feeds | feeds | other_calls, max_size=20))
def test_writer_accepts_calls_in_any_order(
    store: tuple[Store, Path], steps: list[tuple[Any, ...]]
) -> None:
    trial = WriterTrial(*store)
    for name, *arguments in steps:
        getattr(trial, name)(*arguments)
    trial.writer.abort()
    assert [path for path in store[1].rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str, bytes]:
    path = tmp_path_factory.mktemp("stored")
    data = bytes(itertools.islice(itertools.cycle(range(251)), 2 * MIB + 17))
    (path / "object").write_bytes(data)
    return Store(path), "object", data


@many
@given(
    calls=st.lists(st.sampled_from(["next", "next", "wait", "pause_due", "close"]), max_size=40),
    chunk_size=st.sampled_from([1000, 64 * KIB, MIB, 3 * MIB]),
    algorithm=st.sampled_from(["blake3", "sha256", None]),
)
def test_reader_accepts_calls_in_any_order(
    stored: tuple[Store, str, bytes], calls: list[str], chunk_size: int, algorithm: str | None
) -> None:
    store, key, data = stored
    digest = digest_data(data, content_type="a/b", algorithm=algorithm or "blake3")
    expected = len(data), (algorithm, digest["content_hash"]) if algorithm else None
    reader = Reader(store, key, expected, chunk_size)
    waiting, taken, is_closed = Calls(), 0, False
    for call in calls:
        if call == "wait" and not is_closed:
            waiting.run(reader.wait)
        elif call == "next":
            taken += assert_next(reader, data[taken : taken + chunk_size], is_closed=is_closed)
        elif call == "pause_due":
            reader.pause_due()
        elif call == "close":
            reader.close()
            is_closed = True
    reader.close()


def assert_next(reader: Reader, expected: bytes, *, is_closed: bool) -> int:
    """Take the next chunk if it is ready, and return its length."""
    try:
        chunk = reader.next()
    except StopAsyncIteration:
        assert is_closed or not expected
        return 0
    assert chunk is None or (chunk == expected and not is_closed)
    return len(chunk or b"")
