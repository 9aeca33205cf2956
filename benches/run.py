"""Run the suite and write the report.

Usage: python -m benches.run [--quick] [--passes N] [--add] [--directory D] [--out D], from the
project's directory. Each pass is a pytest process of its own that measures every row once; the
report merges all passes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benches.images import SCRATCH, missing_for, mounted, scratch_directory
from benches.limit import BUILD, PROGRAM
from benches.machine import (
    Machine,
    core_times,
    describe,
    difference,
    file_system_of,
    merged,
    steal_share,
)
from benches.report.write import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ROOT = HERE.parent
PASSES = {"full": 6, "quick": 3}
"""Upper bounds; `MINUTES` may allow fewer."""
MINUTES = {"full": 18.0, "quick": 2.5}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite and return its exit status."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not PROGRAM.is_file():
        print(f"the reference program is missing; build it with: {BUILD}", file=sys.stderr)
        return 2
    begun = time.monotonic()
    raw = SCRATCH / options.scale
    earlier = earlier_runs(raw) if options.add else None
    first = earlier["passes"] if earlier else 0
    if earlier is None:
        shutil.rmtree(raw, ignore_errors=True)
        raw.mkdir(parents=True)
    with ExitStack() as stack:
        directory, reflink, reason = places(options.directory, stack)
        machine = describe(directory, options.scale, reason)
        if earlier and (why := difference(earlier, machine)):
            raise SystemExit(f"cannot add to the earlier runs: {why}")
        before = core_times()
        count = run_passes(options, raw, first, directory, reflink)
        machine["steal"] = steal_share(before)
    machine["passes"] = count
    machine["load"].append(os.getloadavg()[0])
    machine["minutes"] = (time.monotonic() - begun) / 60
    machine = merged(earlier, machine) if earlier else machine
    (raw / "machine.json").write_text(json.dumps(machine, indent=1), encoding="utf-8")
    out = options.out or (HERE / "results" if options.scale == "full" else raw)
    paths = [path_of(raw, index) for index in range(machine["passes"])]
    print(write_report(paths, machine, out))
    return 0


def earlier_runs(raw: Path) -> Machine:
    """Return the machine of the earlier runs.

    Raises:
        SystemExit: No earlier run has finished.
    """
    try:
        machine: Machine = json.loads((raw / "machine.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SystemExit(f"no finished run in {raw}") from None
    return machine


def path_of(raw: Path, index: int) -> Path:
    """Return the path of a pass's measurements."""
    return raw / f"pass-{index}.json"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Run the benchmark suite.")
    parser.add_argument("--quick", dest="scale", action="store_const", const="quick")
    passes = "measurements per row (default: up to 6 in 18 minutes; quick: 3 in less than 3)"
    parser.add_argument("--passes", type=int, help=passes)
    parser.add_argument("--add", action="store_true", help="add passes to the earlier runs")
    parser.add_argument("--directory", type=Path, help="scratch directory, not an ext4 image")
    parser.add_argument("--out", type=Path, help="directory of the report")
    options = parser.parse_args(arguments)
    options.scale = options.scale or "full"
    return options


def places(asked: Path | None, stack: ExitStack) -> tuple[Path, Path | None, str]:
    """Return a scratch directory, one with reflinks, and a description of the latter."""
    reason, reflink = missing_for("xfs"), None
    if reason is None:
        reflink = stack.enter_context(mounted("xfs", SCRATCH))
        reason = file_system_of(reflink)
    if asked is None and (missing := missing_for("ext4")):
        print(f"{missing}: measuring in {SCRATCH} instead", file=sys.stderr)
    return stack.enter_context(scratch_directory(asked)), reflink, reason


def run_passes(
    options: argparse.Namespace, raw: Path, first: int, directory: Path, reflink: Path | None
) -> int:
    """Run the requested passes, or as many as the time allows; return their number."""
    begun, count = time.monotonic(), 0
    while count < (options.passes or PASSES[options.scale]):
        index = first + count
        run_pass(index, path_of(raw, index), options.scale, directory, reflink)
        count += 1
        expected = (time.monotonic() - begun) * (count + 1) / count
        if options.passes is None and expected > 60 * MINUTES[options.scale]:
            break
    return count


def run_pass(
    index: int,
    path: Path,
    scale: str,
    directory: Path,
    reflink: Path | None,
    *,
    only: str | None = None,
    environment: dict[str, str] | None = None,
) -> None:
    """Measure every row once, in a process of its own.

    Raises:
        SystemExit: A row failed; the message is pytest's output.
    """
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", str(HERE / "suite"), "-q", "--benchmark-quiet"]
    command += [f"--bench-scale={scale}", f"--bench-pass={index}"]
    command += [f"--benchmark-json={path}", "--durations=40"]
    with tempfile.TemporaryDirectory(dir=directory) as within, ExitStack() as stack:
        command.append(f"--bench-directory={within}")
        if reflink is not None:
            shared = stack.enter_context(tempfile.TemporaryDirectory(dir=reflink))
            command.append(f"--bench-reflink={shared}")
        if only is not None:
            command.append(f"--bench-only={only}")
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=ROOT,
            check=False,
        )
    path.with_suffix(".log").write_text(result.stdout, encoding="utf-8")
    if result.returncode:
        raise SystemExit(f"{result.stdout}\npass {index + 1} failed")
    print(f"pass {index + 1}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
