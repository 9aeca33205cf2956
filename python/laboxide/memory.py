"""`MemoryStorage`: content in memory, for tests and temporary data."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from laboxide._native import Hasher, check_hash
from laboxide._runtime import hub
from laboxide._runtime.feeding import chunk_view, value_bytes
from laboxide._runtime.progress import Meter, MeteredSource
from laboxide._validation import (
    check_chunk_size,
    check_digest,
    check_fields,
    check_flag,
    check_progress,
)
from laboxide.digest import claim
from laboxide.errors import DigestMismatchError, object_not_found
from laboxide.storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from typing_extensions import Buffer

    from laboxide.types import Digest, GetStreamDigest, Progress, TagMap

__all__ = ("MemoryPointer", "MemoryStorage")


class MemoryPointer(TypedDict):
    """Algorithm and hash of content: the config of a `MemoryStorage`."""

    algorithm: str
    """The algorithm of `hash`."""
    hash: str
    """The hash of the content in hexadecimal."""


_FIELDS = {"algorithm": str, "hash": str}


class MemoryStorage(Storage[MemoryPointer]):
    """Storage of content in the memory of the process, for the lifetime of the instance.

    Tags are not stored. Every method that takes a pointer raises `TypeError` or `ValueError` if it
    is invalid, and `ObjectNotFoundError` if the content is missing.

    Args:
        chunk_size: The size in bytes of chunks that `read_data_stream` yields, 1 byte to 1 GiB;
            1 MiB by default.
        verify_writes: Whether to hash data, on the event loop, to check its digest; False by
            default. Sizes are always checked.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: `chunk_size` is out of range.
    """

    name = "laboxide.memory@v1"

    def __init__(self, *, chunk_size: int = 1 << 20, verify_writes: bool = False) -> None:
        self.chunk_size = check_chunk_size("chunk_size", chunk_size)
        self.verify_writes = check_flag("verify_writes", verify_writes)
        self._contents: dict[tuple[str, str], bytes] = {}

    async def write_data(self, data: Buffer, digest: Digest, tags: TagMap, /) -> MemoryPointer:
        """Store `data` and return a pointer to it. Existing content under its hash is kept.

        Raises:
            BufferError: `data` is not contiguous.
            DigestMismatchError: The size of `data` or, with `verify_writes`, its hash does not
                match `digest`.
            TypeError: `data` is not bytes-like.
            ValueError: The digest is invalid.
        """
        del tags
        digest = check_digest(digest)
        return self._keep(value_bytes(data), digest)

    async def read_data(self, config: MemoryPointer, /) -> bytes:
        """Return the data at `config`."""
        return self._content(_name_of(config))

    async def write_data_stream(
        self,
        data_stream: AsyncIterable[Buffer],
        get_digest: GetStreamDigest,
        tags: TagMap,
        /,
        *,
        progress: Progress | None = None,
    ) -> MemoryPointer:
        """Store the content of a stream and return a pointer to it.

        Args:
            data_stream: The content in chunks.
            get_digest: Returns the digest of the chunks that the stream has yielded.
            tags: Not used.
            progress: Receives the number of bytes since its last call.

        Raises:
            DigestMismatchError: As for `write_data`.
            TypeError: A chunk is not bytes-like, or `progress` is not a function.
            ValueError: The digest is invalid; the stream is one of `digest_stream` that was read,
                written or closed before; or `get_digest` has no digest at the end.
        """
        del tags
        if progress is not None:
            check_progress(progress)
        claim(data_stream, get_digest)
        content = bytearray()
        if progress is not None:
            data_stream = MeteredSource(data_stream, progress)
        async for chunk in data_stream:
            content += chunk if type(chunk) is bytes else chunk_view(chunk)
            await hub.checkpoint_if_due()
        return self._keep(bytes(content), check_digest(get_digest()))

    def read_data_stream(
        self, config: MemoryPointer, /, *, progress: Progress | None = None
    ) -> AsyncGenerator[bytes]:
        """Return a stream of the data at `config`, in chunks of `chunk_size`.

        Args:
            config: The pointer that a write returned.
            progress: Receives the number of bytes since its last call, as they are yielded.

        Raises:
            ObjectNotFoundError: The content is missing (while reading).
            TypeError: `config` is not a pointer, or `progress` is not a function.
        """
        if progress is not None:
            check_progress(progress)
        return self._chunks(_name_of(config), None if progress is None else Meter(progress))

    async def _chunks(self, name: tuple[str, str], meter: Meter | None) -> AsyncGenerator[bytes]:
        content = self._content(name)
        for start in range(0, len(content), self.chunk_size):
            chunk = content[start : start + self.chunk_size]
            if meter is not None:
                meter.add(len(chunk))
            yield chunk
            await hub.checkpoint_if_due()
        if meter is not None:
            meter.flush()

    def _keep(self, content: bytes, digest: Digest) -> MemoryPointer:
        algorithm, content_hash = digest["content_hash_algorithm"], digest["content_hash"]
        if len(content) != digest["content_size"]:
            raise DigestMismatchError(f"{digest['content_size']} bytes", f"{len(content)} bytes")
        if (
            self.verify_writes
            and (actual := Hasher(algorithm, content).hexdigest()) != content_hash
        ):
            raise DigestMismatchError(f"{algorithm} {content_hash}", f"{algorithm} {actual}")
        # The digest may be false: it must not replace existing content.
        self._contents.setdefault((algorithm, content_hash), content)
        return {"algorithm": algorithm, "hash": content_hash}

    def _content(self, name: tuple[str, str]) -> bytes:
        try:
            return self._contents[name]
        except KeyError:
            raise object_not_found(" ".join(name)) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._contents)} contents)"


def _name_of(config: MemoryPointer) -> tuple[str, str]:
    """Validate a pointer and return its algorithm and hash."""
    pointer = check_fields("memory pointer", config, _FIELDS)
    name = pointer["algorithm"], pointer["hash"]
    check_hash(*name)
    return name
