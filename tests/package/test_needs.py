"""Tests with missing requirements are skipped, or fail if everything is required."""

from __future__ import annotations

import pytest

from tests.support.needs import needs, skip_or_fail


@pytest.mark.parametrize(("required", "skipped"), [("", True), ("0", True), ("1", False)])
def test_missing_tool_skips_unless_required(
    monkeypatch: pytest.MonkeyPatch, required: str, skipped: bool
) -> None:
    monkeypatch.setenv("LABOXIDE_REQUIRE_FAULTS", required)
    assert needs("no-such-tool").mark.args == (skipped,)
    kind = pytest.skip.Exception if skipped else pytest.fail.Exception
    with pytest.raises(kind, match="why"):
        skip_or_fail("why")
