"""The contract between a framework and its storages.

The names and signatures are those of the Labox framework, so that a storage written for one works
with the other.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from laboxide.types import Digest, GetStreamDigest, TagMap

__all__ = ("Storage",)

C = TypeVar("C")


class Storage(ABC, Generic[C]):
    """Writes content and reads it back, given the config that writing returned.

    A subclass sets `name` and implements the four methods. The config (`C`) is all that is kept of
    a write: it must lead to the data for ever, also after the storage was configured anew. A name
    is never changed, and what has it stays backward compatible; a new layout gets a new name.

    Raises:
        ValueError: When subclassed with a `name` that is not of the form ``<name>@v<version>``.
        TypeError: When instantiated with methods or the name missing.
    """

    name: ClassVar[str]
    """The globally unique name, of the form ``<name>@v<version>``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check the name, once it is there: a base class may leave it to its subclasses."""
        super().__init_subclass__(**kwargs)
        name = getattr(cls, "name", None)
        if name is not None and not (isinstance(name, str) and _VERSIONED_NAME.fullmatch(name)):
            raise ValueError(
                f"Expected the name of {cls.__qualname__!r} to be of the form "
                f"'<name>@v<version>', but got {name!r}."
            )

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Storage[C]:
        """Refuse a class without a name: what it wrote could not be found again."""
        if getattr(cls, "name", None) is None and not cls.__abstractmethods__:
            raise TypeError(f"{cls.__qualname__!r} has no name of the form '<name>@v<version>'.")
        return super().__new__(cls)

    @abstractmethod
    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> C:
        """Write `data` and return the config with which it is read.

        Args:
            data: The content.
            digest: What describes it.
            tags: What the user says of it.
        """

    @abstractmethod
    async def read_data(self, config: C, /) -> bytes:
        """Return the data that `config` leads to."""

    @abstractmethod
    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> C:
        """Write all of `data_stream` and return the config with which it is read.

        The stream is drained in any case, so that `get_digest` is complete afterwards.

        Args:
            data_stream: The content in chunks.
            get_digest: Describes what the stream has yielded.
            tags: What the user says of it.
        """

    @abstractmethod
    def read_data_stream(self, config: C, /) -> AsyncGenerator[bytes]:
        """Yield in chunks the data that `config` leads to. May be closed at any point."""

    def serialize_config(self, config: C, /) -> str:
        """Return `config` as a string, JSON unless a storage says otherwise."""
        import json  # noqa: PLC0415 - takes a fifth of what importing laboxide does

        return json.dumps(config)

    def deserialize_config(self, config: str, /) -> C:
        """Return the config that `serialize_config` made a string of."""
        import json  # noqa: PLC0415 - as above

        return cast("C", json.loads(config))


_VERSIONED_NAME = re.compile(r".+@v\d+.*")
