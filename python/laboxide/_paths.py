"""Paths as arguments, and the root of a storage."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from laboxide._arguments import shown


def text_path(name: str, path: str | os.PathLike[str]) -> str:
    """Return the path `name` as text, as the file system encodes it."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or an os.PathLike of str, not {shown(path)}")
    if not text or "\0" in text:
        raise ValueError(f"{name} must not be empty or have a NUL character: {shown(text)}")
    return text


def file_path(name: str, path: str | os.PathLike[str]) -> str:
    """Return the path of a file that is to be made as text.

    Raises:
        IsADirectoryError: It is spelled as that of a directory. The engine does not see that.
    """
    text = text_path(name, path)
    if os.path.basename(text) in ("", os.curdir, os.pardir):  # noqa: PTH119 - not what Path makes of it
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), text)
    return text


def check_roots(
    name: str, roots: Iterable[str | os.PathLike[str]] | None
) -> tuple[Path, ...] | None:
    """Return the directories as absolute paths, each once and in order; None stays None."""
    if roots is None:
        return None
    # A single path would be taken for a sequence of its characters.
    if not isinstance(roots, Iterable) or isinstance(roots, (str, bytes, os.PathLike)):
        raise TypeError(f"{name} must be a sequence of directories or None, not {shown(roots)}")
    texts = [text_path(f"each of {name}", root) for root in roots]
    return tuple(sorted({Path(os.path.abspath(text)) for text in texts}))


def make_directory(path: Path, *, durable: bool) -> None:
    """Make a root and what leads to it; with `durable`, their names are then on the device."""
    missing = [each for each in (path, *path.parents) if not os.path.lexists(each)]
    with suppress(FileExistsError):  # what is there is looked at by `check_directory`
        path.mkdir(parents=True, exist_ok=True)
    # Windows opens no directories; its file systems journal names by themselves.
    if durable and hasattr(os, "O_DIRECTORY"):
        for each in missing:
            _flush(each.parent)


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_directory(root: str) -> None:
    """Refuse a root that is missing, is no directory, or cannot be entered."""
    with os.scandir(root):
        pass
    if not os.access(root, os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), root)
