"""The errnos with which each system call fails.

The engine distinguishes some errnos: these lead to a fallback, a second attempt, or an exception
other than `OSError`. It treats all others alike.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from faults.strace.points import Point


class Errnos(NamedTuple):
    """The errnos of a kind of call."""

    told_apart: tuple[str, ...]
    """Errnos that the engine handles in a way of their own."""
    alike: tuple[str, ...]
    """Errnos that it treats alike."""


class Fault(NamedTuple):
    """An error at a point."""

    errno: str
    lasting: bool
    """Whether the call fails from here on, or once."""

    def __str__(self) -> str:
        return f"{self.errno}{' from here on' * self.lasting}"

    def at(self, point: Point) -> str:
        """Return the expression for strace."""
        return f"inject={point.call}:error={self.errno}:when={point.nth}{'+' * self.lasting}"


# A missing directory is made, a lock is waited for, an unreadable object is healed; old kernels and
# sandboxes return ENOSYS and EPERM.
_OPEN = Errnos(("ENOENT", "EACCES"), ("EIO", "EMFILE", "EINTR"))
_OPENAT2 = Errnos(("ENOENT", "EACCES", "ENOSYS", "ELOOP"), ("EIO", "EMFILE", "EINTR", "EXDEV"))
_CREATE = Errnos(
    ("EEXIST", "EOPNOTSUPP", "ENOENT"),
    ("EIO", "ENOSPC", "EDQUOT", "EACCES", "EMFILE", "EROFS", "EINTR"),
)
_MKDIR = Errnos(("EEXIST",), ("EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS", "ENOENT"))
_LOOK = Errnos(("ENOENT",), ("EIO", "EACCES"))
_LOOK_AT_OPEN = Errnos((), ("EIO",))
_READ = Errnos(("EINTR",), ("EIO",))
_WRITE = Errnos(("EINTR",), ("EIO", "ENOSPC", "EDQUOT"))
_SYNC = Errnos(("EINTR",), ("EIO", "ENOSPC", "EDQUOT"))
_RESERVE = Errnos((), ("EOPNOTSUPP", "ENOSPC", "EDQUOT", "EIO", "EINTR"))
_RESIZE = Errnos((), ("EIO", "ENOSPC", "EINTR"))
_LINK = Errnos(
    ("EEXIST", "EPERM", "ENOENT"), ("EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS", "EXDEV", "EMLINK")
)
_RENAME = Errnos(("EISDIR",), ("EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS", "EXDEV", "ENOENT"))
_TOUCH = Errnos((), ("EPERM", "EACCES", "EROFS", "EIO", "ENOSPC", "EINTR"))
_UNLINK = Errnos(("ENOENT",), ("EIO", "EACCES", "EROFS"))
_LOCK = Errnos((), ("ENOLCK", "EINTR", "EIO"))
_CLONE = Errnos((), ("EOPNOTSUPP", "EXDEV", "EIO", "ENOSPC", "EDQUOT"))
_NONE = Errnos((), ())
_DUPLICATE = Errnos((), ("EMFILE",))

# An injected fault replaces the call, while a real close closes even if it fails. So the only close
# that fails is the one that hands in a file: it belongs to a second file descriptor, which leaks.
HAND_IN = ("EIO", "ENOSPC", "EDQUOT")

_BY_CALL = {
    call: errnos
    for errnos, calls in (
        (_OPEN, ("open", "openat")),
        (_OPENAT2, ("openat2",)),
        (_MKDIR, ("mkdir", "mkdirat")),
        (_LOOK, ("stat", "lstat", "newfstatat", "statx", "statfs", "access", "faccessat")),
        (_LOOK, ("readlink", "readlinkat")),
        (_LOOK_AT_OPEN, ("fstat", "fstatfs", "getdents64", "lseek")),
        (_READ, ("pread64", "preadv", "preadv2")),
        (_WRITE, ("pwrite64", "pwritev", "pwritev2")),
        (_SYNC, ("fsync", "fdatasync", "sync_file_range")),
        (_RESERVE, ("fallocate",)),
        (_RESIZE, ("ftruncate",)),
        (_LINK, ("link", "linkat")),
        (_RENAME, ("rename", "renameat", "renameat2")),
        (_TOUCH, ("utimensat",)),
        (_UNLINK, ("unlink", "unlinkat")),
        (_LOCK, ("flock",)),
        (_CLONE, ("ioctl",)),
        (_DUPLICATE, ("fcntl", "dup")),
        (_NONE, ("close",)),
    )
    for call in calls
}


def faults_at(point: Point, random: Random, *, thorough: bool) -> Iterator[Fault]:
    """Yield the faults for a point.

    Args:
        point: The system call.
        random: Chooses one of the errnos that are alike, and the lasting one.
        thorough: Whether to yield all of them.
    """
    told_apart, alike = _errnos(point)
    every = told_apart + alike
    if not every:
        return
    # A call that is always interrupted is repeated for ever; no kernel does that.
    lasting = [errno for errno in every if errno != "EINTR"]
    for errno in every if thorough else (*told_apart, random.choice(alike)):
        yield Fault(errno, lasting=False)
    for errno in lasting if thorough else random.sample(lasting, 1):
        yield Fault(errno, lasting=True)


def handed_in(points: list[Point]) -> list[Point]:
    """Return each close of a duplicate, which asks the file system whether it keeps the file."""
    return [
        close
        for duplicate, close in pairwise(points)
        if (copied := re.search(r"F_DUPFD.* = (\d+)<", duplicate.text)) is not None
        and re.search(rf"\bclose\({copied[1]}<", close.text)
    ]


def _errnos(point: Point) -> Errnos:
    if "O_CREAT" in point.text or "O_TMPFILE" in point.text:
        return _CREATE
    if point.call == "fcntl" and "F_DUPFD" not in point.text:
        return _NONE
    if (errnos := _BY_CALL.get(point.call)) is None:
        raise LookupError(f"no errnos are listed for the system call {point.call}")
    return errnos
