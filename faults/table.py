"""What was tried and what came out, as one table."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 6
"""Kinds of trials that a row names before it says only how many there were."""


@dataclass
class Row:
    """What came out of one driver."""

    name: str
    title: str
    seed: int
    seconds: float = 0.0
    work: float = 0.0
    """Seconds of processors, together."""
    tried: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    rounds: tuple[int, int] = (0, 0)
    """How many there was time for, and how many there should be."""
    skipped: str | None = None

    @property
    def verdict(self) -> str:
        """Say in a word or two what came out."""
        if self.skipped is not None:
            return f"not run: {self.skipped}"
        if self.found:
            return f"{len(self.found)} FOUND"
        done, wanted = self.rounds
        return "held" if done == wanted else f"held; time for {done:,} of {wanted:,} rounds"

    @property
    def what(self) -> str:
        """Say what was tried, and how often."""
        total = f"{sum(self.tried.values()):,}"
        if len(self.tried) == 1:
            return f"{total} {next(iter(self.tried))}"
        kinds = [f"{name} {count:,}" for name, count in self.tried.items()]
        if len(kinds) > SHOWN:
            return f"{total} of {len(kinds)} kinds"
        return f"{total}: {', '.join(kinds)}" if kinds else "nothing"


def markdown(rows: list[Row]) -> str:
    """Return the table."""
    lines = ["| fault | tried | came out | seconds | seed |", "|---|---|---|---:|---:|"]
    return "\n".join([*lines, *map(_line, rows)])


def _line(row: Row) -> str:
    cells = (f"{row.title} (`{row.name}`)", row.what, row.verdict, f"{row.seconds:.0f}", row.seed)
    return f"| {' | '.join(map(str, cells))} |"
