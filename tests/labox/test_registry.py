"""Labox accepts laboxide's storages in registries, fields and storables."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import laboxide
import laboxide.labox
import pytest
from labox.builtin import StorableDataclass, StorableStream, StorableValue
from labox.builtin import file_storage as labox_file_storage
from labox.core import Registry, load_one, new_saver
from labox.core import Storage as LaboxStorage

from tests.support.labox_world import all_parts, load, parts, registry_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable


class Minimal(laboxide.Storage[str]):
    """A user's storage, which implements laboxide's contract only."""

    name = "tests.minimal@v1"

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def write_data(self, data: bytes, digest: Any, tags: Any, /) -> str:
        self.kept[digest["content_hash"]] = data
        return str(digest["content_hash"])

    async def read_data(self, config: str, /) -> bytes:
        return self.kept[config]

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: Any, tags: Any, /
    ) -> str:
        data = b"".join([chunk async for chunk in data_stream])
        return await self.write_data(data, get_digest(), tags)

    async def read_data_stream(self, config: str, /) -> AsyncGenerator[bytes]:
        yield self.kept[config]


def storages(tmp_path: Path) -> list[Any]:
    return [
        laboxide.FileStorage(tmp_path),
        laboxide.labox.FileStorage(tmp_path),
        laboxide.MemoryStorage(),
        Minimal(),
    ]


def test_storages_satisfy_labox_protocol(tmp_path: Path) -> None:
    for storage in storages(tmp_path):
        assert isinstance(storage, LaboxStorage)
        assert issubclass(type(storage), LaboxStorage)
        registry = Registry(storages=[storage])
        assert registry.get_storage(storage.name) is storage
        registry = Registry(default_storage=storage)
        assert registry.get_default_storage() is storage
        assert registry.get_storage(storage.name) is storage


def test_other_objects_fail_labox_protocol() -> None:
    assert not isinstance(object(), LaboxStorage)
    with pytest.raises(TypeError):
        Registry(default_storage=object())  # type: ignore[arg-type]


def test_module_replaces_labox_file_storage() -> None:
    registry = Registry(modules=["labox.builtin", "laboxide.labox"], default_storage=True)
    found: Any = registry.get_storage("labox.file@v1")
    assert found is laboxide.labox.file_storage
    registry = Registry(modules=["labox.builtin"])
    assert registry.get_storage("labox.file@v1") is labox_file_storage


def test_module_provides_default_storage() -> None:
    assert "file_storage" in laboxide.labox.__all__
    storage = laboxide.labox.file_storage
    assert isinstance(storage, laboxide.labox.FileStorage)
    assert storage.path.is_dir()
    assert laboxide.labox.file_storage is storage
    for name in laboxide.labox.__all__:
        assert hasattr(laboxide.labox, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = laboxide.labox.no_such_name


def run(program: str) -> str:
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout.strip()


def test_default_storage_is_removed_at_exit() -> None:
    path = run("import laboxide.labox; print(laboxide.labox.file_storage.path)")
    assert Path(path).is_absolute()
    assert not Path(path).exists()


def test_laboxide_does_not_import_labox() -> None:
    loaded = run("import laboxide, sys; print({'labox', 'sqlalchemy'} & set(sys.modules))")
    assert loaded == "set()"


@pytest.mark.parametrize("missing", ["labox", "sqlalchemy", "ruyaml"])
def test_import_error_names_missing_extra(missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
try:
    import labox.core
except ImportError:
    pass
try:
    import laboxide.labox
except ImportError as error:
    print(error)
"""
    assert "pip install 'laboxide[labox]'" in run(program)


def test_import_does_not_patch_saver() -> None:
    program = """
from labox.core.api import saver
before = dict(vars(saver))
import laboxide.labox
assert vars(saver) == before
"""
    run(program)


@dataclass
class Document(StorableDataclass, class_id="8f5c2c1d"):
    """A storable with two parts in other storages."""

    title: str
    body: Any = field(metadata={"storage": laboxide.FileStorage})
    attachment: Any = field(metadata={"storage": laboxide.labox.FileStorage})


@pytest.mark.anyio
async def test_fields_and_storables_choose_their_storage(tmp_path: Path, session: Any) -> None:
    plain: Any = laboxide.FileStorage
    replacing: Any = laboxide.labox.FileStorage
    ours = plain(tmp_path / "ours", mkdir=True)
    drop_in = replacing(tmp_path / "drop-in", mkdir=True)
    memory: Any = laboxide.MemoryStorage()
    registry = Registry(
        registries=[registry_of(memory, ours, drop_in)],
        storables=[Document],
        default_storage=memory,
    )
    async with new_saver(registry, session) as saver:
        document = saver.save_soon(Document(title="a", body=b"body", attachment=parts(3)))
        stream = saver.save_soon(StorableStream(parts(5), storage=plain))
        value = saver.save_soon(StorableValue(b"v", storage=replacing))
    names = {record.content_key: record.storage_name for record in document.value.contents}
    assert names == {
        "body": memory.name,
        "ref/body": ours.name,
        "ref/attachment": drop_in.name,
    }
    assert [record.storage_name for record in stream.value.contents] == [ours.name]
    assert [record.storage_name for record in value.value.contents] == [drop_in.name]
    assert await load(stream.value, registry, session) == all_parts(5)
    assert await load(value.value, registry, session) == b"v"
    async with AsyncExitStack() as stack:
        loaded = await load_one(
            document.value, Document, registry=registry, session=session, stack=stack
        )
        assert (loaded.title, loaded.body) == ("a", b"body")
        assert b"".join([chunk async for chunk in loaded.attachment]) == all_parts(3)
