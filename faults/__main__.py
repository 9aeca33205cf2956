"""Runs the drivers, more of them at once than there are processors, and prints their results."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import shutil
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from faults.driver import TIERS
from faults.file_systems import unmount_below
from faults.night import Night
from faults.registry import MODULES, load
from faults.results import Row, record, table_of_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RESULTS = Path("target/faults")
LONG = 60 * 60
"""Seconds after which the tier "long" begins no further unit. The last ones take some minutes."""
LIMITS = {"change": 600, "long": 5400, "night": 86_400}
"""Seconds after which a driver counts as hung, also beside others."""
LANES = (os.cpu_count() or 1) + 2
"""Most drivers wait for a device, a mount or a child process for half of their time."""


async def main() -> int:
    """Run the drivers; return 1 if one found anything or, where all are required, could not run."""
    options = _options()
    names = options.names or [
        name for name in MODULES if options.tier != "change" or load(name).per_change
    ]
    names.sort(key=lambda name: load(name).seconds, reverse=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    options.until = begun + LONG if options.tier == "long" else math.inf
    whole = not options.names
    night = Night(RESULTS / "night") if whole and options.tier == "night" else None
    # Random rounds share the time that is left, so all of them run at once, after the others.
    last = [name for name in names if options.tier == "long" and load(name).repeats]
    first = [name for name in names if name not in last]
    rows = await _rows(first, options, night, LANES)
    rows += await _rows(last, options, night, len(last))
    rows.sort(key=lambda row: row.name)
    seconds = time.monotonic() - begun
    for row in rows:
        for finding in row.found:
            print(f"\n{row.name} (--tier {options.tier} --seed {row.seed}) found:\n{finding}")
    print(f"\n{table_of_rows(rows)}\n\n{seconds:.0f} seconds")
    if whole and options.record:
        record(options.tier, rows, seconds)
    if night is not None:
        night.end()
    required = os.environ.get("LABOXIDE_REQUIRE_FAULTS", "0") not in ("", "0")
    return int(any(row.found or (required and row.skipped is not None) for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="drivers (default: all drivers of the tier)")
    parser.add_argument("--tier", choices=TIERS, default="change", help="how much to try")
    parser.add_argument("--seed", type=int, help="seed of every driver (default: random)")
    parser.add_argument("--record", action="store_true", help="write faults/RESULTS.md")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(MODULES)):
        parser.error(f"unknown drivers: {', '.join(unknown)}; choose from {', '.join(MODULES)}")
    return options


class Lanes:
    """The lanes in which drivers run."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def taken(self, count: int) -> AsyncIterator[None]:
        """Wait for `count` lanes, and take them while the block runs."""
        if count:
            async with self._turn:
                for _ in range(count):
                    await self._free.acquire()
        yield
        for _ in range(count):
            self._free.release()


async def _rows(
    names: list[str], options: argparse.Namespace, night: Night | None, lanes: int
) -> list[Row]:
    free = Lanes(lanes)
    # Not gather, which ends with the first task that Ctrl-C cancels.
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_row(name, options, night, free)) for name in names]
    return [task.result() for task in tasks]


async def _row(name: str, options: argparse.Namespace, night: Night | None, free: Lanes) -> Row:
    if night is not None and (kept := night.row(name)) is not None:
        print(f"{name}: {kept.verdict}, before this night was stopped", flush=True)
        return kept
    driver = load(name)
    seed = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    row = Row(name, driver.title, seed)
    row.skipped = driver.missing()
    if row.skipped is None:
        async with free.taken(driver.lanes):
            await _run(row, options, night)
    if night is not None:
        night.keep(row)
    seconds = f"{row.seconds:.0f} s, {row.work:.0f} s of CPU, seed {row.seed}"
    print(f"{row.name}: {row.verdict}, {row.what} ({seconds})", flush=True)
    return row


async def _run(row: Row, options: argparse.Namespace, night: Night | None) -> None:
    output = (RESULTS / f"{row.name}.json").absolute()
    output.unlink(missing_ok=True)
    words = ["-m", "faults.one", row.name, "--tier", options.tier, "--output", str(output)]
    words += ["--seed", str(row.seed), "--until", str(options.until)]
    if night is not None:
        words += ["--saved", str(night.progress(row.name).absolute())]
    limit, begun = LIMITS[options.tier], time.monotonic()
    # A group of its own, which ends with it.
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
        # A driver that was killed, as by Ctrl-C, leaves its file systems mounted.
        for scratch in RESULTS.glob(f"laboxide-{row.name}-{process.pid}-*"):
            unmount_below(scratch.absolute())
            shutil.rmtree(scratch, ignore_errors=True)
    row.seconds = time.monotonic() - begun
    if output.exists():
        result = json.loads(output.read_text(encoding="utf-8"))
        row.tried, row.found = result["tried"], row.found + result["found"]
        row.units, row.work = tuple(result["units"]), result["work"]
    else:
        row.found.append(f"the driver ended with status {status} and without a result")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
