"""Records for the tests of adoption: values and streams with duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labox.builtin import StorableStream, StorableValue
from labox.core import new_saver

from tests.support.labox_world import all_parts, parts, registry_of

if TYPE_CHECKING:
    from pathlib import Path

VALUES, STREAMS = 6, 6


async def fill(session: Any, storage: Any, streams: int = STREAMS) -> None:
    """Save values and streams; two of each have the same content."""
    async with new_saver(registry_of(storage), session) as saver:
        for index in range(VALUES):
            saver.save_soon(StorableValue(all_parts(1 + index // 2)), tags={"kind": "value"})
        for index in range(streams):
            saver.save_soon(StorableStream(parts(40 + index // 2)), tags={"kind": "stream"})


def objects(root: Path) -> dict[Path, bytes]:
    """Return the content of every file below `root`."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
