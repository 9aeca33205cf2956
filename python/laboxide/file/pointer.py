"""What a file storage returns for a write, and how it is read again, from whatever it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

from laboxide._native import check_hash, check_key
from laboxide._validation import check_fields, check_size, shown

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide.types import Digest

__all__ = ("FilePointer",)

Expected = tuple[int, tuple[str, str] | None]
"""What an object must be: its size and, if it is to be checked, algorithm and hash."""


class FilePointer(TypedDict):
    """All that it takes to find an object and to verify it."""

    root: str
    """The absolute path of the storage's root when the object was written."""
    key: str
    """The path below the root, its components joined by "/"."""
    algorithm: str
    """The algorithm of `hash`."""
    hash: str
    """The hash of the content in hexadecimal."""
    size: int
    """The size of the content in bytes."""


def parse_pointer(config: object) -> FilePointer:
    """Return `config` as a pointer, after checking all of it: it may come from anywhere.

    Raises:
        TypeError: It is not a mapping, or one of its values is of the wrong type.
        ValueError: One of its values is missing, or is not what a pointer can have.
    """
    pointer = check_fields("file pointer", config, _FIELDS)
    check_key(pointer["key"])
    check_hash(pointer["algorithm"], pointer["hash"])
    check_size(pointer["size"])
    if "\0" in pointer["root"]:
        raise ValueError(f"'root' of a file pointer is a path, not {shown(pointer['root'])}")
    return cast("FilePointer", pointer)


_FIELDS = {"root": str, "key": str, "algorithm": str, "hash": str, "size": int}


def expected_of(pointer: FilePointer) -> Expected:
    """Return size, algorithm and hash that a pointer promises."""
    return pointer["size"], (pointer["algorithm"], pointer["hash"])


def pointer_to(root: Path, key: str, digest: Digest) -> FilePointer:
    """Return a pointer to the object under `key` below `root`. The digest has been checked."""
    return FilePointer(
        root=str(root),
        key=key,
        algorithm=digest["content_hash_algorithm"],
        hash=digest["content_hash"],
        size=digest["content_size"],
    )
