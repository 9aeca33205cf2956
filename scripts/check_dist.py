"""Check the files of built distributions, and try them on each CPython of this machine.

Usage: python scripts/check_dist.py FILE... with wheels (.whl) or source distributions (.tar.gz).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
TRIAL = Path(__file__).with_name("try_package.py")
REQUIRED = {
    ".whl": ("laboxide/py.typed", "laboxide/_native.pyi", "laboxide/_native.abi3.", "/LICENSE"),
    ".gz": (
        "/LICENSE",
        "/CHANGELOG.md",
        "/README.md",
        "/Cargo.lock",
        "/rust/core/src/lib.rs",
        "/rust/python/src/lib.rs",
        "/rust/sha256-pair/src/lib.rs",
        "/python/laboxide/py.typed",
        "/python/laboxide/_native.pyi",
    ),
}
MUTANTS = b"LABOXIDE_MUTANT"
"""Contained only in the special build of `faults/`; see faults/mutants/mutant.rs."""
FORBIDDEN = {
    # laboxide/testing belongs to the wheel: users test their storages with it.
    ".whl": (".rs", "Cargo.", "tests/", "benches/", "scripts/", "__pycache__", "conftest"),
    ".gz": ("__pycache__", ".abi3.so", "/target/", "/.venv/"),
}


class CheckFailedError(Exception):
    """A distribution has wrong content or fails its trial."""


def main() -> int:
    """Check every distribution and return the exit status."""
    try:
        for path in map(Path, sys.argv[1:]):
            check_contents(path)
            check_trials(path)
    except CheckFailedError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


def check_contents(path: Path) -> None:
    """Check the archive for missing and forbidden files."""
    names = names_in(path)
    for part in REQUIRED[path.suffix]:
        if not any(part in name for name in names):
            raise CheckFailedError(f"{path.name} has no {part}")
    for part in FORBIDDEN[path.suffix]:
        if unwanted := [name for name in names if part in name]:
            raise CheckFailedError(f"{path.name} must not have {unwanted[0]}")
    if path.suffix == ".whl" and "-cp311-abi3-" not in path.name:
        raise CheckFailedError(f"{path.name} is not an abi3 wheel for CPython 3.11 and newer")
    if path.suffix == ".whl" and any(MUTANTS in data for data in extensions_in(path)):
        raise CheckFailedError(f"{path.name} contains mutants: {MUTANTS.decode()}")
    print(f"{path.name}: {path.stat().st_size / 1024:,.0f} KiB, {len(names)} files, complete")


def extensions_in(path: Path) -> list[bytes]:
    """Return the extension modules in a wheel."""
    with zipfile.ZipFile(path) as wheel:
        return [wheel.read(name) for name in wheel.namelist() if "_native.abi3." in name]


def names_in(path: Path) -> list[str]:
    """Return the names of all files in the archive."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.namelist()
    with tarfile.open(path) as source:
        return source.getnames()


def check_trials(path: Path) -> None:
    """Install and use the distribution on each CPython of this machine."""
    pythons = {version: find_python(version) for version in VERSIONS}
    if not any(pythons.values()):
        raise CheckFailedError(f"no CPython found: {', '.join(VERSIONS)}")
    for version, python in pythons.items():
        if python is None:
            print(f"CPython {version}: not installed, skipped")
        else:
            print(f"CPython {version}: {check_installed(path, python)}", flush=True)


def check_installed(path: Path, python: str) -> str:
    """Install `path` with pip in an empty environment, and return the output of the trial."""
    with tempfile.TemporaryDirectory(prefix="laboxide-") as directory:
        environment = Path(directory, "venv")
        run(python, "-m", "venv", environment)
        installed = next(environment.glob("[bS]*/python*")).parent / "python"
        run(installed, "-m", "pip", "install", "--quiet", path.resolve())
        # Isolated mode in another directory can import only the installed package.
        return run(installed, "-I", "-W", "error", TRIAL.resolve(), directory).strip()


def run(*command: str | Path) -> str:
    """Run a command and return its output, or raise with the output if it fails."""
    # The package is built by the interpreter that installs it, and from its own sources: with the
    # variables of the clone, cargo would take the clone's crates for those of the archive.
    clone = {"VIRTUAL_ENV", "PYO3_PYTHON", "CARGO_BUILD_BUILD_DIR", "RUSTC_WORKSPACE_WRAPPER"}
    environment = {name: value for name, value in os.environ.items() if name not in clone}
    process = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    if process.returncode:
        raise CheckFailedError(f"{' '.join(map(str, command))}\n{process.stdout}")
    return process.stdout


def find_python(version: str) -> str | None:
    """Return a CPython of a version, after a trial run: a name may be a version manager's shim."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    managed = sorted(versions.glob(f"{version}.*/bin/python{version}"))
    for candidate in (f"python{version}", "python3", *map(str, managed)):
        probe = (
            "import sys, venv, ensurepip;"
            "print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
        )
        if shutil.which(candidate) is None:
            continue
        process = subprocess.run(
            [candidate, "-c", probe], capture_output=True, text=True, check=False
        )
        if process.stdout.split() == ["cpython", version]:
            return candidate
    return None


if __name__ == "__main__":
    sys.exit(main())
