"""Where everything is required, nothing is left out in silence."""

from __future__ import annotations

import pytest

from tests.support.needs import needs, skip_or_fail


@pytest.mark.parametrize(("required", "skipped"), [("", True), ("0", True), ("1", False)])
def test_what_a_missing_tool_keeps_from_running_is_skipped_only_where_it_may_be(
    monkeypatch: pytest.MonkeyPatch, required: str, skipped: bool
) -> None:
    monkeypatch.setenv("LABOXIDE_REQUIRE_FAULTS", required)
    assert needs("no-such-tool").mark.args == (skipped,)
    kind = pytest.skip.Exception if skipped else pytest.fail.Exception
    with pytest.raises(kind, match="why"):
        skip_or_fail("why")
