"""A whole store compared with the names of its objects."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from laboxide._native import Hasher, Outcomes, Pacer, audit, check_hash
from laboxide._runtime import hub
from laboxide._runtime.progress import Meter
from laboxide._validation import check_integer, check_number, shown
from laboxide.file.listing import Listed, Walk, next_listed
from laboxide.file.publishing import warn
from laboxide.file.router import content_of

if TYPE_CHECKING:
    from laboxide._native import Store
    from laboxide.types import Progress

_KINDS = {"link": "a symbolic link", "special": "a special file"}
_PARTS = 2
_WORKERS_MAX = 64
_SEED_MAX = (1 << 64) - 1
_NO_KEYS = ("foreign", "displaced", "quarantined")

AuditProblem = Literal["corrupt", "not a file", "unreadable", "foreign name"]
"""The problems of an `AuditFinding`."""

ContentOf = Callable[[str], tuple[str, str] | None]
"""Tells algorithm and hash from a key, or None where the key does not tell them."""


class AuditFinding(NamedTuple):
    """Something in a store that is not what it should be."""

    path: Path
    """Where it is, or was before it was moved aside."""
    key: str
    """Its path below the root."""
    problem: AuditProblem
    """``"corrupt"``: the content is not what the name says; ``"not a file"``: a link, a FIFO or the
    like; ``"unreadable"``: the system does not give it; ``"foreign name"``: it is no key's."""
    expected: str
    """What should be there."""
    actual: str
    """What is."""
    moved_to: Path | None
    """Where it is now, if it was moved aside."""


class Plan(NamedTuple):
    """How a store is to be audited. The arguments of `FileStorage.audit`, checked."""

    sample: float
    seed: int
    max_bytes_per_second: float | None
    workers: int
    repair: bool
    content_of: ContentOf


def make_plan(
    *,
    sample: float | None,
    seed: int | None,
    max_bytes_per_second: float | None,
    workers: int,
    repair: bool,
    content_of: ContentOf,
) -> Plan:
    """Return a plan of checked arguments."""
    if not callable(content_of):
        raise TypeError(f"content_of must be a function, not {shown(content_of)}")
    return Plan(
        sample=1.0 if sample is None else _check_sample(sample),
        seed=_seed(seed),
        max_bytes_per_second=_check_rate(max_bytes_per_second),
        workers=check_integer("workers", workers, 1, _WORKERS_MAX),
        repair=repair,
        content_of=content_of,
    )


def _check_sample(sample: float) -> float:
    if check_number("sample", sample, 0, 1) == 0:
        raise ValueError(f"sample must be more than 0, not {sample!r}")
    return float(sample)


def _seed(seed: int | None) -> int:
    if seed is None:
        return int.from_bytes(os.urandom(8))
    return check_integer("seed", seed, 0, _SEED_MAX)


def _check_rate(rate: float | None) -> float | None:
    return None if rate is None else float(check_number("max_bytes_per_second", rate, 1))


class _Entry(NamedTuple):
    """Something listed that is still to be seen to."""

    listed: Listed
    content: tuple[str, str] | None
    """What it must be, if it is to be read."""
    is_nameless: bool
    """Whether its key does not tell what it must be."""


