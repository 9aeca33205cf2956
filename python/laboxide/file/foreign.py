"""The foreign-root policy: reads of objects below a root other than the storage's own.

A pointer contains the root of the storage that wrote it. Only `find` accesses that root, and only
if the object is missing below the storage's own root. `allowed_roots` restricts the roots that it
may access. Content of a foreign root is returned only after all of it matched its hash, and errors
do not reveal the actual hash or size.
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
"""An asynchronous operation on an object in a store."""

A_FILE = "a regular file"
"""The expected value in errors for an entry that is not a regular file."""

REDACTED = "something else"
"""The actual value in errors for objects below a foreign root."""


async def find(
    own: Store,
    pointer: FilePointer,
    operation: Operation[T],
    foreign_operation: Operation[T] | None = None,
    *,
    own_root: Path,
    allowed: Collection[Path] | None,
) -> T:
    """Run an operation below the storage's root or, if the object is missing, the pointer's.

    Args:
        own: The store of the storage's root.
        pointer: The pointer to the object.
        operation: The operation.
        foreign_operation: The operation for a foreign root; None for the same operation.
        own_root: The root of the storage.
        allowed: The foreign roots to access; None allows all.

    Raises:
        ObjectNotFoundError: The object is missing below both roots.
        RootNotAllowedError: The object is missing below the storage's root, and the pointer's root
            is not allowed.
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
    """Return the root in `pointer`, or None if it is `own_root` or not absolute.

    Raises:
        RootNotAllowedError: The root is not in `allowed`.
    """
    root = pointer["root"]
    named = Path(os.path.normpath(root))
    if not named.is_absolute() or named == own_root:
        return None
    if allowed is None:
        return root
    if named not in allowed:
        raise RootNotAllowedError(
            errno.EACCES, "Root not in allowed_roots", str(named / pointer["key"])
        )
    # Normalised: ".." after a symbolic link would escape the allowed root.
    return str(named)


@contextmanager
def redact_actual() -> Iterator[None]:
    """Replace the actual hash or size in an error, since its reader may have forged the pointer.

    A forged pointer can name any file, and a hash confirms a guess of its content. The error for
    an entry that is not a regular file stays unchanged.
    """
    try:
        yield
    except CorruptDataError as error:
        if error.expected == A_FILE:
            raise
        # Changed in place: a new error would have this one as its context.
        error.actual = REDACTED
        error.args = (error.expected, REDACTED, error.path)
        raise
