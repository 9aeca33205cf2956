"""Every later version reads the store in tests/fixtures/store-0.1.

Version 0.1.0 wrote the store: both algorithms, keys with and without the hash, file names of Labox,
a temporary file of a killed writer, a quarantined object and a displaced directory. The manifest
has each pointer as object, text and pickle.
"""

from __future__ import annotations

import base64
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from laboxide import FileStorage, MemoryStorage, Storage, content_router, digest_data
from laboxide.labox import FileStorage as LaboxFileStorage

from tests.support.storing import collect, files

FIXTURE = Path(__file__).parents[1] / "fixtures" / "store-0.1"
MANIFEST: dict[str, Any] = json.loads((FIXTURE / "manifest.json").read_text(encoding="utf-8"))
CONTENTS = {name: base64.b64decode(text) for name, text in MANIFEST["contents"].items()}
POINTERS: list[dict[str, Any]] = MANIFEST["file_pointers"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of the fixture: tests write to it, and version control keeps no modes."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "copy"))


def config_of(storage: Storage[Any], entry: dict[str, Any], form: str) -> Any:
    match form:
        case "text":
            return storage.deserialize_config(entry["text"])
        case "pickle":
            return pickle.loads(base64.b64decode(entry["pickle"]))
        case _:
            return entry[form]


@pytest.mark.parametrize("form", ["pointer", "text", "pickle"])
async def test_pointers_of_earlier_versions_are_read(root: Path, form: str) -> None:
    for entry in POINTERS:
        storage = FileStorage(root / entry["store"])
        pointer = config_of(storage, entry, form)
        assert pointer == entry["pointer"]
        assert await storage.read_data(pointer) == CONTENTS[entry["content"]]
        assert await collect(storage.read_data_stream(pointer)) == CONTENTS[entry["content"]]


async def test_new_pointers_equal_those_of_earlier_versions(root: Path) -> None:
    def router(*_args: object, **_kwargs: object) -> Any:
        return {"key": entry["pointer"]["key"]}

    for entry in POINTERS:
        is_named = entry["store"] == "named"
        storage = FileStorage(root / entry["store"], router=router if is_named else content_router)
        data, before = CONTENTS[entry["content"]], set(files(root))
        algorithm = entry["pointer"]["algorithm"]
        digest = digest_data(data, content_type="text/plain", algorithm=algorithm)
        pointer = await storage.write_data(data, digest, {})
        assert pointer == {**entry["pointer"], "root": str(storage.path)}
        text = entry["text"].replace(entry["pointer"]["root"], str(storage.path))
        assert storage.serialize_config(pointer) == text
        assert set(files(root)) <= before


async def test_listing_yields_every_object_of_earlier_versions(root: Path) -> None:
    for store in ("default", "named"):
        listed = [pointer async for pointer in FileStorage(root / store).list_pointers()]
        written = [entry["pointer"] for entry in POINTERS if entry["store"] == store]
        assert {each["key"] for each in listed} == {each["key"] for each in written}


async def test_audit_of_earlier_store_has_no_findings(root: Path) -> None:
    audit = FileStorage(root / "default").audit()
    assert [finding async for finding in audit] == []
    assert audit.objects == 2 * len(CONTENTS)


async def test_stray_files_of_earlier_versions_are_recognised(root: Path) -> None:
    storage = FileStorage(root / "default")
    found = {(each.kind, each.path.relative_to(storage.path)) for each in await storage.clean()}
    assert found == {
        *(("temporary", Path(".laboxide-staging", name)) for name in MANIFEST["staged"]),
        *(("quarantined", Path(key)) for key in MANIFEST["quarantined"]),
        *(("displaced", Path(key)) for key in MANIFEST["displaced"]),
    }


@pytest.mark.parametrize("form", ["location", "text", "pickle"])
async def test_labox_locations_of_earlier_versions_are_read(root: Path, form: str) -> None:
    storage = LaboxFileStorage(root / "labox")
    for entry in MANIFEST["labox_locations"]:
        location = config_of(storage, entry, form)
        assert location == entry["location"]
        assert await storage.read_data(location) == CONTENTS[entry["content"]]


async def test_memory_pointers_equal_those_of_earlier_versions() -> None:
    entry = MANIFEST["memory_pointer"]
    data, storage = CONTENTS[entry["content"]], MemoryStorage()
    pointer = await storage.write_data(data, digest_data(data, content_type="text/plain"), {})
    assert pointer == entry["pointer"] == pickle.loads(base64.b64decode(entry["pickle"]))
