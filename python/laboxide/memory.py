"""Content in memory, for tests and for what need not last."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict, cast

from laboxide import _bridge
from laboxide._arguments import check_chunk_size, check_flag, shown
from laboxide._native import Hasher, check_hash
from laboxide.contract import Storage
from laboxide.errors import DigestMismatchError, NoStorageData
from laboxide.pointer import check_digest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from laboxide.contract import Digest, GetStreamDigest, TagMap

__all__ = ("MemoryPointer", "MemoryStorage")


class MemoryPointer(TypedDict):
    """What content is called in memory."""

    algorithm: str
    """The algorithm of `hash`."""
    hash: str
    """The hash of the content in hexadecimal."""


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

    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> MemoryPointer:
        """Keep `data` and return a pointer to it.

        Raises:
            DigestMismatchError: The data is not of the size in `digest` or, with `verify_writes`,
                not of its hash.
            TypeError: `data` is not bytes-like.
            ValueError: The digest is not valid.
        """
        del tags
        content = data if type(data) is bytes else bytes(memoryview(data))
        return self._keep(content, digest)

    async def read_data(self, config: MemoryPointer, /) -> bytes:
        """Return the data that `config` leads to.

        Raises:
            NoStorageData: There is no such data.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        return self._contents_of(config)

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> MemoryPointer:
        """Keep the content of a stream and return a pointer to it.

        Raises:
            DigestMismatchError: As for `write_data`.
            TypeError: A chunk is not bytes-like.
            ValueError: The digest is not valid, or `get_digest` has none at the end.
        """
        del tags
        content = bytearray()
        async for chunk in data_stream:
            content += memoryview(chunk)
            await _bridge.breathe()
        return self._keep(bytes(content), get_digest())

    async def read_data_stream(self, config: MemoryPointer, /) -> AsyncGenerator[bytes]:
        """Yield in chunks of `chunk_size` the data that `config` leads to.

        Raises:
            NoStorageData: There is no such data.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        content = self._contents_of(config)
        for start in range(0, len(content), self.chunk_size):
            yield content[start : start + self.chunk_size]
            await _bridge.breathe()

    def _keep(self, content: bytes, digest: Digest) -> MemoryPointer:
        check_digest(digest)
        algorithm, content_hash = digest["content_hash_algorithm"], digest["content_hash"]
        if len(content) != digest["content_size"]:
            raise DigestMismatchError(f"{digest['content_size']} bytes", f"{len(content)} bytes")
        if (
            self.verify_writes
            and (actual := Hasher(algorithm, content).hexdigest()) != content_hash
        ):
            raise DigestMismatchError(f"{algorithm} {content_hash}", f"{algorithm} {actual}")
        self._contents[algorithm, content_hash] = content
        return {"algorithm": algorithm, "hash": content_hash}

    def _contents_of(self, config: MemoryPointer) -> bytes:
        if not isinstance(cast("object", config), Mapping):
            raise TypeError(f"a memory pointer is a mapping, not {shown(config)}")
        algorithm, content_hash = config.get("algorithm"), config.get("hash")
        if not (isinstance(algorithm, str) and isinstance(content_hash, str)):
            raise TypeError(f"a memory pointer has an algorithm and a hash, unlike {shown(config)}")
        check_hash(algorithm, content_hash)
        try:
            return self._contents[algorithm, content_hash]
        except KeyError:
            where = f"{algorithm} {content_hash}"
            raise NoStorageData(errno.ENOENT, "No data in the storage", where) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._contents)} contents)"
