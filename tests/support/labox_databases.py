"""Databases for Labox's records: an SQLite file and a private PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED = os.environ.get("LABOXIDE_REQUIRE_POSTGRES", "0") not in ("", "0")
MISSING = "no PostgreSQL server was found on the PATH or below /usr/lib/postgresql"
UNPRIVILEGED = ("--reuid", "nobody", "--regid", "nogroup", "--clear-groups")


def find_postgres() -> Path | None:
    """Return the directory of the server's programs, which Debian keeps off the PATH."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for directory in candidates:
        if all((directory / name).exists() for name in ("initdb", "postgres", "psql")):
            return directory
    return None


def unprivileged(*options: str) -> list[str]:
    """Return a command prefix that drops root, because the server refuses to run as root."""
    if sys.platform != "linux":
        return []
    return ["setpriv", *(UNPRIVILEGED if os.geteuid() == 0 else ()), *options, "--"]


class Postgres:
    """A server that listens on a private socket and ends with this process."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        if os.geteuid() == 0:
            shutil.chown(directory, "nobody", "nogroup")
        self._run("initdb", "-D", f"{directory}/data", "-U", "postgres", "-A", "trust", "-N")
        settings = ["listen_addresses=", f"unix_socket_directories={directory}", "fsync=off"]
        command = [
            *unprivileged("--pdeathsig", "QUIT"),
            *(str(programs / "postgres"), "-D", f"{directory}/data"),
            *[argument for setting in settings for argument in ("-c", setting)],
        ]
        with (directory / "log").open("wb") as log:
            self._server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        self._wait()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*unprivileged(), str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
        )

    def _psql(self, command: str) -> None:
        self._run("psql", "-qX", "-h", str(self._directory), "-U", "postgres", "-c", command)

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                return self._psql("select 1")
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    log = (self._directory / "log").read_text(encoding="utf-8")
                    raise RuntimeError(f"PostgreSQL did not start: {log}") from None
                time.sleep(0.05)

    def new_database(self) -> str:
        """Create a database and return its URL."""
        name = f"labox_{uuid4().hex}"
        self._psql(f"create database {name} template template0")
        return f"postgresql+asyncpg://postgres@/{name}?host={self._directory}"

    def stop(self) -> None:
        self._server.terminate()
        self._server.wait()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a server for the session; skip or fail if PostgreSQL is missing."""
    programs = find_postgres()
    if programs is None:
        (pytest.fail if REQUIRED else pytest.skip)(MISSING)
    # Other users may not enter `tmp_path`, and the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="laboxide-pg-") as directory:
        server = Postgres(programs, Path(directory))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'records.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report at the end of the run that PostgreSQL was not tested."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    if any(MISSING in reason for reason in reasons):
        terminalreporter.section("NOT TESTED: Labox's records in PostgreSQL", red=True, bold=True)
        terminalreporter.line(
            f"{MISSING}; LABOXIDE_REQUIRE_POSTGRES=1 makes this an error", red=True
        )
