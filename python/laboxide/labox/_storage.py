"""A drop-in replacement of Labox's file storage, with the same files and records."""

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

# Labox's saver hashes with SHA-256. A BLAKE3 hash in a name cannot be told apart from it.
_ALGORITHM, _OTHER_ALGORITHM = "sha256", "blake3"


class NoStorageData(errors.ObjectNotFoundError, _LaboxNoStorageData):
    """The object at a location does not exist.

    A subclass of Labox's ``NoStorageData``, `laboxide.ObjectNotFoundError` and
    ``FileNotFoundError``.
    """


class FileStorage(Storage[str]):
    """Replacement for Labox's ``FileStorage``, with its name, constructor and files.

    It reads every record written by Labox's storage on any Python version, and writes records that
    Labox's storage reads on the running Python version. In addition, objects appear atomically,
    reads are verified, truncated objects are replaced, and file I/O never blocks the event loop.

    The directory in a location is a hint: the name is looked up below `path` first. An object
    below another directory is returned only after all of it is verified.

    Every method raises `OSError`, with ``errno`` and ``filename``, if a file system call fails.

    Args:
        path: The root. A relative path is resolved once, here.
        mkdir: Whether to create a missing root and its parents; False by default.
        chunk_size: The size in bytes of chunks that `read_data_stream` yields, 1 byte to 1 GiB;
            5 MiB by default.
        durable: Whether a write flushes the object and its directory to the device before it
            returns; False by default.
        verify_reads: ``"hash"`` (the default) compares content with the hash in its name;
            ``"size"`` only detects files truncated while being read. Labox's records do not tell
            the storage the size of an object.
        verify_writes: Whether to hash data to check its digest, and an existing object to check
            its content; False by default. Sizes are always checked.
        max_object_size: The maximum size in bytes of an object to write; None (the default) for no
            limit.
        allowed_roots: The directories besides `path` that a location may lead to, such as former
            roots; ``()`` allows none, None (the default) allows all.

    Attributes:
        files: The underlying `laboxide.FileStorage`, which uses pointers instead of locations.

    Raises:
        FileNotFoundError: `path` does not exist and `mkdir` is False.
        NotADirectoryError: `path` is not a directory.
        PermissionError: The directory cannot be entered.
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range or not an allowed value.
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
            mimetypes.init()  # reads system files: here rather than later, on an event loop
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
        """The size in bytes of chunks that `read_data_stream` yields."""
        return self.files.chunk_size

    async def write_data(self, data: Buffer, digest: Digest, tags: TagMap, /) -> str:
        """Write `data` and return its location. An existing object is not written again.

        Raises:
            BufferError: `data` is not contiguous.
            DigestMismatchError: The size of `data` or, with `verify_writes`, its hash does not
                match `digest`.
            ObjectTooLargeError: `data` is larger than `max_object_size`.
            TypeError: `data` is not bytes-like.
            ValueError: The digest is invalid, or its algorithm is neither SHA-256 nor BLAKE3.
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

        A pair made by `laboxide.digest_stream`, which Labox's saver passes while `accelerate` is
        active, is hashed while it is written. Any other stream is written without hashing.

        Args:
            data_stream: The content in chunks.
            get_digest: Returns the digest of the chunks that the stream has yielded.
            tags: Not used.
            progress: Receives the number of bytes since its last call.

        Raises:
            DigestMismatchError: The size of the stream or, with `verify_writes`, its hash does not
                match its digest.
            ObjectTooLargeError: The stream is larger than `max_object_size`; reading it stops
                there.
            TypeError: A chunk is not bytes-like, or `progress` is not a function.
            ValueError: The digest is invalid, or its algorithm is neither SHA-256 nor BLAKE3; or
                the stream is one of `digest_stream` that was read, written or closed before.
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
        """Store data and return its location. See `laboxide.Storage.put`.

        `algorithm` is ``"sha256"`` by default, as in Labox's saver.
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
            CorruptDataError: The content does not match the hash in its name.
            NoStorageData: The object is missing, both below this root and at the location itself.
            RootNotAllowedError: The object is missing below this root, and the location's root is
                not allowed.
            TypeError: `config` is not a string.
            ValueError: `config` is not a location of Labox.
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

        With ``verify_reads="hash"`` the last chunk is yielded only after all content matched the
        hash in its name.

        Args:
            config: The location that a write returned.
            progress: Receives the number of bytes since its last call, as they are yielded.

        Raises:
            CorruptDataError: The content does not match the hash in its name (while reading).
            NoStorageData: The object is missing (while reading).
            RootNotAllowedError: The object is missing below this root, and the location's root is
                not allowed (while reading).
            TypeError: `config` is not a string, or `progress` is not a function.
            ValueError: `config` is not a location of Labox.
        """
        if progress is not None:
            check_progress(progress)
        pointer_of(config, _ALGORITHM)  # raises for an invalid location now, not while reading
        return _LocationStream(self, config, progress)

    async def find(self, location: str, algorithm: str = _ALGORITHM) -> FilePointer:
        """Return a pointer to the object at a location, with its present size.

        Args:
            location: The location returned by a write of this storage or Labox's.
            algorithm: The algorithm of the hash in the name; ``"sha256"`` by default.

        Raises:
            CorruptDataError: The object is not a regular file.
            NoStorageData: The object is missing, both below this root and at the location itself.
            RootNotAllowedError: The object is missing below this root, and the location's root is
                not allowed.
            TypeError: `location` is not a string.
            ValueError: `location` is not a location of Labox.
        """
        with _errors_of_labox():
            pointer = pointer_of(location, algorithm)
            pointer["size"] = (await self.files.stat(pointer)).size
            return pointer

    def location_of(self, pointer: FilePointer) -> str:
        """Return the location, as stored in records, of an object below this root."""
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
    """Yields the chunks of the object at a location, hashed by either algorithm."""

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
                chunk = await self._retry_with_other_algorithm(error)
        self._yielded += 1
        return chunk

    async def _open(self, algorithm: str) -> AsyncGenerator[bytes]:
        pointer = await self._storage.find(self._location, algorithm)
        self._stream = self._storage.files.read_data_stream(pointer)
        return self._stream

    async def _retry_with_other_algorithm(self, error: CorruptDataError) -> bytes:
        """Return the chunk that failed, if the content matches by the other algorithm."""
        stream = await self._open(_OTHER_ALGORITHM)
        try:
            return await (self._last_of(stream, error) if self._yielded else anext(stream))
        except CorruptDataError:
            raise error from None

    async def _last_of(self, stream: AsyncGenerator[bytes], error: CorruptDataError) -> bytes:
        """Return the last chunk, if the hash shows that the file is still the same."""
        again, get_digest = digest_stream(stream, content_type="", algorithm=_ALGORITHM)
        last, count = b"", 0
        async for last in again:  # noqa: B007 - the digest needs every chunk
            count += 1
        found = f"{_ALGORITHM} {get_digest()['content_hash']}"
        if (found, count) != (error.actual, self._yielded + 1):
            raise error
        return last

    def _release(self) -> None:
        # The inner stream has no other reference: dropping it closes its reader.
        self._stream = None


@contextmanager
def _errors_of_labox() -> Iterator[None]:
    """Convert errors for missing objects to Labox's exception."""
    try:
        yield
    except NoStorageData:
        raise
    except errors.ObjectNotFoundError as error:
        raise NoStorageData(error.errno, error.strerror, error.filename) from error
