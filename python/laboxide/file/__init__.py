"""Content-addressed files in a directory."""

from __future__ import annotations

from laboxide.file._objects import FileStat
from laboxide.file.audit import Finding, StoreAudit
from laboxide.file.cleanup import Leftover
from laboxide.file.storage import FileStorage

__all__ = ("FileStat", "FileStorage", "Finding", "Leftover", "StoreAudit")
