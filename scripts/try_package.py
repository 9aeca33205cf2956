"""Use an installed laboxide: import it, and write and read a value and a stream.

Usage: python -I scripts/try_package.py DIRECTORY. `check_dist.py` runs it.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import laboxide

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK, CHUNKS = bytes(range(256)) * 256, 100


async def chunks() -> AsyncIterator[bytes]:
    """Yield several engine blocks."""
    for _ in range(CHUNKS):
        yield CHUNK


async def main(root: Path) -> None:
    """Write and read, and compare the hashes with hashlib."""
    storage = laboxide.FileStorage(root / "store", mkdir=True)
    value = b"a value"
    digest = laboxide.digest_data(value, content_type="text/plain", algorithm="sha256")
    require(digest["content_hash"] == hashlib.sha256(value).hexdigest(), "the hash of a value")
    pointer = await storage.write_data(value, digest, {})
    require(await storage.read_data(pointer) == value, "a value read back")

    stream, get_digest = laboxide.digest_stream(
        chunks(), content_type="application/octet-stream", algorithm=("blake3", "sha256")
    )
    pointer = await storage.write_data_stream(stream, get_digest, {})
    content = b"".join([chunk async for chunk in storage.read_data_stream(pointer)])
    require(content == CHUNK * CHUNKS, "a stream read back")
    expected = hashlib.sha256(content).hexdigest()
    require(get_digest().get("content_hashes") == {"sha256": expected}, "the hash of a stream")


def require(condition: bool, name: str) -> None:  # noqa: FBT001
    """Exit with status 1 and the name of the check unless the condition holds."""
    if not condition:
        sys.exit(f"check failed: {name}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
    print(f"laboxide {version('laboxide')} installed, wrote and read a value and a stream")
