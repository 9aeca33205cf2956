"""Programs that a test runs in another process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

PRELUDE = """
import asyncio, contextlib, os, sys, threading, time
from pathlib import Path
from laboxide import CorruptDataError, FileStorage, digest_data, digest_stream, digest_file

async def chunks(count, size=1 << 16, pause=0.0):
    for index in range(count):
        yield bytes([index % 251]) * size
        if pause:
            await asyncio.sleep(pause)

async def store(storage, count, pause=0.0):
    return await storage.write_data_stream(
        *digest_stream(chunks(count, pause=pause), content_type="a/b"), {}
    )

async def load(storage, pointer):
    return b"".join([chunk async for chunk in storage.read_data_stream(pointer)])

def main(root):
"""

NOBODY = 65534
AS_NOBODY = f"""
    (Path(root) / "warm").touch()
    asyncio.run(digest_file(root / "warm"))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid({NOBODY})
        os.setuid({NOBODY})
"""
"""Drops root's rights in a script. Digests first: afterwards libraries may be unreadable."""


def program_of(body: str) -> str:
    """Return the program whose main function is `body`."""
    return f"{PRELUDE}{textwrap.indent(textwrap.dedent(body), '    ')}\nmain(Path(sys.argv[1]))\n"


def bound_by_permissions() -> list[str]:
    """Return a command prefix that takes away root's right to bypass permissions."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def run_script(
    body: str,
    root: object,
    *,
    timeout: float = 60,
    options: tuple[str, ...] = (),
    arguments: tuple[str, ...] = (),
    may_read_all: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run `body` in another process, as a function with the parameter `root`, after PRELUDE."""
    python = [sys.executable] if may_read_all else [*bound_by_permissions(), sys.executable]
    return subprocess.run(
        [*python, "-W", "error", *options, "-c", program_of(body), str(root), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )


def assert_clean(process: subprocess.CompletedProcess[str], output: str = "") -> None:
    """Assert that a program succeeded and printed only `output`."""
    assert (process.returncode, process.stderr) == (0, ""), process.stderr
    assert process.stdout.strip() == output
