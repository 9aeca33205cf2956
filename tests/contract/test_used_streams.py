"""A stream of `digest_stream` can be written only once and only from its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, MemoryStorage

from tests.support.failing import assert_unharmed
from tests.support.hashing import digested
from tests.support.storing import DATA

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from laboxide import DigestedStream, GetStreamDigest

    Pair = tuple[DigestedStream, GetStreamDigest]

pytestmark = [pytest.mark.anyio, pytest.mark.every_loop]


@pytest.fixture(params=["files", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return FileStorage(tmp_path / "r", mkdir=True) if request.param == "files" else MemoryStorage()


async def read_all(pair: Pair) -> None:
    async for _ in pair[0]:
        pass


async def read_some(pair: Pair) -> None:
    await anext(pair[0])


async def write_to_memory(pair: Pair) -> None:
    await MemoryStorage().write_data_stream(*pair, {})


async def close(pair: Pair) -> None:
    await pair[0].aclose()


USES: dict[str, Callable[[Pair], Awaitable[None]]] = {
    "read": read_all,
    "read in part": read_some,
    "written": write_to_memory,
    "closed": close,
}


@pytest.mark.parametrize("use", USES)
async def test_used_stream_is_refused(storage: Any, use: str) -> None:
    pair = digested([DATA, DATA])
    await USES[use](pair)
    with pytest.raises(ValueError, match="was read or written before, or closed") as caught:
        await storage.write_data_stream(*pair, {})
    assert type(caught.value) is ValueError
    if isinstance(storage, FileStorage):
        await assert_unharmed(storage)


async def test_stream_cannot_be_written_twice(storage: Any) -> None:
    pair = digested([DATA])
    pointer = await storage.write_data_stream(*pair, {})
    with pytest.raises(ValueError, match="was read or written before"):
        await storage.write_data_stream(*pair, {})
    assert await storage.read_data(pointer) == DATA


async def test_stream_refused_by_a_read_only_storage_stays_unused(
    tmp_path: Path,
) -> None:
    pair = digested([DATA])
    with pytest.raises(NotImplementedError):
        await FileStorage(tmp_path, router=None).write_data_stream(*pair, {})
    storage = FileStorage(tmp_path)
    assert await storage.read_data(await storage.write_data_stream(*pair, {})) == DATA


async def test_collected_chunks_can_be_written_with_their_digest(
    storage: Any,
) -> None:
    stream, get_digest = digested([DATA, DATA])

    async def again() -> AsyncGenerator[bytes]:
        for chunk in chunks:
            yield chunk

    chunks = [chunk async for chunk in stream]
    pointer = await storage.write_data_stream(again(), get_digest, {})
    assert await storage.read_data(pointer) == DATA * 2
