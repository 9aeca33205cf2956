"""How what was written gets its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide._native import Writer
from laboxide._runtime import hub
from laboxide._runtime.feeding import feed
from laboxide.file._root import check_fits, pointer_below, require_router
from laboxide.file.pointer import check_digest
from laboxide.file.router import route

if TYPE_CHECKING:
    from laboxide._native import Staged, Store
    from laboxide.file._root import Expected, FileRoot
    from laboxide.file.pointer import FilePointer
    from laboxide.types import Digest, TagMap


def routed(root: FileRoot, digest: Digest, tags: TagMap) -> tuple[str, Digest]:
    """Return the key that the router of `root` gives, and the digest; all of it is checked."""
    router = require_router(root)
    digest = check_digest(digest)
    check_fits(root, digest["content_size"])
    return route(router, digest, tags), digest


def publication(
    root: FileRoot, key: str, digest: Digest, *, verified: bool = False
) -> tuple[Expected, bool]:
    """Return what is published under `key`, and whether the name tells what it must be."""
    size, content_hash = digest["content_size"], digest["content_hash"]
    heal = content_hash in key
    if verified or root.verify_writes or not heal:
        return (size, (digest["content_hash_algorithm"], content_hash)), heal
    return (size, None), heal


async def write_buffer(
    root: FileRoot, store: Store, view: memoryview, key: str, digest: Digest
) -> None:
    """Write and publish what others may change meanwhile: block by block, and not unverified.

    All of it at once would be copied on the event loop, which takes half a second for 512 MiB.
    """
    writer = Writer([digest["content_hash_algorithm"]], store)
    try:
        await feed(writer, view)
        await hub.run(writer.finish)
        await give_name(root, writer.take_staged(), key, digest, verified=True)
    finally:
        writer.abort()


async def publish(root: FileRoot, staged: Staged, digest: Digest, tags: TagMap) -> FilePointer:
    """Give what is staged the name that the router says, and return a pointer to it."""
    try:
        key, digest = routed(root, digest, tags)
    except BaseException:
        staged.discard()
        raise
    await give_name(root, staged, key, digest)
    return pointer_below(root, key, digest)


async def give_name(
    root: FileRoot, staged: Staged, key: str, digest: Digest, *, verified: bool = False
) -> None:
    """Publish what is staged under `key`."""
    try:
        expected, heal = publication(root, key, digest, verified=verified)
        report(root, await hub.run(staged.publish, key, expected, heal), key)
    finally:
        # The traceback of an error keeps this frame, and with it what was staged.
        staged.discard()


def report(root: FileRoot, published: str, key: str) -> None:
    """Log what an operator should know of a publication."""
    if published == "healed":
        warn("replaced %s, which did not hold its content", root.path / key)


def warn(message: str, *arguments: object) -> None:
    """Log a warning of a file storage."""
    import logging  # noqa: PLC0415 - takes a fifth of what importing laboxide does

    logging.getLogger("laboxide.file").warning(message, *arguments)
