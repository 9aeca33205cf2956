"""What the processes write and delete: a few contents, the same for all of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from laboxide import Digest, FilePointer, content_router, digest_data

if TYPE_CHECKING:
    from pathlib import Path

# Without a byte, one job, several blocks, a stream with a rest.
SIZES = (0, 1, 500, 4096, 60_000, 300_000, 1 << 20, 1_200_000, 2_200_000)


class Content(NamedTuple):
    """One of them."""

    number: int
    data: bytes
    digest: Digest

    def pointer(self, root: Path) -> FilePointer:
        """Return the pointer that writing it below `root` returns."""
        return FilePointer(
            root=str(root),
            key=content_router(self.digest, {})["key"],
            algorithm=self.digest["content_hash_algorithm"],
            hash=self.digest["content_hash"],
            size=len(self.data),
        )

    def source(self, directory: Path) -> Path:
        """Return where the file is that it is imported from."""
        return directory / f"source-{self.number}"


def make_contents() -> list[Content]:
    """Return all of them."""
    contents = []
    for number, size in enumerate(SIZES):
        data = (random.Random(number).randbytes(251) * (size // 251 + 1))[:size]
        contents.append(Content(number, data, digest_data(data, content_type="a/b")))
    return contents


CONTENTS = make_contents()
"""Made once: processes that are forked have them at no cost."""
