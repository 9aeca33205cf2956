"""`FileStorage`: content in files below one root directory.

Writes feed a native writer, which stages the content; `publishing` publishes it under its key.
Reads go through `foreign.find`, which tries this root first and then the root in the pointer.
`listing`, `audit` and `cleanup` walk the whole store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from laboxide._native import Store, Writer, pause_due
from laboxide._runtime import hub, process
from laboxide._runtime.feeding import buffer_size, feed_all, large_view, value_bytes
from laboxide._runtime.progress import Meter, MeteredSource, Poll, feed_value, report
from laboxide._runtime.sources import close_after
from laboxide._validation import (
    algorithm_name,
    check_choice,
    check_chunk_size,
    check_digest,
    check_directory,
    check_flag,
    check_limit,
    check_progress,
    check_roots,
    digest_value,
    file_path,
    make_directory,
    shown,
    text_path,
)
from laboxide.digest import ContentInfo, claim
from laboxide.errors import CorruptDataError, ObjectNotFoundError
from laboxide.file.audit import Audit, make_plan
from laboxide.file.cleanup import StrayFile, find_stray_files
from laboxide.file.foreign import find
from laboxide.file.listing import Listed, PointerListing, listing_error
from laboxide.file.pointer import FilePointer, expected_of, parse_pointer, pointer_to
from laboxide.file.publishing import (
    check_fits,
    check_staged,
    log_published,
    publication,
    publish,
    require_router,
    routed,
    write_buffer,
)
from laboxide.file.read_stream import CHUNK_SIZE, ObjectStream
from laboxide.file.router import FileRouter, content_router, route
from laboxide.file.router import content_of as content_of_key
from laboxide.storage import HASH_ON_LOOP_MAX, Storage, keeps_writes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from typing_extensions import Buffer

    from laboxide._native import Staged
    from laboxide.digest import Claim
    from laboxide.file.audit import ContentOf
    from laboxide.file.foreign import Operation
    from laboxide.file.pointer import Expected
    from laboxide.types import Digest, GetStreamDigest, Progress, TagMap

__all__ = ("ExportLink", "FileStat", "FileStorage", "ImportLink", "VerifyReads")

T = TypeVar("T")

VerifyReads = Literal["hash", "size"]
"""How a storage verifies reads."""

ImportLink = Literal["auto", "reflink", "hardlink", "copy"]
"""How to import a file."""

ExportLink = Literal["auto", "reflink", "copy"]
"""How to export an object."""

_LARGE = 16 << 20

_ARGUMENTS = (
    "router",
    "chunk_size",
    "durable",
    "verify_reads",
    "verify_writes",
    "max_object_size",
    "allowed_roots",
)


class FileStat(NamedTuple):
    """Path, size and modification time of an object."""

    path: Path
    """The absolute path."""
    size: int
    """The size in bytes."""
    modified: float | None
    """The modification time in seconds since the epoch, or None if the file system has none.

    Writing the same content again refreshes it.
    """


class FileStorage(Storage[FilePointer]):
    """Storage of content in files named by its hash.

    An object appears under its key atomically. Native threads hash and write its bytes, so file
    I/O never blocks the event loop. Tags are passed to the router and not stored.

    These errors are common to the methods, which do not list them again:

    - `CorruptDataError`: The object does not match the pointer, or is not a regular file.
    - `NotImplementedError`: The storage is read-only, and the method would change it.
    - `ObjectNotFoundError`: The object is missing below this root and the pointer's.
    - `OSError`: A file system call failed; see ``errno`` and ``filename``.
    - `RootNotAllowedError`: The object is missing below this root, and the pointer's root is not
      allowed.
    - `TypeError`: An argument is of the wrong type.
    - `ValueError`: An argument, such as a pointer, is out of range or not an allowed value.

    Args:
        path: The root. A relative path is resolved once, here.
        router: Chooses the key of an object; `content_router` by default. None makes the storage
            read-only.
        mkdir: Whether to create a missing root and its parents; False by default.
        chunk_size: The size in bytes of chunks that `read_data_stream` yields, 1 byte to 1 GiB;
            1 MiB by default.
        durable: Whether a write flushes the object and its directory to the device before it
            returns; False by default. Otherwise objects survive a crash of the process, but not of
            the machine.
        verify_reads: ``"hash"`` (the default) compares content with its hash; ``"size"`` compares
            only the size.
        verify_writes: Whether to hash data to check its digest, and an existing object to check
            its content; False by default. Sizes are always checked. Set it if digests are not
            trusted: otherwise a false digest of the right size takes the key of other content,
            which later writes then consider existing. It also makes a repeated write heal damage
            that keeps the size.
        max_object_size: The maximum size in bytes of an object to write; None (the default) for no
            limit.
        allowed_roots: The other roots that a pointer may lead to, such as former roots of the
            storage; ``()`` allows none, None (the default) allows all. Content below another root
            is returned only after all of it matched its hash.

    Raises:
        FileNotFoundError: `path` does not exist and `mkdir` is False.
        NotADirectoryError: `path` is not a directory.
        PermissionError: The directory cannot be entered.
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range or not an allowed value.
    """

    name = "laboxide.file@v1"

    _native: tuple[int, Store | None] = (-1, None)

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        router: FileRouter | None = content_router,
        mkdir: bool = False,
        chunk_size: int = CHUNK_SIZE,
        durable: bool = False,
        verify_reads: VerifyReads = "hash",
        verify_writes: bool = False,
        max_object_size: int | None = None,
        allowed_roots: Iterable[str | os.PathLike[str]] | None = None,
    ) -> None:
        if router is not None and not callable(router):
            raise TypeError(f"router must be a function or None, not {shown(router)}")
        self.path = Path(os.path.abspath(text_path("path", path)))
        self.router = router
        self.chunk_size = check_chunk_size("chunk_size", chunk_size)
        self.durable = check_flag("durable", durable)
        self.verify_reads = check_choice("verify_reads", verify_reads, get_args(VerifyReads))
        self.verify_writes = check_flag("verify_writes", verify_writes)
        self.max_object_size = check_limit("max_object_size", max_object_size)
        self.allowed_roots = check_roots("allowed_roots", allowed_roots)
        if check_flag("mkdir", mkdir):
            make_directory(self.path, durable=self.durable)
        check_directory(str(self.path))

    async def write_data(self, data: Buffer, digest: Digest, tags: TagMap, /) -> FilePointer:
        """Write `data` and return a pointer to it. An existing object is not written again.

        A dedup hit refreshes a modification time older than half an hour. The hash of a mutable
        buffer larger than 1 MiB, such as a ``bytearray``, is always verified, since it may change
        during the write.

        Raises:
            BufferError: `data` is not contiguous.
            DigestMismatchError: The size of `data` does not match `digest`; or its hash does not,
                which is checked with `verify_writes` or a key without the hash.
            FileExistsError: The key does not contain the hash, and has other content.
            ObjectTooLargeError: `data` is larger than `max_object_size`.
            TypeError: `data` is not bytes-like, or the router does not return a key.
            ValueError: The digest or the router's key is invalid.
        """
        key, digest = routed(self, digest, tags)
        if type(data) is not bytes and (view := large_view(data)) is not None:
            await write_buffer(self, self._store(), view, key, digest)
            return pointer_to(self.path, key, digest)
        return await self._write_blob(data, key, digest)

    async def write_data_stream(
        self,
        data_stream: AsyncIterable[Buffer],
        get_digest: GetStreamDigest,
        tags: TagMap,
        /,
        *,
        progress: Progress | None = None,
    ) -> FilePointer:
        """Write a stream and return a pointer to it.

        A pair from `digest_stream` is hashed during the write. Any other stream is hashed only with
        `verify_writes`; its key comes from the digest that `get_digest` returns at the end. Under a
        key without the hash, the written file is read and hashed before it is published.

        Args:
            data_stream: The content in chunks.
            get_digest: Returns the digest of the chunks that the stream has yielded.
            tags: Tags for the router.
            progress: Receives the number of bytes since its last call, as they are read from the
                source. If it raises, nothing is stored.

        Raises:
            DigestMismatchError: The size of the stream does not match its digest; or its hash does
                not, which is checked with `verify_writes` or a key without the hash.
            FileExistsError: The key does not contain the hash, and has other content.
            ObjectTooLargeError: The stream is larger than `max_object_size`; reading it stops
                there.
            TypeError: A chunk is not bytes-like, `progress` is not a function, or the router does
                not return a key.
            ValueError: The digest or the router's key is invalid; the stream is one of
                `digest_stream` that was read, written or closed before; or `get_digest` belongs to
                another stream.
        """
        if progress is not None:
            check_progress(progress)
        require_router(self)
        if (claimed := claim(data_stream, get_digest)) is not None:
            writer = await self._write_claimed(claimed, progress)
        else:
            self._check_announced_size(get_digest)
            writer = Writer(self._algorithms_of(get_digest), self._store())
        try:
            if claimed is None:
                if progress is not None:
                    data_stream = MeteredSource(data_stream, progress)
                await feed_all(writer, data_stream, self.max_object_size)
                await hub.run(writer.finish)
            digest = get_digest()
            return await publish(self, writer.take_staged(), digest, tags)
        finally:
            writer.abort()

    async def _put_value(
        self, data: Buffer, info: ContentInfo, tags: TagMap, progress: Progress | None
    ) -> FilePointer:
        if not keeps_writes(self, FileStorage):
            return await super()._put_value(data, info, tags, progress)
        router = require_router(self)
        size = len(data) if type(data) is bytes else buffer_size(data)
        check_fits(self, size)
        if size > HASH_ON_LOOP_MAX:
            return await self._put_large_value(data, info, tags, progress)
        # Hashed and written as one copy: `progress` or another thread may change the buffer.
        data = value_bytes(data)
        digest = info.digest_data(data)
        if progress is not None and size:
            report(progress, size)
        # Not `write_data`: validating the digest would take 1 us of 20.
        return await self._write_blob(data, route(router, digest, tags), digest)

    async def _write_blob(self, data: Buffer, key: str, digest: Digest) -> FilePointer:
        store = self._store()
        expected, heal = publication(self, key, digest)
        log_published(self, await hub.run(store.write_blob, key, data, expected, heal), key)
        return pointer_to(self.path, key, digest)

    async def _put_large_value(
        self, data: Buffer, info: ContentInfo, tags: TagMap, progress: Progress | None
    ) -> FilePointer:
        """Hash and write a value in one pass, off the event loop.

        New content of 32 MiB takes 31 ms; hashing it first, to find existing content, 44 ms.
        """
        meter = None if progress is None else Meter(progress)
        writer = Writer(info.algorithms, self._store())
        try:
            error = await feed_value(writer, data, meter)
            if error is None:
                digest = info.digest_of(writer.digest())
                return await publish(self, writer.take_staged(), digest, tags)
        finally:
            writer.abort()
        if type(data) is not bytes:
            raise error
        # A full disk or a read-only mount: an existing object needs no new file.
        digest = await info.digest_data_off_loop(data)
        if meter is not None:
            meter.add(len(data) - meter.total)
            meter.flush()
        return await self._write_blob(data, route(require_router(self), digest, tags), digest)

    async def _put_file(
        self, path: str, info: ContentInfo, tags: TagMap, progress: Progress | None
    ) -> FilePointer:
        if not keeps_writes(self, FileStorage):
            return await super()._put_file(path, info, tags, progress)
        require_router(self)
        staged = await self._stage_file(path, "auto", info.algorithms, progress)
        return await publish(self, staged, info.digest_of(staged.digest), tags)

    async def read_data(self, config: FilePointer, /) -> bytes:
        """Return the data of an object, verified."""
        data: bytes | None = self._store().read_cached(config, self.verify_reads == "hash")
        if data is not None:
            if pause_due():
                await hub.current_hub().checkpoint()
            return data
        pointer = parse_pointer(config)
        key, expected = pointer["key"], self._expected(pointer)
        return await self._find(
            pointer,
            lambda store: _read_whole(store, key, expected),
            lambda store: _read_whole(store, key, expected_of(pointer)),
        )

    def read_data_stream(
        self, config: FilePointer, /, *, progress: Progress | None = None
    ) -> AsyncGenerator[bytes]:
        """Return a stream of the data of an object, in chunks of `chunk_size`.

        With ``verify_reads="hash"`` the last chunk is yielded only after all content matched its
        hash. An invalid pointer raises here, all other errors while reading.

        Args:
            config: The pointer that a write returned.
            progress: Receives the number of bytes since its last call, as they are yielded.
        """
        if progress is not None:
            check_progress(progress)
        pointer = parse_pointer(config)
        expected, find_object = self._expected(pointer), partial(self._find, pointer)
        return ObjectStream(find_object, pointer, expected, self.chunk_size, progress)

    async def exists(self, config: FilePointer, /) -> bool:
        """Return whether an object of the pointer's size exists. Its content is not read.

        Raises:
            CorruptDataError: The object is not a regular file.
        """
        try:
            return (await self.stat(config)).size == config["size"]
        except ObjectNotFoundError:
            return False

    async def stat(self, config: FilePointer, /) -> FileStat:
        """Return path, size and modification time of an object. Its content is not read.

        Raises:
            CorruptDataError: The object is not a regular file.
        """
        pointer = parse_pointer(config)
        path, size, modified = await self._find(
            pointer, lambda store: hub.run(store.status, pointer["key"])
        )
        return FileStat(Path(path), size, modified)

    async def delete(self, config: FilePointer, /, *, missing_ok: bool = False) -> None:
        """Delete an object below this root. Objects below other roots are never deleted.

        Equal content is one object: delete it only when no record has a pointer to it. Only the key
        is used, so a key without the hash deletes its present content.

        Args:
            config: The pointer that a write returned.
            missing_ok: Whether to ignore a missing object; False by default.

        Raises:
            CorruptDataError: The object is not a regular file.
            ObjectNotFoundError: The object is missing below this root.
        """
        check_flag("missing_ok", missing_ok)
        require_router(self)
        pointer = parse_pointer(config)
        try:
            await hub.run(self._store().remove, pointer["key"])
        except ObjectNotFoundError:
            if not missing_ok:
                raise

    def list_pointers(self) -> PointerListing:
        """Yield a pointer to each object below the root, in no particular order.

        Keys of the default router contain the hash; all other files below the root are hashed with
        BLAKE3. Objects written or deleted during the iteration may be yielded or not. The iterator
        can be abandoned at any point; its ``aclose`` closes all directories at once.
        """
        return PointerListing(self._store(), self._pointer_to)

    async def verify(self, config: FilePointer, /) -> None:
        """Read a whole object and compare it with its hash, independent of `verify_reads`."""
        pointer = parse_pointer(config)
        key, expected = pointer["key"], expected_of(pointer)
        await self._find(pointer, lambda store: hub.run(store.verify, key, expected))

    async def import_file(
        self,
        path: str | os.PathLike[str],
        tags: TagMap | None = None,
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str | None = None,
        algorithm: str = "blake3",
        link: ImportLink = "auto",
        digest: Digest | None = None,
        progress: Progress | None = None,
    ) -> FilePointer:
        """Store the content of a file and return a pointer to it. The file is kept.

        Args:
            path: A regular file. Symbolic links are followed.
            tags: Tags for the router; none by default.
            content_type: The MIME type of the data, for the router;
                ``"application/octet-stream"`` by default.
            content_encoding: The encoding of the data, for the router; None by default.
            algorithm: The algorithm of the content hash: ``"blake3"`` (the default) or
                ``"sha256"``.
            link: ``"auto"`` (the default) makes a reflink (shared blocks) if the file system can
                (XFS, btrfs), and a copy otherwise; ``"reflink"`` and ``"copy"`` do only one of the
                two. With ``"hardlink"`` the object is the file itself: changing the file in place
                corrupts the object, and storing the content again refreshes the file's times.
            digest: The expected digest of the file, if known. It replaces the content type,
                encoding and algorithm.
            progress: Receives the number of bytes since its last call, as they are hashed. If it
                raises, nothing is stored.

        Raises:
            DigestMismatchError: The file does not match `digest`. Nothing is stored.
            FileExistsError: The key does not contain the hash, and has other content.
            ObjectTooLargeError: The file is larger than `max_object_size`.
            TypeError: An argument is of the wrong type, or the router does not return a key.
            ValueError: An argument is out of range or not an allowed value, the file is not a
                regular file or changed while being read, or the router's key is invalid.
        """
        if progress is not None:
            check_progress(progress)
        require_router(self)
        check_choice("link", link, get_args(ImportLink))
        source = text_path("path", path)
        if digest is not None:
            digest = check_digest(digest)
            check_fits(self, digest["content_size"], source)
            algorithm = digest["content_hash_algorithm"]
        info = ContentInfo([algorithm_name(algorithm)], content_type, content_encoding)
        staged = await self._stage_file(source, link, info.algorithms, progress)
        if digest is None:
            digest = info.digest_of(staged.digest)
        else:
            check_staged(staged, digest)
        return await publish(self, staged, digest, tags or {})

    async def export_file(
        self,
        config: FilePointer,
        /,
        path: str | os.PathLike[str],
        *,
        link: ExportLink = "auto",
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Write an object to a file, which appears atomically after verification.

        Even a durable storage does not flush the file to the device.

        Args:
            config: The pointer that a write returned.
            path: The file to create, in an existing directory.
            link: ``"auto"`` (the default), ``"reflink"`` or ``"copy"``, as for `import_file`.
            overwrite: Whether to replace an existing file; False by default.
            progress: Receives the number of bytes since its last call, as they are hashed. If it
                raises, the export stops; at its last call the file is already complete.

        Raises:
            FileExistsError: `path` exists and `overwrite` is False.
            IsADirectoryError: `path` is spelled as a directory, such as ``"new/"``.
            ValueError: An argument is not an allowed value; or `path` is empty, has a NUL
                character, or has a name reserved for temporary files.
        """
        if progress is not None:
            check_progress(progress)
        check_choice("link", link, get_args(ExportLink))
        check_flag("overwrite", overwrite)
        pointer = parse_pointer(config)
        target = file_path("path", path)
        arguments = pointer["key"], expected_of(pointer), target, link, overwrite
        if progress is None:
            await self._find(pointer, lambda store: hub.run(store.export_file, *arguments, None))
            return
        poll = Poll(progress)
        await poll.run(
            lambda: self._find(
                pointer, lambda store: hub.run(store.export_file, *arguments, poll.counter)
            )
        )
        poll.report_total(pointer["size"])

    def audit(
        self,
        *,
        sample: float | None = None,
        seed: int | None = None,
        max_bytes_per_second: float | None = None,
        workers: int = 4,
        cursor: str | None = None,
        repair: bool = False,
        content_of: ContentOf = content_of_key,
        progress: Progress | None = None,
    ) -> Audit:
        """Verify all objects below the root against their keys, and yield the findings.

        Objects are read in the order of their keys, on separate threads. A failed object is read
        again from the device before it becomes a finding. Nothing is changed unless `repair` is
        set. Objects written or deleted during the audit may be checked or not.

        Args:
            sample: The fraction of the objects to check, such as 0.05; all by default.
            seed: The seed of the sample, from 0 to 2**64 - 1. Random by default; see `Audit.seed`.
            max_bytes_per_second: The maximum read rate, 1 or more; unlimited by default. An audit
                that is repeatedly cancelled never completes an object that takes longer than that
                at this rate.
            workers: The number of objects read concurrently, 1 to 64; 4 by default.
            cursor: The `cursor` of an earlier audit to resume.
            repair: Whether to quarantine corrupt objects and entries that are not regular files;
                False by default. They are renamed in the same directory, with ``.corrupt-`` in the
                name (``.displaced-`` for a directory). Reading the object then raises
                `ObjectNotFoundError`; writing the content stores it again. Nothing is deleted, and
                unreadable objects are not renamed.
            content_of: Returns the algorithm and hash in a key, or None if the key has none: such
                files are skipped and counted as `Audit.skipped`. The default understands keys of
                `content_router`. If it returns a wrong hash, the intact object counts as corrupt.
            progress: Receives the increase of the audit's `bytes_read` since its last call, during
                the iteration.

        Raises:
            NotImplementedError: `repair` is set, and the storage is read-only.
            OSError: The root cannot be listed, an object cannot be quarantined, or no file
                descriptors are left (while iterating).
        """
        if progress is not None:
            check_progress(progress)
        if check_flag("repair", repair):
            require_router(self)
        plan = make_plan(
            sample=sample,
            seed=seed,
            max_bytes_per_second=max_bytes_per_second,
            workers=workers,
            repair=repair,
            content_of=content_of,
        )
        return Audit(self.path, self._store(), plan, cursor, progress)

    async def clean(self, *, delete: bool = False) -> list[StrayFile]:
        """Return the stray files below the root; with `delete`, remove temporary files.

        Stray files are temporary files of dead writers, other entries of the staging directory,
        displaced directories (``.displaced-``) and quarantined files (``.corrupt-``). Temporary
        files of running writers are not stray.

        Args:
            delete: Whether to remove temporary files, and nothing else; False by default.

        Raises:
            NotImplementedError: `delete` is set, and the storage is read-only.
        """
        if check_flag("delete", delete):
            require_router(self)
        return await find_stray_files(self.path, self._store(), delete=delete)

    def _store(self) -> Store:
        """Return the native store of this process. Its locks do not survive a fork."""
        generation, store = self._native
        if store is None or generation != process.generation:
            store = Store(self.path, durable=self.durable, portable=process.PORTABLE)
            self._native = (process.generation, store)
        return store

    async def _find(
        self,
        pointer: FilePointer,
        operation: Operation[T],
        foreign_operation: Operation[T] | None = None,
    ) -> T:
        """Run an operation below this root or, if the object is missing, the pointer's root."""
        return await find(
            self._store(),
            pointer,
            operation,
            foreign_operation,
            own_root=self.path,
            allowed=self.allowed_roots,
        )

    async def _write_claimed(self, claimed: Claim, progress: Progress | None) -> Writer:
        """Write the source of a `digest_stream` pair, without iterating that stream."""
        writer = Writer(claimed.algorithms, self._store())
        try:
            source: AsyncIterable[Buffer] = claimed.take(writer)
            if progress is not None:
                source = MeteredSource(source, progress)
            await feed_all(writer, source, self.max_object_size)
            await claimed.finish()
        except BaseException as error:
            writer.abort()
            await close_after(error, claimed.abandon)
            raise
        return writer

    async def _stage_file(
        self,
        path: str,
        link: ImportLink,
        algorithms: list[str],
        progress: Progress | None,
    ) -> Staged:
        """Copy or link a file into the staging directory, and hash it."""
        arguments = path, link, algorithms, self.max_object_size
        staged: Staged
        if progress is None:
            staged = await hub.run(self._store().import_file, *arguments, None)
            return staged
        poll = Poll(progress)
        staged = await poll.run(
            lambda: hub.run(self._store().import_file, *arguments, poll.counter)
        )
        try:
            poll.report_total(staged.digest[0])
        except BaseException:
            staged.discard()
            raise
        return staged

    def _check_announced_size(self, get_digest: GetStreamDigest) -> None:
        """Raise `ObjectTooLargeError` if the digest announces a size above the limit."""
        if self.max_object_size is not None:
            digest: object = get_digest(allow_incomplete=True)
            size = digest.get("content_size") if isinstance(digest, Mapping) else None
            if isinstance(size, int):  # an invalid size raises at the end of the stream
                check_fits(self, size)

    def _algorithms_of(self, get_digest: GetStreamDigest) -> list[str]:
        if not self.verify_writes:
            return []
        announced = get_digest(allow_incomplete=True)
        return [algorithm_name(digest_value(announced, "content_hash_algorithm"))]

    def _expected(self, pointer: FilePointer) -> Expected:
        return expected_of(pointer) if self.verify_reads == "hash" else (pointer["size"], None)

    async def _pointer_to(self, listed: Listed) -> FilePointer | None:
        """Return a pointer to a listed object, or None if it is not an object or was deleted."""
        key, size = listed.key, listed.size
        if listed.kind == "unreadable":
            raise listing_error(self.path, listed)
        if listed.kind != "file":
            return None
        if (content := content_of_key(key)) is None:
            try:
                hashed = await hub.run(self._store().hash, key, ["blake3"])
            except (ObjectNotFoundError, CorruptDataError):  # deleted, or no longer a file
                return None
            size, [content] = hashed
        algorithm, content_hash = content
        return FilePointer(
            root=str(self.path), key=key, algorithm=algorithm, hash=content_hash, size=size
        )

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ARGUMENTS}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, FileStorage)  # noqa: S101 - for the type checker
        return self.path == other.path and self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash((type(self), self.path, *self._arguments().values()))

    def __getstate__(self) -> dict[str, Any]:
        # The native store belongs to this process.
        return {name: value for name, value in vars(self).items() if name != "_native"}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


async def _read_whole(store: Store, key: str, expected: Expected) -> bytes:
    size, _ = expected
    if size >= _LARGE:
        # Memory is allocated before the object is opened, and a forged pointer may have any size.
        path, actual, _ = await hub.run(store.status, key)
        if actual != size:
            raise CorruptDataError(f"{size} bytes", f"{actual} bytes", path)
    data: bytes = await hub.run(store.read_blob, key, expected)
    return data
