"""Audits: verify all objects of a store against the hashes in their keys.

An `Audit` walks the store in batches. For each batch it determines the expected hash of each entry
from its key, skips entries outside the sample, and lets the engine verify the others in rounds. A
round adds the outcome of each verified object to the native `Outcomes`, also if it is cancelled;
findings are yielded in the order of the listing, and `cursor` follows them.
"""

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
_NO_KEYS = ("invalid key", "displaced", "quarantined")

AuditProblem = Literal["corrupt", "not a file", "unreadable", "foreign name"]
"""The problems of an `AuditFinding`."""

ContentOf = Callable[[str], tuple[str, str] | None]
"""A function from a key to the algorithm and hash in it, or None if the key has none."""


class AuditFinding(NamedTuple):
    """An entry of a store that failed an audit."""

    path: Path
    """The path; if the entry was quarantined, the path before."""
    key: str
    """The path below the root."""
    problem: AuditProblem
    """``"corrupt"``: the content does not match its hash; ``"not a file"``: a symbolic link, FIFO,
    socket or device; ``"unreadable"``: a file system call failed; ``"foreign name"``: the path is
    not a valid key."""
    expected: str
    """The expected hash, size or kind."""
    actual: str
    """The actual hash, size or kind, or the error of the file system call."""
    moved_to: Path | None
    """The path after quarantine, or None if the entry was not moved."""


class Plan(NamedTuple):
    """The validated arguments of `FileStorage.audit`."""

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
    """Validate the arguments of an audit."""
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
    """A listed entry that is not processed yet."""

    listed: Listed
    content: tuple[str, str] | None
    """The expected algorithm and hash, or None if the entry is not verified."""
    has_no_hash: bool
    """Whether the key does not contain a hash."""


class Audit(Walk[AuditFinding]):
    """Async iterator over the findings of an audit.

    After an error or a cancellation, iterating again continues from `cursor`. After `aclose` the
    audit has ended; pass `cursor` to `FileStorage.audit` to continue with a new one.

    Attributes:
        cursor: The position for resuming with `FileStorage.audit`: all entries up to it were
            checked and their findings yielded. None at the start and after completion. An object
            whose verification was cancelled is verified again from its beginning.
        is_complete: Whether all entries were checked and all findings yielded.
        objects: The number of objects checked.
        bytes_read: The number of bytes in the objects that passed.
        skipped: The number of files skipped because their keys have no hash.
        seed: The seed of the sample.
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
            raise ValueError(f"cursor must be from an earlier audit, or None: {error}") from None
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
        self._read: dict[str, int] = {}
        """Bytes of pending objects with an outcome, by key, counted as the cursor passes them."""
        self._found: deque[tuple[AuditFinding, str | None]] = deque()

    async def _next(self) -> AuditFinding:
        while not self._found:
            await self._advance()
        finding, self.cursor = self._found.popleft()
        return finding

    async def _advance(self) -> None:
        if self.is_complete:
            raise StopAsyncIteration
        self.cursor = self._reached
        if not self._pending:
            with self._restarting_on_error():
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
            return _Entry(listed, None, has_no_hash=True)
        is_sampled = self._is_sampled(listed.key)
        return _Entry(listed, content if is_sampled else None, has_no_hash=False)

    def _content_of(self, listed: Listed) -> tuple[str, str] | None:
        is_directory = listed.kind in {"directory", "unreadable"}
        # Only the default function can tell that a directory has the name of an object.
        if listed.kind in _NO_KEYS or (is_directory and self._plan.content_of is not content_of):
            return None
        try:
            content = self._plan.content_of(listed.key)
        except StopAsyncIteration as error:
            # It would end the audit as if complete.
            raise RuntimeError("content_of raised StopAsyncIteration") from error
        if content is None:
            return None
        if not (isinstance(content, tuple) and len(content) == _PARTS):
            raise TypeError(
                f"content_of must return (algorithm, hash) or None, not {shown(content)}"
            )
        try:
            check_hash(*content)
        except (TypeError, ValueError) as error:
            call = f"content_of({shown(listed.key)}) returned {shown(content)}"
            raise type(error)(f"{call}: {error}") from None
        return content

    def _is_sampled(self, key: str) -> bool:
        # Depends only on seed and key, so that a resumed audit has the same sample.
        prefix = Hasher("blake3", f"{self.seed}/{key}".encode()).digest()[:8]
        return int.from_bytes(prefix) < self._plan.sample * 2**64

    async def _round(self) -> None:
        """Verify as many unread objects, in order, as one round of the engine has time for."""
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
        """Process the outcomes, and pending entries up to the first unread object."""
        for key, size, found in self._outcomes.take():
            is_moved = found is not None and found[-1] is not None
            # A cancelled round may add an outcome after another round has read the object again.
            if key not in self._unread and not is_moved:
                continue
            self._unread.discard(key)
            if size is not None or found is not None:
                self._read[key] = size or 0
            if found is not None:
                self._bad[key] = self._finding(key, *found)
        while self._pending and self._pending[0].listed.key not in self._unread:
            entry = self._pending.popleft()
            key = entry.listed.key
            finding = self._bad.pop(key, None) if entry.content else self._check_kind(entry)
            self._count(key)
            self._mark_processed(entry.listed)
            if finding is not None:
                self._found.append((finding, self._reached))
            if not self._found:
                self.cursor = self._reached
        # A quarantined object is not found again, so its finding does not wait for its turn.
        for key in [key for key, finding in self._bad.items() if finding.moved_to]:
            self._count(key)
            self._found.append((self._bad.pop(key), self._reached))

    def _count(self, key: str) -> None:
        """Count an object with an outcome, once."""
        if (size := self._read.pop(key, None)) is not None:
            self.objects += 1
            self.bytes_read += size

    def _finding(
        self,
        key: str,
        problem: AuditProblem,
        expected: str,
        actual: str,
        moved_to: str | None = None,
    ) -> AuditFinding:
        if moved_to is not None:
            warn("quarantined %s (%s) as %s", self._path / key, problem, moved_to)
        moved = None if moved_to is None else Path(moved_to)
        return AuditFinding(self._path / key, key, problem, expected, actual, moved)

    def _check_kind(self, entry: _Entry) -> AuditFinding | None:
        """Return the finding for an entry that is not verified, or None."""
        (key, kind, _, _, _, why), _, has_no_hash = entry
        self.skipped += has_no_hash and kind == "file"
        if kind == "invalid key":
            return self._finding(key, "foreign name", "a key", repr(os.fsencode(key)))
        if kind == "unreadable":
            return self._finding(key, "unreadable", "a readable entry", why or "")
        if kind in _KINDS and has_no_hash:
            return self._finding(key, "not a file", "a file or a directory", _KINDS[kind])
        return None
