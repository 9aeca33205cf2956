"""Runs tests in forks of one interpreter: `python -m faults.mutants.forked_tests BASETEMP`.

Reads a JSON list of [tests, environment] from stdin, and writes a line of JSON for each of them:
[status of pytest, its output]. Imports cost more than most of the tests. The interpreter imports
pytest, its plugins and the event loops once, but not laboxide: a fork sets its environment first.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import tempfile
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPS = ("anyio", "trio", "uvloop")
OPTIONS = ("-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider")


def main() -> None:
    """Run each list of tests in a fork, one after the other."""
    basetemp = sys.argv[1]
    runs = json.load(sys.stdin)
    with redirect_stdout(io.StringIO()):
        pytest.main(["--markers", "--noconftest"])  # imports all plugins
    for loop in LOOPS:
        importlib.import_module(loop)
    assert "laboxide" not in sys.modules
    for tests, environment in runs:
        print(json.dumps(_forked([*OPTIONS, f"--basetemp={basetemp}", *tests], environment)))


def _forked(words: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """Return the status and the output of pytest in a fork."""
    sys.stdout.flush()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = os.fork()
        if process == 0:
            os.environ.update(environment)
            _run_tests(words, output.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        output.seek(0)
        return status, output.read()


def _run_tests(words: Sequence[str], output: int) -> NoReturn:
    status = 3  # pytest's own status for an internal error
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        status = int(pytest.main(list(words)))
        sys.stdout.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
