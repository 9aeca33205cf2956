"""Content-addressed files in a directory."""

from __future__ import annotations

from laboxide.file._audit import Finding, StoreAudit
from laboxide.file._objects import FileStat
from laboxide.file._storage import FileStorage
from laboxide.file._sweep import Leftover

__all__ = ("FileStat", "FileStorage", "Finding", "Leftover", "StoreAudit")
