"""The state of a night that was stopped, from which the next one continues."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING

from faults.results import Row

if TYPE_CHECKING:
    from pathlib import Path


class Night:
    """Rows of the drivers that have finished, and the progress of the others.

    Args:
        directory: Where the state is kept. State of another revision is removed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        stamp, sources = directory / "sources", _sources()
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != sources:
            self.end()
            directory.mkdir(parents=True)
            stamp.write_text(sources, encoding="utf-8")

    def row(self, name: str) -> Row | None:
        """Return the row of a driver that has finished and held, if it has."""
        path = self._directory / f"{name}.row"
        if not path.exists():
            return None
        return Row(**json.loads(path.read_text(encoding="utf-8")))

    def keep(self, row: Row) -> None:
        """Keep a row. A driver that found something, or could not run, starts over next time."""
        self.progress(row.name).unlink(missing_ok=True)
        if not row.found and row.skipped is None:
            path = self._directory / f"{row.name}.row"
            path.write_text(json.dumps(asdict(row)), encoding="utf-8")

    def progress(self, name: str) -> Path:
        """Return the file in which a driver saves its progress."""
        return self._directory / f"{name}.progress"

    def end(self) -> None:
        """Remove the state: the next night starts over."""
        shutil.rmtree(self._directory, ignore_errors=True)


def _sources() -> str:
    """Return a digest of the tested sources: the commit, and the changes since."""
    commands = (("git", "rev-parse", "HEAD"), ("git", "diff", "HEAD", "--", ":!*.md"))
    outputs = (subprocess.run(each, capture_output=True, check=False).stdout for each in commands)
    return sha256(b"".join(outputs)).hexdigest()
