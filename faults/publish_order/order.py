"""The order in which a publication has to go, and what of a log is against it.

Bytes written, their number compared with the file's size, flushed, named, the names flushed, told.
Most of it no crash shows: the file systems of Linux happen to do more than they promise.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from faults.publish_order.traffic import Event, File, Name, Traffic


class Span(NamedTuple):
    """One operation in a log."""

    made: int
    """The line at which its storage was made."""
    begin: int
    """The line at which it was asked for."""
    end: int
    """The line at which its caller knew that it is done."""
    root: str
    path: str
    """The object."""
    durable: bool
    staged: bool = True
    """Whether the file is one that the storage made, and not somebody's under a second name."""
    replaces: bool = False
    """Whether something is in the object's place that is not the object."""
    early: bool = False
    """Whether the device has to be asked to begin before the last write."""


def violations(traffic: Traffic, span: Span) -> list[str]:
    """Return what was not done, or too late, or too early."""
    given = [name for name in traffic.names if _is_of(name.path, name.event, span)]
    found = [text for name in given for text in _of_name(name, span)]
    if not span.durable:
        return found
    for path, event in traffic.removed:
        if _is_of(path, event, span):
            parent = str(PurePath(path).parent)
            return [*found, *_flushed(traffic, parent, event.end, span, "where it was removed")]
    if not given:
        found += _flushed(traffic, span.path, span.begin, span, "a file that was there already")
    named = max((name.event.end for name in given), default=span.begin)
    return found + list(_of_way(traffic, span, named))


def most_at_once(events: Iterable[Event]) -> int:
    """Return how many calls there were at the most that none of the others had ended before."""
    steps = [step for event in events for step in ((event.begin, 1), (event.end, -1))]
    in_order = sorted(steps, key=lambda step: (step[0], -step[1]))
    return max(accumulate(change for _, change in in_order), default=0)


def _is_of(path: str, event: Event, span: Span) -> bool:
    return path == span.path and span.begin < event.begin and event.end < span.end


def _of_name(name: Name, span: Span) -> Iterator[str]:
    file, named = name.file, name.event.begin
    if file is None:
        yield f"{name.path} was given to a file that nobody opened"
        return
    if name.event.call.startswith("rename") and not span.replaces:
        yield f"{name.path} was given by a rename, which takes it from whoever has it"
    if span.staged:
        yield from _of_staged(file)
    written = max((write.end for write in file.writes), default=file.opened.end)
    if written > named:
        yield f"{name.path} was written to after it had its name"
    if not any(written < look.begin and look.end < named for look in file.sizes):
        yield f"{name.path} has its name without a look at its size after the last write"
    last = max((write.begin for write in file.writes), default=file.opened.begin)
    if span.durable and span.early and not any(early.end < last for early in file.write_outs):
        yield f"the device was not asked to begin with {name.path} before the last write"
    if span.durable and not any(
        written < flush.begin and flush.end < named for flush in file.flushes
    ):
        yield f"{name.path} has its name without a flush after the last write"


def _of_staged(file: File) -> Iterator[str]:
    how = file.opened.arguments
    if "O_TMPFILE" not in how and not ("O_CREAT" in how and "O_EXCL" in how):
        yield f"{file.path} was not made by who wrote it: {how}"
    if not how.endswith(", 0444"):
        yield f"{file.path} is not read-only: {how}"


def _of_way(traffic: Traffic, span: Span, named: int) -> Iterator[str]:
    """Look for names on the way to an object that were not flushed when its writer was told."""
    below, since = PurePath(span.path), named
    while str(below) != span.root:
        what = f"the directory of {below.name}"
        yield from _flushed(traffic, str(below.parent), since, span, what)
        below = below.parent
        # Another may have made it, and not flushed it.
        since = _made(traffic, str(below)) or span.made
    # Whoever has made the root, once for each storage.
    what, parent = "the directory of the root", str(PurePath(span.root).parent)
    yield from _flushed(traffic, parent, span.made, span, what)
    # What leads to it is the user's own, unless it was made for him.
    while (made := _made(traffic, str(below))) is not None:
        what = f"the directory of {below.name}"
        yield from _flushed(traffic, str(below.parent), made, span, what)
        below = below.parent


def _made(traffic: Traffic, path: str) -> int | None:
    """Return when a directory began to be made, if it was.

    Who finds it there may be in the log before its maker is told.
    """
    return next((each.event.begin for each in traffic.directories if each.path == path), None)


def _flushed(traffic: Traffic, path: str, since: int, span: Span, what: str) -> Iterator[str]:
    if not any(since < flush.begin and flush.end < span.end for flush in traffic.flushes(path)):
        yield f"{what} was not flushed before the end: {path}"
