"""Pointers to objects: the config of a file storage, and its validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

from laboxide._native import check_hash, check_key
from laboxide._validation import check_fields, check_size, shown

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide.types import Digest

__all__ = ("FilePointer",)

Expected = tuple[int, tuple[str, str] | None]
"""The expected size in bytes and, if the hash is verified, the algorithm and hash."""


class FilePointer(TypedDict):
    """Location, size and hash of an object: the config of a `FileStorage`."""

    root: str
    """The absolute path of the storage's root when the object was written."""
    key: str
    """The path below the root, with components joined by "/"."""
    algorithm: str
    """The algorithm of `hash`."""
    hash: str
    """The hash of the content in hexadecimal."""
    size: int
    """The size of the content in bytes."""


def parse_pointer(config: object) -> FilePointer:
    """Validate an untrusted config and return it as a pointer.

    Raises:
        TypeError: `config` is not a mapping, or a field is of the wrong type.
        ValueError: A field is missing or invalid.
    """
    pointer = check_fields("file pointer", config, _FIELDS)
    check_key(pointer["key"])
    check_hash(pointer["algorithm"], pointer["hash"])
    check_size(pointer["size"])
    if "\0" in pointer["root"]:
        raise ValueError(f"'root' of a file pointer must be a path, not {shown(pointer['root'])}")
    return cast("FilePointer", pointer)


_FIELDS = {"root": str, "key": str, "algorithm": str, "hash": str, "size": int}


def expected_of(pointer: FilePointer) -> Expected:
    """Return the size, algorithm and hash in a pointer."""
    return pointer["size"], (pointer["algorithm"], pointer["hash"])


def pointer_to(root: Path, key: str, digest: Digest) -> FilePointer:
    """Return a pointer to the object under `key` below `root`, given a validated digest."""
    return FilePointer(
        root=str(root),
        key=key,
        algorithm=digest["content_hash_algorithm"],
        hash=digest["content_hash"],
        size=digest["content_size"],
    )
