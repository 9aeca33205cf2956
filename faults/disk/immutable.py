"""Immutable objects and directories: changing calls are refused, and change nothing."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from laboxide import FileStorage
from laboxide._runtime import process

from faults.driver import Driver
from faults.file_systems import MAKE, MAKERS, Image, command
from faults.operations import files_below, refused, writes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.driver import Trial
    from faults.operations import Write

SIZES = (5_000, (1 << 20) + 7)
TORN = 7
OBJECT, DIRECTORY, ROOT = 0, 1, 3
"""The protected path, in levels above the object."""


class Case(NamedTuple):
    """A protected path, and the changes that the kernel refuses."""

    flag: str
    """The flag of chattr: "i" forbids every change, "a" all but new names and new bytes."""
    level: int
    object: str
    """The state of the object: "whole", "torn" or "absent"."""
    write: bool | None
    """Whether a write is refused; None if that depends on the staging directory."""
    delete: bool


CASES = (
    Case("i", OBJECT, "whole", write=False, delete=True),
    Case("i", OBJECT, "torn", write=True, delete=True),
    Case("i", DIRECTORY, "whole", write=None, delete=True),
    Case("i", DIRECTORY, "absent", write=True, delete=False),
    Case("i", ROOT, "whole", write=None, delete=False),
    Case("i", ROOT, "absent", write=None, delete=False),
    Case("a", OBJECT, "whole", write=False, delete=True),
    Case("a", OBJECT, "torn", write=True, delete=True),
    Case("a", DIRECTORY, "whole", write=False, delete=True),
    Case("a", DIRECTORY, "absent", write=False, delete=True),
    Case("a", ROOT, "whole", write=False, delete=False),
    Case("a", ROOT, "absent", write=False, delete=False),
)


def run(trial: Trial) -> None:
    """Write and delete in each case, on both paths of the engine."""
    for kind in tuple(MAKE)[: trial.count("file systems")]:
        with Image(kind, trial.directory / f"{kind}.image").mounted() as mount:
            for portable in (False, True):
                with mock.patch.object(process, "PORTABLE", portable):
                    what = f"{kind}, portable={portable}"
                    asyncio.run(_protect(trial, what, mount / f"portable={portable}"))


async def _protect(trial: Trial, what: str, root: Path) -> None:
    for number, case in enumerate(CASES):
        for name, write in writes("blake3").items():
            for size in SIZES:
                trial.tried[f"chattr +{case.flag}"] += 1
                content = trial.random.randbytes(size)
                storage = FileStorage(root / f"{number}-{name}-{size}", mkdir=True)
                try:
                    wrong = await _try(storage, case, write, content, trial.directory)
                except OSError as error:
                    wrong = repr(error)
                if wrong is not None:
                    trial.found.append(f"{what}, {case}: {name} of {size} bytes: {wrong}")


async def _try(
    storage: FileStorage, case: Case, write: Write, content: bytes, directory: Path
) -> str | None:
    """Write and delete under protection; return the finding, if there is one."""
    pointer = await write(storage, content, directory)
    path = storage.path / pointer["key"]
    if case.object == "torn":
        os.truncate(path, TORN)
    elif case.object == "absent":
        path.unlink()
    there = files_below(storage.path)
    with _protected(case.flag, (path, *path.parents)[case.level]):
        written = await refused(write(storage, content, directory), errno.EPERM)
        if written is not (case.write if case.write is not None else written):
            return f"write refused: {written}"
        if files_below(storage.path) != (there if written else {path: content}):
            return f"after the write: {sorted(files_below(storage.path))}"
        there = files_below(storage.path)
        deleted = await refused(storage.delete(pointer, missing_ok=True), errno.EPERM)
        if deleted is not case.delete:
            return f"delete refused: {deleted}"
        if files_below(storage.path) != (there if deleted else {}):
            return f"after the delete: {sorted(files_below(storage.path))}"
    return await _again(storage, write, content, directory)


async def _again(storage: FileStorage, write: Write, content: bytes, directory: Path) -> str | None:
    """Write and delete once more, without protection."""
    pointer = await write(storage, content, directory)
    if await storage.read_data(pointer) != content:
        return "wrong bytes were stored afterwards"
    await storage.delete(pointer)
    left = files_below(storage.path)
    return f"left behind: {sorted(left)}" if left else None


@contextmanager
def _protected(flag: str, path: Path) -> Iterator[None]:
    command("chattr", f"+{flag}", path)
    try:
        yield
    finally:
        command("chattr", f"-{flag}", path)


DRIVER = Driver(
    "immutable and append-only places",
    run,
    {"file systems": (1, 3, 3)},
    tools=("chattr", *MAKERS),
)
