"""Labox's file storage, done over: the same files, the same records."""

from __future__ import annotations

import mimetypes
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from labox.common.exceptions import NoStorageData as _LaboxNoStorageData

from laboxide import errors, file
from laboxide._runtime.chunks import ChunkStream
from laboxide._validation import check_progress
from laboxide.digest import digest_stream
from laboxide.errors import CorruptDataError
from laboxide.labox._location import file_name_router, location_of, pointer_of
from laboxide.storage import Storage, keeps_writes

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Sequence
    from pathlib import Path

    from typing_extensions import Buffer

    from laboxide.file import FilePointer, VerifyReads
    from laboxide.types import Digest, GetStreamDigest, Progress, TagMap

# Labox's saver names everything by SHA-256. A name of BLAKE3 looks the same.
_ALGORITHM, _OTHER_ALGORITHM = "sha256", "blake3"


class NoStorageData(errors.ObjectNotFoundError, _LaboxNoStorageData):
    """There is no object where the location says.

    It is Labox's exception of this name, laboxide's, and a ``FileNotFoundError``.
    """


class FileStorage(Storage[str]):
    """Takes the place of Labox's ``FileStorage``: same name, same constructor, same files.

    It reads every record that Labox's wrote, on whatever Python, and writes records that Labox's
    reads on the Python that is running. What differs is how: an object is visible whole or not at
    all, reads are verified, a torn object is replaced, and the event loop is never kept waiting.

    An object is looked for by its name below `path` first, wherever the record says it is; below
    another directory it is served only after all of it was verified.

    Args:
        path: The root. A relative path is resolved once, here.
        mkdir: Whether to make the root, and what leads to it, if it is missing.
        chunk_size: Bytes in the chunks that `read_data_stream` yields; 5 MiB by default.
        durable: Whether a write returns only when object and directory are on the device.
        verify_reads: ``"hash"`` compares all that is read with the hash in its name; ``"size"``
            only sees to it that all of the file is read. Labox's records do not tell the storage
            how large an object was.
        verify_writes: Whether data is hashed to check the digest that comes with it, and an object
            that is there already to check that it is what is written. Sizes are always checked.
        max_object_size: Bytes that an object may have to be written; None for any number.
        allowed_roots: The directories that a location may lead to besides `path`, of storages that
            were here before; with ``()`` it leads nowhere else. None allows every directory.

    Attributes:
        files: The `laboxide.FileStorage` that does the work, by pointers instead of locations.

    Raises:
        FileNotFoundError: There is no directory at `path`, and `mkdir` is False.
        NotADirectoryError: `path` is something else.
        PermissionError: The directory cannot be entered.
        TypeError: An argument is of the wrong type.
        ValueError: An argument is none of the values it can have.
    """

    name = "labox.file@v1"
    version = 1

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mkdir: bool = False,
        chunk_size: int = 5 << 20,
        durable: bool = False,
        verify_reads: VerifyReads = "hash",
        verify_writes: bool = False,
        max_object_size: int | None = None,
        allowed_roots: Iterable[str | os.PathLike[str]] | None = None,
    ) -> None:
        if not mimetypes.inited:
            mimetypes.init()  # reads files of the system's: not later, on an event loop
        self.files = file.FileStorage(
            path,
            router=file_name_router,
            mkdir=mkdir,
            chunk_size=chunk_size,
            durable=durable,
            verify_reads=verify_reads,
            verify_writes=verify_writes,
            max_object_size=max_object_size,
            allowed_roots=allowed_roots,
        )

    @property
    def path(self) -> Path:
        """The root, absolute."""
        return self.files.path

    @property
    def chunk_size(self) -> int:
        """Bytes in the chunks that `read_data_stream` yields."""
        return self.files.chunk_size

    async def write_data(self, data: Buffer, digest: Digest, tags: TagMap, /) -> str:
        """Write `data` and return its location. Data that is there already is not written again.

        Raises:
            BufferError: The data is not contiguous.
            DigestMismatchError: The data is not of the size in `digest` or, with `verify_writes`,
                not of its hash.
            ObjectTooLargeError: It is larger than `max_object_size`.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `data` is not bytes-like.
            ValueError: The digest is not valid, or of an algorithm other than SHA-256 and BLAKE3.
        """
        return self.location_of(await self.files.write_data(data, digest, tags))

    async def write_data_stream(
        self,
        data_stream: AsyncIterable[Buffer],
        get_digest: GetStreamDigest,
        tags: TagMap,
        /,
        *,
        progress: Progress | None = None,
    ) -> str:
        """Write a stream and return its location.

        A pair from `laboxide.digest_stream`, such as Labox's saver passes while `accelerate` is
        active, is hashed during the write. Any other is only written.

        Args:
            data_stream: The content in chunks.
            get_digest: Returns the digest of the chunks that the stream has yielded.
            tags: Not used.
            progress: Receives the number of bytes since its last call.

        Raises:
            DigestMismatchError: The stream was not of the size in its digest or, with
                `verify_writes`, not of its hash.
            ObjectTooLargeError: The stream is larger than `max_object_size`; no more of it is read.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: A chunk is not bytes-like, or `progress` not a function.
            ValueError: The digest is not valid, or of an algorithm other than SHA-256 and BLAKE3;
                or the stream is one of `digest_stream` that was read, written or closed before.
        """
        pointer = await self.files.write_data_stream(
            data_stream, get_digest, tags, progress=progress
        )
        return self.location_of(pointer)

    async def put(
        self,
        data: Buffer | AsyncIterable[Buffer] | Iterable[Buffer] | os.PathLike[str],
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str | None = None,
        tags: TagMap | None = None,
        algorithm: str | Sequence[str] = _ALGORITHM,
        progress: Progress | None = None,
    ) -> str:
        """Store data and return its location, as `laboxide.Storage.put` does.

        The content is named by SHA-256 by default, as Labox's saver names it.
        """
        is_plain = keeps_writes(self, FileStorage)
        put: Any = self.files.put if is_plain else super().put
        config = await put(
            data,
            content_type=content_type,
            content_encoding=content_encoding,
            tags=tags,
            algorithm=algorithm,
            progress=progress,
        )
        return self.location_of(config) if is_plain else cast("str", config)

    async def read_data(self, config: str, /) -> bytes:
        """Return the data at a location, verified.

        Raises:
            CorruptDataError: What is there is not what its name says.
            NoStorageData: There is nothing, neither below this root nor at the location itself.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the location's is not allowed.
            TypeError: `config` is not a string.
            ValueError: `config` is not a location of Labox's.
        """
        with _errors_of_labox():
            pointer = await self.find(config)
            try:
                return await self.files.read_data(pointer)
            except CorruptDataError as error:
                other = await self.find(config, _OTHER_ALGORITHM)
                try:
                    return await self.files.read_data(other)
                except CorruptDataError:
                    raise error from None

    def read_data_stream(
        self, config: str, /, *, progress: Progress | None = None
    ) -> AsyncGenerator[bytes]:
        """Return a stream of the data at a location, in chunks of `chunk_size`.

        With ``verify_reads="hash"`` the last chunk is yielded only after all of the content has
        matched the hash in its name.

        Args:
            config: The location that a write returned.
            progress: Receives the number of bytes since its last call, as they are yielded.

        Raises:
            CorruptDataError: What is there is not what its name says (while reading).
            NoStorageData: There is nothing (while reading).
            OSError: The file system refuses (while reading).
            RootNotAllowedError: The location's root is not allowed (while reading).
            TypeError: `config` is not a string, or `progress` not a function.
            ValueError: `config` is not a location of Labox's.
        """
        if progress is not None:
            check_progress(progress)
        pointer_of(config, _ALGORITHM)  # a bad location is refused at once
        return _LocationStream(self, config, progress)

    async def find(self, location: str, algorithm: str = _ALGORITHM) -> FilePointer:
        """Return a pointer to what is at a location, of the size that it has.

        Args:
            location: What a write returned, of this storage or of Labox's.
            algorithm: What the object is named by.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            NoStorageData: There is nothing, neither below this root nor at the location itself.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the location's is not allowed.
            TypeError: `location` is not a string.
            ValueError: `location` is not a location of Labox's.
        """
        with _errors_of_labox():
            pointer = pointer_of(location, algorithm)
            pointer["size"] = (await self.files.stat(pointer)).size
            return pointer

    def location_of(self, pointer: FilePointer) -> str:
        """Return the location that stands in a record for an object below this root."""
        return location_of(self.path / pointer["key"])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, FileStorage)  # noqa: S101 - for the type checker
        return self.files == other.files

    def __hash__(self) -> int:
        return hash((type(self), self.files))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


