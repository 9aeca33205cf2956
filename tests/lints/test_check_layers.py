"""The layer lint finds upward imports and import cycles in Rust and in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from check_layers import check

if TYPE_CHECKING:
    from pathlib import Path

RUST = "rust/core/src"
PYTHON = "python/laboxide"
VALID = {
    f"{RUST}/lib.rs": "pub mod audit;\npub use crate::audit::Audit;\n",
    f"{RUST}/error.rs": "use std::io;\n",
    f"{RUST}/fs/mod.rs": "use crate::{error::Error as E, runtime::{Pool as P, fork}};\n",
    f"{RUST}/fs/io.rs": "use super::kind;\nuse crate::error::Result;\n// crate::store is above.\n",
    f"{RUST}/write/sink.rs": "use crate::read::Blob;\nuse super::super::fs;\n",
    f"{RUST}/read/mod.rs": "use crate::fs;\n#[cfg(test)]\nmod tests {\n    use crate::audit;\n}\n",
    f"{PYTHON}/__init__.py": "from laboxide.file import FileStorage\nimport laboxide.labox\n",
    f"{PYTHON}/_native.pyi": "",
    f"{PYTHON}/errors.py": "import os\n",
    f"{PYTHON}/types.py": "from laboxide import errors\nfrom laboxide._native import Hasher\n",
    f"{PYTHON}/memory.py": "from laboxide.types import Digest\n",
    f"{PYTHON}/file/__init__.py": "from .storage import FileStorage\nfrom ..memory import Memory\n",
    f"{PYTHON}/digest.py": "",
    f"{PYTHON}/storage.py": "import laboxide.digest\n",
    f"{PYTHON}/labox/__init__.py": "from laboxide import FileStorage\nfrom labox.core import a\n",
}


def check_tree(root: Path, changes: dict[str, str]) -> list[str]:
    for name, text in {**VALID, **changes}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return [line.removeprefix(f"{root}/") for line in check(root)]


def test_downward_imports_pass(tmp_path: Path) -> None:
    assert check_tree(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("name", "text", "imported"),
    [
        (f"{RUST}/digest/hasher.rs", "use crate::store::Object;\n", "store"),
        (f"{RUST}/digest/hasher.rs", "fn a() {\n    crate::engine::global();\n}\n", "engine"),
        (f"{RUST}/digest/hasher.rs", "use crate::{error::Error,\n    fs::{self, io}};\n", "fs"),
        (f"{RUST}/digest/mod.rs", "use super::pass;\n", "pass"),
        (f"{RUST}/digest/tree/mod.rs", "use super::super::audit;\n", "audit"),
        (f"{PYTHON}/digest.py", "from laboxide.file import FileStorage\n", "file"),
        (f"{PYTHON}/digest.py", "def a():\n    import laboxide.storage\n", "storage"),
        (f"{PYTHON}/digest.py", "from . import memory\n", "memory"),
        (f"{PYTHON}/_runtime/hub.py", "from ..digest import Hasher\n", "digest"),
        (f"{PYTHON}/digest.py", "from laboxide import FileStorage\n", "__init__"),
    ],
)
def test_upward_import_is_found(tmp_path: Path, name: str, text: str, imported: str) -> None:
    [problem] = check_tree(tmp_path, {name: text})
    importer = name.split("/")[2 if name.startswith(PYTHON) else 3].removesuffix(".py")
    assert problem.startswith(f"{name}:")
    assert problem.endswith(f"import points up: {importer} imports {imported}")


@pytest.mark.parametrize(
    ("name", "text", "ends"),
    [
        (f"{RUST}/read/blob.rs", "use crate::write::Sink;\n", "cycle: write imports read"),
        (
            f"{PYTHON}/memory.py",
            "from laboxide.file import a\n",
            "cycle: memory imports file",
        ),
    ],
)
def test_cycle_within_a_layer_is_found(tmp_path: Path, name: str, text: str, ends: str) -> None:
    [problem] = check_tree(tmp_path, {name: text})
    assert problem.endswith(ends)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (f"{RUST}/fs/io.rs", "use crate::helpers::a;\n"),
        (f"{RUST}/helpers.rs", "use crate::error::Error;\n"),
        (f"{PYTHON}/helpers.py", "from laboxide.errors import LaboxideError\n"),
    ],
)
def test_module_without_a_layer_is_found(tmp_path: Path, name: str, text: str) -> None:
    [problem] = check_tree(tmp_path, {name: text})
    assert problem.endswith("not in any layer: helpers")
