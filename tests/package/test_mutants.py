"""Defects that are built in on purpose are in no build but the one that tests the tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from laboxide import _native

ROOT = Path(__file__).parents[2]
SIGN = "LABOXIDE_MUTANT"


def test_the_extension_has_no_mutants() -> None:
    assert _native.__file__ is not None
    assert SIGN.encode() not in Path(_native.__file__).read_bytes()


@pytest.mark.parametrize(
    "place", ["rust/core/src/mutant.rs", "faults/special_build.py", "scripts/check_dist.py"]
)
def test_what_wheels_are_searched_for_is_what_the_build_with_mutants_has(place: str) -> None:
    # The engine asks for it, the special build is refused without it, and wheels are with it.
    assert SIGN in (ROOT / place).read_text(encoding="utf-8")
