"""The points of an operation: each system call with which it touches files, in order."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from faults.strace.child import Child
from faults.strace.holds import State, digests_wrong, visible
from faults.strace.strace import calls, traced

if TYPE_CHECKING:
    from pathlib import Path

    from faults.strace.subject import Scene

# What changes files or depends on them. Between two of these nothing of what is stored changes, so
# that a kill at a futex, a wake-up or an allocation is one at the next of these; and nothing of the
# file system fails there. The names with a question mark are not known on every architecture.
FILE_CALLS = (
    "?open,openat,openat2,?creat,close,fcntl,dup,ioctl,flock,"
    "?stat,?lstat,fstat,newfstatat,statx,statfs,fstatfs,?access,faccessat,faccessat2,?readlink,readlinkat,"
    "getdents64,pread64,preadv,preadv2,pwrite64,pwritev,pwritev2,lseek,copy_file_range,sendfile,"
    "fallocate,ftruncate,sync_file_range,fsync,fdatasync,syncfs,"
    "?mkdir,mkdirat,?link,linkat,?rename,renameat,renameat2,?unlink,unlinkat,?rmdir,"
    "?chmod,fchmod,fchmodat"
)


# Those that only look, or let go of what the kernel lets go of when the process ends.
_LOOKING = re.compile(
    r"(open|openat|openat2)\((?!.*O_(CREAT|TMPFILE))|close\(|fcntl\(|dup\(|flock\(|\w*stat\w*\(|"
    r"\w*access\w*\(|readlink|getdents64\(|p?read|lseek\("
)


class Point(NamedTuple):
    """A system call of one thread."""

    thread: str
    """The kind of the thread."""
    call: str
    nth: int
    """Which of that name in that thread it is, from 1."""
    text: str
    """The line of the log."""

    def __str__(self) -> str:
        return f"{self.call} {self.nth} of {self.thread} [{self.text}]"


class Course(NamedTuple):
    """What an operation does when nothing disturbs it."""

    points: list[Point]
    before: State
    after: State


def concerning(points: list[Point], call: str) -> list[Point]:
    """Return those of a system call, or all if none is named."""
    return [point for point in points if call in {"", point.call}]


def changing(points: list[Point]) -> list[Point]:
    """Return those between which something is changed.

    Who dies at a call that only looks leaves what he leaves at the next that changes something. Of
    what follows the last change one is enough.
    """
    looks = [_LOOKING.match(point.text.split(maxsplit=1)[1]) is not None for point in points]
    last = max((index for index, look in enumerate(looks) if not look), default=-1)
    return [point for index, point in enumerate(points) if not looks[index] or index == last + 1]


def course(scene: Scene, log: Path, *, portable: bool) -> Course:
    """Do the operation once and tell how it went.

    Raises:
        AssertionError: It failed, or wrote something else than its name says.
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
    assert not wrong, f"{scene.operation}, undisturbed: {wrong}"
    return Course(_points(log, kinds, str(scene.directory)), before, after)


def _points(log: Path, kinds: dict[int, str], directory: str) -> list[Point]:
    counts: Counter[tuple[int, str]] = Counter()
    points = []
    for call in calls(log):
        counts[call.thread, call.name] += 1
        # The others are files of Python's own, and what the standard library reads in /proc.
        if directory in call.text:
            nth = counts[call.thread, call.name]
            points.append(Point(kinds[call.thread], call.name, nth, call.text))
    return points
