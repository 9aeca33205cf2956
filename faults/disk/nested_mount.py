"""A mount inside a store: the kernel links and renames no file across its boundary."""

from __future__ import annotations

import asyncio
import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

from laboxide import FileStorage
from laboxide._runtime import process

from faults.driver import Driver
from faults.file_systems import Image, command, unmount
from faults.operations import READS, files_below, refused, writes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from laboxide import FilePointer

    from faults.driver import Trial
    from faults.operations import Write

SIZES = (5_000, (1 << 20) + 7)
TORN = 7


def run(trial: Trial) -> None:
    """Mount over the parent directory of every object, on both paths of the engine."""
    with Image("ext4", trial.directory / "ext4.image").mounted() as mount:
        for portable in (False, True):
            with mock.patch.object(process, "PORTABLE", portable):
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
    """Write below the mount; return the finding, if there is one."""
    pointer = await write(storage, content, directory)
    path = storage.path / pointer["key"]
    path.unlink()
    with _mounted(kind, path.parent):
        if torn:
            path.write_bytes(content[:TORN])
        there = files_below(storage.path)
        # A file that is staged beside its final name can be linked to it, all others cannot.
        failed = await refused(write(storage, content, directory), errno.EXDEV)
        if files_below(storage.path) != (there if failed else {path: content}):
            return f"refused: {failed}, files: {sorted(files_below(storage.path))}"
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        wrong = await _use(storage, pointer, content, directory)
    await storage.delete(await write(storage, content, directory))
    return wrong


async def _use(
    storage: FileStorage, pointer: FilePointer, content: bytes, directory: Path
) -> str | None:
    """Read, list, verify and delete the object; return the finding, if there is one."""
    for name, read in READS.items():
        if await read(storage, pointer, directory) != content:
            return f"{name}: wrong bytes"
    if [found["key"] async for found in storage.list_pointers()] != [pointer["key"]]:
        return "not listed"
    await storage.verify(pointer)
    await storage.delete(pointer)
    left = files_below(storage.path)
    return f"left behind: {sorted(left)}" if left else None


@contextmanager
def _mounted(kind: str, directory: Path) -> Iterator[None]:
    """Mount a file system in memory at `directory`, or the directory onto itself."""
    options = ("--bind", directory) if kind == "bind" else ("-t", "tmpfs", "none")
    command("mount", *options, directory)
    try:
        yield
    finally:
        unmount(directory)


DRIVER = Driver("a mount within the store", run, tools=("mkfs.ext4",))
