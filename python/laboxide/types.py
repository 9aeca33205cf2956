"""The types of the contract between a framework and its storages.

Names and signatures are those of the Labox framework.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NotRequired, Protocol, TypedDict

__all__ = ("Digest", "GetStreamDigest", "Progress", "StreamDigest", "TagMap")

TagMap = Mapping[str, str]
"""Tags from the user that describe the data. A router may use them; storages keep them nowhere."""

Progress = Callable[[int], object]
"""A function that takes the bytes since its last call, such as ``tqdm.update``.

It runs on the thread of the event loop, at most 20 times a second and once at the end. The numbers
are positive, and their sum is the size of the data. An exception from it ends the operation.
"""


class Digest(TypedDict):
    """What describes content."""

    content_encoding: str | None
    """The encoding of the data, such as ``"gzip"`` or ``"utf-8"``."""
    content_type: str
    """The MIME type of the data."""
    content_hash_algorithm: str
    """The algorithm that the content is named by."""
    content_hash: str
    """The hash of the data in hexadecimal."""
    content_size: int
    """The size of the data in bytes."""
    content_hashes: NotRequired[Mapping[str, str]]
    """Further hashes of the same data, by algorithm, where they were asked for."""


class StreamDigest(Digest):
    """What describes the content of a stream, as far as it has been read."""

    is_complete: bool
    """Whether the stream has been read to its end."""


class GetStreamDigest(Protocol):
    """Tells the digest of a stream while or after it is read."""

    def __call__(self, *, allow_incomplete: bool = False) -> StreamDigest:
        """Return the digest of the bytes that the stream has yielded.

        Args:
            allow_incomplete: Whether a digest of the bytes so far will do.

        Raises:
            ValueError: The stream has not ended and `allow_incomplete` is False, or there is no
                digest of a part because the storage that hashes it has given up.
        """
        ...
