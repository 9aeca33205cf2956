"""The exceptions of laboxide that are not Python's own.

System errors are plain ``OSError`` subclasses with ``errno`` and ``filename``; bad arguments are
``ValueError`` or ``TypeError``.
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
    """The base of the exceptions that only laboxide raises."""


class ObjectNotFoundError(LaboxideError, FileNotFoundError):
    """The object that a config leads to does not exist.

    ``filename`` is the path where it was looked for.
    """


def object_not_found(where: str) -> ObjectNotFoundError:
    """Return the error for an object that is missing at `where`."""
    return ObjectNotFoundError(errno.ENOENT, "No data in the storage", where)


class RootNotAllowedError(LaboxideError, PermissionError):
    """A pointer leads to a root that the storage may not read.

    It is no `ObjectNotFoundError`: the object may exist, so its record must be kept. The storage
    did not look there. ``filename`` is where the pointer leads.
    """


class VerificationError(LaboxideError):
    """Data was verified and is not what it should be.

    Attributes:
        expected: The size, hash or kind that the data should have.
        actual: The size, hash or kind that was found. For a file below a foreign root it is
            "something else": a made-up pointer must not reveal what is in the file.
        path: The path of the data, or None where it has none.
    """

    def __init__(self, expected: str, actual: str, path: str | None = None) -> None:
        super().__init__(expected, actual, path)
        self.expected = expected
        self.actual = actual
        self.path = path


class CorruptDataError(VerificationError):
    """A stored object is not what its config promises."""

    def __str__(self) -> str:
        where = "the stored data" if self.path is None else self.path
        return f"{where} is corrupt: expected {self.expected}, found {self.actual}"


class DigestMismatchError(VerificationError, ValueError):
    """Data to be stored does not match the digest that came with it. Nothing is stored."""

    def __str__(self) -> str:
        return f"the data does not match its digest: expected {self.expected}, found {self.actual}"


class ObjectTooLargeError(LaboxideError, ValueError):
    """An object is larger than the storage takes. Nothing of it is stored.

    Attributes:
        limit: The bytes that an object may have.
        size: The bytes that it has; of a stream, those that had come when it was stopped.
        path: The file that was to be imported, or None where the data has no path.
    """

    def __init__(self, limit: int, size: int, path: str | None = None) -> None:
        super().__init__(limit, size, path)
        self.limit = limit
        self.size = size
        self.path = path

    def __str__(self) -> str:
        what = "the data" if self.path is None else self.path
        return f"{what} is too large: {self.limit} bytes are allowed, it has {self.size} or more"
