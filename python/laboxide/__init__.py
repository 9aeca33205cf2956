"""Content-addressed storage for async Python, with a Rust core.

The names below are the whole public interface, besides `laboxide.labox` and `laboxide.testing`.
`storage` defines the contract of a storage, `memory` and `file` implement it, `digest` hashes data,
streams and files. `_runtime` connects the native extension `_native` to the event loop.
"""

from __future__ import annotations

import typing

from laboxide import _native
from laboxide.digest import (
    ALGORITHMS,
    DigestedStream,
    Hasher,
    digest_data,
    digest_file,
    digest_stream,
)
from laboxide.errors import (
    CorruptDataError,
    DigestMismatchError,
    LaboxideError,
    ObjectNotFoundError,
    ObjectTooLargeError,
    RootNotAllowedError,
    VerificationError,
)
from laboxide.file import (
    Audit,
    AuditFinding,
    AuditProblem,
    ContentOf,
    ExportLink,
    FileKey,
    FilePointer,
    FileRouter,
    FileStat,
    FileStorage,
    ImportLink,
    StrayFile,
    StrayKind,
    VerifyReads,
    content_router,
)
from laboxide.memory import MemoryPointer, MemoryStorage
from laboxide.storage import Storage
from laboxide.types import Digest, GetStreamDigest, Progress, StreamDigest, TagMap

__all__ = (
    "ALGORITHMS",
    "Audit",
    "AuditFinding",
    "AuditProblem",
    "ContentOf",
    "CorruptDataError",
    "Digest",
    "DigestMismatchError",
    "DigestedStream",
    "ExportLink",
    "FileKey",
    "FilePointer",
    "FileRouter",
    "FileStat",
    "FileStorage",
    "GetStreamDigest",
    "Hasher",
    "ImportLink",
    "LaboxideError",
    "MemoryPointer",
    "MemoryStorage",
    "ObjectNotFoundError",
    "ObjectTooLargeError",
    "Progress",
    "RootNotAllowedError",
    "Storage",
    "StrayFile",
    "StrayKind",
    "StreamDigest",
    "TagMap",
    "VerificationError",
    "VerifyReads",
    "content_router",
    "digest_data",
    "digest_file",
    "digest_stream",
)

if typing.TYPE_CHECKING:
    __version__: str
else:  # a type checker would accept any attribute

    def __getattr__(name: str) -> str:
        """Return the version. Looked up lazily, which takes longer than the whole import."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import version  # noqa: PLC0415 - as above

        globals()[name] = version("laboxide")
        return globals()[name]


if _native.DEBUG:  # pragma: no cover - tests run on optimised builds
    import warnings

    warnings.warn(
        "laboxide was built without optimisation and is many times slower than a release build",
        RuntimeWarning,
        stacklevel=2,
    )
