"""The order in which an object is published, and the violations of it in a log.

Bytes written, their number compared with the file's size, flushed, named, the names flushed,
returned. Most violations show in no crash: the file systems of Linux do more than they promise.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from faults.publish_order.log import Event, File, Log, Name


class Span(NamedTuple):
    """One operation in a log. Times are lines of the log."""

    made: int
    """The creation of its storage."""
    begin: int
    """The call of the operation."""
    end: int
    """The return to the caller."""
    root: str
    path: str
    """The path of the object."""
    durable: bool
    staged: bool = True
    """Whether the storage made the file; a hard link gives a user's file a second name."""
    replaces: bool = False
    """Whether another file has the object's path before."""
    early: bool = False
    """Whether the device must start writing before the last write."""


def violations(log: Log, span: Span) -> list[str]:
    """Return a finding for each step that is missing, too late, or too early."""
    given = [name for name in log.names if _is_of(name.path, name.event, span)]
    found = [text for name in given for text in _of_name(name, span)]
    if not span.durable:
        return found
    for path, event in log.removed:
        if _is_of(path, event, span):
            parent = str(PurePath(path).parent)
            return [*found, *_flushed(log, parent, event.end, span, "the directory of the removal")]
    if not given:
        found += _flushed(log, span.path, span.begin, span, "the existing file")
    named = max((name.event.end for name in given), default=span.begin)
    return found + list(_of_path(log, span, named))


def most_at_once(events: Iterable[Event]) -> int:
    """Return the largest number of calls that overlap."""
    steps = [step for event in events for step in ((event.begin, 1), (event.end, -1))]
    in_order = sorted(steps, key=lambda step: (step[0], -step[1]))
    return max(accumulate(change for _, change in in_order), default=0)


def _is_of(path: str, event: Event, span: Span) -> bool:
    return path == span.path and span.begin < event.begin and event.end < span.end


def _of_name(name: Name, span: Span) -> Iterator[str]:
    file, named = name.file, name.event.begin
    if file is None:
        yield f"{name.path} was given to a file that no call opened"
        return
    if name.event.call.startswith("rename") and not span.replaces:
        yield f"{name.path} was given by a rename, which replaces an existing file"
    if span.staged:
        yield from _of_staged(file)
    written = max((write.end for write in file.writes), default=file.opened.end)
    if written > named:
        yield f"{name.path} was written to after it had its name"
    if not any(written < look.begin and look.end < named for look in file.sizes):
        yield f"{name.path} has its name without a check of its size after the last write"
    last = max((write.begin for write in file.writes), default=file.opened.begin)
    if span.durable and span.early and not any(early.end < last for early in file.write_outs):
        yield f"the device did not start writing {name.path} before the last write"
    if span.durable and not any(
        written < flush.begin and flush.end < named for flush in file.flushes
    ):
        yield f"{name.path} has its name without a flush after the last write"


def _of_staged(file: File) -> Iterator[str]:
    how = file.opened.arguments
    if "O_TMPFILE" not in how and not ("O_CREAT" in how and "O_EXCL" in how):
        yield f"{file.path} was not created exclusively: {how}"
    if not how.endswith(", 0444"):
        yield f"{file.path} is not read-only: {how}"


def _of_path(log: Log, span: Span, named: int) -> Iterator[str]:
    """Yield the directories on the object's path that were not flushed before the return."""
    below, since = PurePath(span.path), named
    while str(below) != span.root:
        what = f"the directory of {below.name}"
        yield from _flushed(log, str(below.parent), since, span, what)
        below = below.parent
        # Another writer may have made it without a flush.
        since = _made(log, str(below)) or span.made
    # Once for each storage, whichever process made the root.
    what, parent = "the directory of the root", str(PurePath(span.root).parent)
    yield from _flushed(log, parent, span.made, span, what)
    # Directories above the root belong to the user, unless the storage made them.
    while (made := _made(log, str(below))) is not None:
        what = f"the directory of {below.name}"
        yield from _flushed(log, str(below.parent), made, span, what)
        below = below.parent


def _made(log: Log, path: str) -> int | None:
    """Return the begin of the call that made a directory, if there is one.

    A process that finds the directory may appear in the log before its maker's call ends.
    """
    return next((each.event.begin for each in log.directories if each.path == path), None)


def _flushed(log: Log, path: str, since: int, span: Span, what: str) -> Iterator[str]:
    if not any(since < flush.begin and flush.end < span.end for flush in log.flushes(path)):
        yield f"{what} was not flushed before the end: {path}"
