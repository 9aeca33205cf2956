"""How what was written gets its name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from laboxide._native import Writer
from laboxide._runtime import hub
from laboxide._runtime.feeding import feed
from laboxide._validation import check_digest
from laboxide.errors import DigestMismatchError, ObjectTooLargeError
from laboxide.file.pointer import pointer_to
from laboxide.file.router import route

if TYPE_CHECKING:
    from laboxide._native import Staged, Store
    from laboxide.file.pointer import Expected, FilePointer
    from laboxide.file.router import FileRouter
    from laboxide.file.storage import FileStorage
    from laboxide.types import Digest, TagMap

_stale_roots: set[tuple[int, str]] = set()
"""Process and path of each root that the warning about stale objects names already."""


def require_router(storage: FileStorage) -> FileRouter:
    """Return the router of `storage`, or refuse: without one it is read-only."""
    if storage.router is None:
        raise NotImplementedError(f"{storage!r} is read-only: it has no router")
    return storage.router


def check_fits(storage: FileStorage, size: int, path: str | None = None) -> None:
    """Refuse an object of more bytes than `storage` takes; `path` is its file."""
    if storage.max_object_size is not None and size > storage.max_object_size:
        raise ObjectTooLargeError(storage.max_object_size, size, path)


def check_staged(staged: Staged, digest: Digest) -> None:
    """Discard what is staged, and refuse it, if it is not what `digest` describes."""
    size, [(algorithm, content_hash)] = staged.digest
    expected = digest["content_size"], digest["content_hash"]
    if (size, content_hash) != expected:
        staged.discard()
        raise DigestMismatchError(
            f"{expected[0]} bytes of {algorithm} {expected[1]}",
            f"{size} bytes of {algorithm} {content_hash}",
        )


def routed(storage: FileStorage, digest: Digest, tags: TagMap) -> tuple[str, Digest]:
    """Return the key that the router of `storage` gives, and the digest; all of it is checked."""
    router = require_router(storage)
    digest = check_digest(digest)
    check_fits(storage, digest["content_size"])
    return route(router, digest, tags), digest


def publication(
    storage: FileStorage, key: str, digest: Digest, *, verified: bool = False
) -> tuple[Expected, bool]:
    """Return what is published under `key`, and whether the name tells what it must be."""
    size, content_hash = digest["content_size"], digest["content_hash"]
    heal = content_hash in key
    if verified or storage.verify_writes or not heal:
        return (size, (digest["content_hash_algorithm"], content_hash)), heal
    return (size, None), heal


async def write_buffer(
    storage: FileStorage, store: Store, view: memoryview, key: str, digest: Digest
) -> None:
    """Write and publish what others may change meanwhile: block by block, and not unverified.

    All of it at once would be copied on the event loop, which takes half a second for 512 MiB.
    """
    writer = Writer([digest["content_hash_algorithm"]], store)
    try:
        await feed(writer, view)
        await hub.run(writer.finish)
        await give_name(storage, writer.take_staged(), key, digest, verified=True)
    finally:
        writer.abort()


async def publish(
    storage: FileStorage, staged: Staged, digest: Digest, tags: TagMap
) -> FilePointer:
    """Give what is staged the name that the router says, and return a pointer to it."""
    try:
        key, digest = routed(storage, digest, tags)
    except BaseException:
        staged.discard()
        raise
    await give_name(storage, staged, key, digest)
    return pointer_to(storage.path, key, digest)


async def give_name(
    storage: FileStorage, staged: Staged, key: str, digest: Digest, *, verified: bool = False
) -> None:
    """Publish what is staged under `key`."""
    try:
        expected, heal = publication(storage, key, digest, verified=verified)
        log_published(storage, await hub.run(staged.publish, key, expected, heal), key)
    finally:
        # The traceback of an error keeps this frame, and with it what was staged.
        staged.discard()


def log_published(storage: FileStorage, published: str, key: str) -> None:
    """Log a replacement, or a modification time that could not be refreshed."""
    if published == "healed":
        warn("replaced %s, which did not hold its content", storage.path / key)
    elif published == "stale":
        _warn_once_of_stale(storage, key)


def _warn_once_of_stale(storage: FileStorage, key: str) -> None:
    """Log that a dedup hit left an old modification time, for the first object of a root."""
    process_and_root = (os.getpid(), str(storage.path))
    if process_and_root not in _stale_roots:
        _stale_roots.add(process_and_root)
        warn(
            "cannot refresh the modification time of %s, nor replace it: "
            "a cleanup by age may delete objects of this root that are in use",
            storage.path / key,
        )


def warn(message: str, *arguments: object) -> None:
    """Log a warning of a file storage."""
    import logging  # noqa: PLC0415 - takes a fifth of what importing laboxide does

    logging.getLogger("laboxide.file").warning(message, *arguments)
