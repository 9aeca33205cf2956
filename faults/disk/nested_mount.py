"""A store with a mount in it, from which and to which nothing can be linked or renamed."""

from __future__ import annotations

import asyncio
import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

from laboxide import FileStorage, _bridge

from faults.disk.operations import READS, writes
from faults.disk.refusals import contents, refused
from faults.driver import Driver
from faults.image import Image, command, unmount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from laboxide import FilePointer

    from faults.disk.operations import Write
    from faults.driver import Trial

SIZES = (5_000, (1 << 20) + 7)
TORN = 7


def run(trial: Trial) -> None:
    """Mount something over the directory of every object, on both paths."""
    with Image("ext4", trial.directory / "ext4.image").mounted() as mount:
        for portable in (False, True):
            with mock.patch.object(_bridge, "PORTABLE", portable):
                asyncio.run(_mount(trial, mount / f"portable={portable}"))


async def _mount(trial: Trial, root: Path) -> None:
    for kind in ("bind", "tmpfs"):
        for name, write in writes("blake3").items():
            for size in SIZES:
                for torn in (False, True):
                    trial.tried[kind] += 1
                    content = trial.random.randbytes(size)
                    path = root / f"{kind}-{name}-{size}-{torn}"
                    storage = FileStorage(path, mkdir=True)
                    try:
                        wrong = await _try(
                            storage, kind, write, content, trial.directory, torn=torn
                        )
                    except OSError as error:
                        wrong = repr(error)
                    if wrong is not None:
                        trial.found.append(f"{path}: {wrong}")


async def _try(
    storage: FileStorage, kind: str, write: Write, content: bytes, directory: Path, *, torn: bool
) -> str | None:
    """Tell what is wrong with what came of it."""
    pointer = await write(storage, content, directory)
    path = storage.path / pointer["key"]
    path.unlink()
    with _mounted(kind, path.parent):
        if torn:
            path.write_bytes(content[:TORN])
        there = contents(storage.path)
        # What is staged beside its final name can be linked there, all else cannot.
        failed = await refused(write(storage, content, directory), errno.EXDEV)
        if contents(storage.path) != (there if failed else {path: content}):
            return f"refused: {failed}, and there is {sorted(contents(storage.path))}"
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        wrong = await _use(storage, pointer, content, directory)
    await storage.delete(await write(storage, content, directory))
    return wrong


async def _use(
    storage: FileStorage, pointer: FilePointer, content: bytes, directory: Path
) -> str | None:
    """Do all with the object that does not write it."""
    for name, read in READS.items():
        if await read(storage, pointer, directory) != content:
            return f"{name}: other bytes"
    if [found["key"] async for found in storage.list_pointers()] != [pointer["key"]]:
        return "not listed"
    await storage.verify(pointer)
    await storage.delete(pointer)
    left = contents(storage.path)
    return f"left behind: {sorted(left)}" if left else None


@contextmanager
def _mounted(kind: str, directory: Path) -> Iterator[None]:
    """Mount a file system in memory at `directory`, or the directory itself once more."""
    options = ("--bind", directory) if kind == "bind" else ("-t", "tmpfs", "none")
    command("mount", *options, directory)
    try:
        yield
    finally:
        unmount(directory)


DRIVER = Driver("a mount within the store", run, tools=("mkfs.ext4",))
