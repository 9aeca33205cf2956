"""A build of laboxide to do things to, which nobody else gets.

It has the mutants (rust/core/src/mutant.rs), and makes its system calls through libc, where
libfiu can get at them; the ordinary build makes them itself.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PLACE = Path("target/faults/special")
MUTANTS = b"LABOXIDE_MUTANT"
"""What is in this build, and by which no other is known to be free of mutants."""


def special_build() -> Path:
    """Build it unless it is up to date; return what PYTHONPATH has to have.

    Raises:
        OSError: It could not be built, and what the compiler said; or it has no mutants.
    """
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        # Drivers run side by side.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build()
    return (PLACE / "package").absolute()


def _build() -> None:
    maturin = (sys.executable, "-m", "maturin", "build", "--profile", "faults", "--locked")
    process = subprocess.run(
        (*maturin, "--quiet", "--out", PLACE),
        env={
            **os.environ,
            "CARGO_TARGET_DIR": str(PLACE.absolute() / "cargo"),
            "RUSTFLAGS": "--cfg rustix_use_libc --cfg laboxide_mutants",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise OSError(f"the special build failed:\n{process.stderr}")
    [wheel] = PLACE.glob("*.whl")
    package = PLACE / "package"
    if not package.exists() or package.stat().st_mtime < wheel.stat().st_mtime:
        shutil.rmtree(package, ignore_errors=True)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(package)
    [extension] = package.glob("laboxide/_native.abi3.*")
    if MUTANTS not in extension.read_bytes():
        raise OSError(f"the special build is like any other: {MUTANTS.decode()} is not in it")
