"""Content-addressed storage in a directory.

- `storage`: `FileStorage`, the class that users construct.
- `pointer`: `FilePointer`, the config that a write returns and a read takes.
- `router`: chooses the key of an object, its path below the root.
- `publishing`: checks before a write, and publishes staged content under its key.
- `foreign`: the policy for pointers to other roots.
- `read_stream`: the stream of chunks of one object.
- `listing`: walks the entries below a root; the base of the next two.
- `audit`: verifies all objects against the hashes in their keys.
- `cleanup`: finds stray files, and deletes temporary ones.
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
