"""Runs tests in forks of one interpreter: `python -m faults.mutants.forked_tests BASETEMP`.

Reads a JSON list of [tests, environment] from stdin, and writes a JSON list of [status of pytest,
its output]. Imports cost more than most of the tests. The interpreter imports pytest, its plugins
and the event loops once, but not laboxide: a fork sets its environment first.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import NoReturn

import pytest

AT_ONCE = 3
"""Forks at the same time: a test may wait long for a process that hangs."""
LOOPS = ("anyio", "trio", "uvloop")
OPTIONS = ("-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider")


def main() -> None:
    """Run each list of tests in a fork, some at once."""
    basetemp = Path(sys.argv[1])
    runs = json.load(sys.stdin)
    with redirect_stdout(io.StringIO()):
        pytest.main(["--markers", "--noconftest"])  # imports all plugins
    for loop in LOOPS:
        importlib.import_module(loop)
    assert "laboxide" not in sys.modules
    basetemp.mkdir(parents=True, exist_ok=True)
    outputs = [basetemp / f"{number}.txt" for number in range(len(runs))]
    statuses = [0] * len(runs)
    waiting, running = list(enumerate(runs)), dict[int, int]()
    while waiting or running:
        if waiting and len(running) < AT_ONCE:
            number, (tests, environment) = waiting.pop(0)
            words = [*OPTIONS, f"--basetemp={basetemp / str(number)}", *tests]
            running[_forked(words, environment, outputs[number])] = number
        else:
            process, status = os.wait()
            statuses[running.pop(process)] = os.waitstatus_to_exitcode(status)
    texts = [output.read_text(encoding="utf-8", errors="replace") for output in outputs]
    print(json.dumps([*zip(statuses, texts, strict=True)]))


def _forked(words: list[str], environment: dict[str, str], output: Path) -> int:
    """Begin to run pytest in a fork; return the process."""
    process = os.fork()
    if process == 0:
        os.environ.update(environment)
        _run_tests(words, output)
    return process


def _run_tests(words: list[str], output: Path) -> NoReturn:
    status = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        with output.open("w") as file:
            os.dup2(file.fileno(), sys.stdout.fileno())
            os.dup2(file.fileno(), sys.stderr.fileno())
        status = int(pytest.main(words))
        sys.stdout.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
