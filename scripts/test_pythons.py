"""Test a wheel with each other CPython of this machine: the tests that depend on the interpreter.

Usage: python scripts/test_pythons.py WHEEL, in the environment for development.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from check_dist import VERSIONS, CheckFailedError, check_contents, find_python, run

PLACE = Path("target/pythons")
OWN = "{}.{}".format(*sys.version_info)
TESTS = (
    *(f"tests/runtime/test_{name}.py" for name in ("lifecycle", "forks", "loops", "interrupts")),
    "tests/hostile/test_security.py",
)
"""Start and exit of loops and interpreters, forks, signals, permissions of another user."""
CHOSEN = "not interrupts_every_operation or asyncio"
"""Interrupts on one loop; `make test` runs all of them."""
AT_ONCE = "4"
"""Processes. The tests mostly wait."""


def main() -> int:
    """Check the wheel, test it with every CPython found, and return the exit status."""
    [wheel] = map(Path, sys.argv[1:])
    found = {version: find_python(version) for version in VERSIONS if version != OWN}
    try:
        check_contents(wheel)
        for version, python in found.items():
            if python is not None:
                check_tested(wheel, version, python)
    except CheckFailedError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    for version in [version for version, python in found.items() if python is None]:
        print(f"WARNING: CPython {version} is not on this machine: not tested", file=sys.stderr)
    return 0


def check_tested(wheel: Path, version: str, python: str) -> None:
    """Install the wheel and the tests' packages in an empty environment, and run the tests."""
    print(f"CPython {version} ({python}):", flush=True)
    environment = PLACE / version
    run(python, "-m", "venv", "--clear", "--without-pip", environment)
    installed = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", installed)
    run(*pip, "install", "--quiet", "--group", "pythons", wheel)
    command = (installed, "-m", "pytest", "-q", "-n", AT_ONCE, "-p", "no:cacheprovider")
    if subprocess.run([*command, "-k", CHOSEN, *TESTS], check=False).returncode:
        raise CheckFailedError(f"the tests with CPython {version}")


if __name__ == "__main__":
    sys.exit(main())
