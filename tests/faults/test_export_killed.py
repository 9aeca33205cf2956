"""The next export to a directory removes the temporary file of a killed export."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from laboxide import FileStorage

from tests.support.scripts import assert_clean, program_of, run_script
from tests.support.storing import MIB, names, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPORARY = "*.laboxide-tmp"
EXPORT = (
    "asyncio.run(FileStorage(root / 'store').export_file({pointer!r}, {target!r}, overwrite=True))"
)


@pytest.fixture(params=["0", "1"], ids=["native", "portable"], autouse=True)
def portable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the exporting processes on both paths."""
    monkeypatch.setenv("LABOXIDE_PORTABLE", request.param)


@pytest.fixture
def pointer(tmp_path: Path) -> object:
    """Return a pointer to an object of 8 MiB, which takes a few milliseconds to copy."""
    storage = FileStorage(tmp_path / "store", mkdir=True)
    return asyncio.run(put(storage, bytes(8 * MIB)))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return the path of an existing file, which an export replaces through a temporary file."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_bytes(b"old")
    return tmp_path / "out/file"


@contextmanager
def exporting(root: Path, pointer: object, target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that exports to `target` repeatedly, through temporary files."""
    program = program_of(f"while True: {EXPORT.format(pointer=pointer, target=str(target))}")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(root)], env={**os.environ, "LABOXIDE_PORTABLE": "1"}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def leave_temporary_file(root: Path, pointer: object, target: Path) -> None:
    """Kill exports until one leaves a temporary file."""
    while not list(target.parent.glob(TEMPORARY)):
        with exporting(root, pointer, target) as process:
            while process.poll() is None and not list(target.parent.glob(TEMPORARY)):
                pass


def export(root: Path, pointer: object, target: Path, times: int = 1) -> None:
    line = EXPORT.format(pointer=pointer, target=str(target))
    assert_clean(run_script("\n".join([line] * times), root))


def test_export_removes_temporary_file_of_killed_export(
    tmp_path: Path, pointer: object, target: Path
) -> None:
    leave_temporary_file(tmp_path, pointer, target)
    export(tmp_path, pointer, target)
    assert names(target.parent) == ["file"]
    assert target.stat().st_size == 8 * MIB


def test_export_keeps_locked_linked_and_unknown_files(
    tmp_path: Path, pointer: object, target: Path
) -> None:
    kept = [target.with_name(f"{name}.laboxide-tmp") for name in ("mine", "1-2-3", "1-2-4")]
    kept[0].touch()
    kept[1].touch()
    kept[2].symlink_to(kept[0])
    with kept[1].open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_SH)
        export(tmp_path, pointer, target)
    assert names(target.parent) == sorted(["file", *(path.name for path in kept)])


def test_export_refuses_name_of_temporary_file(
    tmp_path: Path, pointer: object, target: Path
) -> None:
    line = EXPORT.format(pointer=pointer, target=str(target.with_name("1-2-3.laboxide-tmp")))
    body = f"try: {line}\nexcept ValueError as error: print(error)"
    problem = "the name is reserved for temporary files of exports"
    expected = f"cannot export to {target.parent}/1-2-3.laboxide-tmp: {problem}"
    assert_clean(run_script(body, tmp_path), expected)
    for name in ("mine.laboxide-tmp", "mine.corrupt-1-2"):
        export(tmp_path, pointer, target.with_name(name))
    assert names(target.parent) == ["file", "mine.corrupt-1-2", "mine.laboxide-tmp"]


def test_export_scans_directory_once_per_process(
    tmp_path: Path, pointer: object, target: Path
) -> None:
    stray = target.with_name("1-2-3.laboxide-tmp")
    line = EXPORT.format(pointer=pointer, target=str(target))
    body = f"{line}\nPath({str(stray)!r}).touch()\n{line}\nprint(Path({str(stray)!r}).exists())"
    assert_clean(run_script(body, tmp_path), "True")
