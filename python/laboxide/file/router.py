"""Where a file storage puts an object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypedDict

from laboxide._native import check_key
from laboxide._validation import plain_text, shown

if TYPE_CHECKING:
    from laboxide.types import Digest, TagMap

__all__ = ("FileKey", "FileRouter", "content_router")


class FileKey(TypedDict):
    """The answer of a router. A plain string is the same as its `key` alone."""

    key: str
    """A path below the root of 1024 bytes at the most, its components joined by "/"."""


class FileRouter(Protocol):
    """Decides where below the root an object goes.

    A key should contain the content's hash. One that does not can name one content only: writing
    another under it raises `FileExistsError`.
    """

    def __call__(self, digest: Digest, tags: TagMap, /, *, temp: bool) -> FileKey | str:
        """Return the key of an object, plain or as a `FileKey`.

        Args:
            digest: What describes the content, complete.
            tags: What the user says of it.
            temp: Whether a temporary location is asked for. A file storage never does: its
                temporary files are its own affair.
        """
        ...


def content_router(digest: Digest, _tags: TagMap, /, *, temp: bool = False) -> FileKey:  # noqa: ARG001
    """Lay objects out as ``<algorithm>/<first two hex digits>/<hash>``, the default.

    Directories are locked while a name is made in them; 256 of them let as many writers go on.
    """
    content_hash = digest["content_hash"]
    return {"key": f"{digest['content_hash_algorithm']}/{content_hash[:2]}/{content_hash}"}


def content_of(key: str) -> tuple[str, str] | None:
    """Return the algorithm and hash in a key of `content_router`, or None if it is none."""
    match key.split("/"):
        case [("blake3" | "sha256") as algorithm, shard, content_hash] if (
            _HASH.fullmatch(content_hash) and content_hash[:2] == shard
        ):
            return algorithm, content_hash
    return None


_HASH = re.compile("[0-9a-f]{64}")


def route(router: FileRouter, digest: Digest, tags: TagMap) -> str:
    """Return the key that `router` gives.

    Raises:
        TypeError: It answers with something else.
        ValueError: The key does not stay below the root.
    """
    answer: object = router(digest, tags, temp=False)
    key = answer.get("key") if isinstance(answer, (dict, Mapping)) else answer
    if not isinstance(key, str):
        raise TypeError(f"a file router returns a key or {{'key': key}}, not {shown(answer)}")
    check_key(key)
    return plain_text(key)
