"""Storages written by users: names, methods, configs, and the exports of the package."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import types
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import laboxide
import pytest
from laboxide import Digest, GetStreamDigest, Storage, StreamDigest, TagMap
from laboxide import digest_data as laboxide_digest_data
from laboxide import digest_stream as laboxide_digest_stream

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable
    from pathlib import Path

PUBLIC_MODULES = ["storage", "digest", "errors", "file", "file.pointer", "file.router", "memory"]


class DictStorage(Storage[dict[str, Any]]):
    """A user's storage that implements only the contract."""

    name = "tests.dict@v1"

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.digests: list[Digest | StreamDigest] = []
        self.tags: list[TagMap] = []

    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> dict[str, Any]:
        return self._keep(data, digest, tags)

    async def read_data(self, config: dict[str, Any], /) -> bytes:
        return self.contents[config["id"]]

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> dict[str, Any]:
        data = b"".join([chunk async for chunk in data_stream])
        return self._keep(data, get_digest(), tags)

    async def read_data_stream(self, config: dict[str, Any], /) -> AsyncGenerator[bytes]:
        for byte in self.contents[config["id"]]:
            yield bytes([byte])

    def _keep(self, data: bytes, digest: Digest, tags: TagMap) -> dict[str, Any]:
        self.contents[digest["content_hash"]] = data
        self.digests.append(digest)
        self.tags.append(tags)
        return {"id": digest["content_hash"], "size": digest["content_size"]}


async def source_of(*chunks: bytes) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk


def subclass(name: object, base: type = DictStorage) -> type:
    return types.new_class("Named", (base,), {}, lambda body: body.update(name=name))


# Names


@pytest.mark.parametrize(
    "name", ["x@v1", "company.storage@v12", "a-b_c/d@v1.2", "x@v1-beta", "a@b@v0"]
)
def test_versioned_name_is_accepted(name: str) -> None:
    assert vars(subclass(name))["name"] == name


BAD_NAMES = ["", "x", "x@1", "x@v", "x@vone", "@v1", "x@V1", "x@v1\n", "x\n@v1", 1, b"x@v1"]
bad_names = pytest.mark.parametrize("name", BAD_NAMES, ids=repr)


@bad_names
def test_bad_name_is_refused_when_subclassing(name: object) -> None:
    with pytest.raises(ValueError) as raised:
        subclass(name)
    assert repr(name) in str(raised.value)


def test_error_of_a_bad_name_names_the_class() -> None:
    with pytest.raises(ValueError, match="Named"):
        subclass("x")


def test_bad_name_of_an_abstract_class_is_refused() -> None:
    with pytest.raises(ValueError):
        subclass("x", Storage)


class Nameless(Storage[str]):
    """A base class without a name and without `read_data_stream`."""

    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> str:
        return ""

    async def read_data(self, config: str, /) -> bytes:
        return b""

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        return ""


async def read_nothing(_self: object, _config: str, /) -> AsyncGenerator[bytes]:
    yield b""


def completed(**attributes: object) -> type:
    """Return a subclass of Nameless with all methods."""
    body = {"read_data_stream": read_nothing, **attributes}
    return types.new_class("Completed", (Nameless,), {}, lambda namespace: namespace.update(body))


def test_error_of_a_missing_name_shows_the_line_to_write() -> None:
    with pytest.raises(TypeError, match=r'^Completed has no name .*`name = "completed@v1"`$'):
        completed()


def test_abstract_class_needs_no_name() -> None:
    assert not hasattr(Nameless, "name")
    with pytest.raises(TypeError, match="abstract"):
        Nameless()  # type: ignore[abstract]


def test_subclass_names_an_abstract_class() -> None:
    assert completed(name="x@v1")().name == "x@v1"


def test_error_of_an_inherited_name_shows_the_line_to_write() -> None:
    with pytest.raises(
        TypeError, match=r'Further .*`name = "further@v1"`.*`name = DictStorage.name`'
    ):

        class Further(DictStorage):
            pass


def test_subclass_may_restate_the_name_of_its_base() -> None:
    assert subclass(DictStorage.name)().name == "tests.dict@v1"


def test_abstract_subclass_of_a_named_storage_needs_no_name() -> None:
    class Further(DictStorage):
        @abstractmethod
        async def read_data(self, config: dict[str, Any], /) -> bytes: ...

    class Last(Further):
        name = "tests.last@v1"

        async def read_data(self, config: dict[str, Any], /) -> bytes:
            return b""

    assert Last().name == "tests.last@v1"


def test_name_may_be_a_property() -> None:
    wrapper = completed(name=property(lambda _: "x@v1"))
    further = types.new_class("Further", (wrapper,))
    assert (wrapper().name, further().name) == ("x@v1", "x@v1")


# Methods


METHODS = ["write_data", "read_data", "write_data_stream", "read_data_stream"]


