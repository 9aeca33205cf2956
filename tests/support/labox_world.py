"""A small Labox application: serializers of bytes, a registry and a database."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from labox.builtin import StorableStream, StorableValue
from labox.core import (
    BaseRecord,
    ContentRecord,
    ManifestRecord,
    Registry,
    Serializer,
    StreamSerializer,
    load_one,
)
from labox.core.storable import Storable
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

CONTENT_TYPE = "application/octet-stream"


class BytesSerializer(Serializer[bytes]):
    """A serializer that stores bytes unchanged."""

    name = "tests.bytes@v1"
    types = (bytes,)
    content_types = (CONTENT_TYPE,)

    def serialize_data(self, value: bytes, /) -> Any:
        return {"content_encoding": None, "content_type": CONTENT_TYPE, "data": value}

    def deserialize_data(self, content: Any, /) -> bytes:
        data: bytes = content["data"]
        return data


class ChunkSerializer(StreamSerializer[bytes]):
    """A serializer that stores chunks of bytes unchanged."""

    name = "tests.chunks@v1"
    types = (bytes,)
    content_types = (CONTENT_TYPE,)

    def serialize_data_stream(self, stream: Any, /) -> Any:
        return {"content_encoding": None, "content_type": CONTENT_TYPE, "data_stream": stream}

    def deserialize_data_stream(self, content: Any, /) -> Any:
        return content["data_stream"]


def registry_of(storage: Any, *others: Any) -> Registry:
    """Return a registry with the default storage `storage` and the storages `others`."""
    return Registry(
        modules=["labox.builtin"],
        serializers=[BytesSerializer(), ChunkSerializer()],
        storables=[StorableStream, StorableValue],
        storages=[*others],
        default_storage=storage,
    )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    """Open a database and create Labox's tables."""
    # The default timeout of SQLite, 5 seconds, is too short for a commit on a busy disk.
    timeout = {"timeout": 60} if url.startswith("sqlite") else {}
    engine = create_async_engine(url, connect_args=timeout)
    try:
        await BaseRecord.create_all(engine)
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()


def sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def part(index: int, size: int = 1 << 16) -> bytes:
    return index.to_bytes(8, "big") * (size // 8)


async def parts(count: int, size: int = 1 << 16, start: int = 0) -> AsyncGenerator[bytes]:
    """Yield `count` distinct chunks."""
    for index in range(start, start + count):
        yield part(index, size)


def all_parts(count: int, size: int = 1 << 16, start: int = 0) -> bytes:
    return b"".join([part(index, size) for index in range(start, start + count)])


async def load(manifest: ManifestRecord, registry: Registry, session: AsyncSession) -> bytes:
    """Return the content of a saved value or stream."""
    async with AsyncExitStack() as stack:
        loaded: Any = await load_one(
            manifest, Storable, registry=registry, session=session, stack=stack
        )
        if isinstance(loaded, StorableValue):
            return bytes(loaded.value)
        return b"".join([chunk async for chunk in loaded.value_stream])


async def manifests(session: AsyncSession) -> list[ManifestRecord]:
    return list((await session.scalars(select(ManifestRecord))).all())


async def contents(session: AsyncSession) -> list[ContentRecord]:
    query = select(ContentRecord).execution_options(populate_existing=True)
    return list((await session.scalars(query)).all())


async def check_all(registry: Registry, session: AsyncSession) -> int:
    """Load all saved content, verify it against the records, and return the count."""
    for record in await contents(session):
        manifest = await session.get_one(ManifestRecord, record.manifest_id)
        data = await load(manifest, registry, session)
        assert hashlib.sha256(data).hexdigest() == record.content_hash
        assert len(data) == record.content_size
    return len(await contents(session))
