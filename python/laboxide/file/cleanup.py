"""Stray files: leftovers of writers, and what was moved aside."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - readers of the type want to resolve it
from typing import TYPE_CHECKING, Literal, NamedTuple

from laboxide._native import Listing, sweep
from laboxide._runtime import hub
from laboxide.file.listing import Listed, next_listed, refusal

if TYPE_CHECKING:
    from laboxide._native import Store

STAGING = ".laboxide-staging"

_ASIDE = ("displaced", "quarantined", "closed")
"""What was moved aside, or may have something in it that was."""


StrayKind = Literal["temporary", "displaced", "quarantined", "unknown"]
"""The kinds of a `StrayFile`."""


class StrayFile(NamedTuple):
    """A file or directory in a store that is no object and belongs to no running writer."""

    path: Path
    """Where it is, or was before it was removed."""
    kind: StrayKind
    """``"temporary"``: a file of a writer that is gone; ``"displaced"``: a directory that was in
    the place of an object; ``"quarantined"``: what had the name of an object and not its content;
    ``"unknown"``: something else among the temporary files."""
    size: int
    """Its size in bytes; of a directory, what the file system says of it alone."""
    age: float | None
    """Seconds since it was last changed, where the file system tells."""
    removed: bool
    """Whether it has been removed."""


async def find_stray_files(root: Path, store: Store, *, delete: bool) -> list[StrayFile]:
    """Return the stray files below `root`; with `delete`, after removing temporary files."""
    now = time.time()
    found = []
    for name, is_temporary, size, modified, removed in await hub.run(sweep, store, delete):
        kind: StrayKind = "temporary" if is_temporary else "unknown"
        path, age = root / STAGING / name, _age(now, modified)
        found.append(StrayFile(path, kind, size, age, removed))
    listing = Listing(store)
    while listed := await next_listed(listing):
        found.extend(_aside(root, now, each) for each in listed if each.kind in _ASIDE)
    return found


def _aside(root: Path, now: float, listed: Listed) -> StrayFile:
    if listed.kind == "closed":
        raise refusal(root, listed)
    kind: StrayKind = "displaced" if listed.kind == "displaced" else "quarantined"
    age = _age(now, listed.modified)
    return StrayFile(root / listed.key, kind, listed.size, age, removed=False)


def _age(now: float, modified: float | None) -> float | None:
    return None if modified is None else max(0.0, now - modified)
