"""Paths as arguments, and the root of a storage."""

from __future__ import annotations

import errno
import os

from laboxide._arguments import shown


def text_path(path: str | os.PathLike[str]) -> str:
    """Return a path as text, as the file system encodes it."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path must be a str or os.PathLike of str, not {shown(path)}")
    if not text or "\0" in text:
        raise ValueError(f"a path must not be empty or have a NUL character: {shown(text)}")
    return text


def check_directory(root: str) -> None:
    """Refuse a root that is missing, is no directory, or cannot be entered."""
    with os.scandir(root):
        pass
    if not os.access(root, os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), root)
