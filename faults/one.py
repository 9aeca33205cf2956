"""Runs one driver and writes what came out as JSON: `python -m faults.one NAME ...`."""

from __future__ import annotations

import argparse
import json
import logging
import math
import resource
import shutil
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from faults.driver import Trial
from faults.registry import load

if TYPE_CHECKING:
    from collections.abc import Iterable


class EnoughError(BaseException):
    """Something was found, and no more is to be tried."""


class FirstFinding(list[str]):
    """Ends the trial with the first that comes."""

    def append(self, finding: str, /) -> None:
        """Keep it, and end."""
        self.extend([finding])

    def extend(self, findings: Iterable[str], /) -> None:
        """Keep them, and end if there are any."""
        super().extend(findings)
        if self:
            raise EnoughError

    def __iadd__(self, findings: Iterable[str], /) -> Self:  # type: ignore[override,misc]
        self.extend(findings)
        return self


def main() -> int:
    """Run the driver that the command line names; 1 if it found anything."""
    parser = argparse.ArgumentParser(prog="python -m faults.one")
    parser.add_argument("name")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--until", type=float, default=math.inf, help="by time.monotonic()")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--first", action="store_true", help="stop when anything was found")
    parser.add_argument("--below", type=Path, default=Path("target/faults"), help="where to work")
    options = parser.parse_args()
    below = options.below.absolute()
    below.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"laboxide-{options.name}-", dir=below))
    trial = Trial(options.seed, options.long, directory, options.until)
    if options.first:
        trial.found = FirstFinding()
    # Each object that is healed is a warning, and drivers damage thousands.
    logging.getLogger("laboxide").setLevel(logging.ERROR)
    try:
        with suppress(EnoughError):
            _run(options.name, trial)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    rounds = (trial.done, trial.wanted)
    result = {"tried": trial.tried, "found": trial.found, "rounds": rounds, "work": _work()}
    text = json.dumps(result)
    if options.output is None:
        print(text)
    else:
        options.output.write_text(text, encoding="utf-8")
    return int(bool(trial.found))


def _work() -> float:
    """Return the seconds of processors that this took, with its children that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)


def _run(name: str, trial: Trial) -> None:
    try:
        load(name).run(trial)
    except Exception:  # noqa: BLE001 - whatever it is, it is what came out
        trial.found.append(traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main())
