"""Digests of data, streams and files, hashed natively."""

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
    """Return the digest of `data`, hashed by the thread that calls.

    An event loop stands still for that long: hash large values with `digest_stream`. More than
    1 MiB of ``bytes`` is hashed with BLAKE3 by the engine's threads, too, as far as they have time;
    they are started if there are none.

    Args:
        data: Any contiguous buffer.
        content_type: The MIME type of the data.
        content_encoding: The encoding of the data, if it has one.
        algorithm: ``"blake3"`` or ``"sha256"``, or a sequence of both. The first one names the
            content; the hashes of the others are in the digest's ``content_hashes``.

    Raises:
        BufferError: `data` is not contiguous.
        TypeError: `data` is not a buffer, or `algorithm` not a name or names.
        ValueError: `algorithm` is empty, or has an unknown name or one twice.
    """
    return ContentInfo(algorithm_names(algorithm), content_type, content_encoding).digest_data(data)


def digest_stream(
    source: AsyncIterable[B],
    *,
    content_type: str,
    content_encoding: str | None = None,
    algorithm: str | Sequence[str] = "blake3",
) -> tuple[DigestedStream[B], GetStreamDigest]:
    """Return a stream of the same chunks, and a function that tells the digest of what it yielded.

    Both are what `Storage.write_data_stream` takes, of any storage. A `FileStorage` recognises the
    pair and lets the engine hash while it writes, in one pass off the event loop.

    Args:
        source: The chunks: ``bytes``, or other contiguous buffers.
        content_type: The MIME type of the data.
        content_encoding: The encoding of the data, if it has one.
        algorithm: ``"blake3"`` or ``"sha256"``, or a sequence of both, as for `digest_data`.

    Raises:
        OSError: No thread can be started.
        TypeError: `source` is not an async iterable, or `algorithm` not a name or names.
        ValueError: `algorithm` is empty, or has an unknown name or one twice.
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
        content_type: The MIME type of the data.
        content_encoding: The encoding of the data, if it has one.
        algorithm: ``"blake3"`` or ``"sha256"``, or a sequence of both, as for `digest_data`.

    Raises:
        OSError: The file cannot be read; ``filename`` says which.
        TypeError: `path` is not a path, or `algorithm` not a name or names.
        ValueError: `algorithm` is empty, or has an unknown name or one twice; or the file is not a
            regular one.
    """
    info = ContentInfo(algorithm_names(algorithm), content_type, content_encoding)
    return info.digest_of(await hub.run(hash_file, text_path("path", path), info.algorithms))


class ContentInfo(NamedTuple):
    """The parameters of a digest, without the content."""

    algorithms: list[str]
    """The names of the hash algorithms; the first one names the content."""
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
        """Return the digest of `data`, hashed by the calling thread."""
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
    """Returns the digest of a stream. Made by `digest_stream`."""

    def __init__(self, info: ContentInfo) -> None:
        self.algorithms = info.algorithms
        self._info = info
        self.writer = Writer(info.algorithms)
        self.is_complete = False

    def __call__(self, *, allow_incomplete: bool = False) -> StreamDigest:
        """Return the digest of the bytes that the stream has yielded.

        Args:
            allow_incomplete: Whether a digest of the bytes so far will do.

        Raises:
            OSError: A storage could not write the stream.
            ValueError: The stream has not ended and `allow_incomplete` is False, or a storage has
                given up writing it: what had come by then is not all hashed.
        """
        if not (self.is_complete or allow_incomplete):
            raise ValueError("The stream has not been read to its end.")
        digest = self._info.digest_of(self.writer.digest())
        return cast("StreamDigest", {**digest, "is_complete": self.is_complete})

    async def end(self) -> None:
        """Wait until the writer has taken all that it was fed."""
        await hub.run(self.writer.finish)
        self.is_complete = True


class DigestedStream(Generic[B]):
    """The chunks of a source, hashed natively on their way. Made by `digest_stream`."""

    def __init__(self, source: AsyncIterable[B], digester: StreamDigester) -> None:
        self._source = source
        self._iterator: AsyncIterator[B] | None = None
        self._digester = digester
        # A source that has failed or was closed ends as one that is complete does.
        self._is_over = False
        self._is_closed = False
        self._is_being_written = False

    def __aiter__(self) -> DigestedStream[B]:
        return self

    async def __anext__(self) -> B:
        if self._is_over:
            raise StopAsyncIteration
        if self._iterator is None:
            self._iterator = aiter(self._source)
        try:
            chunk = await anext(self._iterator)
            await feed(self._digester.writer, chunk)
        except StopAsyncIteration:
            self._is_over = True
            await self._digester.end()
            raise
        except BaseException:
            self._is_over = True
            raise
        return chunk

    async def aclose(self) -> None:
        """Close the source, if it can be closed. The digest remains that of what was yielded.

        Raises:
            RuntimeError: A storage is writing the stream.
        """
        # Closed beneath the storage, it would end there as one that is complete.
        if self._is_being_written:
            raise RuntimeError("a storage is writing this stream")
        await self._close_source()

    async def _close_source(self) -> None:
        self._is_over = True
        if not self._is_closed:
            await close(self._iterator, self._source)
            self._is_closed = True

    def _claim(self, get_digest: GetStreamDigest) -> Claim | None:
        """Return the claim of a storage to the source, if `get_digest` is this stream's own.

        Raises:
            ValueError: It is, but it is the digest of more than is left of the stream.
        """
        if get_digest is not self._digester:
            return None
        if self._is_over or self._iterator is not None:
            raise ValueError(
                "this stream was read or written before, or closed: make another by digest_stream"
            )
        algorithms = self._digester.algorithms
        return Claim(algorithms, self._take_source, self._finish, self._abandon)

    def _take_source(self, writer: Writer) -> AsyncIterator[B]:
        self._is_over = True
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
    """The claim of a storage to the source of a `DigestedStream`, to hash while it writes.

    The storage feeds all of the source to a writer of its own and calls `finish`, or `abandon` if
    anything is raised.
    """

    algorithms: list[str]
    """The algorithms that the writer must hash with."""
    take: Callable[[Writer], AsyncIterator[Any]]
    """Return the source; the digest is that of the writer from now on."""
    finish: Callable[[], Awaitable[None]]
    """Wait until the writer is done; the digest is complete then."""
    abandon: Callable[[], Awaitable[None]]
    """Close the source."""


def claim(stream: object, get_digest: GetStreamDigest) -> Claim | None:
    """Return a claim to the source of `stream`, if it and `get_digest` are a pair of ours.

    Raises:
        ValueError: They are, and the stream was read, written or closed before.
    """
    if isinstance(stream, DigestedStream):
        return stream._claim(get_digest)  # noqa: SLF001 - ours
    return None
