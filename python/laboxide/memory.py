"""Content in memory, for tests and for what need not last."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from laboxide._native import Hasher, check_hash
from laboxide._runtime import hub
from laboxide._runtime.feeding import chunk_view, value_bytes
from laboxide._runtime.progress import Meter, metered
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
    """What content is called in memory."""

    algorithm: str
    """The algorithm of `hash`."""
    hash: str
    """The hash of the content in hexadecimal."""


_FIELDS = {"algorithm": str, "hash": str}


class MemoryStorage(Storage[MemoryPointer]):
    """Stores content in this process's memory, for as long as the instance lives.

    Tags are kept nowhere.

    Args:
        chunk_size: Bytes in the chunks that `read_data_stream` yields; 1 MiB by default.
        verify_writes: Whether data is hashed, on the event loop, to check the digest that comes
            with it. Sizes are always checked.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: `chunk_size` is less than 1 or more than 1 GiB.
    """

    name = "laboxide.memory@v1"

    def __init__(self, *, chunk_size: int = 1 << 20, verify_writes: bool = False) -> None:
        self.chunk_size = check_chunk_size("chunk_size", chunk_size)
        self.verify_writes = check_flag("verify_writes", verify_writes)
        self._contents: dict[tuple[str, str], bytes] = {}

    async def write_data(self, data: Buffer, digest: Digest, tags: TagMap, /) -> MemoryPointer:
        """Keep `data` and return a pointer to it. What is there already under its hash stays.

        Raises:
            BufferError: The data is not contiguous.
            DigestMismatchError: The data is not of the size in `digest` or, with `verify_writes`,
                not of its hash.
            TypeError: `data` is not bytes-like.
            ValueError: The digest is not valid.
        """
        del tags
        digest = check_digest(digest)
        return self._keep(value_bytes(data), digest)

    async def read_data(self, config: MemoryPointer, /) -> bytes:
        """Return the data that `config` leads to.

        Raises:
            ObjectNotFoundError: There is no such data.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
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
        """Keep the content of a stream and return a pointer to it.

        Args:
            data_stream: The content in chunks.
            get_digest: Returns the digest of the chunks that the stream has yielded.
            tags: Not used.
            progress: Receives the number of bytes since its last call.

        Raises:
            DigestMismatchError: As for `write_data`.
            TypeError: A chunk is not bytes-like, or `progress` not a function.
            ValueError: The digest is not valid, the stream is one of `digest_stream` that was read,
                written or closed before, or `get_digest` has none at the end.
        """
        del tags
        if progress is not None:
            check_progress(progress)
        claim(data_stream, get_digest)
        content = bytearray()
        async for chunk in metered(data_stream, progress):
            content += chunk if type(chunk) is bytes else chunk_view(chunk)
            await hub.checkpoint_if_due()
        return self._keep(bytes(content), check_digest(get_digest()))

    def read_data_stream(
        self, config: MemoryPointer, /, *, progress: Progress | None = None
    ) -> AsyncGenerator[bytes]:
        """Return a stream of the data at `config`, in chunks of `chunk_size`.

        Args:
            config: The pointer that writing returned.
            progress: Receives the number of bytes since its last call, as they are yielded.

        Raises:
            ObjectNotFoundError: There is no such data (while reading).
            TypeError: `config` is not a pointer, or `progress` not a function.
            ValueError: `config` is not a valid pointer.
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
        # The digest is taken on trust: it must not change what others have written.
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
    """Return algorithm and hash of a pointer, after checking all of it."""
    pointer = check_fields("memory pointer", config, _FIELDS)
    name = pointer["algorithm"], pointer["hash"]
    check_hash(*name)
    return name