class _LocationStream(ChunkStream):
    """Yields the chunks of the object at a location, whichever algorithm it is named by."""

    def __init__(self, storage: FileStorage, location: str, progress: Progress | None) -> None:
        super().__init__(progress)
        self._storage = storage
        self._location = location
        self._stream: AsyncGenerator[bytes] | None = None
        self._yielded = 0

    async def _next(self) -> bytes:
        with _errors_of_labox():
            stream = self._stream or await self._open(_ALGORITHM)
            try:
                chunk = await anext(stream)
            except CorruptDataError as error:
                chunk = await self._go_on(error)
        self._yielded += 1
        return chunk

    async def _open(self, algorithm: str) -> AsyncGenerator[bytes]:
        pointer = await self._storage.find(self._location, algorithm)
        self._stream = self._storage.files.read_data_stream(pointer)
        return self._stream

    async def _go_on(self, error: CorruptDataError) -> bytes:
        """Return the chunk in whose place the error came, if the other algorithm knows better."""
        stream = await self._open(_OTHER_ALGORITHM)
        try:
            return await (self._last_of(stream, error) if self._yielded else anext(stream))
        except CorruptDataError:
            raise error from None

    async def _last_of(self, stream: AsyncGenerator[bytes], error: CorruptDataError) -> bytes:
        """Return the last chunk, if all are what was read before: it may be another file."""
        again, get_digest = digest_stream(stream, content_type="", algorithm=_ALGORITHM)
        last, count = b"", 0
        async for last in again:  # noqa: B007 - all of it is read for its digest
            count += 1
        found = f"{_ALGORITHM} {get_digest()['content_hash']}"
        if (found, count) != (error.actual, self._yielded + 1):
            raise error
        return last

    def _release(self) -> None:
        # Nobody but this stream has seen it; dropped, it lets go of its reader.
        self._stream = None


@contextmanager
def _errors_of_labox() -> Iterator[None]:
    """Raise what Labox's users expect for missing data."""
    try:
        yield
    except NoStorageData:
        raise
    except errors.ObjectNotFoundError as error:
        raise NoStorageData(error.errno, error.strerror, error.filename) from error
