"""Compare laboxide at a base revision with the working tree.

Usage: python -m benches.compare BASE [--passes N] [--directory D]. The benchmarks are those of the
working tree, the quick rows, of laboxide alone; only the package changes, from pass to pass.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from benches.report.records import MINE, Key, Records, spread
from benches.report.table import markdown
from benches.run import ROOT, SCRATCH, places, run_pass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PASSES = 7
LEAST_CHANGE = 0.03
"""What is less than this is not told apart from where code happens to lie in memory."""


class Change(NamedTuple):
    """What became of a row."""

    key: Key
    what: str
    base: float
    now: float
    ratios: list[float]
    """Now to base, for each pair of neighbouring passes."""

    @property
    def is_beyond_noise(self) -> bool:
        """Whether all pairs but one at most point the same way, and far enough."""
        middle = spread(self.ratios).middle
        same_way = sum((ratio > 1) == (middle > 1) for ratio in self.ratios)
        return abs(middle - 1) >= LEAST_CHANGE and same_way >= max(len(self.ratios) - 1, 3)


def main() -> int:
    """Compare, and print what changed."""
    parser = argparse.ArgumentParser(description="Compare a base revision with the working tree.")
    parser.add_argument("base", help="a revision of git")
    parser.add_argument("--passes", type=int, default=PASSES, help="pairs of passes")
    parser.add_argument("--directory", type=lambda path: SCRATCH / path, help="where to write")
    options = parser.parse_args()
    raw = SCRATCH / "compare"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    packages = {"base": build_base(options.base, raw), "now": None}
    with ExitStack() as stack:
        directory, reflink, _ = places(options.directory, stack)
        for index in range(options.passes):
            # Each second pair the other way round, so that neither always comes first.
            for name in ("base", "now") if index % 2 == 0 else ("now", "base"):
                path = raw / f"{name}-{index}.json"
                environment = with_package(packages[name])
                run_pass(
                    index, path, "quick", directory, reflink, only=MINE, environment=environment
                )
    both = {name: Records(sorted(raw.glob(f"{name}-*.json"))) for name in packages}
    print(report([*changes(both["base"], both["now"])]))
    return 0


def build_base(revision: str, raw: Path) -> Path:
    """Build the package of a revision, and return the directory that it can be imported from.

    Raises:
        SystemExit: There is no such revision, or it does not build.
    """
    tree, wheels, site = raw / "tree", raw / "wheels", raw / "site"
    run("git", "worktree", "prune")
    run("git", "worktree", "add", "--detach", "--force", tree, revision)
    try:
        target = SCRATCH / "compare-target"
        build = ("build", "--release", "--locked", "--out", wheels, "--target-dir", target)
        run(sys.executable, "-m", "maturin", *build, cwd=tree)
        install = ("install", "--quiet", "--no-deps", "--target", site)
        run(sys.executable, "-m", "pip", *install, *wheels.glob("*.whl"))
    finally:
        run("git", "worktree", "remove", "--force", tree)
    return site


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, which says on its own what is wrong."""
    if status := subprocess.run(command, cwd=cwd, check=False).returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: status {status}")


def with_package(site: Path | None) -> dict[str, str]:
    """Return an environment in which laboxide is imported from `site`."""
    paths = [] if site is None else [str(site)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def changes(base: Records, now: Records) -> Iterator[Change]:
    """Return every row that both measured."""
    for key in now:
        old, new = base.get(key), now.get(key)
        if old is None or new is None:
            continue
        if not new.figures:
            # Time, turned round, so that more is better in every row of this kind.
            pairs = [(old.rates[index], new.rates[index]) for index in _both(old.rates, new.rates)]
            yield _change(key, "speed", pairs)
        for name, values in new.figures.items():
            if name == "stolen":
                continue  # the host's doing, at whatever revision
            before = old.figures[name]
            pairs = [(before[index], values[index]) for index in _both(before, values)]
            yield _change(key, name, pairs)


def _both(one: dict[int, float], other: dict[int, float]) -> list[int]:
    return sorted(one.keys() & other.keys())


def _change(key: Key, what: str, pairs: Sequence[tuple[float, float]]) -> Change:
    old, new = zip(*pairs, strict=True)
    ratios = [after / before if before else 1.0 for before, after in pairs]
    return Change(key, what, spread(old).middle, spread(new).middle, ratios)


def report(found: list[Change]) -> str:
    """Return what changed beyond the noise."""
    changed = [change for change in found if change.is_beyond_noise]
    if not changed:
        return f"None of {len(found)} figures changed beyond the noise."
    header = ["row", "figure", "now / base", "of the pairs", "direction"]
    lines = [_line(change) for change in changed]
    rest = len(found) - len(changed)
    return f"{markdown(header, lines)}\n\n{rest} other figures did not change beyond the noise."


def _line(change: Change) -> list[str]:
    ratios = spread(change.ratios)
    better = (ratios.middle > 1) == (change.what == "speed")
    row = ", ".join(filter(None, (change.key.operation, change.key.variant, change.key.algorithm)))
    return [
        f"{row}, {change.key.loop}",
        change.what,
        f"{ratios.middle:.2f}",
        f"{ratios.least:.2f}-{ratios.most:.2f}",
        "better" if better else "worse",
    ]


if __name__ == "__main__":
    sys.exit(main())
