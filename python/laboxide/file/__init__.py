"""Content-addressed files in a directory."""

from __future__ import annotations

from laboxide.file._objects import FileStat
from laboxide.file._storage import FileStorage

__all__ = ("FileStat", "FileStorage")
