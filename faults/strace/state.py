"""The files of a store, and their differences after an operation was disturbed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from faults.operations import digest_of
from faults.strace.operations import STAGING, TEMPORARY

if TYPE_CHECKING:
    from pathlib import Path

State = dict[str, bytes]
"""The files of a directory with their content."""


def visible(directory: Path) -> State:
    """Return all files below `directory` that are not temporary."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and STAGING not in path.parts and path.suffix != TEMPORARY
    }


def leftovers(directory: Path) -> set[Path]:
    """Return the temporary files of the store and of exports."""
    return staged(directory) | set(directory.glob(f"*{TEMPORARY}"))


def staged(directory: Path) -> set[Path]:
    """Return the temporary files of the store. No clean-up looks for those of exports."""
    return set((directory / "store" / STAGING).glob("*"))


def digests_wrong(state: State) -> list[str]:
    """Return a finding for each object whose content does not match its name."""
    return [
        f"{path} has other content than its name says"
        for path, data in state.items()
        if (match := re.fullmatch(r"store/(blake3|sha256)/../([0-9a-f]{64})", path))
        and digest_of(data, match[1])["content_hash"] != match[2]
    ]


def intermediate(before: State, after: State, now: State) -> list[str]:
    """Return a finding for each file that is neither as before an operation nor as after it."""
    missing = [f"{path} is gone" for path in before.keys() & after.keys() - now.keys()]
    wrong = [
        f"{path} has {len(data)} bytes that were never written to it"
        for path, data in now.items()
        if data not in (before.get(path), after.get(path))
    ]
    return sorted(missing + wrong)


def differences(expected: State, now: State) -> list[str]:
    """Return a finding for each file that is not as expected."""
    missing = [f"{path} is missing" for path in expected.keys() - now.keys()]
    more = [f"{path} is unexpected" for path in now.keys() - expected.keys()]
    common = expected.keys() & now.keys()
    wrong = [f"{path} has other content" for path in common if expected[path] != now[path]]
    return sorted(missing + more + wrong)
