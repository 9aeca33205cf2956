"""The mutants of `faults/` match the engine's source, and no other build contains them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from laboxide import _native

from faults.mutants.table import ENGINE, SWITCHES, EditError, edited, edits, mutants
from faults.panics.driver import STEPS
from faults.registry import MODULES

ROOT = Path(__file__).parents[2]
MARKER = "LABOXIDE_MUTANT"
FILES = sorted({edit.file for edit in edits()})


def test_extension_has_no_mutants() -> None:
    assert _native.__file__ is not None
    assert MARKER.encode() not in Path(_native.__file__).read_bytes()


@pytest.mark.parametrize(
    "place", [SWITCHES, "faults/special_build.py", "scripts/check_dist.py"], ids=str
)
def test_builds_and_wheels_are_searched_for_the_marker(place: str) -> None:
    assert MARKER in (ROOT / place).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES)
def test_lines_of_every_edit_occur_exactly_once(file: str) -> None:
    source = (ROOT / ENGINE / file).read_text(encoding="utf-8")
    copy = edited(source, file)
    for edit in (edit for edit in edits() if edit.file == file):
        assert edit.lines.endswith("\n")
        assert copy.count(edit.replacement) == 1


def test_driver_raises_every_panic_of_the_table() -> None:
    replacements = "".join(edit.replacement for edit in edits())
    assert set(re.findall(r'mutant::panic_at\("([^"]+)"\)', replacements)) == set(STEPS)


def test_every_mutant_has_an_edit_and_every_switch_a_mutant() -> None:
    names = [name for edit in edits() for name in edit.mutants]
    assert set(names) == {mutant.name for mutant in mutants()}


def test_every_driver_that_finds_a_mutant_exists() -> None:
    assert {mutant.found_by for mutant in mutants() if mutant.is_for_a_driver} <= set(MODULES)


def test_every_test_that_finds_a_mutant_exists() -> None:
    tests = [mutant.found_by for mutant in mutants() if not mutant.is_for_a_driver]
    words = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    process = subprocess.run(
        (*words, *tests), check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_engine_has_no_mutant_switches() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "rust").rglob("*.rs")]
    assert len(sources) > 20
    assert not [source for source in sources if "mutant::" in source or MARKER in source]


@pytest.mark.parametrize("times", [0, 2])
def test_edit_of_absent_or_repeated_lines_is_refused(times: int) -> None:
    edit = next(edit for edit in edits() if edit.file == "runtime/sync.rs")
    source = (ROOT / ENGINE / edit.file).read_text(encoding="utf-8")
    with pytest.raises(EditError, match=f"sync.rs: found {times} times"):
        edited(source.replace(edit.lines, edit.lines * times), edit.file)
