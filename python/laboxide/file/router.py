"""Routers: functions that choose the key of an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypedDict

from laboxide._native import ALGORITHMS, check_hash, check_key
from laboxide._validation import plain_text, shown

if TYPE_CHECKING:
    from laboxide.types import Digest, TagMap

__all__ = ("FileKey", "FileRouter", "content_router")


class FileKey(TypedDict):
    """The result of a router. A plain string is equivalent to a `FileKey` with that `key`."""

    key: str
    """A path below the root of at most 1024 bytes, with components joined by "/"."""


class FileRouter(Protocol):
    """Chooses the key of an object.

    A key should contain the content hash. A key without it is bound to the first content: writing
    other content under it raises `FileExistsError`.
    """

    def __call__(self, digest: Digest, tags: TagMap, /, *, temp: bool) -> FileKey | str:
        """Return the key of an object, as a string or a `FileKey`.

        Args:
            digest: The complete digest of the content.
            tags: The tags of the content.
            temp: Whether to return a temporary location. Always False for a `FileStorage`, which
                manages its temporary files itself.
        """
        ...


def content_router(digest: Digest, _tags: TagMap, /, *, temp: bool = False) -> FileKey:  # noqa: ARG001
    """Return the key ``<algorithm>/<first two hex digits>/<hash>``. The default router.

    A file system locks a directory while it creates a name; 256 directories allow as many
    concurrent writers.
    """
    content_hash = digest["content_hash"]
    return {"key": f"{digest['content_hash_algorithm']}/{content_hash[:2]}/{content_hash}"}


def content_of(key: str) -> tuple[str, str] | None:
    """Return the algorithm and hash in a key of `content_router`, or None for other keys."""
    algorithm, _, rest = key.partition("/")
    shard, _, content_hash = rest.partition("/")
    if algorithm not in ALGORITHMS or content_hash[:2] != shard:
        return None
    try:
        check_hash(algorithm, content_hash)
    except ValueError:
        return None
    return algorithm, content_hash


def route(router: FileRouter, digest: Digest, tags: TagMap) -> str:
    """Call `router` and return the validated key.

    Raises:
        TypeError: The router does not return a key.
        ValueError: The key is invalid: it would leave the root, for example.
    """
    answer: object = router(digest, tags, temp=False)
    key = answer.get("key") if isinstance(answer, (dict, Mapping)) else answer
    if not isinstance(key, str):
        raise TypeError(f"a router must return a key or {{'key': key}}, not {shown(answer)}")
    check_key(key)
    return plain_text(key)
