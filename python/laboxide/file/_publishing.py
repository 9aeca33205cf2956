"""How what was written gets its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide import _bridge
from laboxide.file._root import check_fits, pointer_below, require_router
from laboxide.pointer import check_digest
from laboxide.router import route

if TYPE_CHECKING:
    from laboxide._native import Staged
    from laboxide.contract import Digest, TagMap
    from laboxide.file._root import Expected, FileRoot
    from laboxide.pointer import FilePointer


def key_of(root: FileRoot, digest: Digest, tags: TagMap) -> str:
    """Return the key that the router of `root` gives, after checking digest, size and key."""
    router = require_router(root)
    check_digest(digest)
    check_fits(root, digest["content_size"])
    return route(router, digest, tags)


def publication(root: FileRoot, key: str, digest: Digest) -> tuple[Expected, bool]:
    """Return what is published under `key`, and whether the name tells what it must be."""
    size, content_hash = digest["content_size"], digest["content_hash"]
    heal = content_hash in key
    if root.verify_writes or not heal:
        return (size, (digest["content_hash_algorithm"], content_hash)), heal
    return (size, None), heal


async def publish(root: FileRoot, staged: Staged, digest: Digest, tags: TagMap) -> FilePointer:
    """Give what is staged its name, and return a pointer to it."""
    try:
        key = key_of(root, digest, tags)
        expected, heal = publication(root, key, digest)
        report(root, await _bridge.run(staged.publish, key, expected, heal), key)
    finally:
        # The traceback of an error keeps this frame, and with it what was staged.
        staged.discard()
    return pointer_below(root, key, digest)


def report(root: FileRoot, published: str, key: str) -> None:
    """Log what an operator should know of a publication."""
    if published == "healed":
        warn("replaced %s, which did not hold its content", root.path / key)


def warn(message: str, *arguments: object) -> None:
    """Log a warning of a file storage."""
    import logging  # noqa: PLC0415 - takes a fifth of what importing laboxide does

    logging.getLogger("laboxide.file").warning(message, *arguments)
