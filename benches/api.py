"""Calls that older revisions of laboxide lack.

`make bench-compare` runs the benches of the working tree on the package of an older revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laboxide import FileStorage, digest_data

if TYPE_CHECKING:
    from laboxide import FilePointer

CONTENT_TYPE = "application/octet-stream"


async def _digest_and_write(storage: FileStorage, data: bytes, *, algorithm: str) -> FilePointer:
    digest = digest_data(data, content_type=CONTENT_TYPE, algorithm=algorithm)
    return await storage.write_data(data, digest, {})


put: Any = getattr(FileStorage, "put", _digest_and_write)
"""``FileStorage.put``, or the two calls that it replaces."""
