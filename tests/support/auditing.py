"""Stores to audit, and the findings of an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.storing import put

if TYPE_CHECKING:
    from laboxide import Audit, AuditFinding, FilePointer, FileStorage


async def fill(storage: FileStorage, count: int, size: int = 0) -> list[FilePointer]:
    """Store `count` objects and return pointers to them in the order of their keys."""
    pointers = [await put(storage, b"%d" % index + bytes(size)) for index in range(count)]
    return sorted(pointers, key=lambda pointer: pointer["key"])


async def findings(audit: Audit) -> list[AuditFinding]:
    return [finding async for finding in audit]
