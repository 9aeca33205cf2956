"""The table of mutants (`table.toml`), and its edits of the engine's sources."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ENGINE = Path("rust/core/src")
"""The directory of the engine's sources, below the project's."""
TABLE = Path(__file__).with_name("table.toml")
SWITCHES = Path(__file__).with_name("mutant.rs")
"""The module that the edits call; the copy has it beside lib.rs."""


class EditError(ValueError):
    """Report an edit whose lines are not exactly once in its file, or that overlaps another."""


@dataclass(frozen=True)
class Mutant:
    """A step of the protocol that is left out or wrong, and the test or driver that finds it."""

    name: str
    """The value of `LABOXIDE_MUTANT` that chooses it."""
    found_by: str
    """A driver, or a test of pytest ("tests/file.py::name")."""
    portable: bool = False
    """Whether the step belongs to the portable path."""

    @property
    def is_for_a_driver(self) -> bool:
        """Return whether a driver finds it, and no test."""
        return "::" not in self.found_by


@dataclass(frozen=True)
class Edit:
    """Whole lines of one source file, and the lines that replace them in the copy."""

    file: str
    """The path below `ENGINE`."""
    lines: str
    replacement: str

    def span_in(self, source: str) -> tuple[int, int]:
        """Return the begin and the end of the lines in `source`.

        Raises:
            EditError: The lines are absent, or there more than once.
        """
        found = [*re.finditer(f"^{re.escape(self.lines)}", source, re.MULTILINE)]
        if len(found) != 1:
            place = f"{ENGINE / self.file}: found {len(found)} times instead of once"
            raise EditError(f"{place}:\n{self.lines}")
        return found[0].span()

    @property
    def mutants(self) -> set[str]:
        """Return the names of the mutants that the replacement asks for."""
        return set(re.findall(r'mutant::is_on\("([^"]+)"\)', self.replacement))


def mutants() -> tuple[Mutant, ...]:
    """Return the mutants of the table."""
    return tuple(Mutant(name, **fields) for name, fields in _table()["mutants"].items())


def edits() -> tuple[Edit, ...]:
    """Return the edits of the table."""
    return tuple(Edit(**fields) for fields in _table()["edits"])


def edited(source: str, file: str) -> str:
    """Return the source of `file` with all its edits applied.

    Raises:
        EditError: The lines of an edit are not exactly once in `source`, or two edits overlap.
    """
    spans = sorted(
        (edit.span_in(source), edit.replacement) for edit in edits() if edit.file == file
    )
    parts, end = [], 0
    for (begin, next_end), replacement in spans:
        if begin < end:
            raise EditError(f"{ENGINE / file}: two edits overlap at byte {begin}")
        parts += [source[end:begin], replacement]
        end = next_end
    return "".join((*parts, source[end:]))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
