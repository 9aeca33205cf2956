"""Replacements for the functions of Labox's saver that hash on the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laboxide.digest import digest_stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping

    from laboxide.types import Digest, GetStreamDigest

ALGORITHM = "sha256"
"""The algorithm of every content hash in Labox."""

DIGEST_OFF_LOOP_FROM = 64 << 10
"""Size in bytes from which a thread is used: below, hashing is faster than the switch."""


def wrap_stream_dump(archive: Mapping[str, Any]) -> tuple[AsyncIterable[bytes], GetStreamDigest]:
    """Return a stream and its digest function as a pair of `digest_stream`."""
    return digest_stream(
        archive["data_stream"],
        content_type=archive["content_type"],
        content_encoding=archive.get("content_encoding"),
        algorithm=ALGORITHM,
    )


async def digest_off_loop(
    data: bytes, content_type: str, content_encoding: str | None, algorithm: str = ALGORITHM
) -> Digest:
    """Return the digest of `data`, hashed by native threads."""
    stream, get_digest = digest_stream(
        once(data),
        content_type=content_type,
        content_encoding=content_encoding,
        algorithm=algorithm,
    )
    async for _ in stream:
        pass
    digest = get_digest()
    return {
        "content_encoding": digest["content_encoding"],
        "content_type": digest["content_type"],
        "content_hash_algorithm": digest["content_hash_algorithm"],
        "content_hash": digest["content_hash"],
        "content_size": digest["content_size"],
    }


async def once(data: bytes) -> AsyncGenerator[bytes]:
    """Yield `data`."""
    yield data


class DigestedContent(dict[str, Any]):
    """Serialized content that carries its precomputed digest to `make_value_dump_digest`."""

    digest: Digest


def digest_of_value(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap `original` to return the digest of a `DigestedContent`."""

    def make_value_dump_digest(archive: Any) -> Any:
        return archive.digest if isinstance(archive, DigestedContent) else original(archive)

    return make_value_dump_digest


class _Serialized:
    """A serializer that returns content serialized earlier."""

    def __init__(self, serializer: Any, content: Any) -> None:
        self._serializer = serializer
        self._content = content

    def serialize_data(self, _value: Any) -> Any:
        return self._content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._serializer, name)


def save_of_value(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wrap `original` to hash large values off the event loop first."""

    async def save_storage_value(  # noqa: PLR0917 - the parameters are Labox's
        tags: Any,
        manifest_id: Any,
        content_key: str,
        value: Any,
        serializer: Any,
        storage: Any,
        registry: Any,
    ) -> Any:
        serializer = serializer or registry.get_serializer_by_type(type(value))
        content = serializer.serialize_data(value)
        data = content["data"]
        if type(data) is bytes and len(data) >= DIGEST_OFF_LOOP_FROM:
            digested = DigestedContent(content)
            digested.digest = await digest_off_loop(
                data, content["content_type"], content.get("content_encoding")
            )
            content = digested
        serialized = _Serialized(serializer, content)
        return await original(tags, manifest_id, content_key, value, serialized, storage, registry)

    return save_storage_value
