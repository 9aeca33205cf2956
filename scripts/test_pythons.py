"""Run the tests that depend on the interpreter with a wheel on each other CPython.

Usage: python scripts/test_pythons.py WHEEL, in the development environment.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from check_dist import VERSIONS, CheckFailedError, check_contents, find_python, run

ENVIRONMENTS = Path("target/pythons")
CURRENT = "{}.{}".format(*sys.version_info)
TESTS = (
    *(f"tests/runtime/test_{name}.py" for name in ("lifecycle", "forks", "loops", "interrupts")),
    "tests/hostile/test_security.py",
)
"""Start and exit of loops and interpreters, forks, signals, and permissions of other users."""
SELECTED = "not interrupts_every_operation or asyncio"
"""Interrupts on asyncio only; `make test` covers the other loops."""
PROCESSES = "4"
"""Test processes, more than cores, because the tests mostly wait."""


def main() -> int:
    """Check the wheel, test it on every other CPython, and return the exit status."""
    [wheel] = map(Path, sys.argv[1:])
    found = {version: find_python(version) for version in VERSIONS if version != CURRENT}
    try:
        check_contents(wheel)
        for version, python in found.items():
            if python is not None:
                run_tests(wheel, version, python)
    except CheckFailedError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    for version in [version for version, python in found.items() if python is None]:
        print(f"WARNING: CPython {version} not installed: not tested", file=sys.stderr)
    return 0


def run_tests(wheel: Path, version: str, python: str) -> None:
    """Install the wheel and the test packages in an empty environment, and run the tests."""
    print(f"CPython {version} ({python}):", flush=True)
    environment = ENVIRONMENTS / version
    run(python, "-m", "venv", "--clear", "--without-pip", environment)
    installed = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", installed)
    run(*pip, "install", "--quiet", "--group", "pythons", wheel)
    command = (installed, "-m", "pytest", "-q", "-n", PROCESSES, "-p", "no:cacheprovider")
    if subprocess.run([*command, "-k", SELECTED, *TESTS], check=False).returncode:
        raise CheckFailedError(f"tests failed on CPython {version}")


if __name__ == "__main__":
    sys.exit(main())
