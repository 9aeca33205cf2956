"""Labox saves to and loads from laboxide's storages, with records in SQLite and PostgreSQL."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import laboxide
import laboxide.labox
import pytest
from labox.builtin import StorableStream, StorableValue
from labox.core import load_one, new_loader, new_saver, save_one
from labox.core.api.loader import load_manifest_record

from tests.support.labox_world import (
    all_parts,
    check_all,
    contents,
    load,
    manifests,
    opened,
    part,
    parts,
    registry_of,
    sqlite_url,
)
from tests.support.storing import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
MIB = 1 << 20


@pytest.fixture(params=[False, True], ids=["plain", "accelerated"])
def acceleration(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run a test without and with acceleration."""
    if not request.param:
        yield
        return
    with laboxide.labox.accelerate() as acceleration:
        assert acceleration.active
        yield


# Saving and loading


@pytest.mark.usefixtures("acceleration")
async def test_values_and_streams_round_trip_one_by_one(storage: Any, database: str) -> None:
    registry = registry_of(storage)
    async with opened(database) as sessions:
        async with sessions() as session:
            value = await save_one(
                StorableValue(all_parts(40)), registry=registry, session=session, tags={"a": "b"}
            )
            await save_one(StorableStream(parts(60)), registry=registry, session=session)
            await save_one(StorableValue({"some": ["json"]}), registry=registry, session=session)
            assert value.tags == {"a": "b"}
        async with sessions() as session:
            found = {m.contents[0].content_size: m for m in await loaded_manifests(session)}
            assert await load(found[40 << 16], registry, session) == all_parts(40)
            assert await load(found[60 << 16], registry, session) == all_parts(60)
            [other] = found.keys() - {40 << 16, 60 << 16}
            assert other == len(b'{"some": ["json"]}') or other == len(b'{"some":["json"]}')
            loaded = await load_one(found[other], StorableValue, registry=registry, session=session)
            assert loaded.value == {"some": ["json"]}
            assert {record.storage_name for record in await contents(session)} == {storage.name}


async def loaded_manifests(session: Any) -> list[Any]:
    found = await manifests(session)
    for manifest in found:
        await session.refresh(manifest, ["contents"])
    return found


@pytest.mark.usefixtures("acceleration")
async def test_concurrent_saves_and_loads_round_trip(storage: Any, database: str) -> None:
    registry = registry_of(storage)
    async with opened(database) as sessions:
        async with sessions() as session, new_saver(registry, session) as saver:
            for index in range(20):
                saver.save_soon(StorableStream(parts(1 + index, start=100 * index)))
                saver.save_soon(StorableValue(part(index)))
        async with sessions() as session, AsyncExitStack() as stack:
            async with new_loader(registry, session, stack) as loader:
                futures = [loader.load_soon(found) for found in await manifests(session)]
            loaded = [future.value for future in futures]
            assert len(loaded) == 40
            for item in loaded:
                if isinstance(item, StorableStream):
                    async for _ in item.value_stream:
                        break
            assert await check_all(registry, session) == 40


async def test_source_error_reaches_saver_and_leaves_no_file(storage: Any, database: str) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        for index in range(50):
            yield part(index)
        raise ConnectionError("lost")

    registry = registry_of(storage)
    async with opened(database) as sessions, sessions() as session:
        for accelerated in (False, True):
            saver = laboxide.labox.accelerate() if accelerated else nullcontext()
            with saver, pytest.raises(BaseExceptionGroup) as caught:
                await save_one(StorableStream(broken()), registry=registry, session=session)
            assert caught.group_contains(ConnectionError, match="lost")
        assert await contents(session) == []
        await until(lambda: no_file_is_in(storage.path))


def no_file_is_in(root: Path) -> bool:
    return not any(path.is_file() for path in root.rglob("*"))


@pytest.mark.usefixtures("acceleration")
async def test_cancelled_save_leaves_no_record_and_no_file(storage: Any, tmp_path: Path) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        index = 0
        while True:
            yield part(index)
            index += 1
            await anyio.sleep(0)

    registry = registry_of(storage)
    async with opened(sqlite_url(tmp_path / "db")) as sessions:
        async with sessions() as session:
            with anyio.move_on_after(0.2) as scope:
                await save_one(StorableStream(endless()), registry=registry, session=session)
            assert scope.cancelled_caught
        async with sessions() as session:
            assert await contents(session) == []
    await until(lambda: no_file_is_in(storage.path))


