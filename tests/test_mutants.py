"""Defects that are built in on purpose are in no build but the one that tests the tests."""

from __future__ import annotations

from pathlib import Path

from laboxide import _native


def test_the_extension_has_no_mutants() -> None:
    assert _native.__file__ is not None
    assert b"LABOXIDE_MUTANT" not in Path(_native.__file__).read_bytes()
