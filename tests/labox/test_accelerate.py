"""Acceleration hashes off the event loop, saves equal records, and can be undone."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import time
import warnings
from contextlib import nullcontext
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


def is_original() -> bool:
    return all(getattr(saver, name) is original for name, original in ORIGINALS.items())


def is_active(acceleration: Acceleration) -> bool:
    return acceleration.active  # a call, so that the type checker narrows nothing


@pytest.fixture(autouse=True)
def saver_is_restored() -> Iterator[None]:
    assert is_original()
    yield
    assert is_original()


# Switching on and off


def test_accelerate_is_a_context_manager() -> None:
    with accelerate() as acceleration:
        assert is_active(acceleration)
        assert not is_original()
    assert not is_active(acceleration)
    assert is_original()


def test_undo_restores_saver_and_is_idempotent() -> None:
    acceleration = accelerate()
    assert is_active(acceleration)
    assert not is_original()
    acceleration.undo()
    acceleration.undo()
    assert not is_active(acceleration)
    assert is_original()


def test_error_in_block_restores_saver() -> None:
    with pytest.raises(ZeroDivisionError), accelerate():
        _ = 1 / 0
    assert is_original()


def test_last_undo_restores_saver() -> None:
    one, two = accelerate(), accelerate()
    one.undo()
    one.undo()
    assert not is_original()
    assert two.active
    two.undo()
    assert is_original()


def test_undo_keeps_patch_of_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    acceleration = accelerate()
    with monkeypatch.context() as patched:
        patched.setattr(saver, "_wrap_stream_dump", other := lambda archive: archive)
        acceleration.undo()
        assert saver._wrap_stream_dump is other
        assert saver._make_value_dump_digest is ORIGINALS["_make_value_dump_digest"]
    # monkeypatch has restored the accelerated function.
    saver._wrap_stream_dump = ORIGINALS["_wrap_stream_dump"]


# Guards against other versions of Labox


def reports_md5(archive: Any) -> Any:
    stream, get_digest = ORIGINALS["_wrap_stream_dump"](archive)
    return stream, lambda **options: {**get_digest(**options), "content_hash_algorithm": "md5"}


reports_md5.__module__ = saver.__name__


def lacks_parameter(archive: Any, option: Any) -> Any:
    return ORIGINALS["_wrap_stream_dump"](archive)


lacks_parameter.__module__ = saver.__name__


def calls_nothing(  # noqa: PLR0917 - the parameters of Labox
    tags: Any, manifest_id: Any, content_key: Any, stream: Any, serializer: Any, storage: Any,
    registry: Any,
) -> Any:  # fmt: skip
    return None


calls_nothing.__module__ = saver.__name__

DIFFERENCES: dict[str, tuple[str, Any]] = {
    "makes other digests of streams": ("_wrap_stream_dump", reports_md5),
    "does not take archive": ("_wrap_stream_dump", lacks_parameter),
    "does not call": ("_save_storage_stream", calls_nothing),
    "not Labox's own": ("_make_value_dump_digest", lambda archive: archive),
    "not Labox's own function": ("_save_storage_value", None),
}


@pytest.fixture
def not_warned_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_accelerate._switch, "_warned", False)


@pytest.mark.usefixtures("not_warned_yet")
@pytest.mark.parametrize("difference", list(DIFFERENCES))
def test_unexpected_saver_is_not_patched(monkeypatch: pytest.MonkeyPatch, difference: str) -> None:
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


@pytest.mark.usefixtures("not_warned_yet")
@pytest.mark.parametrize("version", ["0.0.9", "0.1.1", "0.2.0", "1.0"])
def test_unsupported_labox_version_is_not_patched(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(_accelerate, "version", lambda _name: version)
    with pytest.warns(RuntimeWarning, match=f"Labox {version}"):
        assert not accelerate().active
    assert is_original()


@pytest.mark.usefixtures("not_warned_yet")
def test_saver_without_function_is_not_patched(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.delattr(saver, "_save_object")
        with pytest.warns(RuntimeWarning, match="_save_object is not Labox's own"):
            assert not accelerate().active


# Saving


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
async def test_accelerated_records_equal_plain_records(tmp_path: Path) -> None:
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
                with accelerate() if accelerated else nullcontext():
                    async with sessions() as session:
                        saved = [
                            await save_one(item, registry=registry, session=session)
                            for item in items()
                        ]
                records = [manifest.contents[0] for manifest in saved]
                found.append([[getattr(r, name) for name in columns] for r in records])
            assert found[0] == found[1]
        async with sessions() as session:
            records = await contents(session)
            assert len(records) == 2 * len(storages(tmp_path)) * 9


def items() -> list[Any]:
    """Return new values and streams, of bytes and of JSON."""
    values = [StorableValue(all_parts(64)[:size]) for size in SIZES]
    streams = [StorableStream(parts(count)) for count in (1, 40)]
    return [*values, *streams, StorableValue({"some": "json"}), StorableStream(documents())]


async def documents() -> AsyncGenerator[Any]:
    for index in range(100):
        yield {"index": index}


@pytest.mark.anyio
async def test_laboxide_storages_take_source_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: Any
) -> None:
    """The storage takes the source of the stream, and nothing iterates over the stream."""
    taken = []
    original = DigestedStream._take_source

    def take_source(self: DigestedStream, writer: Any) -> Any:
        taken.append(writer)
        return original(self, writer)

    async def anext_of(_self: DigestedStream) -> bytes:
        raise AssertionError("the stream was iterated over")

    monkeypatch.setattr(DigestedStream, "_take_source", take_source)
    monkeypatch.setattr(DigestedStream, "__anext__", anext_of)
    for storage in storages(tmp_path)[:2]:
        with accelerate():
            item = StorableStream(parts(20))
            await save_one(item, registry=registry_of(storage), session=session)
    assert len(taken) == 2


@pytest.mark.anyio
async def test_accelerated_save_does_not_call_hashlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: Any
) -> None:
    def no_sha256(*_args: Any) -> Any:
        raise AssertionError("hashed on the event loop")

    storage = laboxide.FileStorage(tmp_path / "root", mkdir=True)
    registry = registry_of(storage)
    with accelerate(), monkeypatch.context() as patched:
        patched.setattr(saver, "sha256", no_sha256)
        await save_one(StorableStream(parts(20)), registry=registry, session=session)
        await save_one(StorableValue(all_parts(20)), registry=registry, session=session)
    assert await check_all(registry, session) == 2


@pytest.mark.anyio
async def test_hashing_value_does_not_block_event_loop(tmp_path: Path, session: Any) -> None:
    data = bytes(128 * MIB)
    begun = time.monotonic()
    expected = hashlib.sha256(data).hexdigest()
    limit = (time.monotonic() - begun) / 2
    storage = laboxide.FileStorage(tmp_path / "root", mkdir=True)
    stalls: list[float] = []
    with accelerate():
        # Other processes also stall the loop: one fast save is enough.
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


def test_threads_toggle_acceleration_concurrently() -> None:
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
