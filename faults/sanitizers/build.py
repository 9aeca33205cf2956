"""Builds with a sanitizer: one that watches memory, one that watches threads."""

from __future__ import annotations

import os
import re
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
"""The target directory of all builds: cargo distinguishes them by their flags."""
TARGET = "x86_64-unknown-linux-gnu"
"""Named even on such a host: then macros and build scripts are built without a sanitizer."""

# Most of the time goes to hashing. Its assertions for each byte made it twenty times slower under
# the fuzzer.
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
    """A way to build the engine.

    Args:
        flags: Flags of rustc. Flags that begin with ``-Z`` are unstable.
        options: Environment variables of the built programs.
    """

    flags: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def cargo(
        self,
        *words: str,
        after: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        """Run cargo in the directory of the project, and return its output.

        Args:
            words: The command and its options.
            after: The arguments of the program that it runs.
            environment: More variables of the program.
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
            OSError: The compiler failed; with its message.
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
        """Return the environment for building, and for running the built programs."""
        return {
            **os.environ,
            **dict(self.options),
            # A stable compiler has the sanitizers, but refuses their flags without this.
            "RUSTC_BOOTSTRAP": "1",
            "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(self.flags),
            "CARGO_TARGET_DIR": str(DIRECTORY),
            # Keeps these builds out of the build directory that make shares between clones.
            "CARGO_BUILD_BUILD_DIR": str(DIRECTORY),
        }


@cache
def libraries() -> Path:
    """Return the directory of the compiler's libraries for `TARGET`."""
    command = ["rustc", "--print=target-libdir", f"--target={TARGET}"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


MEMORY = Build(("-Zsanitizer=address",))
"""AddressSanitizer and, at exit, LeakSanitizer."""

WRAPPED = {
    "MUTEX_LOCK_CONTENDED": "5mutex5futexNtB2_5Mutex14lock_contended",
    "RWLOCK_READ_CONTENDED": "6rwlock5futexNtB2_6RwLock14read_contended",
    "RWLOCK_WRITE_CONTENDED": "6rwlock5futexNtB2_6RwLock15write_contended",
    "CONDVAR_WAIT": "7condvar5futexNtB2_7Condvar4wait",
    "CONDVAR_WAIT_TIMEOUT": "7condvar5futexNtB2_7Condvar12wait_timeout",
}
"""Functions of the standard library: the names in `std_for_tsan.c`, and their mangled endings."""

MODELLED = ("__tsan_atomic64_fetch_sub", "__tsan_atomic_thread_fence")
"""Functions that `std_for_tsan.c` replaces by closer models."""

SUPPRESSED = """
# The arguments and the result of the thread of a test.
race:Option<test::run_test::
race:test::event::CompletedTest
# The handles with which a channel wakes its reader.
race:alloc::sync::Arc<std::thread::thread::Inner
race:alloc::sync::Arc<std::sync::mpmc::context::Inner
"""
"""Types that are instrumented on one side only: the library and the test harness come compiled, but
parts of their channels are inlined into the tests. None of them belongs to a test or the engine."""


def threads() -> Build:
    """Return the build with ThreadSanitizer, and with models of the standard library."""
    names = _mangled()
    library = _compile(names)
    (suppressions := DIRECTORY / "suppressions").write_text(SUPPRESSED, encoding="utf-8")
    wrapped = (f"-Clink-arg=-Wl,--wrap={name}" for name in (*names.values(), *MODELLED))
    flags = (
        "-Zsanitizer=thread",
        # The compiled standard library is not instrumented, on purpose.
        "-Cunsafe-allow-abi-mismatch=sanitizer",
        f"-Clink-arg={library}",
        *wrapped,
    )
    return Build(flags, (("TSAN_OPTIONS", f"suppressions={suppressions}"),))


def _mangled() -> dict[str, str]:
    """Find the functions in this compiler's library; their names contain its hash."""
    (library,) = libraries().glob("libstd-*.rlib")
    content = library.read_bytes()
    return {name: _find(content, ending) for name, ending in WRAPPED.items()}


def _find(content: bytes, ending: str) -> str:
    found = set(re.findall(rb"\0(_R\w+3sys4sync" + ending.encode() + rb")(?=\0)", content))
    if len(found) != 1:
        raise LookupError(f"standard library: {len(found)} functions ...{ending} instead of one")
    return str(found.pop(), "ascii")


def _compile(names: dict[str, str]) -> Path:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    library = DIRECTORY / "std_for_tsan.o"
    source = Path(__file__).with_name("std_for_tsan.c")
    defined = [f'-D{name}="{mangled}"' for name, mangled in names.items()]
    command = ["cc", "-O2", "-Wall", "-c", "-o", str(library), *defined, str(source)]
    subprocess.run(command, check=True)
    return library
