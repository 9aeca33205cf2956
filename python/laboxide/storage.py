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

    Each subclass states its own name, unless it has abstract methods left or `name` is a property.
    One that reads and writes the same locations as its base states ``name = Base.name``.

    Raises:
        TypeError: A subclass without a name of its own is defined, or one with abstract methods
            left is instantiated.
        ValueError: A subclass is defined with a `name` that is not ``<name>@v<version>``.
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


def _has_abstract_methods(cls: type) -> bool:
    # `ABCMeta` sets `__abstractmethods__` only after `__init_subclass__`, by the same rule.
    names = [name for base in cls.__bases__ for name in getattr(base, "__abstractmethods__", ())]
    methods = [*vars(cls).values(), *(getattr(cls, name, None) for name in names)]
    return any(getattr(method, "__isabstractmethod__", False) for method in methods)


def _missing_name(cls: type) -> str:
    """Return an error text with the line that the class lacks."""
    text = f'{cls.__qualname__} has no name of its own: add `name = "{cls.__name__.lower()}@v1"`'
    for base in cls.__mro__[1:]:
        if "name" in vars(base):
            return f"{text}, or `name = {base.__name__}.name` if it is still the same storage"
    return text
