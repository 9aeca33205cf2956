"""Changes of files behind the back of a store."""

from __future__ import annotations

import os
import resource
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.stateful.model import Content, State


def make(path: Path, content: Content, state: State) -> None:
    """Put the file at `path` into a state."""
    _remove(path)
    if state == "absent":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if state == "a directory":
        path.mkdir()
    elif state == "a link":  # to the right content
        target = path.parents[3] / f"linked {path.name}"
        target.write_bytes(content.data)
        path.symlink_to(target)
    elif state == "a FIFO":
        os.mkfifo(path)
    else:
        path.write_bytes(_bytes_of(content, state))


def _bytes_of(content: Content, state: State) -> bytes:
    if state == "flipped":
        return content.flipped
    if state == "short":
        return content.data[: len(content.data) // 2]
    return content.data + b"x" if state == "long" else content.data


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def files_limited(size: int) -> Iterator[None]:
    """Let no file grow beyond `size`, like a full disk. Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def leave_temporary_file(root: Path) -> Path:
    """Leave the temporary file of a killed writer on a system where it needs a name."""
    staging = root / ".laboxide-staging"
    staging.mkdir(exist_ok=True)
    path = staging / f"{os.getpid():x}-0-0.laboxide-tmp"
    path.write_bytes(b"half of some")
    return path
