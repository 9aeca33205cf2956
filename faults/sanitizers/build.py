"""Cargo with a sanitizer."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "target" / "faults" / "sanitizing"
"""Of all builds: cargo tells them apart by their flags, and they share macros and build scripts."""
TARGET = "x86_64-unknown-linux-gnu"
"""Named even on such a machine: then macros and build scripts are built without a sanitizer."""

# Hashing is most of the time, and nothing else of the dependencies is. What it asserts of each byte
# made it twenty times slower under the fuzzer.
PROFILE = {
    "incremental": "false",
    "debug": "'line-tables-only'",
    'package."*".opt-level': "0",
    "package.blake3.opt-level": "3",
    "package.sha2.opt-level": "3",
    "package.sha2.debug-assertions": "false",
    "package.sha2.overflow-checks": "false",
}


@dataclass(frozen=True)
class Build:
    """How the engine is built.

    Args:
        flags: For rustc. Those that begin with ``-Z`` are unstable.
        options: Variables of the environment of what is built.
    """

    flags: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def cargo(
        self,
        *words: str,
        after: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        """Run cargo in the project's directory and return what it and the program said.

        Args:
            words: The command.
            after: What follows the options: those of the program that it runs.
            environment: Further variables of the program.
        """
        profile = [f"--config=profile.dev.{name}={value}" for name, value in PROFILE.items()]
        command = ["cargo", *words, "--locked", f"--target={TARGET}", *profile, *after]
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**self.variables(), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def rustc(self, source: Path) -> Path:
        """Compile a program of one file.

        Raises:
            OSError: It cannot be compiled, and why.
        """
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        program = str(DIRECTORY / source.stem)
        command = [
            "rustc",
            "--edition=2024",
            *self.flags,
            f"--target={TARGET}",
            "-o",
            program,
            str(source),
        ]
        result = subprocess.run(
            command, env=self.variables(), capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise OSError(result.stderr)
        return Path(program)

    def variables(self) -> dict[str, str]:
        """Return the environment for building, and for running what was built."""
        return {
            **os.environ,
            **dict(self.options),
            # The sanitizers lie beside each stable compiler; it refuses their flags without this.
            "RUSTC_BOOTSTRAP": "1",
            "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(self.flags),
            "CARGO_TARGET_DIR": str(DIRECTORY),
        }


@cache
def libraries() -> Path:
    """Return where the compiler keeps its libraries for `TARGET`."""
    command = ["rustc", "--print=target-libdir", f"--target={TARGET}"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
