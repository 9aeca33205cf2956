"""Labox's saver with its hashing moved off the event loop, and back."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import laboxide
import laboxide.labox
import pytest
from labox.builtin import FileStorage as LaboxFileStorage
from labox.builtin import MemoryStorage as LaboxMemoryStorage
from labox.builtin import StorableStream, StorableValue
from labox.core import save_one
from labox.core.api import saver
from laboxide.digest import DigestedStream
from laboxide.labox import Acceleration, _accelerate, accelerate

from tests.support.labox_world import (
    all_parts,
    check_all,
    contents,
    opened,
    parts,
    registry_of,
    sqlite_url,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

MIB = 1 << 20
NAMES = ("_wrap_stream_dump", "_make_value_dump_digest", "_save_storage_value")
ORIGINALS = {name: getattr(saver, name) for name in NAMES}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def is_original() -> bool:
    return all(getattr(saver, name) is original for name, original in ORIGINALS.items())


def is_active(acceleration: Acceleration) -> bool:
    return acceleration.active  # a call, after which the type checker assumes nothing


@pytest.fixture(autouse=True)
def saver_is_as_it_was() -> Iterator[None]:
    assert is_original()
    yield
    assert is_original()


# On and off


def test_it_is_a_context_manager() -> None:
    with accelerate() as acceleration:
        assert is_active(acceleration)
        assert not is_original()
    assert not is_active(acceleration)
    assert is_original()


def test_it_is_a_call_that_is_undone() -> None:
    acceleration = accelerate()
    assert is_active(acceleration)
    assert not is_original()
    acceleration.undo()
    acceleration.undo()
    assert not is_active(acceleration)
    assert is_original()


def test_an_error_within_undoes_it() -> None:
    with pytest.raises(ZeroDivisionError), accelerate():
        _ = 1 / 0
    assert is_original()


def test_the_last_of_several_undoes_it() -> None:
    one, two = accelerate(), accelerate()
    one.undo()
    one.undo()
    assert not is_original()
    assert two.active
    two.undo()
    assert is_original()


def test_what_somebody_else_has_put_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    acceleration = accelerate()
    with monkeypatch.context() as patched:
        patched.setattr(saver, "_wrap_stream_dump", other := lambda archive: archive)
        acceleration.undo()
        assert saver._wrap_stream_dump is other
        assert saver._make_value_dump_digest is ORIGINALS["_make_value_dump_digest"]
    saver._wrap_stream_dump = ORIGINALS["_wrap_stream_dump"]  # the patch has put ours back


# Guarded by what it finds


def lies(archive: Any) -> Any:
    stream, get_digest = ORIGINALS["_wrap_stream_dump"](archive)
    return stream, lambda **options: {**get_digest(**options), "content_hash_algorithm": "md5"}


lies.__module__ = saver.__name__


def other_parameters(archive: Any, option: Any) -> Any:
    return ORIGINALS["_wrap_stream_dump"](archive)


other_parameters.__module__ = saver.__name__


def calls_nothing(  # noqa: PLR0917 - the parameters are Labox's
    tags: Any, manifest_id: Any, content_key: Any, stream: Any, serializer: Any, storage: Any,
    registry: Any,
) -> Any:  # fmt: skip
    return None


calls_nothing.__module__ = saver.__name__

DIFFERENCES: dict[str, tuple[str, Any]] = {
    "in another way": ("_wrap_stream_dump", lies),
    "does not take archive": ("_wrap_stream_dump", other_parameters),
    "does not call": ("_save_storage_stream", calls_nothing),
    "not Labox's own": ("_make_value_dump_digest", lambda archive: archive),
    "not Labox's own function": ("_save_storage_value", None),
}


@pytest.fixture
def unwarned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_accelerate._switch, "_warned", False)


@pytest.mark.usefixtures("unwarned")
@pytest.mark.parametrize("difference", list(DIFFERENCES))
def test_another_shape_is_left_alone(monkeypatch: pytest.MonkeyPatch, difference: str) -> None:
    name, function = DIFFERENCES[difference]
    with monkeypatch.context() as patched:
        patched.setattr(saver, name, function)
        before = dict(vars(saver))
        with pytest.warns(RuntimeWarning, match=difference) as caught:
            acceleration = accelerate()
        assert caught[0].filename == __file__
        assert not acceleration.active
        assert vars(saver) == before
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with accelerate() as again:
                assert not again.active
        acceleration.undo()
        assert vars(saver) == before
    with accelerate() as acceleration:
        assert acceleration.active


@pytest.mark.usefixtures("unwarned")
@pytest.mark.parametrize("version", ["0.0.9", "0.1.1", "0.2.0", "1.0"])
def test_another_version_is_left_alone(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(_accelerate, "version", lambda _name: version)
    with pytest.warns(RuntimeWarning, match=f"Labox {version}"):
        assert not accelerate().active
    assert is_original()


@pytest.mark.usefixtures("unwarned")
def test_a_function_that_is_missing_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.delattr(saver, "_save_object")
        with pytest.warns(RuntimeWarning, match="_save_object is not Labox's own"):
            assert not accelerate().active


# What it does


def storages(tmp_path: Path) -> list[Any]:
    return [
        laboxide.FileStorage(tmp_path / "laboxide", mkdir=True),
        laboxide.labox.FileStorage(tmp_path / "drop-in", mkdir=True),
        laboxide.MemoryStorage(),
        LaboxFileStorage(tmp_path / "labox", mkdir=True),
        LaboxMemoryStorage(),
    ]


SIZES = [1, 65535, 65536, MIB, 3 * MIB + 1]


@pytest.mark.anyio
async def test_records_are_the_same_as_without(tmp_path: Path) -> None:
    columns = (
        "content_encoding", "content_hash", "content_hash_algorithm", "content_size",
        "content_type", "serializer_config", "serializer_name", "serializer_type",
        "storage_config", "storage_name",
    )  # fmt: skip
    async with opened(sqlite_url(tmp_path / "db")) as sessions:
        for storage in storages(tmp_path):
            registry = registry_of(storage)
            found = []
            for accelerated in (False, True):
                acceleration = accelerate() if accelerated else None
                async with sessions() as session:
                    items: list[Any] = [StorableValue(all_parts(64)[:size]) for size in SIZES]
                    items += [StorableStream(parts(count)) for count in (1, 40)]
                    items.append(StorableValue({"some": "json"}))
                    items.append(StorableStream(documents()))
                    saved = [
                        await save_one(item, registry=registry, session=session) for item in items
                    ]
                    records = [manifest.contents[0] for manifest in saved]
                    found.append([[getattr(r, name) for name in columns] for r in records])
                if acceleration is not None:
                    acceleration.undo()
            assert found[0] == found[1]
        async with sessions() as session:
            records = await contents(session)
            assert len(records) == 2 * len(storages(tmp_path)) * 9


async def documents() -> AsyncGenerator[Any]:
    for index in range(100):
        yield {"index": index}


@pytest.mark.anyio
async def test_laboxides_storages_are_given_what_they_can_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pass: the storage takes the source, and nothing iterates over the stream."""
    taken = []
    original = DigestedStream._take_source

    def take_source(self: DigestedStream, writer: Any) -> Any:
        taken.append(writer)
        return original(self, writer)

    async def anext_of(_self: DigestedStream) -> bytes:
        raise AssertionError("the stream was iterated over")

    monkeypatch.setattr(DigestedStream, "_take_source", take_source)
    monkeypatch.setattr(DigestedStream, "__anext__", anext_of)
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        for storage in storages(tmp_path)[:2]:
            with accelerate():
                item = StorableStream(parts(20))
                await save_one(item, registry=registry_of(storage), session=session)
    assert len(taken) == 2


