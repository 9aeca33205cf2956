"""strace, attached to threads for the duration of one operation."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Call(NamedTuple):
    """A system call in a log."""

    thread: int
    name: str
    text: str
    """The line of the log, or its first part if another thread interrupted it."""


@contextmanager
def traced(
    threads: Iterable[int], log: Path, *expressions: str, follow: bool = False
) -> Iterator[None]:
    """Trace `threads` while the block runs.

    Args:
        threads: Their ids; the id of a process is that of its first thread.
        log: The file to write.
        *expressions: Arguments of `-e`: calls to trace, faults to inject.
        follow: Whether to trace all threads of the process, present and future.
    """
    which = [word for thread in threads for word in ("-p", str(thread))]
    what = [word for expression in expressions for word in ("-e", expression)]
    command = ["strace", *["-f"] * follow, "-y", "-s", "64", "-o", str(log), *which, *what]
    with subprocess.Popen(command, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(0, len(which), 2)]
        try:
            if not all(b" attached" in line for line in said):
                raise OSError(f"{' '.join(command)}: {b''.join(said).decode().strip()}")
            yield
        finally:
            # It detaches from its threads when it is terminated, but not when it is killed.
            process.terminate()


def calls(log: Path) -> list[Call]:
    """Return the system calls in the order in which they began."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = (re.match(r"(\d+)\s+(\w+)\(", line) for line in lines)
    return [
        Call(int(match[1]), match[2], line)
        for line, match in zip(lines, found, strict=True)
        if match is not None
    ]


def injected(log: Path) -> int:
    """Return the number of calls into which a fault was injected."""
    return log.read_text(encoding="utf-8", errors="replace").count("(INJECTED)")
