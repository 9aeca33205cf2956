"""Exceptions raised by laboxide.

Failed system calls raise plain ``OSError`` subclasses with ``errno`` and ``filename``; invalid
arguments raise ``ValueError`` or ``TypeError``.
"""

from __future__ import annotations

import errno

__all__ = (
    "CorruptDataError",
    "DigestMismatchError",
    "LaboxideError",
    "ObjectNotFoundError",
    "ObjectTooLargeError",
    "RootNotAllowedError",
    "VerificationError",
)


class LaboxideError(Exception):
    """Base class of laboxide's own exceptions."""


class ObjectNotFoundError(LaboxideError, FileNotFoundError):
    """The object of a config does not exist.

    ``filename`` is the expected path of the object.
    """


def object_not_found(where: str) -> ObjectNotFoundError:
    """Return the error for an object missing at `where`."""
    return ObjectNotFoundError(errno.ENOENT, "Object not found", where)


class RootNotAllowedError(LaboxideError, PermissionError):
    """The root in a pointer is not one of the storage's allowed roots.

    Not an `ObjectNotFoundError`: the object may exist below that root, so its record must be kept.
    The storage does not access the path in ``filename``.
    """


class VerificationError(LaboxideError):
    """Data failed verification.

    Attributes:
        expected: The expected size, hash or kind.
        actual: The actual size, hash or kind. For a file below a foreign root it is "something
            else": a forged pointer must not reveal content.
        path: The path of the data, or None if it has none.
    """

    def __init__(self, expected: str, actual: str, path: str | None = None) -> None:
        super().__init__(expected, actual, path)
        self.expected = expected
        self.actual = actual
        self.path = path


class CorruptDataError(VerificationError):
    """A stored object does not match its config."""

    def __str__(self) -> str:
        where = "" if self.path is None else f" {self.path}"
        return f"corrupt object{where}: expected {self.expected}, found {self.actual}"


class DigestMismatchError(VerificationError, ValueError):
    """Data to store does not match its digest. Nothing is stored."""

    def __str__(self) -> str:
        return f"data does not match its digest: expected {self.expected}, found {self.actual}"


class ObjectTooLargeError(LaboxideError, ValueError):
    """An object exceeds ``max_object_size``. Nothing is stored.

    Attributes:
        limit: The maximum size in bytes.
        size: The size in bytes; for a stream, the bytes read when the limit was exceeded.
        path: The file to import, or None if the data has no path.
    """

    def __init__(self, limit: int, size: int, path: str | None = None) -> None:
        super().__init__(limit, size, path)
        self.limit = limit
        self.size = size
        self.path = path

    def __str__(self) -> str:
        text = f"object too large: {self.size} bytes exceeds max_object_size={self.limit}"
        return text if self.path is None else f"{text}: {self.path}"
