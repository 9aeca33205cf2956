"""The foreign-root policy: objects below another root than the storage's own.

A pointer names the root of the storage that wrote it. `find` is the only place that looks there,
and only if the object is missing below the storage's own root. `allowed_roots` restricts the roots
that a pointer may lead to. Content of a foreign root is served only after all of it matched its
hash, and an error does not tell what was found in its place.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from laboxide._native import Store
from laboxide._runtime import process
from laboxide.errors import CorruptDataError, ObjectNotFoundError, RootNotAllowedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from laboxide.file.pointer import FilePointer

T = TypeVar("T")

Operation = Callable[[Store], Awaitable[T]]
"""Something that is done with an object below the root of a store."""

A_FILE = "a regular file"
"""What is expected where something of another kind is found."""

REDACTED = "something else"


async def find(
    own: Store,
    pointer: FilePointer,
    operation: Operation[T],
    foreign_operation: Operation[T] | None = None,
    *,
    own_root: Path,
    allowed: Collection[Path] | None,
) -> T:
    """Run an operation on an object below the own root or, if it is missing, the pointer's.

    Args:
        own: The store below the own root.
        pointer: The pointer to the object.
        operation: The operation.
        foreign_operation: The operation below a foreign root, if it is another one.
        own_root: The root of the storage.
        allowed: The roots that a pointer may lead to; None allows all.

    Raises:
        ObjectNotFoundError: The object is missing below both roots.
        RootNotAllowedError: The object is missing below the own root, and the pointer's is not
            allowed.
    """
    try:
        return await operation(own)
    except ObjectNotFoundError:
        if (root := foreign_root(pointer, own_root, allowed)) is None:
            raise
        store = Store(root, portable=process.PORTABLE)
        with redact_actual():
            return await (foreign_operation or operation)(store)


def foreign_root(
    pointer: FilePointer, own_root: Path, allowed: Collection[Path] | None
) -> str | None:
    """Return the root that `pointer` names, if it is another than `own_root` and could be one.

    Raises:
        RootNotAllowedError: It is none of `allowed`, where that is not None.
    """
    root = pointer["root"]
    named = Path(os.path.normpath(root))
    if not named.is_absolute() or named == own_root:
        return None
    if allowed is None:
        return root
    if named not in allowed:
        raise RootNotAllowedError(
            errno.EACCES, "Not one of the storage's allowed roots", str(named / pointer["key"])
        )
    # Not as the pointer spells it: from a link, ".." leads elsewhere than it seems to.
    return str(named)


@contextmanager
def redact_actual() -> Iterator[None]:
    """Remove from an error which hash or size was found: its reader may have made the pointer up.

    The hash of a file tells its content to anyone with a guess, and a pointer can name any file.
    The error still says that something is not a file.
    """
    try:
        yield
    except CorruptDataError as error:
        if error.expected == A_FILE:
            raise
        # In place: a new error would have this one as its context.
        error.actual = REDACTED
        error.args = (error.expected, REDACTED, error.path)
        raise
