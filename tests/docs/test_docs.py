"""Run the examples of the documentation: every Python block of every page, and docstrings."""

from __future__ import annotations

import ast
import asyncio
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import laboxide
import pytest

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    # The blocks of a page share one namespace and may use `await`, as in a notebook.
    namespace: dict[str, object] = {"__name__": "__main__"}
    with asyncio.Runner() as runner:
        for block in BLOCK.finditer(text):
            source = "\n" * text[: block.start(1)].count("\n") + block[1]
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            code = compile(source, str(page), "exec", flags=flags, dont_inherit=True)
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(eval(code, namespace))
            else:
                exec(code, namespace)


def test_readme_has_350_to_450_words() -> None:
    text = FENCED.sub("", (ROOT / "README.md").read_text(encoding="utf-8"))
    words = re.sub(r"\]\([^)]*\)", "]", text).replace("|", " ").split()
    assert 350 <= sum(re.search(r"\w", word) is not None for word in words) <= 450


def test_readme_example_has_at_most_8_lines_and_no_assert() -> None:
    block = BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    assert len([line for line in block[1].splitlines() if line]) <= 8
    assert "assert" not in block[1]


def test_architecture_has_at_most_300_lines() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_paths_on_pages_exist(name: str) -> None:
    text = FENCED.sub("", (ROOT / name).read_text(encoding="utf-8"))
    named = re.findall(r"`([\w./]+(?:/|\.(?:rs|py|pyi|sh)))`", text)
    places = [ROOT, ROOT / "rust/core/src", ROOT / "python/laboxide"]
    assert named
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


def test_documented_test_file_is_complete(tmp_path: Path) -> None:
    text = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
    block = BLOCK.search(text, text.index("This is a whole test file"))
    assert block is not None
    namespace: dict[str, Any] = {"__name__": "test_mine"}
    exec(compile(block[1], "guide.md", "exec", dont_inherit=True), namespace)
    assert isinstance(namespace["TestMyStorage"]().make_storage(tmp_path), laboxide.Storage)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_have_targets(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings]
            assert anchor[1:] in anchors, anchor


@pytest.mark.parametrize(
    "name", sorted(module.name for module in pkgutil.iter_modules(laboxide.__path__, "laboxide."))
)
def test_docstring_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name), raise_on_error=False).failed == 0
