"""Listings and audits can be closed, and have ended then."""

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
    """A storage in which an audit and a listing each have five things to tell."""
    storage = FileStorage(tmp_path / "root", mkdir=True)
    for pointer in await fill(storage, 5):
        flip(path_of(storage, pointer), 0)
    return storage


def begin(storage: FileStorage, walk: str) -> Any:
    return getattr(storage, walk)()


@WALKS
async def test_a_walk_that_is_closed_has_ended(storage: FileStorage, walk: str) -> None:
    async with aclosing(begin(storage, walk)) as iterator:
        assert await anext(iterator, None) is not None
    assert [found async for found in iterator] == []
    await iterator.aclose()


@WALKS
async def test_a_walk_may_be_closed_unread(storage: FileStorage, walk: str) -> None:
    iterator = begin(storage, walk)
    await iterator.aclose()
    assert [found async for found in iterator] == []


async def test_a_listing_whose_next_one_is_waited_for_cannot_be_closed(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = anyio.Event()

    async def pointer_to(_self: FileStorage, _listed: object) -> None:
        asked.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(FileStorage, "_pointer_to", pointer_to)
    await refuses_to_close(storage.list_pointers(), asked.wait)


async def test_an_audit_whose_next_one_is_waited_for_cannot_be_closed(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root", mkdir=True)
    await fill(storage, 5)
    # What it waits for comes after seconds.
    await refuses_to_close(
        storage.audit(max_bytes_per_second=1), functools.partial(anyio.sleep, 0.05)
    )


async def refuses_to_close(walk: Any, begun: Callable[[], Awaitable[object]]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anext, walk, None)
        await begun()
        with pytest.raises(RuntimeError, match="another task is waiting"):
            await walk.aclose()
        tasks.cancel_scope.cancel()
    await walk.aclose()


async def test_another_audit_goes_on_from_one_that_was_closed(storage: FileStorage) -> None:
    async with aclosing(storage.audit()) as audit:
        first = await anext(audit)
    rest = [found.key async for found in storage.audit(cursor=audit.cursor)]
    assert len({first.key, *rest}) == 5
    assert first.key not in rest


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are not told here")
@WALKS
async def test_a_walk_that_is_closed_holds_no_directory(
    storage: FileStorage, walk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laboxide.file.listing.BATCH", 1)
    before = opened(storage)
    iterator = begin(storage, walk)
    await anext(iterator)
    held = opened(storage)
    await iterator.aclose()
    assert opened(storage) == before
    assert held >= before


def opened(storage: FileStorage) -> int:
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except FileNotFoundError:  # that of the listing itself
            continue
    return sum(link.startswith(str(storage.path)) for link in links)
