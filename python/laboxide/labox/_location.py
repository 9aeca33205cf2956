"""Names and locations of objects, as Labox's file storage spells them."""

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
    """Return the key that Labox uses: the hash and an extension for the content type."""
    content_type = digest.get("content_type")
    if not isinstance(content_type, str):
        raise TypeError(f"a digest's content type must be a string, not {shown(content_type)}")
    extension = mimetypes.guess_extension(content_type) or ""
    return {"key": f"{digest['content_hash']}{extension}"}


def location_of(path: Path) -> str:
    """Return a location as Labox writes it: a file URI, or a path before Python 3.13."""
    return path.as_uri() if _WRITES_URIS else str(path)


def path_of(location: str) -> str:
    """Return the path in a location that Labox wrote on any Python version.

    Raises:
        TypeError: `location` is not a string.
        ValueError: `location` is neither a path nor a file URI as Labox spells them.
    """
    if not isinstance(location, str):
        raise TypeError(f"a location must be a path or file URI, not {shown(location)}")
    path = _path_of_uri(location) if location.startswith(_URI) else location
    if "\0" in path:
        raise ValueError(f"a location must not have a NUL character: {shown(location)}")
    # Not normalised: ".." after a symbolic link is not the lexical parent.
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118


def _path_of_uri(uri: str) -> str:
    quoted = uri.removeprefix(_URI)
    raw = unquote_to_bytes(quoted)
    # One spelling for each path: no host, no query, no quoted slash.
    if not quoted.startswith("/") or quote_from_bytes(raw) != quoted:
        raise ValueError(f"not a file URI as Path.as_uri() spells it: {shown(uri)}")
    return os.fsdecode(raw)


def pointer_of(location: str, algorithm: str) -> FilePointer:
    """Return a pointer to the object at `location`, with a size of 0.

    Args:
        location: The location in a record of Labox.
        algorithm: The algorithm of the hash in the name, which the name does not include.

    Raises:
        TypeError: `location` is not a string.
        ValueError: `location` is not one of Labox.
    """
    root, name = os.path.split(path_of(location))
    content_hash = name.partition(".")[0]
    if not _HASH.fullmatch(content_hash):
        raise ValueError(f"not the location of an object: its name has no hash: {shown(location)}")
    check_key(name)
    return FilePointer(root=root, key=name, algorithm=algorithm, hash=content_hash, size=0)
