"""The two builds: one that watches memory, one that watches threads."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from faults.sanitizers.build import DIRECTORY, Build, libraries

MEMORY = Build(("-Zsanitizer=address",))
"""AddressSanitizer and, at the exit, LeakSanitizer."""

WRAPPED = {
    "MUTEX_LOCK_CONTENDED": "5mutex5futexNtB2_5Mutex14lock_contended",
    "RWLOCK_READ_CONTENDED": "6rwlock5futexNtB2_6RwLock14read_contended",
    "RWLOCK_WRITE_CONTENDED": "6rwlock5futexNtB2_6RwLock15write_contended",
    "CONDVAR_WAIT": "7condvar5futexNtB2_7Condvar4wait",
    "CONDVAR_WAIT_TIMEOUT": "7condvar5futexNtB2_7Condvar12wait_timeout",
}
"""Functions of the standard library, as `std_for_tsan.c` calls them, and how their names end."""

MODELLED = ("__tsan_atomic64_fetch_sub", "__tsan_atomic_thread_fence")
"""What `std_for_tsan.c` makes of these is closer to what they do."""

SUPPRESSED = """
# What the harness of the tests hands to the thread of a test, and what it gets back.
race:Option<test::run_test::
race:test::event::CompletedTest
# The handles with which a channel wakes its reader.
race:alloc::sync::Arc<std::thread::thread::Inner
race:alloc::sync::Arc<std::sync::mpmc::context::Inner
"""
"""Types that are seen from one side only: the library and the harness come compiled, but parts of
their channels are inlined into the tests. None of them can be a test, or be the engine's."""


def threads() -> Build:
    """ThreadSanitizer, told what it cannot see of the standard library."""
    names = _mangled()
    library = _compile(names)
    (suppressions := DIRECTORY / "suppressions").write_text(SUPPRESSED, encoding="utf-8")
    wrapped = (f"-Clink-arg=-Wl,--wrap={name}" for name in (*names.values(), *MODELLED))
    flags = (
        "-Zsanitizer=thread",
        # The compiled library is not instrumented: that is meant.
        "-Cunsafe-allow-abi-mismatch=sanitizer",
        f"-Clink-arg={library}",
        *wrapped,
    )
    return Build(flags, (("TSAN_OPTIONS", f"suppressions={suppressions}"),))


def _mangled() -> dict[str, str]:
    """Find the functions of this compiler's library; their names have its hash in them."""
    (library,) = libraries().glob("libstd-*.rlib")
    content = library.read_bytes()
    return {name: _find(content, ending) for name, ending in WRAPPED.items()}


def _find(content: bytes, ending: str) -> str:
    found = set(re.findall(rb"\0(_R\w+3sys4sync" + ending.encode() + rb")(?=\0)", content))
    if len(found) != 1:
        raise LookupError(f"the standard library has {len(found)} functions ...{ending}, not one")
    return str(found.pop(), "ascii")


def _compile(names: dict[str, str]) -> Path:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    library = DIRECTORY / "std_for_tsan.o"
    source = Path(__file__).with_name("std_for_tsan.c")
    defined = [f'-D{name}="{mangled}"' for name, mangled in names.items()]
    command = ["cc", "-O2", "-Wall", "-c", "-o", str(library), *defined, str(source)]
    subprocess.run(command, check=True)
    return library
