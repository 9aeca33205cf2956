"""Damaged files raise errors with their path, and saving again repairs them; killed savers."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import laboxide
import laboxide.labox
import pytest
from labox.builtin import StorableStream, StorableValue
from labox.core import save_one

from tests.support.damage import overwrite, replace_by_directory
from tests.support.labox_world import (
    all_parts,
    check_all,
    contents,
    load,
    opened,
    parts,
    registry_of,
    sqlite_url,
)
from tests.support.scripts import bound_by_permissions
from tests.support.storing import files

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
ITEMS: dict[str, Callable[[], Any]] = {
    "value": lambda: StorableValue(all_parts(100)),
    "stream": lambda: StorableStream(parts(100)),
}


def replace_by_empty_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


FAULTS: dict[str, Callable[[Path], None]] = {
    "truncated": lambda path: overwrite(path, path.read_bytes()[: 4 << 20]),
    "truncated by one": lambda path: overwrite(path, path.read_bytes()[:-1]),
    "emptied": lambda path: overwrite(path, b""),
    "directory": replace_by_empty_directory,
    "directory with files": replace_by_directory,
    "deleted": Path.unlink,
}


def leaves(error: BaseException) -> list[BaseException]:
    """Return the errors in nested groups; Labox wraps a single error in a group."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for nested in error.exceptions for leaf in leaves(nested)]
    return [error]


@pytest.mark.parametrize("accelerated", [False, True], ids=["plain", "accelerated"])
@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("kind", list(ITEMS))
async def test_damaged_object_error_names_path_and_saving_repairs_it(
    storage: Any, kind: str, fault: str, accelerated: bool, session: Any
) -> None:
    registry = registry_of(storage)
    saved = await save_one(ITEMS[kind](), registry=registry, session=session)
    [path] = files(storage.path)
    FAULTS[fault](path)
    with pytest.raises(BaseException) as caught:
        await load(saved, registry, session)
    [error] = leaves(caught.value)
    assert isinstance(error, laboxide.LaboxideError | OSError)
    assert str(path) in str(error)
    with laboxide.labox.accelerate() if accelerated else nullcontext():
        await save_one(ITEMS[kind](), registry=registry, session=session)
    assert await load(saved, registry, session) == all_parts(100)
    assert await check_all(registry, session) == 2
    kept = [found for found in files(storage.path) if found != path]
    assert [found.read_bytes() for found in kept] == [b"kept"] * ("files" in fault)


UNREADABLE = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import laboxide, laboxide.labox
from labox.core import save_one
from tests.support.labox_world import all_parts, load, opened, registry_of
from tests.labox.test_damage import ITEMS, files, leaves

async def main():
    storage = laboxide.{storage}({root!r})
    registry = registry_of(storage)
    async with opened({database!r}) as sessions, sessions() as session:
        for kind in ("value", "stream"):
            saved = await save_one(ITEMS[kind](), registry=registry, session=session)
            [path] = files(storage.path)
            path.chmod(0)
            try:
                await load(saved, registry, session)
            except BaseException as error:
                [error] = leaves(error)
                assert isinstance(error, PermissionError), error
                assert error.filename == str(path)
            else:
                raise AssertionError("unreadable object was read")
            await save_one(ITEMS[kind](), registry=registry, session=session)
            assert await load(saved, registry, session) == all_parts(100)

asyncio.run(main())
"""


async def test_unreadable_object_error_names_path_and_saving_repairs_it(
    tmp_path: Path, storage: Any
) -> None:
    program = UNREADABLE.format(
        tests=str(ROOT),
        storage=name_of(storage),
        root=str(storage.path),
        database=sqlite_url(tmp_path / "db"),
    )
    command = [*bound_by_permissions(), sys.executable, "-c", program]
    process = await anyio.run_process(command, check=False)
    assert process.returncode == 0, process.stderr.decode()


def name_of(storage: Any) -> str:
    return "FileStorage" if isinstance(storage, laboxide.FileStorage) else "labox.FileStorage"


HALTED = """
import asyncio, sys
sys.path.insert(0, {tests!r})
import laboxide, laboxide.labox
from labox.builtin import StorableStream, StorableValue
from labox.core import new_saver, save_one
from tests.support.labox_world import opened, part, parts, registry_of

async def halting(start):
    for index in range(start, start + 200):
        if index == start + 150:
            print("halted", flush=True)
            await asyncio.sleep(60)
        yield part(index)

async def main():
    registry = registry_of(laboxide.{storage}({root!r}, mkdir=True))
    if {accelerated}:
        laboxide.labox.accelerate()
    async with opened({database!r}) as sessions, sessions() as session:
        await save_one(StorableStream(parts(70)), registry=registry, session=session)
        await save_one(StorableValue(b"value"), registry=registry, session=session)
        async with new_saver(registry, session) as saver:
            saver.save_soon(StorableStream(halting(1000)))
            saver.save_soon(StorableStream(halting(2000)))

asyncio.run(main())
"""


@pytest.mark.parametrize("accelerated", [False, True], ids=["plain", "accelerated"])
async def test_killed_saver_leaves_only_committed_objects(
    tmp_path: Path, storage: Any, database: str, accelerated: bool
) -> None:
    program = HALTED.format(
        tests=str(ROOT),
        storage=name_of(storage),
        root=str(storage.path),
        database=database,
        accelerated=accelerated,
    )
    async with await anyio.open_process([sys.executable, "-c", program], stderr=None) as process:
        assert process.stdout is not None
        output = b""
        with anyio.fail_after(30):
            while output.count(b"halted") < 2:
                output += await process.stdout.receive()
        process.kill()
    if has_staged_files(storage.path):  # the portable path removes them at its next write
        digest = laboxide.digest_data(b"value", content_type="a/b", algorithm="sha256")
        await type(storage)(storage.path).write_data(b"value", digest, {})
    registry = registry_of(storage)
    async with opened(database) as sessions, sessions() as session:
        assert await check_all(registry, session) == 2
        hashes = {record.content_hash for record in await contents(session)}
    found = {path.name.partition(".")[0] for path in files(storage.path)}
    assert found == hashes


def has_staged_files(root: Path) -> bool:
    """Tell whether temporary files have names, which only the portable path gives them."""
    staging = root / ".laboxide-staging"
    left = list(staging.iterdir()) if staging.is_dir() else []
    assert laboxide._runtime.process.PORTABLE or left == []
    return bool(left)


async def test_missing_root_error_names_root(storage: Any, session: Any) -> None:
    registry = registry_of(storage)
    saved = await save_one(ITEMS["value"](), registry=registry, session=session)
    shutil.rmtree(storage.path)
    with pytest.raises(BaseExceptionGroup) as caught:
        await load(saved, registry, session)
    [error] = leaves(caught.value)
    assert isinstance(error, laboxide.ObjectNotFoundError)
    assert str(storage.path) in str(error)
