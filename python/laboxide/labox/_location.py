"""How Labox's file storage names objects, and how it writes down where they are."""

from __future__ import annotations

import mimetypes
import os
import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

from laboxide._native import check_key
from laboxide._validation import shown
from laboxide.file.pointer import FilePointer

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide.file.router import FileKey
    from laboxide.types import Digest, TagMap

_WRITES_URIS = sys.version_info >= (3, 13)
_HASH = re.compile("[0-9a-f]{64}")
_URI = "file://"


def file_name_router(digest: Digest, _tags: TagMap, /, *, temp: bool = False) -> FileKey:  # noqa: ARG001
    """Name an object as Labox does: its hash, and an extension for its content type."""
    content_type = digest.get("content_type")
    if not isinstance(content_type, str):
        raise TypeError(f"a digest names its content type by a string, not {shown(content_type)}")
    extension = mimetypes.guess_extension(content_type) or ""
    return {"key": f"{digest['content_hash']}{extension}"}


def location_of(path: Path) -> str:
    """Return the location of an object as Labox's file storage writes it on this Python.

    That is a path before Python 3.13 and a file URI from then on.
    """
    return path.as_uri() if _WRITES_URIS else str(path)


def path_of(location: str) -> str:
    """Return the path in a location that Labox's file storage wrote on any Python.

    Raises:
        TypeError: `location` is not a string.
        ValueError: It is neither a path nor a file URI as Labox spells them.
    """
    if not isinstance(location, str):
        raise TypeError(f"a location is a path or file URI, not {shown(location)}")
    path = _path_of_uri(location) if location.startswith(_URI) else location
    if "\0" in path:
        raise ValueError(f"a location has no NUL character: {shown(location)}")
    # Not normalised: ".." may follow a link.
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118


def _path_of_uri(uri: str) -> str:
    quoted = uri.removeprefix(_URI)
    raw = unquote_to_bytes(quoted)
    # One spelling for each path: no host, no query, no slash in disguise.
    if not quoted.startswith("/") or quote_from_bytes(raw) != quoted:
        raise ValueError(f"{shown(uri)} is not a file URI of a path, as Path.as_uri() spells it")
    return os.fsdecode(raw)


def pointer_of(location: str, algorithm: str) -> FilePointer:
    """Return a pointer to what `location` leads to, all but its size.

    Args:
        location: What Labox keeps of an object.
        algorithm: What the object is named by: Labox's names do not tell.

    Raises:
        TypeError: `location` is not a string.
        ValueError: It is not the location of an object of Labox's.
    """
    root, name = os.path.split(path_of(location))
    content_hash = name.partition(".")[0]
    if not _HASH.fullmatch(content_hash):
        raise ValueError(
            f"{shown(location)} is not the location of an object: its name begins with no hash"
        )
    check_key(name)
    return FilePointer(root=root, key=name, algorithm=algorithm, hash=content_hash, size=0)
