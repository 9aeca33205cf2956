"""Compare laboxide at a base revision with the working tree.

Usage: python -m benches.compare BASE [--passes N] [--scale S] [--directory D]. Both revisions run
the benchmarks of the working tree, with laboxide as the only contestant; only the package changes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from benches.images import SCRATCH
from benches.report.records import MINE, Key, Records, spread
from benches.report.table import markdown
from benches.run import ROOT, places, run_pass
from benches.scale import SCALES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PASSES = 7
LEAST_CHANGE = 0.03
"""Smaller changes are indistinguishable from effects of code placement."""


class Change(NamedTuple):
    """The change of one figure of a row."""

    key: Key
    figure: str
    base: float
    now: float
    ratios: list[float]
    """Ratios of now to base, one per pair of neighbouring passes."""

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the median is far enough from 1 and at most one pair disagrees."""
        center = spread(self.ratios).median
        same_way = sum((ratio > 1) == (center > 1) for ratio in self.ratios)
        return abs(center - 1) >= LEAST_CHANGE and same_way >= max(len(self.ratios) - 1, 3)


def main() -> int:
    """Compare, and print the changes."""
    parser = argparse.ArgumentParser(description="Compare a base revision with the working tree.")
    parser.add_argument("base", help="a git revision")
    parser.add_argument("--passes", type=int, default=PASSES, help="pairs of passes")
    parser.add_argument("--scale", choices=SCALES, default="quick", help="amount of work")
    parser.add_argument("--directory", type=lambda path: SCRATCH / path, help="scratch directory")
    options = parser.parse_args()
    raw = SCRATCH / "compare"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    packages = {"base": build_base(options.base, raw), "now": None}
    with ExitStack() as stack:
        directory, reflink, _ = places(options.directory, stack)
        for index in range(options.passes):
            # Alternate the order within the pairs.
            for name in ("base", "now") if index % 2 == 0 else ("now", "base"):
                path = raw / f"{name}-{index}.json"
                environment = with_package(packages[name])
                place = (directory, reflink)
                run_pass(index, path, options.scale, *place, only=MINE, environment=environment)
    both = {name: Records(sorted(raw.glob(f"{name}-*.json"))) for name in packages}
    print(report([*changes(both["base"], both["now"])]))
    return 0


def build_base(revision: str, raw: Path) -> Path:
    """Build the package of a revision; return the directory to import it from.

    Raises:
        SystemExit: The revision is unknown or does not build.
    """
    tree, wheels, site = raw / "tree", raw / "wheels", raw / "site"
    run("git", "worktree", "prune")
    run("git", "worktree", "add", "--detach", "--force", tree, revision)
    try:
        target = SCRATCH / "compare-target"
        build = ("build", "--release", "--locked", "--out", wheels, "--target-dir", target)
        # In the build directory of make, cargo would reuse crates of one tree for the other: it
        # compares paths relative to the tree.
        environment = {**os.environ, "CARGO_BUILD_BUILD_DIR": str(target)}
        run(sys.executable, "-m", "maturin", *build, cwd=tree, environment=environment)
        install = ("install", "--quiet", "--no-deps", "--target", site)
        run(sys.executable, "-m", "pip", *install, *wheels.glob("*.whl"))
    finally:
        run("git", "worktree", "remove", "--force", tree)
    return site


def run(*command: str | Path, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> None:
    """Run a command that reports its own errors."""
    if status := subprocess.run(command, cwd=cwd, env=environment, check=False).returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: status {status}")


def with_package(site: Path | None) -> dict[str, str]:
    """Return an environment that imports laboxide from `site`."""
    paths = [] if site is None else [str(site)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def changes(base: Records, now: Records) -> Iterator[Change]:
    """Yield the figures of every row measured at both revisions."""
    for key in now:
        old, new = base.get(key), now.get(key)
        if old is None or new is None:
            continue
        if not new.figures:
            # Rates, not times: more is better in every row of this kind.
            pairs = [(old.rates[index], new.rates[index]) for index in _both(old.rates, new.rates)]
            yield _change(key, "speed", pairs)
        for name, values in new.figures.items():
            if name == "steal":
                continue  # caused by the host, not by the revision
            before = old.figures[name]
            pairs = [(before[index], values[index]) for index in _both(before, values)]
            yield _change(key, name, pairs)


def _both(one: dict[int, float], other: dict[int, float]) -> list[int]:
    return sorted(one.keys() & other.keys())


def _change(key: Key, figure: str, pairs: Sequence[tuple[float, float]]) -> Change:
    old, new = zip(*pairs, strict=True)
    ratios = [after / before if before else 1.0 for before, after in pairs]
    return Change(key, figure, spread(old).median, spread(new).median, ratios)


def report(found: list[Change]) -> str:
    """Return the changes beyond the noise, as Markdown."""
    changed = [change for change in found if change.is_beyond_noise]
    if not changed:
        return f"None of {len(found)} figures changed beyond the noise."
    header = ["row", "figure", "now / base", "range", "direction"]
    lines = [_line(change) for change in changed]
    rest = len(found) - len(changed)
    return f"{markdown(header, lines)}\n\n{rest} other figures did not change beyond the noise."


def _line(change: Change) -> list[str]:
    ratios = spread(change.ratios)
    better = (ratios.median > 1) == (change.figure == "speed")
    row = ", ".join(filter(None, (change.key.operation, change.key.variant, change.key.algorithm)))
    return [
        f"{row}, {change.key.loop}",
        change.figure,
        f"{ratios.median:.2f}",
        f"{ratios.minimum:.2f}-{ratios.maximum:.2f}",
        "better" if better else "worse",
    ]


if __name__ == "__main__":
    sys.exit(main())
