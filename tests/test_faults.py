"""The drivers of `faults/` are all registered, and documented."""

from __future__ import annotations

import re
from pathlib import Path

from faults.registry import MODULES

ROOT = Path(__file__).parents[1]
DEFINITION = re.compile(r"^DRIVER = ", re.MULTILINE)


def test_registry_has_every_driver() -> None:
    files = [
        path for path in (ROOT / "faults").rglob("*.py") if DEFINITION.search(path.read_text())
    ]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    assert sorted(modules) == sorted(MODULES.values())


def test_every_driver_has_a_row_of_results() -> None:
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \(`(\w+)`\) \| .+ \| .+ \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted(MODULES)