@pytest.mark.anyio
async def test_hashlib_is_not_called_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_sha256(*_args: Any) -> Any:
        raise AssertionError("hashed on the event loop")

    storage = laboxide.FileStorage(tmp_path / "root", mkdir=True)
    registry = registry_of(storage)
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        with accelerate(), monkeypatch.context() as patched:
            patched.setattr(saver, "sha256", no_sha256)
            await save_one(StorableStream(parts(20)), registry=registry, session=session)
            await save_one(StorableValue(all_parts(20)), registry=registry, session=session)
        assert await check_all(registry, session) == 2


@pytest.mark.anyio
async def test_the_loop_is_not_kept_waiting_for_a_value(tmp_path: Path) -> None:
    data = bytes(128 * MIB)
    begun = time.monotonic()
    expected = hashlib.sha256(data).hexdigest()
    limit = (time.monotonic() - begun) / 2
    storage = laboxide.FileStorage(tmp_path / "root", mkdir=True)
    stalls: list[float] = []
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        with accelerate():
            # Other processes stall a loop, too.
            deadline = time.monotonic() + 60
            while not stalls or (stalls[-1] >= limit and time.monotonic() < deadline):
                ticker = asyncio.create_task(worst_tick(stalls))
                await asyncio.sleep(0.01)
                item = StorableValue(data)
                saved = await save_one(item, registry=registry_of(storage), session=session)
                ticker.cancel()
                await asyncio.gather(ticker, return_exceptions=True)
                assert saved.contents[0].content_hash == expected
    assert stalls[-1] < limit, stalls


async def worst_tick(stalls: list[float]) -> None:
    worst = 0.0
    try:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - before - 0.001)
    finally:
        stalls.append(worst)


def test_two_threads_may_switch_at_once() -> None:
    program = """
import threading
from labox.core.api import saver
from laboxide.labox import accelerate
before = dict(vars(saver))
def work():
    for _ in range(200):
        with accelerate() as acceleration:
            assert acceleration.active
            assert saver._wrap_stream_dump is not before["_wrap_stream_dump"]
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert dict(vars(saver)) == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
