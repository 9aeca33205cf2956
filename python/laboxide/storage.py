"""The storage contract: `Storage`, the base class of all storages.

The four abstract methods have the names and signatures of the Labox framework, so that a storage
works with both. `put`, `get` and `aclose` are implemented with these four.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from laboxide._runtime.feeding import value_bytes
from laboxide._runtime.progress import MeteredSource, report
from laboxide._runtime.sources import chunks_of, close_after, file_chunks, is_buffer
from laboxide._validation import algorithm_names, check_progress, check_tags, shown, text_path
from laboxide.digest import ContentInfo

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from typing_extensions import Buffer

    from laboxide.types import Digest, GetStreamDigest, Progress, TagMap

__all__ = ("Storage",)

C = TypeVar("C")

HASH_ON_LOOP_MAX = 256 << 10
"""The size in bytes up to which `put` hashes values on the event loop."""


class Storage(ABC, Generic[C]):
    """Writes content and reads it back, using the config that the write returned.

    A subclass sets `name` and implements the four abstract methods. Users keep only the config
    (`C`) of a write: it must remain valid forever, also after a change of the storage's settings.
    A name never changes, and its implementation stays backward compatible; a new layout gets a new
    name.

    A storage is an async context manager that calls `aclose` on exit.

    Each subclass sets its own `name`, unless it has abstract methods or `name` is a property. A
    subclass that reads and writes the same locations as its base sets ``name = Base.name``.

    Raises:
        TypeError: A subclass defines no name, or a subclass with abstract methods is instantiated.
        ValueError: A subclass defines a `name` that is not ``<name>@v<version>``.
    """

    name: ClassVar[str]
    """The globally unique name, of the form ``<name>@v<version>``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check the name of a subclass."""
        super().__init_subclass__(**kwargs)
        if isinstance(getattr(cls, "name", None), property):
            return
        name = vars(cls).get("name")
        if name is None:
            if not _has_abstract_methods(cls):
                raise TypeError(_missing_name(cls))
        elif not (isinstance(name, str) and _VERSIONED_NAME.fullmatch(name)):
            raise ValueError(
                f"Expected the name of {cls.__qualname__!r} to be of the form "
                f"'<name>@v<version>', but got {name!r}."
            )

    @abstractmethod
    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> C:
        """Write `data` and return its config.

        Args:
            data: The content.
            digest: The digest of `data`.
            tags: Tags from the user.
        """

    @abstractmethod
    async def read_data(self, config: C, /) -> bytes:
        """Return the data at `config`."""

    @abstractmethod
    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> C:
        """Write all of `data_stream` and return its config.

        The implementation always drains the stream, so that `get_digest` is complete afterwards.

        Args:
            data_stream: The content in chunks.
            get_digest: Returns the digest of the chunks that the stream has yielded.
            tags: Tags from the user.
        """

    @abstractmethod
    def read_data_stream(self, config: C, /) -> AsyncGenerator[bytes]:
        """Yield the data at `config` in chunks. The caller may close the stream at any point."""

    async def put(
        self,
        data: Buffer | AsyncIterable[Buffer] | Iterable[Buffer] | os.PathLike[str],
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str | None = None,
        tags: TagMap | None = None,
        algorithm: str | Sequence[str] = "blake3",
        progress: Progress | None = None,
    ) -> C:
        """Store data and return its config.

        Values are written by `write_data`, all other data by `write_data_stream`. Native threads
        hash streams and values of more than 256 KiB. A sync iterable runs on the event loop, which
        runs other tasks between the chunks. If the operation fails, the source is closed.

        Args:
            data: A contiguous buffer, an async or sync iterable of buffers, or the path of a
                regular file. A ``str`` is refused, since it could be a path or text.
            content_type: The MIME type of the data; ``"application/octet-stream"`` by default.
            content_encoding: The encoding of the data; None (the default) if it has none.
            tags: Tags for the storage; none by default.
            algorithm: ``"blake3"`` (the default) or ``"sha256"``, or a sequence of both, as for
                `digest_data`. The first one is the content hash.
            progress: Receives the number of bytes since its last call.

        Raises:
            BufferError: `data` is a buffer that is not contiguous.
            OSError: A file system call failed; ``filename`` is the path.
            TypeError: An argument, or a chunk, is of the wrong type.
            ValueError: `algorithm` is empty, or has an unknown or a repeated name; or the path is
                not a regular file.
            Exception: Any error of the storage, the source or `progress`.
        """
        info = ContentInfo(algorithm_names(algorithm), content_type, content_encoding)
        if not isinstance(content_type, str):
            raise TypeError(f"content_type must be a str, not {shown(content_type)}")
        if not (content_encoding is None or isinstance(content_encoding, str)):
            raise TypeError(
                f"content_encoding must be a str or None, not {shown(content_encoding)}"
            )
        tags = check_tags(tags)
        if progress is not None:
            check_progress(progress)
        if type(data) is bytes:
            return await self._put_value(data, info, tags, progress)
        if isinstance(data, os.PathLike):
            return await self._put_file(text_path("data", data), info, tags, progress)
        if is_buffer(data):
            return await self._put_value(cast("Buffer", data), info, tags, progress)
        return await self._put_chunks(chunks_of("data", data), info, tags, progress)

    async def get(self, config: C, /) -> bytes:
        """Return the data at `config`. Equivalent to `read_data`."""
        return await self.read_data(config)

    async def aclose(self) -> None:
        """Release the resources of the storage. The default has none."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        await self.aclose()

    async def _put_value(
        self, data: Buffer, info: ContentInfo, tags: TagMap, progress: Progress | None
    ) -> C:
        content = value_bytes(data)
        if len(content) <= HASH_ON_LOOP_MAX:
            digest = info.digest_data(content)
        else:
            digest = await info.digest_data_off_loop(content)
        if progress is not None and content:
            report(progress, len(content))
        return await self.write_data(content, digest, tags)

    async def _put_file(
        self, path: str, info: ContentInfo, tags: TagMap, progress: Progress | None
    ) -> C:
        return await self._put_chunks(file_chunks(path), info, tags, progress)

    async def _put_chunks(
        self,
        source: AsyncIterable[Buffer],
        info: ContentInfo,
        tags: TagMap,
        progress: Progress | None,
    ) -> C:
        if progress is not None:
            source = MeteredSource(source, progress)
        stream, get_digest = info.digest_stream(source)
        try:
            return await self.write_data_stream(
                cast("AsyncIterable[bytes]", stream), get_digest, tags
            )
        except BaseException as error:
            await close_after(error, stream.aclose)
            raise

    def serialize_config(self, config: C, /) -> str:
        """Return `config` as a string: JSON, unless a subclass overrides the method."""
        import json  # noqa: PLC0415 - takes a fifth of the import time of laboxide

        return json.dumps(config)

    def deserialize_config(self, config: str, /) -> C:
        """Return the config from a string of `serialize_config`."""
        import json  # noqa: PLC0415 - as above

        return cast("C", json.loads(config))


def keeps_writes(storage: object, kind: type[Storage[Any]]) -> bool:
    """Return whether `storage` uses the write methods of `kind`.

    A subclass that overrides them may compress the content, for example.
    """
    own = type(storage)
    return own is kind or (
        own.write_data is kind.write_data  # type: ignore[attr-defined]
        and own.write_data_stream is kind.write_data_stream  # type: ignore[attr-defined]
    )


_VERSIONED_NAME = re.compile(r".+@v\d+.*")


def _has_abstract_methods(cls: type) -> bool:
    # `ABCMeta` sets `__abstractmethods__` by the same rule, but after `__init_subclass__`.
    names = [name for base in cls.__bases__ for name in getattr(base, "__abstractmethods__", ())]
    methods = [*vars(cls).values(), *(getattr(cls, name, None) for name in names)]
    return any(getattr(method, "__isabstractmethod__", False) for method in methods)


def _missing_name(cls: type) -> str:
    """Return an error text that proposes a name."""
    text = f'{cls.__qualname__} has no name of its own: add `name = "{cls.__name__.lower()}@v1"`'
    for base in cls.__mro__[1:]:
        if "name" in vars(base):
            return f"{text}, or `name = {base.__name__}.name` if it is still the same storage"
    return text
