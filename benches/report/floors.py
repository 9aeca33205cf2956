"""The floors that laboxide must reach, and its goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benches.report import figures
from benches.report.records import MINE, Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benches.report.figures import Figure
    from benches.report.records import Records


@dataclass(frozen=True)
class Floor:
    """A figure and its bounds."""

    row: str
    against: str
    figure: Figure
    floor: float
    goal: float | None = None
    unit: str = "x"
    at_most: bool = False
    """Whether smaller is better."""
    worst: Figure | None = None
    """The worst round behind the median of `figure`."""

    def verdict(self, found: float) -> str:
        """Return the verdict on a value."""
        if self._reaches(found, self.floor):
            return "GOAL" if self.goal is not None and self._reaches(found, self.goal) else "PASS"
        return "BELOW"

    def _reaches(self, found: float, bound: float) -> bool:
        return found <= bound if self.at_most else found >= bound


def floor_table(records: Records) -> str:
    """Return the floors, as Markdown."""
    lines = ["| row | against | figure | floor | goal | |", "|---|---|---|---|---|---|"]
    lines += [_line(floor, records) for floor in floors()]
    return "\n".join(lines)


def _line(floor: Floor, records: Records) -> str:
    def text(value: float | None) -> str:
        if value is None:
            return "-"
        return f"{value:.2f} {floor.unit}" if floor.unit == "x" else f"{value:.3g} {floor.unit}"

    found = floor.figure(records)
    shown = text(found)
    if found is not None and floor.worst is not None:
        shown = f"{shown}, worst {text(floor.worst(records))}"
    bound = "at most " if floor.at_most else ""
    verdict = "not measured" if found is None else floor.verdict(found)
    verdict = f"**{verdict}**" if verdict == "BELOW" else verdict
    return (
        f"| {floor.row} | {floor.against} | {shown} "
        f"| {bound}{text(floor.floor)} | {text(floor.goal)} | {verdict} |"
    )


def floors() -> Iterator[Floor]:
    """Return all floors."""
    yield from _stream_writes()
    yield from _reads()
    yield from _small_objects()
    yield from _files()
    yield from _streams_at_once()
    yield from _beside_speed()


def _stream_writes() -> Iterator[Floor]:
    operation, blake3 = "stream write", "blake3"
    for variant, (floor, goal, peers) in _STREAMS.items():
        row = f"stream write BLAKE3, {variant}"
        yield Floor(row, "limit", figures.limit(operation, variant, blake3), floor, goal)
        for peer, times in peers.items():
            yield Floor(row, peer, figures.peer(operation, variant, blake3, peer), times)
    best = figures.best_peer(operation, "1 MiB", blake3)
    yield Floor("stream write BLAKE3, 1 MiB", "best peer that hashes", best, 2)
    for variant, neighbour in _NEIGHBOURS.items():
        one, other = (Key(operation, each, MINE, blake3) for each in (variant, neighbour))
        figure = figures.ratio(one, other)
        yield Floor(f"stream write BLAKE3, {variant}", neighbour, figure, 0.9, 1.0)
    for variant in ("64 KiB", "1 MiB"):
        row = f"stream write SHA-256, {variant}"
        yield Floor(row, "limit", figures.limit(operation, variant, "sha256"), 0.9, 0.96)
        yield Floor(row, "labox", figures.peer(operation, variant, "sha256", "labox"), 1.25)


_STREAMS: dict[str, tuple[float, float, dict[str, float]]] = {
    "64 KiB": (0.8, 0.95, {"labox": 5, "obstore": 5}),
    "1 MiB": (0.75, 0.88, {}),
    "4 KiB": (0.4, 0.55, {"labox": 5, "aiofiles": 20}),
}
_NEIGHBOURS = {
    "1 000 B": "1 KiB",
    "10 000 B": "8 KiB",
    "60 000 B": "64 KiB",
    "mixed 1-100 KiB": "64 KiB",
}


def _reads() -> Iterator[Floor]:
    operation = "stream read"
    for variant in ("256 KiB", "1 MiB"):
        row = f"stream read, {variant}"
        yield Floor(row, "limit", figures.limit(operation, variant, None), 0.5, 0.75)
        for peer, times in (("blocking", 1.2), ("anyio", 4)):
            yield Floor(row, peer, figures.peer(operation, variant, None, peer), times)
    for algorithm, name, floor, goal in (
        ("blake3", "BLAKE3", 0.8, 0.9),
        ("sha256", "SHA-256", 0.9, 0.96),
    ):
        row = f"verified stream read {name}, 1 MiB"
        yield Floor(row, "limit", figures.limit(operation, "1 MiB", algorithm), floor, goal)
    row, variant = "read_data 256 MiB", "256 MiB, sequential"
    yield Floor(row, "anyio", figures.peer("read_data", variant, None, "anyio"), 3, 5)


def _small_objects() -> Iterator[Floor]:
    row, variant = "read_data 4 KiB, sequential", "4 KiB, sequential"
    for peer, floor, goal in (("blocking", 1.3, 2.0), ("anyio", 10, None), ("aiofiles", 15, None)):
        figure = figures.peer("read_data", variant, None, peer)
        yield Floor(row, peer, figure, floor, goal)
    row, concurrent = "write_data 4 KiB, 32 in flight", "4 KiB, 32 in flight"
    yield Floor(row, "limit", figures.limit("write_data", concurrent, "blake3"), 0.7, 0.85)
    for peer, times in (("labox", 1.5), ("obstore", 3)):
        yield Floor(row, peer, figures.peer("write_data", concurrent, "blake3", peer), times)
    row = "write_data 4 KiB, sequential"
    figure = figures.inverse(figures.peer("write_data", variant, "blake3", "labox"))
    yield Floor(row, "labox (time)", figure, 1.3, 1.0, at_most=True)
    yield Floor(row, "anyio", figures.peer("write_data", variant, "blake3", "anyio"), 2.5)
    for each in (variant, concurrent):
        put, pair = (Key(operation, each, MINE, "blake3") for operation in ("put", "write_data"))
        figure = figures.ratio(put, pair)
        yield Floor(f"put {each}", "digest_data, write_data", figure, 0.95, 1.0)
    operation, durable = "durable write_data", "4 KiB, 100 in flight"
    figure = figures.peer(operation, durable, "blake3", "fsync per object")
    yield Floor(f"{operation} {durable}", "fsync per object", figure, 4)


def _files() -> Iterator[Floor]:
    for algorithm, name, floor, goal in (
        ("blake3", "BLAKE3", 0.8, 0.92),
        ("sha256", "SHA-256", 0.9, 0.95),
    ):
        figure = figures.limit("import_file", "copy", algorithm)
        yield Floor(f"import {name}, copy", "limit", figure, floor, goal)
    figure = figures.peer("import_file", "copy", "blake3", "shutil")
    yield Floor("import BLAKE3, copy", "shutil.copy", figure, 1.5)
    for algorithm, name, floor in (("blake3", "BLAKE3", 0.8), ("sha256", "SHA-256", 0.9)):
        figure = figures.limit("import_file", "reflink", algorithm)
        yield Floor(f"import {name}, reflink", "hashing the file", figure, floor)


def _streams_at_once() -> Iterator[Floor]:
    operation = "concurrent streams"
    for variant, floor, goal in (("4 streams", 0.85, 0.93), ("16 streams", 0.75, 0.88)):
        figure = figures.limit(operation, variant, "blake3")
        yield Floor(f"{variant} BLAKE3, total", "limit", figure, floor, goal)
    for variant in ("4 streams", "16 streams"):
        one, many = (Key(operation, each, MINE, "sha256") for each in ("1 stream", variant))
        # One stream keeps more than one core busy: compare processor time, not time.
        figure = figures.per_core(many, one)
        yield Floor(f"{variant} SHA-256, per core", "one stream", figure, 1.0, 1.5)


def _beside_speed() -> Iterator[Floor]:
    for streams in (1, 2, 4):
        variant = f"{streams} stream{'s' if streams > 1 else ''} BLAKE3, source suspends"
        for name, floor, goal in (("p99", 1, 0.3), ("max", 3, 1)):
            figure = figures.stall(f"stream write, {variant}", name, added=True)
            worst = figures.worst_stall(f"stream write, {variant}") if name == "max" else None
            row = f"stall added, {variant}, {name}"
            yield Floor(row, "idle loop", figure, floor, goal, "ms", at_most=True, worst=worst)
    for size in ("4 KiB", "64 KiB", "1 MiB"):
        variant = f"1 stream BLAKE3, {size}, source never suspends"
        figure = figures.stall(f"stream write, {variant}", "max", added=False)
        worst = figures.worst_stall(f"stream write, {variant}")
        row = f"stall, {variant}, max"
        yield Floor(row, "", figure, 5, 2, "ms", at_most=True, worst=worst)
    for variant in ("stream of 256 MiB, written", "stream of 8 GiB, written"):
        yield Floor(
            f"extra memory, {variant}", "", figures.memory(variant), 16, 8, "MiB", at_most=True
        )
    variant = "16 concurrent streams of 64 MiB, written"
    yield Floor(
        f"extra memory, {variant}", "", figures.memory(variant), 96, 64, "MiB", at_most=True
    )
    for variant in _LOOP_ROWS:
        asyncio = Key("loops", variant, MINE, "blake3")
        figure = figures.ratio(asyncio._replace(loop="trio"), asyncio)
        yield Floor(f"trio: {variant}", "asyncio", figure, 0.8, 0.95)
    mine, anyio = (Key("import", "time", name) for name in (MINE, "import anyio"))
    figure = figures.ratio(anyio, mine)
    yield Floor("time of `import laboxide`", "`import anyio`", figure, 1.5, 1.2, at_most=True)


_LOOP_ROWS = (
    "stream write, 64 KiB",
    "stream write, 64 KiB, source suspends",
    "stream read, 1 MiB",
    "read_data 4 KiB, sequential",
    "write_data 4 KiB, 32 in flight",
)