def test_storage_has_four_abstract_methods() -> None:
    assert sorted(Storage.__abstractmethods__) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_storage_with_a_missing_method_cannot_be_instantiated(method: str) -> None:
    missing = abstractmethod(lambda: None)
    incomplete = types.new_class(
        "Incomplete", (DictStorage,), {}, lambda b: b.update({method: missing})
    )
    with pytest.raises(TypeError, match=rf"Incomplete.*\b{method}\b"):
        incomplete()


def test_storage_without_methods_cannot_be_instantiated() -> None:
    with pytest.raises(TypeError, match="abstract"):
        subclass("x@v1", Storage)()


def test_storage_may_have_any_constructor() -> None:
    class Configured(DictStorage):
        name = DictStorage.name

        def __init__(self, where: str, *, size: int) -> None:
            super().__init__()
            self.options = where, size

    assert Configured("here", size=3).options == ("here", 3)


# Configs


CONFIGS: list[Any] = [{}, {"id": "a", "size": 3}, {"nested": {"list": [1, None, True, "ü\0"]}}]


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_config_survives_serialization(config: dict[str, Any]) -> None:
    storage = DictStorage()
    assert storage.deserialize_config(storage.serialize_config(config)) == config


@pytest.mark.parametrize("config", CONFIGS, ids=repr)
def test_config_is_serialized_as_json(config: dict[str, Any]) -> None:
    assert json.loads(DictStorage().serialize_config(config)) == config


def test_storage_may_override_serialization() -> None:
    class Plain(Nameless):
        name = "tests.plain@v1"

        def read_data_stream(self, config: str, /) -> AsyncGenerator[bytes]:
            return read_nothing(self, config)

        def serialize_config(self, config: str, /) -> str:
            return config

        def deserialize_config(self, config: str, /) -> str:
            return config

    storage = Plain()
    assert storage.deserialize_config(storage.serialize_config("not JSON")) == "not JSON"


# A user's storage


@pytest.mark.anyio
async def test_users_storage_reads_its_data() -> None:
    storage = DictStorage()
    config = await storage.write_data(
        b"data", laboxide_digest_data(b"data", content_type="a/b"), {}
    )
    assert await storage.read_data(config) == b"data"


@pytest.mark.anyio
async def test_users_storage_reads_its_streams() -> None:
    storage = DictStorage()
    pair = laboxide_digest_stream(source_of(b"da", b"ta"), content_type="a/b")
    config = await storage.write_data_stream(*pair, {})
    assert [chunk async for chunk in storage.read_data_stream(config)] == [b"d", b"a", b"t", b"a"]


@pytest.mark.anyio
async def test_users_storage_receives_the_digest_of_a_stream() -> None:
    storage = DictStorage()
    pair = laboxide_digest_stream(source_of(b"da", b"ta"), content_type="a/b")
    await storage.write_data_stream(*pair, {})
    expected = {**laboxide_digest_data(b"data", content_type="a/b"), "is_complete": True}
    assert storage.digests == [expected]


@pytest.mark.anyio
async def test_users_storage_receives_the_tags() -> None:
    storage = DictStorage()
    digest = laboxide_digest_data(b"", content_type="a/b")
    await storage.write_data(b"", digest, {"owner": "me"})
    assert storage.tags == [{"owner": "me"}]


@pytest.mark.anyio
async def test_users_storage_reads_data_by_a_deserialized_config() -> None:
    storage = DictStorage()
    digest = laboxide_digest_data(b"data", content_type="a/b")
    text = storage.serialize_config(await storage.write_data(b"data", digest, {}))
    assert await storage.read_data(storage.deserialize_config(text)) == b"data"


# The package


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_package_exports_the_public_names_of_its_modules(module: str) -> None:
    imported = importlib.import_module(f"laboxide.{module}")
    assert [name for name in imported.__all__ if not hasattr(imported, name)] == []
    assert set(imported.__all__) <= set(laboxide.__all__)


def test_all_of_the_package_lists_each_public_name_once() -> None:
    assert [name for name in laboxide.__all__ if not hasattr(laboxide, name)] == []
    public = {
        name
        for name, value in vars(laboxide).items()
        if not (name.startswith("_") or name == "annotations")
        and not isinstance(value, types.ModuleType)
    }
    assert public == set(laboxide.__all__)
    assert len(set(laboxide.__all__)) == len(laboxide.__all__)


def test_import_loads_no_event_loop_and_no_test_tool(tmp_path: Path) -> None:
    assert_clean(
        run_script(
            """
            heavy = {"hypothesis", "outcome", "pytest", "trio", "typing_extensions", "uvloop"}
            print(sorted(
                name for name in sys.modules
                if name.split(".")[0] in heavy or name.startswith("anyio._backends.")
            ))
            """,
            tmp_path,
        ),
        "[]",
    )


def test_import_loads_no_slow_module() -> None:
    slow = {"anyio", "asyncio", "dataclasses", "hashlib", "inspect", "logging", "secrets"}
    code = f"import sys, laboxide; print(sorted({slow!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
