"""Any value in place of a pointer is refused, or reaches nothing outside the root."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laboxide import CorruptDataError, FileStorage, ObjectNotFoundError, digest_data
from laboxide.file.pointer import parse_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = b"content outside the root"
HASH = digest_data(SECRET, content_type="a/b")["content_hash"]

many = settings(max_examples=4 * settings().max_examples)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)
components = st.sampled_from(["..", ".", "", "a", "root", "canary", "secret", "link", "\0", "~"])
keys = st.lists(components, max_size=6).map("/".join) | st.text()
fields = st.fixed_dictionaries(
    {},
    optional={
        "root": keys.map(lambda path: f"/{path}") | values,
        "key": keys | values,
        "algorithm": st.sampled_from(["blake3", "sha256", "BLAKE3", "md5"]) | values,
        "hash": st.sampled_from([HASH, HASH.upper(), HASH[1:], "0" * 64]) | values,
        "size": st.sampled_from([0, len(SECRET), -1, 1 << 63, True]) | values,
        "more": values,
    },
)
GOOD = {"algorithm": "blake3", "hash": HASH, "size": len(SECRET)}


@many
@given(config=values | fields)
def test_any_value_is_refused_or_fully_checked(config: Any) -> None:
    try:
        pointer = parse_pointer(config)
    except (TypeError, ValueError):
        return
    assert re.fullmatch("[0-9a-f]{64}", pointer["hash"])
    assert pointer["algorithm"] in ("blake3", "sha256")
    assert 0 <= pointer["size"] < 1 << 63
    assert not {"", ".", ".."} & set(pointer["key"].split("/"))
    assert "\0" not in pointer["key"] + pointer["root"]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileStorage]:
    """Yield a storage with links out of its root, to a canary beside it."""
    path = tmp_path_factory.mktemp("pointers")
    (path / "canary").mkdir()
    (path / "canary/secret").write_bytes(SECRET)
    (path / "root/a").mkdir(parents=True)
    (path / "root/link").symlink_to(path / "canary")
    (path / "root/a/link").symlink_to(path / "canary/secret")
    yield FileStorage(path / "root")
    assert (path / "canary/secret").read_bytes() == SECRET


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@many
@given(config=values | fields | keys.map(lambda key: {**GOOD, "key": key}))
@pytest.mark.parametrize("operation", ["read_data", "verify", "stat", "delete"])
def test_pointer_to_own_root_reaches_nothing_outside(
    storage: FileStorage, loop: asyncio.AbstractEventLoop, operation: str, config: Any
) -> None:
    if isinstance(config, dict):
        config = {**config, "root": str(storage.path)}
    with pytest.raises((TypeError, ValueError, ObjectNotFoundError, CorruptDataError, OSError)):
        loop.run_until_complete(getattr(storage, operation)(config))
    assert paths(storage.path.parent) == {"canary", "canary/secret", *ROOT}


ROOT = {"root", "root/a", "root/link", "root/a/link"}


def paths(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}
