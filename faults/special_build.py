"""A build of laboxide for the drivers alone: with mutants, and with system calls that can be faked.

A copy of the sources gets the edits of `faults/mutants/table.toml`. The build makes its system
calls through libc, where libfiu can intercept them; the ordinary build makes them itself.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from faults.mutants.table import ENGINE, SWITCHES, edited, edits

PLACE = Path("target/faults/special")
SOURCES = (
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "rust",
    "benches/reference",
    "python/laboxide",
)
"""Files and directories that the build reads."""
LEFT_OUT = {"__pycache__", "fuzz", "target"}
"""Directories below them that it does not read."""
MARK = b"LABOXIDE_MUTANT"
"""Text that an extension module contains if it has mutants, and only then."""
COMMAND = ("-m", "maturin", "build", "--profile", "faults", "--locked", "--quiet")
FLAGS = "--cfg rustix_use_libc"


def special_build() -> Path:
    """Build it unless it is up to date; return the directory to put into PYTHONPATH.

    Raises:
        EditError: The table of mutants does not fit the sources.
        OSError: The build failed, with the compiler's message; or it has no mutants.
    """
    PLACE.mkdir(parents=True, exist_ok=True)
    stamp, copy = PLACE / "stamp", PLACE / "sources"
    with (PLACE / "lock").open("w") as lock:
        # Drivers run side by side.
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = _sources()
        version = repr((COMMAND, FLAGS))
        is_built = stamp.exists() and stamp.read_text(encoding="utf-8") == version
        if not is_built or _differences(sources, copy):
            stamp.unlink(missing_ok=True)
            _write(sources, copy)
            _build(copy.absolute())
            stamp.write_text(version, encoding="utf-8")
    return (PLACE / "package").absolute()


def _sources() -> dict[str, bytes]:
    """Return the content of each file of the copy, by its path below the project."""
    sources = {}
    for source in map(Path, SOURCES):
        for path in [source] if source.is_file() else source.rglob("*"):
            if path.is_file() and path.suffix != ".so" and LEFT_OUT.isdisjoint(path.parts):
                sources[str(path)] = path.read_bytes()
    for file in {edit.file for edit in edits()}:
        name = str(ENGINE / file)
        sources[name] = edited(sources[name].decode(), file).encode()
    return sources | {str(ENGINE / SWITCHES.name): SWITCHES.read_bytes()}


def _differences(sources: dict[str, bytes], copy: Path) -> set[str]:
    """Return the paths at which the copy lacks a file, or has another or one too many."""
    present = {
        str(path.relative_to(copy)): path.read_bytes() for path in copy.rglob("*") if path.is_file()
    }
    return {path for path, _ in sources.items() ^ present.items()}


def _write(sources: dict[str, bytes], copy: Path) -> None:
    """Write the files that differ. The others keep their times, by which cargo goes."""
    for path in _differences(sources, copy):
        if path in sources:
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(sources[path])
        else:
            (copy / path).unlink()


def _build(copy: Path) -> None:
    wheels, package = copy.with_name("wheels"), copy.with_name("package")
    shutil.rmtree(wheels, ignore_errors=True)
    process = subprocess.run(
        (sys.executable, *COMMAND, "--out", wheels),
        cwd=copy,
        env={
            **os.environ,
            "CARGO_TARGET_DIR": str(copy.with_name("cargo")),
            # In the build directory of make, cargo could take crates of the copy for the project's.
            "CARGO_BUILD_BUILD_DIR": str(copy.with_name("cargo")),
            "RUSTFLAGS": FLAGS,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise OSError(f"the special build failed:\n{process.stderr}")
    [wheel] = wheels.glob("*.whl")
    shutil.rmtree(package, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(package)
    [extension] = package.glob("laboxide/_native.abi3.*")
    if MARK not in extension.read_bytes():
        raise OSError(f"the special build has no mutants: {MARK.decode()} is not in it")
