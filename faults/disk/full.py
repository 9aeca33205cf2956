"""A full disk, to the last page: a refused write leaves nothing, and the storage keeps working."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from laboxide import FileStorage

from faults.driver import Driver
from faults.file_systems import MAKE, MAKERS, Image, command, mounted_tmpfs
from faults.operations import refused, writes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.driver import Trial
    from faults.operations import Write

PAGE, LAST = 4096, 64 << 10
QUOTA = "4m"
SMALL, LARGE = 5_000, (1 << 20) + 7
RESTS = {
    SMALL: range(0, LAST + 1, PAGE),
    LARGE: range(LARGE - LAST, LARGE + LAST + 1, PAGE),
}
"""The free bytes for content of each size: every page around the point where it just fits."""


def run(trial: Trial) -> None:
    """Fill each file system page by page, then use up a quota and the inodes."""
    for kind in MAKE:
        with Image(kind, trial.directory / f"{kind}.image").mounted() as mount:
            asyncio.run(_fill(trial, kind, mount))
    with Image("btrfs", trial.directory / "quota.image").mounted() as mount:
        asyncio.run(_use_up_quota(trial, mount))
    with mounted_tmpfs(trial.directory / "tmpfs", "size=8m") as mount:
        asyncio.run(_fill(trial, "tmpfs", mount))
    with mounted_tmpfs(trial.directory / "inodes", "size=8m,nr_inodes=24") as mount:
        asyncio.run(_use_up_inodes(trial, mount))


async def _fill(trial: Trial, kind: str, mount: Path) -> None:
    for durable in (False, True):
        storage = FileStorage(mount / "store", mkdir=True, durable=durable)
        for name, write in writes("blake3").items():
            for size, rests in RESTS.items():
                refusals = 0
                for rest in rests[:: trial.count("step of pages")]:
                    trial.tried[kind] += 1
                    what = f"{kind}: {name} of {size} bytes, {rest} free, durable={durable}"
                    content = trial.random.randbytes(size)
                    with _full_but(mount, rest):
                        refused, failure = await _try(storage, write, content, trial.directory)
                    refusals += refused
                    # The space is free again, whether the write succeeded or not.
                    again = await _try(storage, write, content, trial.directory, fits=True)
                    if (failure := failure or again.failure) is not None:
                        trial.found.append(f"{what}: {failure}")
                if not refusals:
                    trial.found.append(f"{kind}: {name} of {size} bytes was never refused")


class Outcome(NamedTuple):
    """The outcome of a write."""

    refused: bool
    failure: str | None
    """The finding, if there is one."""


async def _try(
    storage: FileStorage, write: Write, content: bytes, directory: Path, *, fits: bool = False
) -> Outcome:
    """Write, read back and delete."""
    refused = False
    before = _files(storage.path)
    try:
        pointer = await write(storage, content, directory)
    except OSError as error:
        if fits or error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename is None:
            return Outcome(refused=True, failure=repr(error))
        refused = True
    else:
        if await storage.read_data(pointer) != content:
            return Outcome(refused=False, failure="wrong bytes were stored")
        await storage.delete(pointer)
    left = _files(storage.path) - before
    return Outcome(refused, f"left behind: {sorted(map(str, left))}" if left else None)


def _files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if not path.is_dir()}


@contextmanager
def _full_but(mount: Path, rest: int) -> Iterator[None]:
    """Leave `rest` bytes free, including the blocks that are reserved for root."""
    status = os.statvfs(mount)
    size, step = 0, status.f_bfree * status.f_frsize
    filler = mount / "filler"
    with filler.open("wb", buffering=0) as file:
        while step >= PAGE:
            try:
                os.posix_fallocate(file.fileno(), size, step)
            except OSError:
                step //= 2
            else:
                size += step
        file.truncate(max(0, size - rest))
    try:
        yield
    finally:
        filler.unlink()


async def _use_up_quota(trial: Trial, mount: Path) -> None:
    """Use up the quota of one subvolume, while the file system has free space."""
    limited = mount / "limited"
    command("btrfs", "subvolume", "create", limited)
    command("btrfs", "quota", "enable", mount)
    command("btrfs", "qgroup", "limit", QUOTA, limited)
    storage = FileStorage(limited / "store", mkdir=True)
    for name, write in writes("blake3").items():
        for size in RESTS:
            trial.tried["quota"] += 1
            content = trial.random.randbytes(size)
            with _no_quota_left(limited):
                refusal = await refused(write(storage, content, trial.directory), errno.EDQUOT)
            # Removed files count until btrfs has committed their removal.
            command("sync", "--file-system", mount)
            failure = (await _try(storage, write, content, trial.directory, fits=True)).failure
            if failure is not None or not refusal:
                what = f"quota: {name} of {size} bytes"
                trial.found.append(f"{what}: refused: {refusal}, then {failure}")


@contextmanager
def _no_quota_left(directory: Path) -> Iterator[None]:
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(PAGE))
    try:
        yield
    finally:
        filler.unlink()


async def _use_up_inodes(trial: Trial, mount: Path) -> None:
    for name, write in writes("blake3").items():
        storage = FileStorage(mount / name, mkdir=True)
        stored, error = 0, None
        while error is None:
            trial.tried["inodes"] += 1
            content = trial.random.randbytes(SMALL)
            try:
                await write(storage, content, trial.directory)
                stored += 1
            except OSError as caught:
                error = caught
        if error.errno != errno.ENOSPC or len(_files(storage.path)) != stored:
            trial.found.append(f"no inodes: {name}: {error!r}, {_files(storage.path)}")
        for path in _files(storage.path):
            path.unlink()
        failure = (await _try(storage, write, content, trial.directory, fits=True)).failure
        if failure is not None:
            trial.found.append(f"inodes again: {name}: {failure}")
        shutil.rmtree(storage.path)


DRIVER = Driver(
    "full disk, to the last page; no inodes, no quota",
    run,
    {"step of pages": (2, 1, 1)},
    tools=(*MAKERS, "btrfs"),
    seconds=17,
)
