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


def special_build() -> Path:
    """Build it unless it is up to date; return what PYTHONPATH has to have.

    Raises:
        OSError: It could not be built, and what the compiler said.
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
        (*maturin, "--quiet", "--features", "mutants", "--out", PLACE),
        env={
            **os.environ,
            "CARGO_TARGET_DIR": str(PLACE.absolute() / "cargo"),
            "RUSTFLAGS": "--cfg rustix_use_libc",
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
