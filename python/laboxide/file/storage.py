"""FileStorage: content in files below one root directory.

`write_data` and `write_data_stream` hand bytes to a native writer; `publishing` gives the result
its name. Reads go through `foreign.find`, which looks below the root first and then below the root
in the pointer. `listing`, `audit` and `cleanup` go through the whole store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from laboxide._native import Store, Writer, pause_due
from laboxide._runtime import hub, process
from laboxide._runtime.feeding import buffer_size, feed_all, large_view
from laboxide._runtime.progress import Meter, Poll, feed_value, metered, report
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
from laboxide.file.read_stream import ObjectStream
from laboxide.file.router import FileRouter, content_router, route
from laboxide.file.router import content_of as content_of_key
from laboxide.storage import BRIEF, Storage, keeps_writes

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
"""How a storage verifies what it reads."""

ImportLink = Literal["auto", "reflink", "hardlink", "copy"]
"""How the content of a file gets into a store."""

ExportLink = Literal["auto", "reflink", "copy"]
"""How the content of an object gets into a file."""

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
    """What the file system says of an object."""

    path: Path
    """Where it is."""
    size: int
    """Its size in bytes."""
    modified: float | None
    """When it was written, in seconds since the epoch, where the file system tells."""


class FileStorage(Storage[FilePointer]):
    """Stores content in files named by its hash.

    An object is visible under its name whole or not at all. Its bytes are hashed and written by
    native threads; the event loop is never kept waiting for the file system.

    Tags are handed to the router and kept nowhere.

    Args:
        path: The root. A relative path is resolved once, here.
        router: Decides where below the root an object goes; `content_router` by default. With None
            the storage is read-only.
        mkdir: Whether to make the root, and what leads to it, if it is missing.
        chunk_size: Bytes in the chunks that `read_data_stream` yields; 1 MiB by default.
        durable: Whether a write returns only when object and directory are on the device. Otherwise
            they survive the process but not the machine.
        verify_reads: ``"hash"`` compares all that is read with its hash; ``"size"`` compares the
            size alone.
        verify_writes: Whether data is hashed to check the digest that comes with it, and an object
            that is there already to check that it is what is written. Sizes are always checked.
            Set it where digests are not trusted: otherwise a false one of the right size occupies
            the name of other content, which is then taken to be there. With it, writing an object
            again also heals damage that keeps its size.
        max_object_size: Bytes that an object may have to be written; None for any number.
        allowed_roots: The roots that a pointer may lead to besides this one, of storages that were
            here before; with ``()`` it leads nowhere else. None allows every root: what is there
            is served only after all of it has matched its hash.

    Raises:
        FileNotFoundError: There is no directory at `path`, and `mkdir` is False.
        NotADirectoryError: `path` is something else.
        PermissionError: The directory cannot be entered.
        TypeError: An argument is of the wrong type.
        ValueError: An argument is none of the values it can have.
    """

    name = "laboxide.file@v1"

    _native: tuple[int, Store | None] = (-1, None)

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        router: FileRouter | None = content_router,
        mkdir: bool = False,
        chunk_size: int = 1 << 20,
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
        """Write `data` and return a pointer to it. Data that is there already is not written again.

        A write of data that is there refreshes a modification time older than half an hour.

        Of a large buffer that may change meanwhile (a ``bytearray``, say) the hash is checked, too.

        Raises:
            BufferError: The data is not contiguous.
            DigestMismatchError: The data is not of the size in `digest` or, with `verify_writes`
                or a key without the hash, not of its hash.
            FileExistsError: The router's key does not contain the hash and has other content.
            NotImplementedError: The storage is read-only.
            ObjectTooLargeError: It is larger than `max_object_size`.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `data` is not bytes-like, or the router does not return a key.
            ValueError: The digest or the router's key is not valid.
        """
        key, digest = routed(self, digest, tags)
        store = self._store()
        if type(data) is not bytes and (view := large_view(data)) is not None:
            await write_buffer(self, store, view, key, digest)
        else:
            expected, heal = publication(self, key, digest)
            log_published(self, await hub.run(store.write_blob, key, data, expected, heal), key)
        return pointer_to(self.path, key, digest)

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
            DigestMismatchError: The stream was not of the size in its digest or, with
                `verify_writes` or a key without the hash, not of its hash.
            FileExistsError: The router's key does not contain the hash and has other content.
            NotImplementedError: The storage is read-only.
            ObjectTooLargeError: The stream is larger than `max_object_size`; no more of it is read.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: A chunk is not bytes-like, `progress` is not a function, or the router does
                not return a key.
            ValueError: The digest or the router's key is not valid, the stream is one of
                `digest_stream` that was read, written or closed before, or `get_digest` has none at
                the end: it is that of another stream.
        """
        if progress is not None:
            check_progress(progress)
        require_router(self)
        if (claimed := claim(data_stream, get_digest)) is not None:
            writer = await self._write_claimed(claimed, progress)
        else:
            self._refuse_what_is_announced(get_digest)
            writer = Writer(self._algorithms_of(get_digest), self._store())
        try:
            if claimed is None:
                await feed_all(writer, metered(data_stream, progress), self.max_object_size)
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
        if size > BRIEF:
            return await self._put_large_value(data, info, tags, progress)
        digest = info.digest_data(data)
        if progress is not None and size:
            report(progress, size)
        # Not `write_data`: the digest needs no check, which takes 1 us of 20.
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
            refusal = await feed_value(writer, data, meter)
            if refusal is None:
                digest = info.digest_of(writer.digest())
                return await publish(self, writer.take_staged(), digest, tags)
        finally:
            writer.abort()
        if type(data) is not bytes:
            raise refusal
        # A full disk or a read-only mount. Content that exists already needs no new file.
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
        """Return the data of an object, verified.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            ObjectNotFoundError: There is no object below this root or the pointer's.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
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

        With ``verify_reads="hash"`` the last chunk is yielded only after all of the content has
        matched its hash.

        Args:
            config: The pointer that writing returned.
            progress: Receives the number of bytes since its last call, as they are yielded.

        Raises:
            CorruptDataError: The object is not what the pointer promises (while reading).
            ObjectNotFoundError: There is no object (while reading).
            OSError: The file system refuses (while reading).
            RootNotAllowedError: The pointer's root is not allowed (while reading).
            TypeError: `config` is not a pointer, or `progress` not a function.
            ValueError: `config` is not a valid pointer.
        """
        if progress is not None:
            check_progress(progress)
        pointer = parse_pointer(config)
        expected, find_it = self._expected(pointer), partial(self._find, pointer)
        return ObjectStream(find_it, pointer, expected, self.chunk_size, progress)

    async def exists(self, config: FilePointer, /) -> bool:
        """Tell whether there is an object of the pointer's size. Its content is not looked at.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        try:
            return (await self.stat(config)).size == config["size"]
        except ObjectNotFoundError:
            return False

    async def stat(self, config: FilePointer, /) -> FileStat:
        """Return what the file system says of an object.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            ObjectNotFoundError: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        pointer = parse_pointer(config)
        path, size, modified = await self._find(
            pointer, lambda store: hub.run(store.status, pointer["key"])
        )
        return FileStat(Path(path), size, modified)

    async def delete(self, config: FilePointer, /, *, missing_ok: bool = False) -> None:
        """Remove an object from below this root; a pointer never removes anything elsewhere.

        Equal content is one object: delete it only when no record leads to it. It is removed by its
        key alone, so under a key without the hash whatever is there now.

        Args:
            config: The pointer that writing returned.
            missing_ok: Whether it is no error if there is no object.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            ObjectNotFoundError: There is no object below this root.
            NotImplementedError: The storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `config` is not a pointer, or `missing_ok` not a flag.
            ValueError: `config` is not a valid pointer.
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

        Objects that the default router laid out are taken by their names; all other files below the
        root are hashed, with BLAKE3, to know what they are. Objects written or deleted meanwhile
        may be yielded or not. The iterator may be left at any point, and has an ``aclose`` for who
        wants to be sure that it holds no directory open.

        Raises:
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
        """
        return PointerListing(self._store(), self._pointer_to)

    async def verify(self, config: FilePointer, /) -> None:
        """Read all of an object and compare it with its hash, whatever `verify_reads` says.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            ObjectNotFoundError: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
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
        """Store a file and return a pointer to it. The file stays.

        Args:
            path: A regular file. Symbolic links are followed.
            tags: Tags from the user, for the router.
            content_type: The MIME type of the data, for the router.
            content_encoding: The encoding of the data, for the router.
            algorithm: What the content is named by: ``"blake3"`` or ``"sha256"``.
            link: ``"auto"`` shares the file's blocks where the file system can (XFS, btrfs) and
                copies otherwise; ``"reflink"`` and ``"copy"`` do only one of the two; with
                ``"hardlink"`` the object is the file itself, so that changing the file in place
                corrupts the object, and storing the content again refreshes the file's times.
            digest: The digest that the file must have, if it is known. It replaces the content
                type, encoding and algorithm.
            progress: Receives the number of bytes since its last call, as they are hashed. If it
                raises, nothing is stored.

        Raises:
            DigestMismatchError: The file is not what `digest` describes; nothing is stored.
            FileExistsError: The router's key does not contain the hash and has other content.
            NotImplementedError: The storage is read-only.
            ObjectTooLargeError: The file is larger than `max_object_size`.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `path`, `algorithm`, `digest` or `progress` is of the wrong type, or the
                router does not return a key.
            ValueError: An argument is none of the values it can have, the path is not that of a
                regular file, the file changed while it was read, or the router's key is not valid.
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
        """Write an object to a file, which appears there whole and verified or not at all.

        The file belongs to the caller: not even a durable storage flushes it to the device.

        Args:
            config: The pointer that writing returned.
            path: The file to make, in a directory that exists.
            link: ``"auto"``, ``"reflink"`` or ``"copy"``, as for `import_file`.
            overwrite: Whether to replace a file that is there already.
            progress: Receives the number of bytes since its last call, as they are hashed. If it
                raises, the export stops; in its last call the file is complete already.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            FileExistsError: There is something at `path`, and `overwrite` is False.
            IsADirectoryError: `path` is spelled as that of a directory, ``"new/"`` say.
            ObjectNotFoundError: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer, `path` not a path, `overwrite` not a flag, or
                `progress` not a function.
            ValueError: `config` is not a valid pointer, `link` none of its values, or `path` not
                that of a file: empty, with a NUL character or a name that only temporary files
                have, say.
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
        poll.tell(pointer["size"])

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
        """Read all objects below the root, compare them with their names, and yield what is wrong.

        They are looked at in the order of their keys, by threads of their own. What seems bad is
        read again, from the device, before it is called so. Nothing is changed unless `repair` is
        set. What is written or deleted meanwhile may be looked at or not.

        Args:
            sample: The part of the objects to look at, such as 0.05; all by default.
            seed: Chooses the sample: another seed, other objects. A random one by default, which
                the audit's attribute `seed` tells.
            max_bytes_per_second: How fast to read; as fast as it goes by default. An audit that is
                stopped after some time does not get past an object that takes longer at this rate.
            workers: Objects that are read at once, from 1 to 64.
            cursor: The `cursor` of an earlier audit, to go on from there.
            repair: Whether what is corrupt, or no file in the place of an object, is moved aside:
                it gets another name in the same directory, with ``.corrupt-`` in it
                (``.displaced-`` for a directory).
                Reading it raises `ObjectNotFoundError` then; writing the content stores it again.
                Nothing is deleted, and what cannot be read stays where it is.
            content_of: Tells the algorithm and hash of an object from its key, or None for a key
                that does not tell them: such files are passed over, and counted as `skipped`. By
                default it knows the keys of `content_router`. A right file whose key it reads
                wrongly is corrupt to it.
            progress: Receives the increase of the audit's `bytes_read` since its last call, during
                the iteration.

        Raises:
            NotImplementedError: `repair` is set, and the storage is read-only.
            OSError: The file system refuses (while iterating): the root cannot be listed, what is
                bad cannot be moved aside, or there are no descriptors left.
            TypeError: An argument is of the wrong type.
            ValueError: An argument is none of the values it can have.
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
        """Return the stray files below the root, and remove temporary ones if asked to.

        Stray files are the temporary files of writers that are gone, other files among those, and
        what was moved aside: directories that had the place of an object (``.displaced-``), and
        corrupt files (``.corrupt-``). The temporary file of a running writer is none.

        Args:
            delete: Whether to remove temporary files. Nothing else is ever removed.

        Raises:
            NotImplementedError: `delete` is set, and the storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `delete` is not True or False.
        """
        if check_flag("delete", delete):
            require_router(self)
        return await find_stray_files(self.path, self._store(), delete=delete)

    def _store(self) -> Store:
        """Return the native store of this process: its locks do not survive a fork."""
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
        """Run an operation on an object below this root or, if it is missing, the pointer's."""
        return await find(
            self._store(),
            pointer,
            operation,
            foreign_operation,
            own_root=self.path,
            allowed=self.allowed_roots,
        )

    async def _write_claimed(self, claimed: Claim, progress: Progress | None) -> Writer:
        """Write the source of a stream of `digest_stream`, past the iteration of that stream."""
        writer = Writer(claimed.algorithms, self._store())
        try:
            source = metered(claimed.take(writer), progress)
            await feed_all(writer, source, self.max_object_size)
            await claimed.finish()
        except BaseException:
            writer.abort()
            await claimed.abandon()
            raise
        return writer

    async def _stage_file(
        self,
        path: str,
        link: ImportLink,
        algorithms: list[str],
        progress: Progress | None,
    ) -> Staged:
        """Copy or link a file into the store, hashed, without a key."""
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
            poll.tell(staged.digest[0])
        except BaseException:
            staged.discard()
            raise
        return staged

    def _refuse_what_is_announced(self, get_digest: GetStreamDigest) -> None:
        """Refuse a stream of which it is known beforehand that it is too large."""
        if self.max_object_size is not None:
            digest: object = get_digest(allow_incomplete=True)
            size = digest.get("content_size") if isinstance(digest, Mapping) else None
            if isinstance(size, int):  # what else it is, is said at the end
                check_fits(self, size)

    def _algorithms_of(self, get_digest: GetStreamDigest) -> list[str]:
        if not self.verify_writes:
            return []
        announced = get_digest(allow_incomplete=True)
        return [algorithm_name(digest_value(announced, "content_hash_algorithm"))]

    def _expected(self, pointer: FilePointer) -> Expected:
        return expected_of(pointer) if self.verify_reads == "hash" else (pointer["size"], None)

    async def _pointer_to(self, listed: Listed) -> FilePointer | None:
        """Return a pointer to an object that was found; None if it is none, or is gone."""
        key, size = listed.key, listed.size
        if listed.kind == "unreadable":
            raise listing_error(self.path, listed)
        if listed.kind != "file":
            return None
        if (content := content_of_key(key)) is None:
            try:
                hashed = await hub.run(self._store().hash, key, ["blake3"])
            except (ObjectNotFoundError, CorruptDataError):  # it is gone, or is no file any more
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
        # Memory for all of it is taken before the object is opened, and a pointer may say anything.
        path, actual, _ = await hub.run(store.status, key)
        if actual != size:
            raise CorruptDataError(f"{size} bytes", f"{actual} bytes", path)
    data: bytes = await hub.run(store.read_blob, key, expected)
    return data
