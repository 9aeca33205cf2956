"""Checks before a write, and publishes staged content under its key.

`routed` validates the digest and calls the router. `publish` gives staged content its key;
`write_buffer` and `FileStorage` share `publish_as` and `publication` with it.
"""

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
"""Process ID and path of each root for which the warning about stale objects was logged."""


def require_router(storage: FileStorage) -> FileRouter:
    """Return the router of `storage`, or raise: a storage without a router is read-only."""
    if storage.router is None:
        raise NotImplementedError(f"{storage!r} is read-only: it has no router")
    return storage.router


def check_fits(storage: FileStorage, size: int, path: str | None = None) -> None:
    """Raise `ObjectTooLargeError` if `size` exceeds the limit; `path` is a file to import."""
    if storage.max_object_size is not None and size > storage.max_object_size:
        raise ObjectTooLargeError(storage.max_object_size, size, path)


def check_staged(staged: Staged, digest: Digest) -> None:
    """Discard staged content and raise if it does not match `digest`."""
    size, [(algorithm, content_hash)] = staged.digest
    expected = digest["content_size"], digest["content_hash"]
    if (size, content_hash) != expected:
        staged.discard()
        raise DigestMismatchError(
            f"{expected[0]} bytes of {algorithm} {expected[1]}",
            f"{size} bytes of {algorithm} {content_hash}",
        )


def routed(storage: FileStorage, digest: Digest, tags: TagMap) -> tuple[str, Digest]:
    """Return the validated key of the router, and the validated digest."""
    router = require_router(storage)
    digest = check_digest(digest)
    check_fits(storage, digest["content_size"])
    return route(router, digest, tags), digest


def publication(
    storage: FileStorage, key: str, digest: Digest, *, verified: bool = False
) -> tuple[Expected, bool]:
    """Return the content to verify, and whether to replace a corrupt object.

    A key with the hash identifies its content: an existing object with other content is corrupt.
    """
    size, content_hash = digest["content_size"], digest["content_hash"]
    heal = content_hash in key
    if verified or storage.verify_writes or not heal:
        return (size, (digest["content_hash_algorithm"], content_hash)), heal
    return (size, None), heal


async def write_buffer(
    storage: FileStorage, store: Store, view: memoryview, key: str, digest: Digest
) -> None:
    """Write a mutable buffer in blocks and publish it, always verified by its hash.

    Copying 512 MiB at once would block the event loop for half a second.
    """
    writer = Writer([digest["content_hash_algorithm"]], store)
    try:
        await feed(writer, view)
        await hub.run(writer.finish)
        await publish_as(storage, writer.take_staged(), key, digest, verified=True)
    finally:
        writer.abort()


async def publish(
    storage: FileStorage, staged: Staged, digest: Digest, tags: TagMap
) -> FilePointer:
    """Publish staged content under the key from the router, and return a pointer to it."""
    try:
        key, digest = routed(storage, digest, tags)
    except BaseException:
        staged.discard()
        raise
    await publish_as(storage, staged, key, digest)
    return pointer_to(storage.path, key, digest)


async def publish_as(
    storage: FileStorage, staged: Staged, key: str, digest: Digest, *, verified: bool = False
) -> None:
    """Publish staged content under `key`."""
    try:
        expected, heal = publication(storage, key, digest, verified=verified)
        log_published(storage, await hub.run(staged.publish, key, expected, heal), key)
    finally:
        # The traceback of an error references this frame, and so the staged content.
        staged.discard()


def log_published(storage: FileStorage, published: str, key: str) -> None:
    """Log a replaced corrupt object, or a modification time that could not be refreshed."""
    if published == "healed":
        warn("replaced corrupt object %s", storage.path / key)
    elif published == "stale":
        _warn_once_of_stale(storage, key)


def _warn_once_of_stale(storage: FileStorage, key: str) -> None:
    """Log the first dedup hit of a root that left an old modification time."""
    process_and_root = (os.getpid(), str(storage.path))
    if process_and_root not in _stale_roots:
        _stale_roots.add(process_and_root)
        warn(
            "cannot refresh the modification time of %s, nor replace the object: "
            "a cleanup by age may delete objects of this root that are in use",
            storage.path / key,
        )


def warn(message: str, *arguments: object) -> None:
    """Log a warning of a file storage."""
    import logging  # noqa: PLC0415 - takes a fifth of the import time of laboxide

    logging.getLogger("laboxide.file").warning(message, *arguments)
