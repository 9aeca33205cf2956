"""Store a real file and read it back, beside the same work done without laboxide.

Usage: python -m benches.demo [FILE], from the project's directory, with the
wheel installed, as ``make demo`` does it. Its exit status says whether all content was right, and
nothing of speed.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from laboxide import FileStorage, Hasher

from benches.api import digest_file
from benches.demo.jobs import keep_pointer
from benches.demo.report import ROWS, checks, heading, row, table
from benches.demo.rounds import Bench, Series, WrongContentError, fresh, run_job
from benches.demo.sample import MIB, make_sample, make_sparse, sha256_of

ROUNDS = 7
SAMPLE_SIZE = 512 * MIB
SPARSE_SIZES = (256 * MIB, 4096 * MIB)
FLOORS_FROM = 256 * MIB
SCRATCH = Path(__file__).parents[2] / "demo-data"


def main() -> int:
    """Run the demo and return its exit status."""
    if len(sys.argv) > 2:  # noqa: PLR2004
        print("usage: python -m benches.demo [FILE]", file=sys.stderr)
        return 2
    try:
        fresh(SCRATCH)
        return demo(source_file())
    except (WrongContentError, OSError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)


def source_file() -> Path:
    """Return the file that was asked for, or make one."""
    if len(sys.argv) > 1:
        path = Path(sys.argv[1]).resolve(strict=True)
        if not (path.is_file() and path.stat().st_size):
            raise WrongContentError(f"{path} is not a file with content")
        return path
    path = SCRATCH / "sample"
    print(f"making {path}", flush=True)
    make_sample(path, SAMPLE_SIZE)
    return path


def demo(source: Path) -> int:
    """Compare the jobs on `source`, and show that memory does not follow its size."""
    bench = asyncio.run(prepare(source))
    print(heading(source, ROUNDS) + "\n", flush=True)
    for index in range(ROUNDS):
        for name in (name for rows in ROWS.values() for name in rows):
            show_progress(f"round {index + 1} of {ROUNDS}: {name}")
            bench.run(name, check=index == 0)
    show_progress("comparing what was read with what was stored")
    bench.run("check_reads")
    show_progress("")
    print(table(bench.series), flush=True)
    growth = {size: run_sparse(size) for size in SPARSE_SIZES if has_room(size)}
    print("\n" + checks(bench.series, growth))
    if source.stat().st_size < FLOORS_FROM:
        print(f"The floors are meant for files of {FLOORS_FROM // MIB} MiB and more.")
    print("All content was what it should be.")
    return 0


async def prepare(source: Path) -> Bench:
    """Store what the reading jobs read, and hash the source by other means."""
    store = fresh(SCRATCH / "store")
    pointer = await FileStorage(store).import_file(source, link="copy")
    keep_pointer(store, pointer)
    hashes = {"blake3": (await digest_file(source))["content_hash"], "sha256": sha256_of(source)}
    if sha256_of(store / pointer["key"]) != hashes["sha256"]:
        raise WrongContentError("the imported object is not what the file has")
    return Bench(SCRATCH, source, store, hashes)


def run_sparse(size: int) -> Series:
    """Stream zeros into a store and out again, verified, and print the row of it."""
    source = SCRATCH / "sparse"
    make_sparse(source, size)
    written = fresh(SCRATCH / "written")
    show_progress(f"a sparse file of {size // MIB} MiB")
    outcome, cost = run_job("round_trip", source, written, SCRATCH)
    show_progress("")
    if (outcome["moved"], outcome.get("hash")) != (2 * size, hash_of_zeros(size)):
        raise WrongContentError(f"{size} zeros came back as {outcome}")
    series = Series([(outcome["moved"], cost)])
    print(row(f"sparse file of {size // MIB:,} MiB, in and out", series), flush=True)
    fresh(written)
    return series


def hash_of_zeros(size: int) -> str:
    """Return the BLAKE3 hash of `size` zero bytes, hashed in order by one thread."""
    hasher, zeros = Hasher("blake3"), bytes(MIB)
    for _ in range(size // MIB):
        hasher.update(zeros)
    return hasher.hexdigest()


def has_room(size: int) -> bool:
    """Tell whether the disk takes an object of `size`, and say so if not."""
    if shutil.disk_usage(SCRATCH).free > size + 1024 * MIB:
        return True
    print(f"  (left out: the disk has no room for {size // MIB} MiB)")
    return False


def show_progress(text: str) -> None:
    """Show what is going on, if somebody looks at it."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
