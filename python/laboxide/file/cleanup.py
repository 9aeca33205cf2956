"""Stray files: temporary files of dead writers, and displaced or quarantined entries."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - needed to resolve the annotations at run time
from typing import TYPE_CHECKING, Literal, NamedTuple

from laboxide._native import Listing, clean
from laboxide._runtime import hub
from laboxide.file.listing import Listed, listing_error, next_listed

if TYPE_CHECKING:
    from laboxide._native import Store

STAGING = ".laboxide-staging"

_STRAY = ("displaced", "quarantined", "unreadable")
"""The kinds of entries that are stray, or may contain stray entries."""

StrayKind = Literal["temporary", "displaced", "quarantined", "unknown"]
"""The kinds of a `StrayFile`."""


class StrayFile(NamedTuple):
    """A file or directory in a store that is neither an object nor owned by a running writer."""

    path: Path
    """The path, also if it was removed."""
    kind: StrayKind
    """``"temporary"``: a temporary file of a dead writer; ``"displaced"``: a directory that was
    renamed because it had the name of an object; ``"quarantined"``: a corrupt object;
    ``"unknown"``: any other entry in the staging directory."""
    size: int
    """The size in bytes; for a directory, that of its own inode."""
    age: float | None
    """Seconds since the last modification, or None if the file system reports no time."""
    removed: bool
    """Whether it was removed."""


async def find_stray_files(root: Path, store: Store, *, delete: bool) -> list[StrayFile]:
    """Return the stray files below `root`; with `delete`, remove temporary files."""
    now = time.time()
    found = []
    for name, is_temporary, size, modified, removed in await hub.run(clean, store, delete):
        kind: StrayKind = "temporary" if is_temporary else "unknown"
        path, age = root / STAGING / name, _age(now, modified)
        found.append(StrayFile(path, kind, size, age, removed))
    listing = Listing(store)
    while listed := await next_listed(listing):
        found.extend(_stray_file(root, now, each) for each in listed if each.kind in _STRAY)
    return found


def _stray_file(root: Path, now: float, listed: Listed) -> StrayFile:
    if listed.kind == "unreadable":
        raise listing_error(root, listed)
    kind: StrayKind = "displaced" if listed.kind == "displaced" else "quarantined"
    age = _age(now, listed.modified)
    return StrayFile(root / listed.key, kind, listed.size, age, removed=False)


def _age(now: float, modified: float | None) -> float | None:
    return None if modified is None else max(0.0, now - modified)
