"""What a file storage returns for a write, and how it is read again, from whatever it came."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from laboxide._arguments import plain_size, plain_text, shown
from laboxide._native import check_hash, check_key
from laboxide.errors import RootNotAllowedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from laboxide.types import Digest

__all__ = ("FilePointer",)


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


def check_fields(what: str, config: object, fields: Mapping[str, type]) -> Mapping[str, Any]:
    """Return `config` if it is a mapping that has each of `fields`, of its type.

    Raises:
        TypeError: It is no mapping, or one of its values is of the wrong type.
        ValueError: One of its values is missing.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"a {what} is a mapping, not {shown(config)}")
    for name, kind in fields.items():
        if name not in config:
            raise ValueError(f"the {what} {shown(config)} has no {name!r}")
        if type(config[name]) is not kind:
            raise TypeError(
                f"{name!r} of a {what} is of type {kind.__name__}, not {shown(config[name])}"
            )
    return config


def check_digest(digest: Digest) -> Digest:
    """Return a digest, of plain values, or refuse one by which nothing can be stored.

    A member of an enumeration, say, is a string that a pointer cannot have, and that comes out
    otherwise when a router makes a key of it.

    Raises:
        TypeError: It is not a mapping, its size not an integer, or its hash not a string.
        ValueError: Its algorithm is unknown, its hash not one of that algorithm, its size negative,
            or one of them missing.
    """
    for name in ("content_hash_algorithm", "content_hash", "content_size"):
        digest_value(digest, name)
    algorithm, content_hash = digest["content_hash_algorithm"], digest["content_hash"]
    if not (isinstance(algorithm, str) and isinstance(content_hash, str)):
        raise TypeError(f"a digest names its algorithm and hash by strings, not {shown(digest)}")
    check_hash(algorithm, content_hash)
    size = digest["content_size"]
    check_size(size)
    if type(algorithm) is type(content_hash) is str and type(size) is int:
        return digest
    plain = {
        "content_hash_algorithm": plain_text(algorithm),
        "content_hash": plain_text(content_hash),
        "content_size": plain_size(size),
    }
    return cast("Digest", {**digest, **plain})


def digest_value(digest: object, name: str) -> Any:
    """Return what a digest says.

    Raises:
        TypeError: It is not a mapping.
        ValueError: It does not say that.
    """
    if not isinstance(digest, (dict, Mapping)):  # the ABC alone takes five times as long
        raise TypeError(f"a digest is a mapping, not {shown(digest)}")
    if name not in digest:
        raise ValueError(f"the digest {shown(digest)} has no {name!r}")
    return digest[name]


def check_size(size: object) -> None:
    """Refuse what is not a number of bytes that a file can have."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"a size is an integer, not {shown(size)}")
    if not 0 <= size < 1 << 63:
        raise ValueError(f"a size is a number of bytes from 0 on, not {shown(size)}")


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
