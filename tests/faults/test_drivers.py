"""The registry, tiers and results of the fault drivers in faults/."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from faults import driver, results
from faults.driver import Trial
from faults.night import Night
from faults.registry import MODULES
from faults.results import Row

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ROOT = results.PAGE.parents[1]
DEFINITION = re.compile(r"^DRIVER = ", re.MULTILINE)


def test_registry_has_every_driver() -> None:
    files = (ROOT / "faults").rglob("*.py")
    drivers = [path for path in files if DEFINITION.search(path.read_text(encoding="utf-8"))]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in drivers]
    assert sorted(modules) == sorted(MODULES.values())


def test_results_show_tiers_of_every_driver() -> None:
    page = results.PAGE.read_text(encoding="utf-8")
    assert results.table_of_tiers() in page, "run python -m faults.results"


def test_record_replaces_section_of_its_tier(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    results.record("long", [Row("one", "first title", 1)], 1.0, page)
    results.record("change", [Row("two", "second title", 2)], 2.0, page)
    results.record("long", [Row("three", "third title", 3)], 3.0, page)
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Tiers",
        "The last run of change",
        "The last run of long",
    ]
    assert "second title (`two`)" in text
    assert "third title (`three`)" in text
    assert "first title" not in text


def test_trial_continues_after_saved_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "SAVE_EVERY", 0.0)
    saved = tmp_path / "progress"
    stopped = Trial(1, "night", {}, tmp_path, saved=saved)
    for item in stopped.units("abc"):
        stopped.tried[item] += 1
        if item == "c":
            break
    continued = Trial(2, "night", {}, tmp_path, saved=saved)
    assert [*continued.units("abc"), *continued.units("de")] == ["c", "d", "e"]
    assert continued.tried == {"a": 1, "b": 1}
    assert (continued.done, continued.wanted) == (5, 5)


def test_trial_with_findings_saves_no_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "SAVE_EVERY", 0.0)
    trial = Trial(1, "night", {}, tmp_path, saved=tmp_path / "progress")
    for item in trial.units("abc"):
        trial.found.append(item)
    assert not (tmp_path / "progress").exists()


def test_trial_starts_no_unit_after_its_deadline(tmp_path: Path) -> None:
    trial = Trial(1, "long", {}, tmp_path, until=0.0)
    assert list(trial.units("abc")) == []
    assert (trial.done, trial.wanted) == (0, 3)


def test_night_keeps_rows_that_held(tmp_path: Path) -> None:
    held = Row("held", "title", 1, seconds=2.0, tried={"all": 3}, units=(4, 4))
    night = Night(tmp_path / "night")
    night.keep(held)
    night.keep(Row("found", "title", 1, found=["wrong"]))
    night.keep(Row("skipped", "title", 1, skipped="needs root"))
    again = Night(tmp_path / "night")
    kept = again.row("held")
    assert kept is not None
    assert kept.verdict == "held"
    assert kept.tried == held.tried
    assert again.row("found") is None
    assert again.row("skipped") is None


def test_night_with_other_sources_starts_over(tmp_path: Path) -> None:
    night = Night(tmp_path / "night")
    night.keep(Row("held", "title", 1))
    (tmp_path / "night" / "sources").write_text("others", encoding="utf-8")
    assert Night(tmp_path / "night").row("held") is None
