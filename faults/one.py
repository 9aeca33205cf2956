"""Runs one driver and writes its result as JSON: `python -m faults.one NAME ...`."""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import resource
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Self

from faults.driver import TIERS, Trial
from faults.registry import load

if TYPE_CHECKING:
    from collections.abc import Iterable


class EnoughError(BaseException):
    """End the trial: it has a finding, or all the tries that it may take."""


class FirstFinding(list[str]):
    """A list that ends the trial with the first finding."""

    def append(self, finding: str, /) -> None:
        """Keep the finding, and end the trial."""
        self.extend([finding])

    def extend(self, findings: Iterable[str], /) -> None:
        """Keep the findings, and end the trial if there are any."""
        super().extend(findings)
        if self:
            raise EnoughError

    def __iadd__(self, findings: Iterable[str], /) -> Self:  # type: ignore[override,misc]
        self.extend(findings)
        return self


class Tries(Counter[str]):
    """A counter that ends the trial before it tries more than `most` times."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, tried: str, count: int, /) -> None:
        """Count another try, or end the trial."""
        if self.total() >= self._most:
            raise EnoughError
        super().__setitem__(tried, count)


def main() -> int:
    """Run the driver of the command line; return 1 if it found anything."""
    options = _options()
    below = options.below.absolute()
    below.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"laboxide-{options.name}-{os.getpid()}-", dir=below))
    counts = load(options.name).counts_of(options.tier)
    trial = Trial(
        options.seed, options.tier, counts, directory, until=options.until, saved=options.saved
    )
    if options.first:
        trial.found = FirstFinding()
    if options.tries is not None:
        trial.tried = Tries(options.tries)
    # Each healed object is a warning, and drivers damage thousands.
    logging.getLogger("laboxide").setLevel(logging.ERROR)
    try:
        with suppress(EnoughError):
            _run(options.name, trial)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    units = (trial.done, trial.wanted)
    result = {"tried": trial.tried, "found": trial.found, "units": units, "work": _work()}
    text = json.dumps(result)
    if options.output is None:
        print(text)
    else:
        options.output.write_text(text, encoding="utf-8")
    return int(bool(trial.found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults.one")
    parser.add_argument("name")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--tier", choices=TIERS, default="change")
    parser.add_argument("--until", type=float, default=math.inf, help="a time of time.monotonic()")
    parser.add_argument("--saved", type=Path, help="a file with the progress, to continue from")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--first", action="store_true", help="stop at the first finding")
    parser.add_argument("--tries", type=int, help="stop after so many of them")
    parser.add_argument("--below", type=Path, default=Path("target/faults"), help="where to work")
    return parser.parse_args()


def _work() -> float:
    """Return the processor seconds of this process and of its children, which have ended."""
    # The fork server counts, with the processes that it forked, after this process waited for it.
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)


def _run(name: str, trial: Trial) -> None:
    try:
        load(name).run(trial)
    except Exception:  # noqa: BLE001 - any exception of a driver is a finding
        trial.found.append(traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main())
