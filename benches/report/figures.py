"""The figures behind the floors, computed from the records."""

from __future__ import annotations

from collections.abc import Callable

from benches.report.records import LIMIT, MINE, Key, Records, spread

Figure = Callable[[Records], float | None]

HASHING_PEERS = ("labox", "aiofiles", "anyio", "blocking", "thread", "blake3")
MIB = 1 << 20


def ratio(one: Key, other: Key) -> Figure:
    """Divide the speed of one by that of the other."""

    def figure(records: Records) -> float | None:
        ratio = records.ratio(one, other)
        return None if ratio is None else ratio.median

    return figure


def limit(operation: str, variant: str, algorithm: str | None) -> Figure:
    """Divide laboxide's speed by that of the reference program."""
    return ratio(*(Key(operation, variant, name, algorithm) for name in (MINE, LIMIT)))


def peer(operation: str, variant: str, algorithm: str | None, name: str) -> Figure:
    """Divide laboxide's speed by that of a peer."""

    def figure(records: Records) -> float | None:
        mine = Key(operation, variant, MINE, algorithm)
        for other in records.contestants(operation, variant):
            if other.contestant == name and (found := records.ratio(mine, other)):
                return found.median
        return None

    return figure


def best_peer(operation: str, variant: str, algorithm: str) -> Figure:
    """Divide laboxide's speed by that of the fastest hashing peer."""

    def figure(records: Records) -> float | None:
        each = (peer(operation, variant, algorithm, name)(records) for name in HASHING_PEERS)
        return min((ratio for ratio in each if ratio is not None), default=None)

    return figure


def inverse(of: Figure) -> Figure:
    """Return the inverse ratio."""

    def figure(records: Records) -> float | None:
        found = of(records)
        return None if found is None else 1 / found

    return figure


def per_core(one: Key, other: Key) -> Figure:
    """Divide the bytes per processor second of one by those of the other."""

    def figure(records: Records) -> float | None:
        mine, theirs = records.get(one), records.get(other)
        if mine is None or theirs is None or not (mine.cpu and theirs.cpu):
            return None
        return spread(theirs.cpu.values()).median / spread(mine.cpu.values()).median

    return figure


def stall(variant: str, name: str, *, added: bool) -> Figure:
    """Return a stall in ms, if `added` beyond that of an idle loop."""

    def figure(records: Records) -> float | None:
        found = records.get(Key("stall", variant, MINE))
        idle = records.get(Key("stall", "idle", MINE))
        if found is None or idle is None:
            return None
        base = spread(idle.figures[name].values()).median if added else 0.0
        return spread(found.figures[name].values()).median - base

    return figure


def worst_stall(variant: str) -> Figure:
    """Return the longest stall of all rounds in ms."""

    def figure(records: Records) -> float | None:
        found = records.get(Key("stall", variant, MINE))
        return None if found is None else found.worst["max"]

    return figure


def memory(variant: str) -> Figure:
    """Return the peak extra memory of all passes in MiB."""

    def figure(records: Records) -> float | None:
        found = records.get(Key("memory", variant, MINE))
        return None if found is None else max(found.figures["memory"].values()) / MIB

    return figure
