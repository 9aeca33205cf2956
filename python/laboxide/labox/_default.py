"""The default storage, a replacement for ``labox.builtin.file_storage``."""

from __future__ import annotations

from labox._internal._platformdirs import LABOX_USER_PROC_CACHE_DIR

from laboxide.labox._storage import FileStorage

file_storage = FileStorage(LABOX_USER_PROC_CACHE_DIR / "laboxide.labox", mkdir=True)
"""A `FileStorage` whose directory Labox deletes when the process exits."""