# Other processes


LOAD_ALL = """
import asyncio, sys
sys.path.insert(0, {tests!r})
import laboxide.labox, laboxide
from tests.support.labox_world import check_all, opened, registry_of

async def main():
    registry = registry_of(laboxide.{storage}({root!r}))
    async with opened({database!r}) as sessions, sessions() as session:
        print(await check_all(registry, session))

asyncio.run(main())
"""


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "moved"])
async def test_other_process_loads_committed_records(
    storage: Any, database: str, tmp_path: Path, moved: bool
) -> None:
    registry = registry_of(storage)
    async with opened(database) as sessions, sessions() as session:
        await save_one(StorableStream(parts(100)), registry=registry, session=session)
        await save_one(StorableValue(b"value"), registry=registry, session=session)
    root = storage.path.rename(tmp_path / "moved") if moved else storage.path
    name = "FileStorage" if isinstance(storage, laboxide.FileStorage) else "labox.FileStorage"
    program = LOAD_ALL.format(tests=str(ROOT), storage=name, root=str(root), database=database)
    process = await anyio.run_process([sys.executable, "-W", "error", "-c", program], check=False)
    assert (process.returncode, process.stderr, process.stdout) == (0, b"", b"2\n")


def other_pythons() -> list[Any]:
    """Return every other installed version of CPython from 3.11 on."""
    names = [f"python3.{minor}" for minor in range(11, 16)]
    found = [shutil.which(name) for name in names]
    found += sorted(map(str, Path("~/.pyenv/versions").expanduser().glob("3.1[1-9]*/bin/python3")))
    versions: dict[str, str] = {}
    for path in filter(None, found):
        program = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
        ran = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)
        version, _, kind = ran.stdout.strip().partition(" ")
        if ran.returncode == 0 and kind == "cpython":
            versions.setdefault(version, path)
    versions.pop("{}.{}".format(*sys.version_info), None)
    return [pytest.param(path, id=version) for version, path in sorted(versions.items())]


# The other Python imports this one's packages except greenlet, so it reads records with sqlite3.
OTHER_PYTHON = """
import asyncio, sqlite3, sys
from pathlib import Path
sys.path += {paths!r}
sys.path.insert(0, {tests!r})
import laboxide, laboxide.labox
from labox.builtin import FileStorage as LaboxFileStorage
from labox.core.api.loader import load_content_record
from labox.core.database import ContentRecord, SerializerTypeEnum
from tests.support.labox_world import BytesSerializer, ChunkSerializer, all_parts, parts
from tests.support.labox_world import registry_of
from contextlib import AsyncExitStack
import json

root = Path({root!r})
drop_in = laboxide.labox.FileStorage(root / "drop-in")
registry = registry_of(drop_in, laboxide.FileStorage(root / "laboxide"))

async def main():
    rows = sqlite3.connect({database!r}).execute(
        "select storage_name, storage_config, serializer_type, serializer_name, content_size, "
        "serializer_config from labox_contents"
    ).fetchall()
    for storage, config, kind, serializer, size, serializer_config in rows:
        record = ContentRecord(
            manifest_id=None, content_key="", content_type="", content_encoding=None,
            content_hash="", content_hash_algorithm="", content_size=size,
            serializer_name=serializer, serializer_config=serializer_config,
            serializer_type=SerializerTypeEnum[kind], storage_name=storage, storage_config=config,
        )
        async with AsyncExitStack() as stack:
            loaded = await load_content_record(record, registry=registry, stack=stack)
            if "value" in loaded:
                data = loaded["value"]
            else:
                data = b"".join([chunk async for chunk in loaded["value_stream"]])
        assert data == all_parts(size >> 16)
    # In the other direction, the test reads the objects that Labox writes here.
    theirs = LaboxFileStorage(root / "drop-in")
    data = all_parts(3)
    digest = laboxide.digest_data(data, content_type="a/b", algorithm="sha256")
    written = [await theirs.write_data(data, digest, {{}})]
    data = all_parts(4)
    digest = laboxide.digest_data(data, content_type="a/b", algorithm="sha256")
    written.append(await drop_in.write_data(data, digest, {{}}))
    assert await theirs.read_data(written[1]) == data
    with laboxide.labox.accelerate() as acceleration:
        assert acceleration.active
    print(json.dumps([len(rows), *written]))

asyncio.run(main())
"""


