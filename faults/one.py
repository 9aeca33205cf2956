"""Runs one driver and writes what came out as JSON: `python -m faults.one NAME ...`."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, cast

from faults.driver import Trial

if TYPE_CHECKING:
    from faults.driver import Driver


def load(name: str) -> Driver:
    """Return the driver of the module `name`."""
    return cast("Driver", importlib.import_module(f"faults.drivers.{name}").DRIVER)


def main() -> int:
    """Run the driver that the command line names; 1 if it found anything."""
    parser = argparse.ArgumentParser(prog="python -m faults.one")
    parser.add_argument("name")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix=f"laboxide-{options.name}-", dir=_scratch()))
    trial = Trial(options.seed, options.long, directory)
    # Each object that is healed is a warning, and drivers damage thousands.
    logging.getLogger("laboxide").setLevel(logging.ERROR)
    try:
        load(options.name).run(trial)
    except Exception:  # noqa: BLE001 - whatever it is, it is what came out
        trial.found.append(traceback.format_exc())
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    text = json.dumps({"tried": trial.tried, "found": trial.found})
    if options.output is None:
        print(text)
    else:
        options.output.write_text(text, encoding="utf-8")
    return int(bool(trial.found))


def _scratch() -> Path:
    scratch = Path("target/faults").absolute()
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


if __name__ == "__main__":
    sys.exit(main())
