"""The tables of speeds, stalls, memory and import time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.contestants import DESCRIPTIONS
from benches.report.records import LIMIT, MINE, Key, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benches.report.records import Record, Records, Spread

SPEEDS = (
    "stream write",
    "stream read",
    "write_data",
    "put",
    "dedup hit",
    "durable write_data",
    "read_data",
    "import_file",
    "concurrent streams",
    "hash",
)
ALGORITHMS = {"blake3": "BLAKE3", "sha256": "SHA-256", None: "plain"}
COUNTED = ("1 KiB,", "4 KiB,", "64 KiB,", "messages")
"""Rows that count objects, not bytes."""


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def speed_tables(records: Records) -> str:
    """Return one table per operation: laboxide, the limit and the peers."""
    return "\n\n".join(_speeds(records, operation) for operation in SPEEDS)


def _speeds(records: Records, operation: str) -> str:
    mine = [key for key in records if key.operation == operation and key.contestant == MINE]
    peers = _peers(records, operation)
    header = ["row", "laboxide", "spread", "CPU", "limit", "of limit"]
    header += [f"x {peer}" for peer in peers]
    rows = [_row(records, key, peers) for key in mine]
    return f"### {operation}\n\n{markdown(header, rows)}{_failures(records, operation)}"


def _peers(records: Records, operation: str) -> list[str]:
    names = {key.contestant for key in records if key.operation == operation}
    return [name for name in DESCRIPTIONS if name in names - {MINE, LIMIT}]


def _row(records: Records, key: Key, peers: Sequence[str]) -> list[str]:
    record, limit = records.get(key), records.get(key._replace(contestant=LIMIT))
    assert record is not None
    unit, values = _values(key, record)
    found = spread(values)
    verified = "verified " if "read" in key.operation and key.algorithm else ""
    return [
        f"{key.variant}, {verified}{ALGORITHMS[key.algorithm]}",
        f"{found.median:.3g} {unit}",
        f"{found.minimum:.3g}-{found.maximum:.3g}",
        _cpu(key, record),
        "" if limit is None else f"{spread(_values(key, limit)[1]).median:.3g} {unit}",
        _ratio(records.ratio(key, key._replace(contestant=LIMIT))),
        *(_against(records, key, peer) for peer in peers),
    ]


def _values(key: Key, record: Record) -> tuple[str, list[float]]:
    if key.variant.startswith(COUNTED) and "stream" not in key.operation:
        return "k/s", [rate / 1e3 for rate in record.rates.values()]
    return "GB/s", [speed / 1e9 for speed in record.speeds.values()]


def _cpu(key: Key, record: Record) -> str:
    if _values(key, record)[0] == "GB/s":
        return f"{spread(record.cpu.values()).median:.2f} s/GB"
    each = (record.cpu[index] * record.speeds[index] / record.rates[index] for index in record.cpu)
    return f"{spread(each).median / 1e3:.1f} us"


def _against(records: Records, key: Key, peer: str) -> str:
    for other in records.contestants(key.operation, key.variant):
        if other.contestant == peer:
            record = records.get(other)
            fails = record is not None and not record.seconds
            return "fails" if fails else _ratio(records.ratio(key, other))
    return ""


def _ratio(ratio: Spread | None) -> str:
    return "" if ratio is None else f"{ratio.median:.2f}"


def _failures(records: Records, operation: str) -> str:
    notes = []
    for key in records:
        record = records.get(key)
        if key.operation == operation and record is not None and record.failures:
            found = f"{record.failures} of {record.attempts} attempts failed"
            notes.append(f"- {key.contestant}, {key.variant}: {found}")
    return "\n\n" + "\n".join(notes) if notes else ""


def loop_table(records: Records) -> str:
    """Return the table of the same work on all loops."""
    rows_of = dict.fromkeys(key._replace(loop="") for key in records if key.operation == "loops")
    rows = [_loops(records, key) for key in rows_of]
    return "### loops\n\n" + markdown(
        ["row", "asyncio", "uvloop", "trio", "uvloop/asyncio", "trio/asyncio"], rows
    )


def _loops(records: Records, row: Key) -> list[str]:
    keys = [row._replace(loop=loop) for loop in ("asyncio", "uvloop", "trio")]
    ratios = [_ratio(records.ratio(key, keys[0])) for key in keys[1:]]
    return [row.variant, *(_speed(records, key) for key in keys), *ratios]


def _speed(records: Records, key: Key) -> str:
    record = records.get(key)
    if record is None:
        return ""
    if "data 4 KiB" in key.variant:
        return f"{spread(record.rates.values()).median / 1e3:.3g} k/s"
    return f"{spread(record.speeds.values()).median / 1e9:.3g} GB/s"


def stall_table(records: Records) -> str:
    """Return the table of stalls, with the steal time of the worst round."""
    rows = []
    for key in records:
        record = records.get(key)
        if key.operation == "stall" and record is not None:
            found = {name: spread(record.figures[name].values()) for name in ("p50", "p99", "max")}
            figures = [f"{value.median:.2f}" for value in found.values()]
            worst = (f"{record.worst['max']:.2f}", f"{record.worst['steal']:.0f}")
            rows.append([key.variant, key.contestant, *figures, *worst])
    header = ["work", "library", "p50", "p99", "max", "worst round", "its steal time"]
    return "### event-loop stall, ms\n\n" + markdown(header, rows)


def memory_table(records: Records) -> str:
    """Return the table of peak resident memory beyond the start of the work."""

    def values(record: Record) -> list[float]:
        return [value / (1 << 20) for value in record.figures["memory"].values()]

    return "### peak extra memory, MiB\n\n" + _figures(records, "memory", values)


def import_table(records: Records) -> str:
    """Return the table of import times."""
    return "### import, ms\n\n" + _figures(
        records, "import", lambda record: [value * 1e3 for value in record.seconds.values()]
    )


def _figures(records: Records, operation: str, values: Callable[[Record], list[float]]) -> str:
    rows = []
    for key in records:
        record = records.get(key)
        if key.operation == operation and record is not None and record.seconds:
            found = spread(values(record))
            figures = (f"{found.median:.1f}", f"{found.minimum:.1f}-{found.maximum:.1f}")
            rows.append([key.variant, key.contestant, *figures])
    return markdown(["row", "library", "median", "spread"], rows)
