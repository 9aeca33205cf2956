"""Check that imports of the engine and the package point down the layers, without cycles.

Usage: python scripts/check_layers.py. ARCHITECTURE.md describes the layers. Each folder or module
of the first level belongs to one layer. It may import lower layers, and neighbours of its own layer
that do not import it, directly or indirectly. Imports inside functions count; unit tests do not.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
RUST = "error; runtime; memory; digest; engine; fs; store; pass; read write; audit transfer"
PYTHON = (
    "_native; errors; types; _validation; _runtime; digest; storage; memory file; __init__; "
    "testing labox"
)
"""Layers from the lowest to the highest. `__init__` is the package's own list of public names."""

COMMENT = re.compile(r"//[^\n]*")
TESTS = re.compile(r"#\[cfg\(test\)\]\s*mod\s+\w+\s*\{")
PATH = re.compile(r"(?<!\$)\b(crate::|(?:super::)+)\s*(\w+|\{)")


class Import(NamedTuple):
    """An import of one folder or module of the first level by another, and its place."""

    file: str
    line: int
    importer: str
    imported: str


def group_names(source: str, start: int) -> Iterator[str]:
    """Return the first names of a group, such as `a` and `c` in `{a::b, c::{d, e}}`."""
    depth = 0
    for token in re.finditer(r"[{}]|(?:::|\bas\s+)?\b\w+", source[start:]):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth < 0:
            return
        if depth == 0 and re.fullmatch(r"\w+", token[0]):
            yield token[0]


def rust_imports(file: Path, src: Path) -> Iterator[Import]:
    """Return the imports of one file by `crate::`, or by `super::` up to the crate root."""
    parts = file.relative_to(src).with_suffix("").parts
    depth = len(parts) - (parts[-1] == "mod")
    source = COMMENT.sub("", file.read_text(encoding="utf-8"))
    if tests := TESTS.search(source):
        source = source[: tests.start()]
    for path in PATH.finditer(source):
        if path[1] != "crate::" and path[1].count("super") != depth:
            continue
        line = source.count("\n", 0, path.start()) + 1
        names = group_names(source, path.end()) if path[2] == "{" else [path[2]]
        yield from (Import(str(file), line, parts[0], name) for name in names)


def python_imports(file: Path, package: Path) -> Iterator[Import]:
    """Return the imports of one module from its own package."""
    parts = file.relative_to(package).with_suffix("").parts
    modules = {path.stem for path in package.iterdir()}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = list[tuple[str, ...]]()
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = (package.name, *parts)[: -node.level] if node.level else ()
            base = (*parents, *(node.module.split(".") if node.module else ()))
            names = [(*base, alias.name) for alias in node.names]
        for name in names:
            if name[0] == package.name:
                imported = name[1] if len(name) > 1 and name[1] in modules else "__init__"
                yield Import(str(file), getattr(node, "lineno", 1), parts[0], imported)


def problems(imports: Iterable[Import], layers: str) -> Iterator[str]:
    """Return one line for each import that points up, has no layer, or closes a cycle."""
    ranks = {name: rank for rank, names in enumerate(layers.split(";")) for name in names.split()}
    neighbours = dict[str, set[str]]()
    for file, line, importer, imported in imports:
        if importer == imported:
            continue
        if unknown := {importer, imported} - set(ranks):
            yield f"{file}:{line}: not in any layer: {', '.join(sorted(unknown))}"
        elif ranks[imported] > ranks[importer]:
            yield f"{file}:{line}: import points up: {importer} imports {imported}"
        elif ranks[imported] == ranks[importer]:
            if reaches(imported, importer, neighbours):
                yield f"{file}:{line}: import cycle: {importer} imports {imported}"
            else:
                neighbours.setdefault(importer, set()).add(imported)


def reaches(name: str, target: str, neighbours: dict[str, set[str]]) -> bool:
    """Return whether one neighbour imports another, directly or indirectly."""
    return name == target or any(
        reaches(other, target, neighbours) for other in neighbours.get(name, ())
    )


def check(root: Path) -> list[str]:
    """Return the problems of the engine and the package below a root."""
    src, package = root / "rust/core/src", root / "python/laboxide"
    rust = (
        found
        for file in sorted(src.rglob("*.rs"))
        if file != src / "lib.rs"
        for found in rust_imports(file, src)
    )
    python = (
        found
        for file in sorted(package.rglob("*.py"))
        for found in python_imports(file, package)
        if found.importer != "__init__"
    )
    return list(dict.fromkeys([*problems(rust, RUST), *problems(python, PYTHON)]))


if __name__ == "__main__":
    found = check(ROOT)
    print(*(line.removeprefix(f"{ROOT}/") for line in found), sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)
