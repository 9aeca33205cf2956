"""Content-addressed files in a directory.

- `storage`: `FileStorage`, the one class that users meet.
- `pointer`, `router`: what a write returns, and where an object goes.
- `publishing`: checks before a write, and how written content gets its name.
- `foreign`: the policy for pointers to other roots.
- `read_stream`: the stream of chunks of one object.
- `listing`, `audit`, `cleanup`: everything below a root is listed, compared with its name, or found
  to be left over.
"""

from __future__ import annotations

from laboxide.file.audit import Audit, AuditFinding, AuditProblem, ContentOf
from laboxide.file.cleanup import StrayFile, StrayKind
from laboxide.file.pointer import FilePointer
from laboxide.file.router import FileKey, FileRouter, content_router
from laboxide.file.storage import ExportLink, FileStat, FileStorage, ImportLink, VerifyReads

__all__ = (
    "Audit",
    "AuditFinding",
    "AuditProblem",
    "ContentOf",
    "ExportLink",
    "FileKey",
    "FilePointer",
    "FileRouter",
    "FileStat",
    "FileStorage",
    "ImportLink",
    "StrayFile",
    "StrayKind",
    "VerifyReads",
    "content_router",
)
