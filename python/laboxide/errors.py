"""The exceptions of laboxide that are not Python's own.

System errors are plain ``OSError`` subclasses with ``errno`` and ``filename``; bad arguments are
``ValueError`` or ``TypeError``.
"""

from __future__ import annotations

__all__ = (
    "CorruptDataError",
    "DigestMismatchError",
    "LaboxideError",
    "NoStorageData",
    "ObjectTooLargeError",
    "RootNotAllowedError",
)


class LaboxideError(Exception):
    """The base of the exceptions that only laboxide raises."""


class NoStorageData(LaboxideError, FileNotFoundError):  # noqa: N818 - the name is Labox's
    """There is no object where the config says.

    It is a ``FileNotFoundError``, too: ``filename`` is where the object was looked for.
    """


class RootNotAllowedError(LaboxideError, PermissionError):
    """A pointer leads to a root that the storage may not read.

    It is no `NoStorageData`: the data may well be there, and its record is not to be given up.
    Nothing was looked at there. ``filename`` is where the pointer leads.
    """


class CorruptDataError(LaboxideError):
    """What is stored is not what its config promises.

    Attributes:
        expected: The size, hash or kind that was promised.
        actual: What was found in its place. Of a file below another root than the storage's own it
            is "something else": a pointer may be made up to be told what is in the file.
        path: The object, or None where the data has no path.
    """

    def __init__(self, expected: str, actual: str, path: str | None = None) -> None:
        super().__init__(expected, actual, path)
        self.expected = expected
        self.actual = actual
        self.path = path

    def __str__(self) -> str:
        where = "the stored data" if self.path is None else self.path
        return f"{where} is corrupt: expected {self.expected}, found {self.actual}"


class DigestMismatchError(CorruptDataError, ValueError):
    """The data handed to a storage is not what the digest handed with it describes.

    Raised before anything is stored.
    """

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
