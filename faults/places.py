"""Where a driver works: the project's file system and, at night, an image of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.image import MAKE, Image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.driver import Trial


def places(trial: Trial) -> Iterator[tuple[str, Path]]:
    """Yield the name of each file system with an empty directory on it."""
    own = trial.directory / "own"
    own.mkdir()
    yield "the project's file system", own
    for kind in MAKE if trial.tier == "night" else ():
        with Image(kind, trial.directory / f"{kind}.image").mounted() as directory:
            yield kind, directory
