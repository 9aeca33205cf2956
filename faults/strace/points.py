"""The points of an operation: each of its system calls that touch files, in order."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from faults.strace.child import Child
from faults.strace.state import State, digests_wrong, visible
from faults.strace.trace import calls, traced

if TYPE_CHECKING:
    from pathlib import Path

    from faults.strace.subject import Scene

# Calls that change files or depend on them. Between two of these no stored file changes, so a kill
# at a futex, a wake-up or an allocation equals one at the next of these; and no call of the file
# system fails there. Names with a question mark do not exist on every architecture.
FILE_CALLS = (
    "?open,openat,openat2,?creat,close,fcntl,dup,ioctl,flock,"
    "?stat,?lstat,fstat,newfstatat,statx,statfs,fstatfs,?access,faccessat,faccessat2,?readlink,readlinkat,"
    "getdents64,pread64,preadv,preadv2,pwrite64,pwritev,pwritev2,lseek,copy_file_range,sendfile,"
    "fallocate,ftruncate,sync_file_range,fsync,fdatasync,syncfs,"
    "?mkdir,mkdirat,?link,linkat,?rename,renameat,renameat2,?unlink,unlinkat,?rmdir,"
    "?chmod,fchmod,fchmodat,utimensat"
)


# Calls that only read, or release a resource that the end of the process releases, too.
_LOOKING = re.compile(
    r"(open|openat|openat2)\((?!.*O_(CREAT|TMPFILE))|close\(|fcntl\(|dup\(|flock\(|\w*stat\w*\(|"
    r"\w*access\w*\(|readlink|getdents64\(|p?read|lseek\("
)


class Point(NamedTuple):
    """One system call of one thread."""

    thread: str
    """The kind of the thread."""
    call: str
    nth: int
    """The number of the call among those of its name and thread, from 1."""
    text: str
    """The line of the log."""

    def __str__(self) -> str:
        return f"{self.call} {self.nth} of {self.thread} [{self.text}]"


class Baseline(NamedTuple):
    """The calls and effects of an undisturbed operation."""

    points: list[Point]
    before: State
    after: State


def concerning(points: list[Point], call: str) -> list[Point]:
    """Return the points with the name `call`, or all if it is empty."""
    return [point for point in points if call in {"", point.call}]


def changing(points: list[Point]) -> list[Point]:
    """Return the points that change something, and the first one after the last change.

    A process that dies at a call that only reads leaves the same files as one that dies at the next
    changing call.
    """
    looks = [_LOOKING.match(point.text.split(maxsplit=1)[1]) is not None for point in points]
    last = max((index for index, look in enumerate(looks) if not look), default=-1)
    return [point for index, point in enumerate(points) if not looks[index] or index == last + 1]


def baseline(scene: Scene, log: Path, *, portable: bool) -> Baseline:
    """Run the operation once, undisturbed.

    Raises:
        AssertionError: It failed, leaked, or stored content under the wrong name.
    """
    with Child(scene.directory.parent, portable=portable) as child:
        child.call("arrange", scene)
        before = visible(scene.directory)
        with traced(child.threads.values(), log, f"trace={FILE_CALLS}"):
            outcome = child.call("act")
        leaks = child.call("leaks")
        kinds = {number: kind for kind, number in child.threads.items()}
        after = visible(scene.directory)
    wrong = [*([outcome.error] if outcome.error else []), *leaks, *digests_wrong(after)]
    assert not wrong, f"{scene.name}, undisturbed: {wrong}"
    return Baseline(_points(log, kinds, str(scene.directory)), before, after)


def _points(log: Path, kinds: dict[int, str], directory: str) -> list[Point]:
    counts: Counter[tuple[int, str]] = Counter()
    points = []
    for call in calls(log):
        counts[call.thread, call.name] += 1
        # Other calls are for files of Python itself, and of the standard library in /proc.
        if directory in call.text:
            nth = counts[call.thread, call.name]
            points.append(Point(kinds[call.thread], call.name, nth, call.text))
    return points
