"""What must hold of a store's files, whatever happened to the process that wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from laboxide import digest_data

from faults.strace.operations import STAGING, TEMPORARY

if TYPE_CHECKING:
    from pathlib import Path

State = dict[str, bytes]
"""The files of a directory, and what is in them."""


def visible(directory: Path) -> State:
    """Return all files below `directory` that are not temporary."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and STAGING not in path.parts and path.suffix != TEMPORARY
    }


def leftovers(directory: Path) -> set[Path]:
    """Return the temporary files that are there, and whatever is beside them."""
    return staged(directory) | set(directory.glob(f"*{TEMPORARY}"))


def staged(directory: Path) -> set[Path]:
    """Return those of the store. Among exports there may be others, and no sweep looks there."""
    return set((directory / "store" / STAGING).glob("*"))


def digests_wrong(state: State) -> list[str]:
    """Return the objects whose content is not what their name says."""
    return [
        f"{path} does not hold its content"
        for path, data in state.items()
        if (match := re.fullmatch(r"store/(blake3|sha256)/../([0-9a-f]{64})", path))
        and digest_data(data, content_type="a/b", algorithm=match[1])["content_hash"] != match[2]
    ]


def halfway(before: State, after: State, now: State) -> list[str]:
    """Return what is neither as before an operation nor as after it."""
    missing = [f"{path} is gone" for path in before.keys() & after.keys() - now.keys()]
    wrong = [
        f"{path} holds {len(data)} bytes that nobody wrote there"
        for path, data in now.items()
        if data not in (before.get(path), after.get(path))
    ]
    return sorted(missing + wrong)


def differences(expected: State, now: State) -> list[str]:
    """Return what is not as expected."""
    missing = [f"{path} is missing" for path in expected.keys() - now.keys()]
    more = [f"{path} is one too many" for path in now.keys() - expected.keys()]
    common = expected.keys() & now.keys()
    wrong = [f"{path} holds something else" for path in common if expected[path] != now[path]]
    return sorted(missing + more + wrong)
