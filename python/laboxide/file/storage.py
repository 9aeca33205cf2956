"""FileStorage: the contract of a storage, kept by files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from laboxide._algorithms import algorithm_names
from laboxide._arguments import (
    check_choice,
    check_chunk_size,
    check_flag,
    check_limit,
    shown,
)
from laboxide._native import Reader, Writer, pause_due
from laboxide._paths import check_directory, check_roots, make_directory, text_path
from laboxide._runtime import hub
from laboxide._runtime.feeding import feed_all, large_view
from laboxide.digest import claim
from laboxide.errors import CorruptDataError, NoStorageData
from laboxide.file._care import FileCare
from laboxide.file._objects import FileObjects
from laboxide.file._root import check_fits, full, name_methods, pointer_below, require_router
from laboxide.file._transfer import FileTransfer
from laboxide.file.foreign import not_told
from laboxide.file.pointer import FilePointer, digest_value, parse_pointer
from laboxide.file.publishing import publication, publish, report, routed, write_buffer
from laboxide.file.read_stream import ObjectStream
from laboxide.file.router import FileRouter, content_router
from laboxide.storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from typing_extensions import Buffer

    from laboxide._native import Store
    from laboxide.file._root import Expected
    from laboxide.types import Digest, GetStreamDigest, TagMap

_LARGE = 16 << 20


class FileStorage(FileObjects, FileTransfer, FileCare, Storage[FilePointer]):
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

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        router: FileRouter | None = content_router,
        mkdir: bool = False,
        chunk_size: int = 1 << 20,
        durable: bool = False,
        verify_reads: str = "hash",
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
        self.verify_reads = check_choice("verify_reads", verify_reads, ("hash", "size"))
        self.verify_writes = check_flag("verify_writes", verify_writes)
        self.max_object_size = check_limit("max_object_size", max_object_size)
        self.allowed_roots = check_roots("allowed_roots", allowed_roots)
        if check_flag("mkdir", mkdir):
            make_directory(self.path, durable=self.durable)
        check_directory(str(self.path))

    async def write_data(self, data: Buffer, digest: Digest, tags: TagMap, /) -> FilePointer:
        """Write `data` and return a pointer to it. Data that is there already is not written again.

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
            report(self, await hub.run(store.write_blob, key, data, expected, heal), key)
        return pointer_below(self, key, digest)

    async def write_data_stream(
        self, data_stream: AsyncIterable[Buffer], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> FilePointer:
        """Write a stream and return a pointer to it.

        A pair made by `digest_stream` is hashed while it is written. Any other stream is only
        written, unless `verify_writes` is set, and named by what `get_digest` returns at its end.
        Under a key without the hash it is read again and hashed before it gets its name.

        Raises:
            DigestMismatchError: The stream was not of the size in its digest or, with
                `verify_writes` or a key without the hash, not of its hash.
            FileExistsError: The router's key does not contain the hash and has other content.
            NotImplementedError: The storage is read-only.
            ObjectTooLargeError: The stream is larger than `max_object_size`; no more of it is read.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: A chunk is not bytes-like, or the router does not return a key.
            ValueError: The digest or the router's key is not valid, the stream is one of
                `digest_stream` that was read, written or closed before, or `get_digest` has none at
                the end: it is that of another stream.
        """
        require_router(self)
        store = self._store()
        if (claimed := claim(data_stream, get_digest)) is not None:
            writer = await claimed._write_into(store, self.max_object_size)  # noqa: SLF001 - ours
        else:
            self._refuse_what_is_announced(get_digest)
            writer = Writer(self._algorithms_of(get_digest), store)
        try:
            if claimed is None:
                await feed_all(writer, data_stream, self.max_object_size)
                await hub.run(writer.finish)
            digest = get_digest()
            return await publish(self, writer.take_staged(), digest, tags)
        finally:
            writer.abort()

    async def read_data(self, config: FilePointer, /) -> bytes:
        """Return the data of an object, verified.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            NoStorageData: There is no object, neither below this root nor below the pointer's.
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
        expected = self._expected(pointer)
        try:
            return await _read_whole(self._store(), pointer["key"], expected)
        except NoStorageData:
            if (foreign := self._foreign_store(pointer)) is None:
                raise
            with not_told():
                return await _read_whole(foreign, pointer["key"], full(pointer))

    def read_data_stream(self, config: FilePointer, /) -> AsyncGenerator[bytes]:
        """Return a stream of the data of an object, in chunks of `chunk_size`.

        With ``verify_reads="hash"`` the last chunk is yielded only after all of the content has
        matched its hash.

        Raises:
            CorruptDataError: The object is not what the pointer promises (while reading).
            NoStorageData: There is no object (while reading).
            OSError: The file system refuses (while reading).
            RootNotAllowedError: The pointer's root is not allowed (while reading).
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        pointer = parse_pointer(config)
        key, expected = pointer["key"], self._expected(pointer)

        async def elsewhere() -> Reader | None:
            # Content from outside this root is served only after all of it was verified.
            if (foreign := self._foreign_store(pointer)) is None:
                return None
            with not_told():
                verified = await hub.run(foreign.open_verified, key, full(pointer))
            return Reader.of(verified, full(pointer), self.chunk_size)

        return ObjectStream(
            lambda: Reader(self._store(), key, expected, self.chunk_size), elsewhere
        )

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
        return algorithm_names(digest_value(announced, "content_hash_algorithm"))

    def _expected(self, pointer: FilePointer) -> Expected:
        return full(pointer) if self.verify_reads == "hash" else (pointer["size"], None)


name_methods(FileStorage, FileObjects, FileTransfer, FileCare)


async def _read_whole(store: Store, key: str, expected: Expected) -> bytes:
    size, _ = expected
    if size >= _LARGE:
        # Memory for all of it is taken before the object is opened, and a pointer may say anything.
        path, actual, _ = await hub.run(store.status, key)
        if actual != size:
            raise CorruptDataError(f"{size} bytes", f"{actual} bytes", path)
    data: bytes = await hub.run(store.read_blob, key, expected)
    return data
