"""The report: Markdown for people, JSON for the pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benches.contestants import DESCRIPTIONS
from benches.report.floors import floor_table
from benches.report.records import Records, spread
from benches.report.table import (
    import_table,
    loop_table,
    memory_table,
    speed_tables,
    stall_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benches.machine import Machine


def write_report(paths: Sequence[Path], machine: Machine, out: Path) -> str:
    """Write ``table.md`` and ``summary.json`` to `out`, and return the table."""
    records = Records(paths)
    out.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(_sections(records, machine)) + "\n"
    (out / "table.md").write_text(text, encoding="utf-8")
    summary = {"machine": machine, "results": [*_summary(records)]}
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return text


def _sections(records: Records, machine: Machine) -> Iterable[str]:
    yield "# Benchmarks of laboxide"
    yield _heading(machine)
    yield "## Floors and goals"
    yield floor_table(records)
    yield "## Speeds"
    yield _legend()
    yield speed_tables(records)
    yield loop_table(records)
    yield "## Latency, memory and import time"
    yield stall_table(records)
    yield memory_table(records)
    yield import_table(records)


def _heading(machine: Machine) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    least, most = min(machine["load"]), max(machine["load"])
    memory = f"{machine['memory'] / (1 << 30):.0f} GiB"
    vectors = f" ({', '.join(machine['vectors'])})" if machine["vectors"] else ""
    parts = (machine["processor"] + vectors, f"{machine['cores']} cores", memory, machine["system"])
    busy = f"load {least:.1f} to {most:.1f} before and after"
    if machine["steal"] is not None:
        busy += f", {machine['steal']:.1%} steal time"
    plural = "es" if machine["passes"] > 1 else ""
    passes = f"{machine['passes']} pass{plural} in {machine['minutes']:.1f} minutes"
    if machine["runs"] > 1:
        passes += f" and {machine['runs']} runs"
    return f"""\
- {", ".join(parts)}
- {busy}
- {machine["file_system"]}, page cache; reflinks: {machine["reflink"]}
- {machine["python"]}, {packages}
- `{machine["scale"]}`: {passes}, each pass in a process of its own"""


LEGEND = """\
Medians over the passes; *spread* is their minimum and maximum. *of limit* and *x peer* are medians
of the ratios within each pass: laboxide's speed divided by that of the reference program or of the
peer. *CPU* is the processor time of all threads, per GB or per object.
"""


def _legend() -> str:
    return "\n".join([LEGEND, *(f"- **{name}**: {text}" for name, text in DESCRIPTIONS.items())])


def _summary(records: Records) -> Iterable[dict[str, Any]]:
    for key in records:
        record = records.get(key)
        assert record is not None
        figures = {
            "seconds": record.seconds,
            "bytes_per_second": record.speeds,
            "objects_per_second": record.rates,
            "cpu_seconds_per_gb": record.cpu,
            **record.figures,
        }
        spreads = {
            name: [float(f"{value:.5g}") for value in spread(values.values())]
            for name, values in figures.items()
            if values
        }
        worst = {"worst": record.worst} if record.worst else {}
        yield {**key._asdict(), "failures": record.failures, **spreads, **worst}
