"""The locks of the engine: another thread can be made to hold one while a process forks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIABLE = "LABOXIDE_LOCKS"
PATIENCE = 0.3
"""Seconds in which a thread takes the lock."""


class Locks:
    """Asks the engine of the special build (faults/mutants/mutant.rs) to hold locks for a moment.

    Args:
        directory: The directory in `LABOXIDE_LOCKS`, whose files carry the requests.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._wanted = directory / "wanted"
        self._kept = directory / "kept"
        self.summary = directory / "summary"
        """The file that says for each place whether its lock was held at a fork."""

    def places(self) -> set[str]:
        """Return the source lines at which a lock was taken so far."""
        return {path.name for path in self._directory.iterdir() if ".rs:" in path.name}

    def keep(self, place: str, then: Callable[[], None]) -> bool:
        """Call `then`, and wait until a thread keeps the lock that it takes there.

        Returns:
            Whether a thread does. No thread can that also has the interpreter, or for whose lock
            such a thread waits: the lock is released before this method continues.
        """
        request = self._directory / "request"
        request.write_text(place, encoding="utf-8")
        request.rename(self._wanted)
        then()
        deadline = time.monotonic() + PATIENCE
        while self._wanted.exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        self._wanted.unlink(missing_ok=True)
        return self._kept.exists()

    def release(self) -> bool:
        """Have the lock released; return whether it was held until now."""
        try:
            self._kept.unlink()
        except FileNotFoundError:
            return False
        return True