@pytest.mark.parametrize("python", other_pythons())
async def test_python_versions_read_each_others_records(tmp_path: Path, python: str) -> None:
    drop_in = laboxide.labox.FileStorage(tmp_path / "drop-in", mkdir=True)
    ours = laboxide.FileStorage(tmp_path / "laboxide", mkdir=True)
    for storage in (drop_in, ours):
        registry = registry_of(storage)
        async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
            await save_one(StorableStream(parts(100)), registry=registry, session=session)
            await save_one(StorableValue(all_parts(1)), registry=registry, session=session)
    packages = str(Path(anyio.__file__).parents[1])
    source = str(Path(laboxide.__file__).parents[1])
    program = OTHER_PYTHON.format(
        tests=str(ROOT), paths=[source, packages], root=str(tmp_path), database=str(tmp_path / "db")
    )
    process = await anyio.run_process([python, "-I", "-c", program], check=False)
    assert (process.returncode, process.stderr) == (0, b"")
    count, *written = json.loads(process.stdout)
    assert count == 4
    # The form of a location, path or URI, depends on the version that wrote it.
    for config, size in zip(written, (3, 4), strict=True):
        assert await drop_in.read_data(config) == all_parts(size)


# Trio


class Recorder:
    """The part of a session that Labox's saver uses; a real one requires asyncio."""

    def add_all(self, added: Any) -> None:
        self.added = list(added)

    async def commit(self) -> None:
        await anyio.sleep(0)


@pytest.mark.parametrize("anyio_backend", ["trio", "asyncio"])
@pytest.mark.usefixtures("acceleration")
async def test_labox_saves_and_loads_on_trio(storage: Any) -> None:
    registry = registry_of(storage)
    session: Any = Recorder()
    async with new_saver(registry, session) as saver:
        saver.save_soon(StorableStream(parts(100)))
        saver.save_soon(StorableValue(all_parts(30)))
    streamed, valued = session.added
    # On trio, new_loader loses its last request at random.
    async with AsyncExitStack() as stack:
        arguments: Any = {"registry": registry, "stack": stack}
        stream: Any = await load_manifest_record(streamed, streamed.contents, **arguments)
        value: Any = await load_manifest_record(valued, valued.contents, **arguments)
        assert b"".join([chunk async for chunk in stream.value_stream]) == all_parts(100)
        assert value.value == all_parts(30)


# Slow consumers, with which Labox's own reader fails at random


SAVES, AT_ONCE, CHUNK = {"change": 40, "long": 200}, 2, 4 * MIB


async def test_slow_consumer_receives_all_chunks_of_many_saves(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Compare streams of 40 MiB, two in flight, in both storages; delete each afterwards."""
    storages = [
        laboxide.FileStorage(tmp_path / "laboxide", mkdir=True),
        laboxide.labox.FileStorage(tmp_path / "drop-in", mkdir=True),
    ]
    pattern = all_parts(10 * CHUNK >> 16)

    async def source(index: int) -> AsyncGenerator[bytes]:
        yield part(index)[:8] + pattern[8:CHUNK]
        for start in range(CHUNK, len(pattern), CHUNK):
            yield pattern[start : start + CHUNK]

    async def save_and_load(index: int) -> None:
        storage: Any = storages[index // 10 % 2]
        registry = registry_of(storage)
        async with sessions() as session, AsyncExitStack() as stack:
            async with new_saver(registry, session) as saver:
                saved = saver.save_soon(StorableStream(source(index)))
            async with new_loader(registry, session, stack) as loader:
                future = loader.load_soon(saved.value, StorableStream)
            position = 0
            async for chunk in future.value.value_stream:
                start = part(index)[:8] if position == 0 else b""
                assert chunk == start + pattern[position + len(start) : position + len(chunk)]
                position += len(chunk)
                await anyio.sleep(0.001)
            assert position == len(pattern)
        [record] = saved.value.contents
        [path] = storage.path.rglob(f"{record.content_hash}*")
        path.unlink()

    with laboxide.labox.accelerate():
        async with opened(sqlite_url(tmp_path / "db")) as sessions:
            indices = iter(range(SAVES[pytestconfig.getoption("tier")]))

            async def work() -> None:
                for index in indices:
                    await save_and_load(index)

            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(work)
