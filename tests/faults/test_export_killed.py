"""What a killed export leaves in a directory of the user's goes with the next export there."""

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
PATHS = pytest.mark.parametrize("portable", ["0", "1"], ids=["native", "portable"])


@pytest.fixture
def pointer(tmp_path: Path) -> object:
    """A pointer to an object of 8 MiB, which takes a few milliseconds to copy."""
    storage = FileStorage(tmp_path / "store", mkdir=True)
    return asyncio.run(put(storage, bytes(8 * MIB)))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file that is there already, so that it can only be replaced from a temporary name."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_bytes(b"old")
    return tmp_path / "out/file"


@contextmanager
def exporting(root: Path, pointer: object, target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that exports to `target` again and again, by temporary names."""
    program = program_of(f"while True: {EXPORT.format(pointer=pointer, target=str(target))}")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(root)], env={**os.environ, "LABOXIDE_PORTABLE": "1"}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def leave_behind(root: Path, pointer: object, target: Path) -> None:
    """Kill exports until one leaves something."""
    while not list(target.parent.glob(TEMPORARY)):
        with exporting(root, pointer, target) as process:
            while process.poll() is None and not list(target.parent.glob(TEMPORARY)):
                pass


def export(root: Path, pointer: object, target: Path, times: int = 1) -> None:
    line = EXPORT.format(pointer=pointer, target=str(target))
    assert_clean(run_script("\n".join([line] * times), root))


@PATHS
def test_export_removes_temporary_file_of_killed_export(
    tmp_path: Path, pointer: object, target: Path, portable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(tmp_path, pointer, target)
    monkeypatch.setenv("LABOXIDE_PORTABLE", portable)
    export(tmp_path, pointer, target)
    assert names(target.parent) == ["file"]
    assert target.stat().st_size == 8 * MIB


@PATHS
def test_export_keeps_locked_linked_and_unknown_files(
    tmp_path: Path, pointer: object, target: Path, portable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = [target.with_name(f"{name}.laboxide-tmp") for name in ("mine", "1-2-3", "1-2-4")]
    theirs[0].touch()
    theirs[1].touch()
    theirs[2].symlink_to(theirs[0])
    monkeypatch.setenv("LABOXIDE_PORTABLE", portable)
    with theirs[1].open("rb") as at_work:
        fcntl.flock(at_work, fcntl.LOCK_SH)
        export(tmp_path, pointer, target)
    assert names(target.parent) == sorted(["file", *(path.name for path in theirs)])


@PATHS
def test_export_refuses_name_of_temporary_file(
    tmp_path: Path, pointer: object, target: Path, portable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABOXIDE_PORTABLE", portable)
    line = EXPORT.format(pointer=pointer, target=str(target.with_name("1-2-3.laboxide-tmp")))
    body = f"try: {line}\nexcept ValueError as error: print(error)"
    problem = "the name is reserved for temporary files of exports"
    expected = f"cannot export to {target.parent}/1-2-3.laboxide-tmp: {problem}"
    assert_clean(run_script(body, tmp_path), expected)
    for name in ("mine.laboxide-tmp", "mine.corrupt-1-2"):
        export(tmp_path, pointer, target.with_name(name))
    assert names(target.parent) == ["file", "mine.corrupt-1-2", "mine.laboxide-tmp"]


@PATHS
def test_export_scans_directory_once_per_process(
    tmp_path: Path, pointer: object, target: Path, portable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABOXIDE_PORTABLE", portable)
    left = target.with_name("1-2-3.laboxide-tmp")
    line = EXPORT.format(pointer=pointer, target=str(target))
    body = f"{line}\nPath({str(left)!r}).touch()\n{line}\nprint(Path({str(left)!r}).exists())"
    assert_clean(run_script(body, tmp_path), "True")
