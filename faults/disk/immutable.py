"""Objects and directories that nobody may change: calls that have to say so, and change nothing."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from laboxide import FileStorage, _bridge

from faults.disk.operations import writes
from faults.disk.refusals import contents, refused
from faults.driver import Driver
from faults.image import MAKERS, Image, command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.disk.operations import Write
    from faults.driver import Trial

SIZES = (5_000, (1 << 20) + 7)
TORN = 7
OBJECT, DIRECTORY, ROOT = 0, 1, 3
"""What is protected, in levels above the object."""


class Case(NamedTuple):
    """Something that is protected, and what the system then refuses."""

    flag: str
    """Of chattr: "i" forbids every change, "a" all but new names and new bytes."""
    level: int
    object: str
    """What is there: the object, a part of it, or nothing."""
    write: bool | None
    """Whether writing it is refused; None if that depends on where it is staged."""
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
    """Write and delete in each case, on both paths."""
    for kind in ("ext4", "xfs", "btrfs")[: trial.count("file systems")]:
        with Image(kind, trial.directory / f"{kind}.image").mounted() as mount:
            for portable in (False, True):
                with mock.patch.object(_bridge, "PORTABLE", portable):
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
    """Tell what is wrong with what came of it."""
    pointer = await write(storage, content, directory)
    path = storage.path / pointer["key"]
    if case.object == "torn":
        os.truncate(path, TORN)
    elif case.object == "absent":
        path.unlink()
    there = contents(storage.path)
    with _protected(case.flag, (path, *path.parents)[case.level]):
        written = await refused(write(storage, content, directory), errno.EPERM)
        if written is not (case.write if case.write is not None else written):
            return f"writing was refused: {written}"
        if contents(storage.path) != (there if written else {path: content}):
            return f"after writing: {sorted(contents(storage.path))}"
        there = contents(storage.path)
        deleted = await refused(storage.delete(pointer, missing_ok=True), errno.EPERM)
        if deleted is not case.delete:
            return f"deleting was refused: {deleted}"
        if contents(storage.path) != (there if deleted else {}):
            return f"after deleting: {sorted(contents(storage.path))}"
    return await _again(storage, write, content, directory)


async def _again(storage: FileStorage, write: Write, content: bytes, directory: Path) -> str | None:
    """Do it once more, with nothing protected."""
    pointer = await write(storage, content, directory)
    if await storage.read_data(pointer) != content:
        return "other bytes were stored afterwards"
    await storage.delete(pointer)
    left = contents(storage.path)
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
