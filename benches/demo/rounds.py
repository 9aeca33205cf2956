"""Run the jobs, each in a fresh process, and check what they stored."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benches.demo.measure import Cost
from benches.demo.sample import sha256_of
from benches.page_cache import warm_page_cache

if TYPE_CHECKING:
    from benches.demo.jobs import Outcome

ROOT = Path(__file__).parents[2]
WRITING = ("stream_", "import_")


class WrongContentError(Exception):
    """A job stored or returned something else than what it was given."""


@dataclass
class Series:
    """The rounds of one job."""

    rounds: list[tuple[int, Cost]] = field(default_factory=list)
    """The bytes that went through, and what that took."""

    @property
    def speed(self) -> float:
        """Bytes per second, the median of the rounds."""
        return median(moved / cost.seconds for moved, cost in self.rounds)

    @property
    def extra_memory(self) -> int:
        """The most of any round, in bytes."""
        return max(cost.extra_memory for _, cost in self.rounds)

    @property
    def worst_stall(self) -> float:
        """The worst of any round, in seconds."""
        return max(cost.worst_stall for _, cost in self.rounds)

    @property
    def usual_stall(self) -> float:
        """The median of the rounds' worst, in seconds."""
        return median(cost.worst_stall for _, cost in self.rounds)


@dataclass
class Bench:
    """Where the jobs work, and what they took so far."""

    scratch: Path
    source: Path
    store: Path
    """Holds the object that the reading jobs read."""
    hashes: dict[str, str]
    """What the source hashes to, by algorithm."""
    series: dict[str, Series] = field(default_factory=dict)

    def run(self, name: str, *, check: bool = False) -> None:
        """Run one round of a job; with `check`, compare all that it stored with the source."""
        directory = self.store
        if name.startswith(WRITING):
            directory = fresh(self.scratch / "written")
            warm_page_cache(self.scratch, self.source.stat().st_size)
        outcome, cost = run_job(name, self.source, directory, self.scratch)
        self.series.setdefault(name, Series()).rounds.append((outcome["moved"], cost))
        self._check(name, outcome, everything=check)

    def _check(self, name: str, outcome: Outcome, *, everything: bool) -> None:
        if outcome["moved"] % self.source.stat().st_size:
            raise WrongContentError(f"{name} moved {outcome['moved']} bytes")
        found = outcome.get("hash")
        if found is not None and found not in self.hashes.values():
            raise WrongContentError(f"{name} found the hash {found}")
        if "stored" in outcome:
            if everything and sha256_of(Path(outcome["stored"])) != self.hashes["sha256"]:
                raise WrongContentError(f"what {name} stored is not what it was given")
            fresh(self.scratch / "written")


def run_job(name: str, source: Path, directory: Path, scratch: Path) -> tuple[Outcome, Cost]:
    """Run a job in a process of its own, whose memory nothing else has touched."""
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "benches.demo.job",
            name,
            source,
            directory,
            fresh(scratch / "warm"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    result = json.loads(process.stdout)
    return result["outcome"], Cost(**result["cost"])


def fresh(directory: Path) -> Path:
    """Return `directory`, empty. Called between jobs only: removing gigabytes takes its time."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
