"""Closing of listings and audits ends them and releases their directories."""

from __future__ import annotations

import functools
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import FileStorage

from tests.support.auditing import fill
from tests.support.damage import flip
from tests.support.storing import path_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = [pytest.mark.anyio, pytest.mark.every_loop]
WALKS = pytest.mark.parametrize("walk", ["list_pointers", "audit"])


@pytest.fixture
async def storage(tmp_path: Path) -> FileStorage:
    """Return a storage with five corrupt objects, for five findings and five pointers."""
    storage = FileStorage(tmp_path / "root", mkdir=True)
    for pointer in await fill(storage, 5):
        flip(path_of(storage, pointer), 0)
    return storage


def begin(storage: FileStorage, walk: str) -> Any:
    return getattr(storage, walk)()


@WALKS
async def test_closed_walk_is_exhausted(storage: FileStorage, walk: str) -> None:
    async with aclosing(begin(storage, walk)) as iterator:
        assert await anext(iterator, None) is not None
    assert [found async for found in iterator] == []
    await iterator.aclose()


@WALKS
async def test_unread_walk_can_be_closed(storage: FileStorage, walk: str) -> None:
    iterator = begin(storage, walk)
    await iterator.aclose()
    assert [found async for found in iterator] == []


async def test_listing_cannot_be_closed_during_its_next_item(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = anyio.Event()

    async def pointer_to(_self: FileStorage, _listed: object) -> None:
        asked.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(FileStorage, "_pointer_to", pointer_to)
    await assert_close_is_refused(storage.list_pointers(), asked.wait)


async def test_audit_cannot_be_closed_during_its_next_item(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    await fill(storage, 5)
    # The rate limit delays the next finding by seconds.
    await assert_close_is_refused(
        storage.audit(max_bytes_per_second=1), functools.partial(anyio.sleep, 0.05)
    )


async def assert_close_is_refused(walk: Any, begun: Callable[[], Awaitable[object]]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anext, walk, None)
        await begun()
        with pytest.raises(RuntimeError, match="another task is waiting"):
            await walk.aclose()
        tasks.cancel_scope.cancel()
    await walk.aclose()


async def test_audit_resumes_at_the_cursor_of_a_closed_audit(storage: FileStorage) -> None:
    async with aclosing(storage.audit()) as audit:
        first = await anext(audit)
    rest = [found.key async for found in storage.audit(cursor=audit.cursor)]
    assert len({first.key, *rest}) == 5
    assert first.key not in rest


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="requires /proc/self/fd")
@WALKS
async def test_closed_walk_holds_no_directory(
    storage: FileStorage, walk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laboxide.file.listing.BATCH", 1)
    before = open_descriptors_below(storage)
    iterator = begin(storage, walk)
    await anext(iterator)
    held = open_descriptors_below(storage)
    await iterator.aclose()
    assert open_descriptors_below(storage) == before
    assert held >= before


def open_descriptors_below(storage: FileStorage) -> int:
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return sum(link.startswith(str(storage.path)) for link in links)
