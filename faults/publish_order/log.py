"""A log of strace as files: when each was opened, written, flushed and named.

Times are lines of the log. A call that another thread interrupts has two lines, one at its begin
and one at its end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEGUN = re.compile(r"(\d+)\s+(\w+)\((.*)")
_RESUMED = re.compile(r"(\d+)\s+<\.\.\. (\w+) resumed>(.*)")
_UNFINISHED = " <unfinished ...>"
_OPENING = ("open", "openat", "openat2")
_NAMING = ("link", "linkat", "rename", "renameat", "renameat2")
_RESULT = re.compile(r"(.*?)\)?\s+= (-?\d+)(?:<(.*?)>(?:\(deleted\))?)?(?: .*)?$")


class Event(NamedTuple):
    """A system call that has ended."""

    call: str
    arguments: str
    result: int
    path: str | None
    """The path of the returned file descriptor."""
    begin: int
    end: int


@dataclass
class File:
    """An open file, with all calls through any of its file descriptors."""

    opened: Event
    path: str
    writes: list[Event] = field(default_factory=list)
    sizes: list[Event] = field(default_factory=list)
    """Checks of its size."""
    flushes: list[Event] = field(default_factory=list)
    write_outs: list[Event] = field(default_factory=list)
    """Requests that the device start writing."""


class Name(NamedTuple):
    """A name that a file got."""

    path: str
    file: File | None
    event: Event


class Named(NamedTuple):
    """A call that changed a path."""

    path: str
    event: Event


@dataclass
class Log:
    """The files and names of a log."""

    files: list[File] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    directories: list[Named] = field(default_factory=list)
    """Directories that were made."""
    removed: list[Named] = field(default_factory=list)
    """Files that were unlinked."""
    marks: dict[str, Event] = field(default_factory=dict)
    """Paths that do not exist: by asking for them the traced program marks its progress."""

    def flushes(self, path: str) -> list[Event]:
        """Return every flush of a file that was opened as `path`."""
        return [flush for file in self.files if file.path == path for flush in file.flushes]


def events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the calls of a log in the order in which they ended."""
    open_calls: dict[str, tuple[str, str, int]] = {}
    for number, line in enumerate(lines):
        if match := _RESUMED.match(line):
            call, text, begin = open_calls.pop(match[1])
            text += match[3]
        elif match := _BEGUN.match(line):
            call, text, begin = match[2], match[3], number
            if text.endswith(_UNFINISHED):
                open_calls[match[1]] = call, text.removesuffix(_UNFINISHED), begin
                continue
        else:
            continue
        if result := _RESULT.match(text):
            yield Event(call, result[1], int(result[2]), result[3], begin, number)


def read_log(lines: Iterable[str]) -> Log:
    """Return the files and names in the log of one process."""
    reader = _Reader()
    for event in sorted(events(lines), key=_moment):
        reader.take(event)
    return reader.found


def _moment(event: Event) -> int:
    # A file descriptor is used after the call that returned it has ended.
    return event.end if event.call in (*_OPENING, "fcntl") else event.begin


class _Reader:
    """Follows the descriptors of a process, and the names of its files."""

    def __init__(self) -> None:
        self.found = Log()
        self._descriptors: dict[int, File] = {}
        self._by_path: dict[str, File] = {}

    def take(self, event: Event) -> None:
        if event.call in ("access", "faccessat", "faccessat2"):
            self.found.marks[_strings(event)[0]] = event
        if event.result < 0:
            return
        if event.call in _OPENING and event.path is not None:
            self._open(event, event.path)
        elif event.call in _NAMING:
            self._name(event)
        elif event.call in ("mkdir", "mkdirat"):
            self.found.directories.append(Named(_path(event, 0), event))
        elif event.call in ("unlink", "unlinkat"):
            self.found.removed.append(Named(_path(event, 0), event))
        elif (file := self._descriptors.get(_number(event))) is not None:
            self._use(event, file)

    def _open(self, event: Event, path: str) -> None:
        file = self._descriptors[event.result] = File(event, path)
        self.found.files.append(file)
        # A clean-up may open a file that its creator is about to name.
        if path not in self._by_path or re.search("O_CREAT|O_TMPFILE", event.arguments):
            self._by_path[path] = file

    def _use(self, event: Event, file: File) -> None:
        if event.call == "fcntl" and "F_DUPFD" in event.arguments:
            self._descriptors[event.result] = file
        elif event.call in ("pwrite64", "pwritev", "ftruncate", "fallocate"):
            file.writes.append(event)
        elif event.call in ("fstat", "statx"):
            file.sizes.append(event)
        elif event.call in ("fsync", "fdatasync"):
            file.flushes.append(event)
        elif event.call == "sync_file_range":
            file.write_outs.append(event)

    def _name(self, event: Event) -> None:
        source, target = _path(event, 0), _path(event, 1)
        file = self._by_path.get(source)
        if match := re.fullmatch(r"/proc/self/fd/(\d+)", source):
            file = self._descriptors.get(int(match[1]))
        if file is not None:
            self._by_path[target] = file
        self.found.names.append(Name(target, file, event))


def _number(event: Event) -> int:
    match = re.match(r"(\d+)<", event.arguments)
    return int(match[1]) if match is not None else -1


def _strings(event: Event) -> list[str]:
    return re.findall(r'"([^"]*)"', event.arguments)


def _path(event: Event, which: int) -> str:
    """Return a path of a call; a relative one is below the directory that precedes it."""
    name = _strings(event)[which]
    before = event.arguments.split(f'"{name}"')[0]
    directories = re.findall(r"(?:\d+|AT_FDCWD)<([^>]*)>", before)
    return str(PurePath(directories[-1]) / name) if directories else name
