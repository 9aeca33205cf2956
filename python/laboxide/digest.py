"""Digests of data, streams and files, hashed by the engine.

`digest_data` hashes a buffer in the calling thread, `digest_file` a file on worker threads.
`digest_stream` returns a stream and its digest function: a `DigestedStream` that feeds each chunk
to a native writer as it passes, and the `StreamDigester` that returns the writer's digest. A
`FileStorage` that is given such a pair takes the source by a `Claim` and hashes while it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, cast

from laboxide._native import ALGORITHMS, Hasher, Writer, hash_data, hash_file
from laboxide._runtime import hub
from laboxide._runtime.feeding import feed
from laboxide._runtime.sources import close
from laboxide._validation import algorithm_names, text_path

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence

    from typing_extensions import Buffer, TypeVar

    from laboxide.types import Digest, GetStreamDigest, StreamDigest

    B = TypeVar("B", bound=Buffer, default=bytes)
else:  # defaults are of Python 3.13
    from typing import TypeVar

    B = TypeVar("B")

__all__ = ("ALGORITHMS", "DigestedStream", "Hasher", "digest_data", "digest_file", "digest_stream")


def digest_data(
    data: Buffer,
    *,
    content_type: str,
    content_encoding: str | None = None,
    algorithm: str | Sequence[str] = "blake3",
) -> Digest:
    """Return the digest of `data`, hashed in the calling thread.

    This blocks an event loop: hash large values with `digest_stream`. For BLAKE3 and ``bytes`` of
    more than 1 MiB, idle worker threads share the hashing; they are started on first use.

    Args:
        data: A contiguous buffer.
        content_type: The MIME type of the data.
        content_encoding: The encoding of the data, such as ``"gzip"``; None (the default) if it
            has none.
        algorithm: ``"blake3"`` (the default) or ``"sha256"``, or a sequence of both. The first one
            is the content hash; the hash of the second is in the digest's ``content_hashes``.

    Raises:
        BufferError: `data` is not contiguous.
        TypeError: `data` is not a buffer, or `algorithm` is not a name or a sequence of names.
        ValueError: `algorithm` is empty, or has an unknown or a repeated name.
    """
    return ContentInfo(algorithm_names(algorithm), content_type, content_encoding).digest_data(data)


def digest_stream(
    source: AsyncIterable[B],
    *,
    content_type: str,
    content_encoding: str | None = None,
    algorithm: str | Sequence[str] = "blake3",
) -> tuple[DigestedStream[B], GetStreamDigest]:
    """Return a stream of the same chunks, and a function that returns their digest.

    Pass both to `Storage.write_data_stream` of any storage. A `FileStorage` recognises the pair:
    the engine then hashes while it writes, in one pass off the event loop.

    Args:
        source: The chunks: ``bytes`` or other contiguous buffers.
        content_type: The MIME type of the data.
        content_encoding: The encoding of the data; None (the default) if it has none.
        algorithm: One or both algorithms, as for `digest_data`.

    Raises:
        OSError: A worker thread could not be started.
        TypeError: `source` is not an async iterable, or `algorithm` is not a name or a sequence of
            names.
        ValueError: `algorithm` is empty, or has an unknown or a repeated name.
    """
    info = ContentInfo(algorithm_names(algorithm), content_type, content_encoding)
    if not hasattr(source, "__aiter__"):
        raise TypeError(f"source must be an async iterable of bytes, not {type(source).__name__!r}")
    return info.digest_stream(source)


async def digest_file(
    path: str | os.PathLike[str],
    *,
    content_type: str = "application/octet-stream",
    content_encoding: str | None = None,
    algorithm: str | Sequence[str] = "blake3",
) -> Digest:
    """Return the digest of a file, hashed off the event loop and, for BLAKE3, on all cores.

    Args:
        path: A regular file. Symbolic links are followed.
        content_type: The MIME type of the data; ``"application/octet-stream"`` by default.
        content_encoding: The encoding of the data; None (the default) if it has none.
        algorithm: One or both algorithms, as for `digest_data`.

    Raises:
        OSError: A file system call failed; ``filename`` is the path.
        TypeError: `path` is not a path, or `algorithm` is not a name or a sequence of names.
        ValueError: `algorithm` is empty, or has an unknown or a repeated name; or the file is not
            a regular file, or changed while being read.
    """
    info = ContentInfo(algorithm_names(algorithm), content_type, content_encoding)
    return info.digest_of(await hub.run(hash_file, text_path("path", path), info.algorithms))


class ContentInfo(NamedTuple):
    """The parameters of a digest, without the content."""

    algorithms: list[str]
    """The names of the hash algorithms; the first one makes the content hash."""
    content_type: str
    content_encoding: str | None

    def digest_of(self, hashed: tuple[int, list[tuple[str, str]]]) -> Digest:
        """Return the digest of content with a size and hashes."""
        size, [(algorithm, content_hash), *others] = hashed
        digest: Digest = {
            "content_encoding": self.content_encoding,
            "content_type": self.content_type,
            "content_hash_algorithm": algorithm,
            "content_hash": content_hash,
            "content_size": size,
        }
        if others:
            digest["content_hashes"] = dict(others)
        return digest

    def digest_data(self, data: Buffer) -> Digest:
        """Return the digest of `data`, hashed in the calling thread."""
        return self.digest_of(hash_data(data, self.algorithms))

    async def digest_data_off_loop(self, data: bytes) -> Digest:
        """Return the digest of `data`, hashed by native threads."""
        writer = Writer(self.algorithms)
        try:
            await feed(writer, data)
            await hub.run(writer.finish)
            return self.digest_of(writer.digest())
        finally:
            writer.abort()

    def digest_stream(self, source: AsyncIterable[B]) -> tuple[DigestedStream[B], GetStreamDigest]:
        """Return a stream of the chunks of `source`, and a function that returns its digest."""
        digester = StreamDigester(self)
        return DigestedStream(source, digester), digester


class StreamDigester:
    """Digest function of a stream, returned by `digest_stream`."""

    def __init__(self, info: ContentInfo) -> None:
        self.algorithms = info.algorithms
        self._info = info
        self.writer = Writer(info.algorithms)
        self.is_complete = False

    def __call__(self, *, allow_incomplete: bool = False) -> StreamDigest:
        """Return the digest of the chunks yielded so far.

        Args:
            allow_incomplete: Whether to return a digest before the end of the stream; False by
                default.

        Raises:
            OSError: A storage failed to write the stream.
            ValueError: The stream has not ended and `allow_incomplete` is False, or a storage
                aborted writing it before all chunks were hashed.
        """
        if not (self.is_complete or allow_incomplete):
            raise ValueError("The stream has not been read to its end.")
        digest = self._info.digest_of(self.writer.digest())
        return cast("StreamDigest", {**digest, "is_complete": self.is_complete})

    async def end(self) -> None:
        """Wait until the writer has hashed all chunks."""
        await hub.run(self.writer.finish)
        self.is_complete = True


class DigestedStream(Generic[B]):
    """Async iterator that hashes the chunks of a source, returned by `digest_stream`."""

    def __init__(self, source: AsyncIterable[B], digester: StreamDigester) -> None:
        self._source = source
        self._iterator: AsyncIterator[B] | None = None
        self._digester = digester
        # Also set if the source failed or was closed: the stream has ended then.
        self._has_ended = False
        self._is_closed = False
        self._is_being_written = False

    def __aiter__(self) -> DigestedStream[B]:
        return self

    async def __anext__(self) -> B:
        if self._has_ended:
            raise StopAsyncIteration
        if self._iterator is None:
            self._iterator = aiter(self._source)
        try:
            chunk = await anext(self._iterator)
            await feed(self._digester.writer, chunk)
        except StopAsyncIteration:
            self._has_ended = True
            await self._digester.end()
            raise
        except BaseException:
            self._has_ended = True
            raise
        return chunk

    async def aclose(self) -> None:
        """Close the source, if it has ``aclose``. The digest covers the yielded chunks.

        Raises:
            RuntimeError: A storage is writing the stream.
        """
        # The storage could not tell a closed source from a complete one.
        if self._is_being_written:
            raise RuntimeError("stream is being written by a storage")
        await self._close_source()

    async def _close_source(self) -> None:
        self._has_ended = True
        if not self._is_closed:
            await close(self._iterator, self._source)
            self._is_closed = True

    def _claim(self, get_digest: GetStreamDigest) -> Claim | None:
        """Return a claim to the source if `get_digest` belongs to this stream, else None.

        Raises:
            ValueError: It does, and the stream was read, written or closed before.
        """
        if get_digest is not self._digester:
            return None
        if self._has_ended or self._iterator is not None:
            raise ValueError(
                "stream was read or written before, or closed: call digest_stream for a new one"
            )
        algorithms = self._digester.algorithms
        return Claim(algorithms, self._take_source, self._finish, self._abandon)

    def _take_source(self, writer: Writer) -> AsyncIterator[B]:
        self._has_ended = True
        self._iterator = aiter(self._source)
        self._digester.writer = writer
        self._is_being_written = True
        return self._iterator

    async def _finish(self) -> None:
        await self._digester.end()
        self._is_being_written = False

    async def _abandon(self) -> None:
        try:
            await self._close_source()
        finally:
            self._is_being_written = False


class Claim(NamedTuple):
    """Access of a storage to the source of a `DigestedStream`, to hash while writing.

    The storage feeds the whole source to its own writer and calls `finish`, or `abandon` on an
    error.
    """

    algorithms: list[str]
    """The algorithms that the writer must hash with."""
    take: Callable[[Writer], AsyncIterator[Any]]
    """Return the source; from now on the digest is that of the given writer."""
    finish: Callable[[], Awaitable[None]]
    """Wait until the writer is finished; the digest is complete then."""
    abandon: Callable[[], Awaitable[None]]
    """Close the source."""


def claim(stream: object, get_digest: GetStreamDigest) -> Claim | None:
    """Return a claim to the source if the arguments are a pair of `digest_stream`, else None.

    Raises:
        ValueError: They are, and the stream was read, written or closed before.
    """
    if isinstance(stream, DigestedStream):
        return stream._claim(get_digest)  # noqa: SLF001 - a class of this module
    return None
