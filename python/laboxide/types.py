"""Types of the `Storage` contract, with the names and signatures of the Labox framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NotRequired, Protocol, TypedDict

__all__ = ("Digest", "GetStreamDigest", "Progress", "StreamDigest", "TagMap")

TagMap = Mapping[str, str]
"""Tags from the user that describe data. Passed to routers; not stored by any storage."""

Progress = Callable[[int], object]
"""A function that takes the bytes since its last call, such as ``tqdm.update``.

It runs on the thread of the event loop, at most 20 times a second and once at the end. The numbers
are positive, and their sum is the size of the data. An exception from it ends the operation.
"""


class Digest(TypedDict):
    """Description of content: type, size and hash."""

    content_encoding: str | None
    """The encoding of the data, such as ``"gzip"`` or ``"utf-8"``."""
    content_type: str
    """The MIME type of the data."""
    content_hash_algorithm: str
    """The algorithm of `content_hash`: ``"blake3"`` or ``"sha256"``."""
    content_hash: str
    """The hash of the data in lower-case hexadecimal."""
    content_size: int
    """The size of the data in bytes."""
    content_hashes: NotRequired[Mapping[str, str]]
    """The hashes by further algorithms, if several were requested."""


class StreamDigest(Digest):
    """Description of the chunks that a stream has yielded so far."""

    is_complete: bool
    """Whether the stream has been read to its end."""


class GetStreamDigest(Protocol):
    """A function that returns the digest of a stream during or after reading."""

    def __call__(self, *, allow_incomplete: bool = False) -> StreamDigest:
        """Return the digest of the chunks that the stream has yielded.

        Args:
            allow_incomplete: Whether to return a digest before the end of the stream; False by
                default.

        Raises:
            ValueError: The stream has not ended and `allow_incomplete` is False, or the storage
                that hashes the stream aborted.
        """
        ...