class Audit(Walk[AuditFinding]):
    """Yields what is wrong in a store.

    Left by an error, or by a cancelled task, it goes on from `cursor` when it is iterated again.
    After `aclose` it has ended; another one may go on from `cursor`.

    Attributes:
        cursor: What `audit` takes to go on from here: all up to it was looked at, and what was
            found there has been yielded. None before anything was, and when all was. An object
            that was being read when the task was cancelled is read again from its beginning.
        is_complete: Whether all has been looked at, and all that was found has been yielded.
        objects: Objects that were looked at.
        bytes_read: Bytes in those of them that are right.
        skipped: Files that were passed over because their keys do not tell their hashes.
        seed: What chose the sample.
    """

    def __init__(
        self,
        path: Path,
        store: Store,
        plan: Plan,
        cursor: str | None,
        progress: Progress | None = None,
    ) -> None:
        if cursor is not None and not isinstance(cursor, str):
            raise TypeError(f"cursor must be a string or None, not {shown(cursor)}")
        try:
            super().__init__("audit", store, cursor)
        except ValueError as error:
            raise ValueError(f"cursor must be one of an earlier audit or None: {error}") from None
        self.cursor = cursor
        self.is_complete = False
        self.objects = 0
        self.bytes_read = 0
        self.skipped = 0
        self.seed = plan.seed
        self._path = path
        self._plan = plan
        rate = plan.max_bytes_per_second
        self._pacer = None if rate is None else Pacer(rate)
        self._outcomes = Outcomes()
        self._meter = None if progress is None else Meter(progress)
        self._pending: deque[_Entry] = deque()
        self._unread: set[str] = set()
        """Keys of pending objects without an outcome."""
        self._bad: dict[str, AuditFinding] = {}
        """Findings of pending objects, by key."""
        self._found: deque[tuple[AuditFinding, str | None]] = deque()

    async def _next(self) -> AuditFinding:
        while not self._found:
            await self._go_on()
        finding, self.cursor = self._found.popleft()
        return finding

    async def _go_on(self) -> None:
        if self.is_complete:
            raise StopAsyncIteration
        self.cursor = self._reached
        if not self._pending:
            with self._going_back():
                listed = await next_listed(self._listing)
                self._pending.extend([self._entry(found) for found in listed])
                self._unread = {found.key for found, content, _ in self._pending if content}
            if not self._pending:
                self.cursor, self.is_complete = None, True
                if self._meter is not None:
                    self._meter.flush()
                raise StopAsyncIteration
        if self._unread:
            await self._round()
        else:
            self._settle()
        if self._meter is not None:
            self._meter.add(self.bytes_read - self._meter.total)

    def _entry(self, listed: Listed) -> _Entry:
        content = self._content_of(listed)
        if content is None:
            return _Entry(listed, None, is_nameless=True)
        is_due = self._is_sampled(listed.key)
        return _Entry(listed, content if is_due else None, is_nameless=False)

    def _content_of(self, listed: Listed) -> tuple[str, str] | None:
        is_directory = listed.kind in {"directory", "closed"}
        # Others know names of files; the default knows what is in the place of one.
        if listed.kind in _NO_KEYS or (is_directory and self._plan.content_of is not content_of):
            return None
        content = self._plan.content_of(listed.key)
        if content is None:
            return None
        if not (isinstance(content, tuple) and len(content) == _PARTS):
            raise TypeError(f"content_of returns (algorithm, hash) or None, not {shown(content)}")
        try:
            check_hash(*content)
        except (TypeError, ValueError) as error:
            told = f"content_of({shown(listed.key)}) returned {shown(content)}"
            raise type(error)(f"{told}: {error}") from None
        return content

    def _is_sampled(self, key: str) -> bool:
        # By the key, so that an audit that goes on later has the same sample.
        mark = Hasher("blake3", f"{self.seed}/{key}".encode()).digest()[:8]
        return int.from_bytes(mark) < self._plan.sample * 2**64

    async def _round(self) -> None:
        """Have the engine audit the first unread objects, as many as it has the time for."""
        unread = [
            (found.key, *content)
            for found, content, _ in self._pending
            if content and found.key in self._unread
        ]
        plan = self._plan
        arguments = self._store, unread, plan.workers, self._pacer, plan.repair, self._outcomes
        try:
            await hub.run(audit, *arguments)
        except BaseException as error:
            self._settle()
            # Findings come before errors: the next round meets the error again.
            if not self._found or not isinstance(error, Exception):
                raise
        else:
            self._settle()

    def _settle(self) -> None:
        """Account for the outcomes, and pass pending entries up to the first unread object."""
        for key, size, found in self._outcomes.take():
            is_moved = found is not None and found[-1] is not None
            # A cancelled round may add an outcome after another round has read the object again.
            if key not in self._unread and not is_moved:
                continue
            self._unread.discard(key)
            self.objects += size is not None or found is not None
            self.bytes_read += size or 0
            if found is not None:
                self._bad[key] = self._finding(key, *found)
        while self._pending and self._pending[0].listed.key not in self._unread:
            entry = self._pending.popleft()
            key = entry.listed.key
            finding = self._bad.pop(key, None) if entry.content else self._otherwise(entry)
            self._pass(entry.listed)
            if finding is not None:
                self._found.append((finding, self._reached))
            if not self._found:
                self.cursor = self._reached
        # A quarantined object is not found again, so its finding does not wait for its turn.
        for key in [key for key, finding in self._bad.items() if finding.moved_to]:
            self._found.append((self._bad.pop(key), self._reached))

    def _finding(
        self,
        key: str,
        problem: AuditProblem,
        expected: str,
        actual: str,
        moved_to: str | None = None,
    ) -> AuditFinding:
        if moved_to is not None:
            warn("moved %s aside, which was %s, to %s", self._path / key, problem, moved_to)
        moved = None if moved_to is None else Path(moved_to)
        return AuditFinding(self._path / key, key, problem, expected, actual, moved)

    def _otherwise(self, entry: _Entry) -> AuditFinding | None:
        """Return what is wrong with something that is not read."""
        (key, kind, _, _, _, why), _, is_nameless = entry
        self.skipped += is_nameless and kind == "file"
        if kind == "foreign":
            return self._finding(key, "foreign name", "a key", repr(os.fsencode(key)))
        if kind == "closed":
            return self._finding(key, "unreadable", "something that can be looked at", why or "")
        if kind in _KINDS and is_nameless:
            return self._finding(key, "not a file", "a file or a directory", _KINDS[kind])
        return None
