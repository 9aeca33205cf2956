"""Runs the drivers, more at once than there are processors, and prints the table."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from faults.needs import missing
from faults.registry import MODULES, load
from faults.table import Row, markdown

RESULTS = Path("target/faults")
NIGHT = 80 * 60
"""Seconds after which a night begins no round any more. The last ones take some minutes."""
LIMIT = {False: 600, True: 5400}
"""Seconds after which a driver counts as hung, in the two tiers, also where others work."""
LANES = (os.cpu_count() or 1) + 2
"""Most drivers wait for a device, a mount or a child for half of their time."""


async def main() -> int:
    """Run what the command line asks for; 1 if anything was found or could not be tried."""
    options = _options()
    names = options.names or list(MODULES)
    names.sort(key=lambda name: load(name).lasts(long=options.long), reverse=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    options.until = begun + NIGHT if options.long else math.inf
    # What goes on until the time is up comes last, all of it at once.
    last = [name for name in names if options.long and load(name).goes_on]
    rows = await _rows([name for name in names if name not in last], options, LANES)
    rows += await _rows(last, options, len(last))
    rows.sort(key=lambda row: row.name)
    table = markdown(rows)
    (RESULTS / "table.md").write_text(f"{table}\n", encoding="utf-8")
    for row in rows:
        for finding in row.found:
            print(f"\n{row.name} (--seed {row.seed}) found:\n{finding}")
    print(f"\n{table}\n\n{time.monotonic() - begun:.0f} seconds")
    required = os.environ.get("LABOXIDE_REQUIRE_FAULTS", "0") not in ("", "0")
    return int(any(row.found or (required and row.skipped is not None) for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="drivers; all of them by default")
    parser.add_argument("--long", action="store_true", help="the nightly numbers")
    parser.add_argument("--seed", type=int, help="what to start from; random by default")
    return parser.parse_args()


class Lanes:
    """What is left for drivers to run in."""

    def __init__(self, count: int) -> None:
        self._free = self._count = count
        self._changed = asyncio.Condition()

    async def take(self, count: int) -> int:
        """Wait for `count` of them, or for all if there are not as many."""
        count = min(count, self._count)
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= count)
            self._free -= count
        return count

    async def give_back(self, count: int) -> None:
        """Let the next driver have them."""
        async with self._changed:
            self._free += count
            self._changed.notify_all()


async def _rows(names: list[str], options: argparse.Namespace, lanes: int) -> list[Row]:
    free = Lanes(lanes)
    return await asyncio.gather(*(_row(name, options, free) for name in names))


async def _row(name: str, options: argparse.Namespace, free: Lanes) -> Row:
    driver = load(name)
    seed = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    row = Row(name, driver.title, seed)
    row.skipped = missing(driver)
    if row.skipped is None:
        taken = await free.take(driver.lanes)
        await _run(row, options)
        await free.give_back(taken)
    seconds = f"{row.seconds:.0f} s, {row.work:.0f} s of work, seed {row.seed}"
    print(f"{row.name}: {row.verdict}, {row.what} ({seconds})", flush=True)
    return row


async def _run(row: Row, options: argparse.Namespace) -> None:
    output = (RESULTS / f"{row.name}.json").absolute()
    output.unlink(missing_ok=True)
    words = ["-m", "faults.one", row.name, *["--long"] * options.long, "--output", str(output)]
    words += ["--seed", str(row.seed), "--until", str(options.until)]
    limit, begun = LIMIT[options.long], time.monotonic()
    # A group of its own: whatever it started ends with it.
    process = await asyncio.create_subprocess_exec(sys.executable, *words, process_group=0)
    try:
        status = await asyncio.wait_for(process.wait(), limit)
    except TimeoutError:
        row.found.append(f"not done after {limit} seconds")
        status = signal.SIGKILL
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    row.seconds = time.monotonic() - begun
    if output.exists():
        result = json.loads(output.read_text(encoding="utf-8"))
        row.tried, row.found = result["tried"], row.found + result["found"]
        row.rounds, row.work = tuple(result["rounds"]), result["work"]
    else:
        row.found.append(f"the driver ended with status {status} and told nothing")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
