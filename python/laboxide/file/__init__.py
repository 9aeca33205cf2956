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

from laboxide.file.audit import Finding, StoreAudit
from laboxide.file.cleanup import Leftover
from laboxide.file.pointer import FilePointer
from laboxide.file.router import FileKey, FileRouter, content_router
from laboxide.file.storage import FileStat, FileStorage

__all__ = (
    "FileKey",
    "FilePointer",
    "FileRouter",
    "FileStat",
    "FileStorage",
    "Finding",
    "Leftover",
    "StoreAudit",
    "content_router",
)
