"""Imports that share the blocks of the source, on an XFS image."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from laboxide import FileStorage, digest_data

from tests.support.images import NEEDS_XFS

if TYPE_CHECKING:
    from pathlib import Path

SETTLED = 1.1
"""Seconds after a change, after which an import hashes the source instead of the clone."""

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop, NEEDS_XFS]


@pytest.mark.parametrize("wait", [0.0, SETTLED], ids=["recently written", "settled"])
async def test_reflinked_import_has_hash_and_content(xfs: Path, wait: float) -> None:
    data = os.urandom(5 << 20)
    (xfs / "source").write_bytes(data)
    storage = FileStorage(xfs / "root", mkdir=True)
    time.sleep(wait)
    pointer = await storage.import_file(xfs / "source", link="reflink")
    assert pointer["hash"] == digest_data(data, content_type="a/b")["content_hash"]
    assert await storage.read_data(pointer) == data


async def test_change_of_source_after_reflink_leaves_object(xfs: Path) -> None:
    data = os.urandom(5 << 20)
    (xfs / "source").write_bytes(data)
    storage = FileStorage(xfs / "root", mkdir=True)
    time.sleep(SETTLED)
    pointer = await storage.import_file(xfs / "source", link="reflink")
    with (xfs / "source").open("r+b") as file:
        file.write(b"changed")
    assert await storage.read_data(pointer) == data


async def test_source_modified_during_reflink_gets_hash_of_clone(
    xfs: Path,
) -> None:
    data = os.urandom(40 << 20)
    storage = FileStorage(xfs / "root", mkdir=True)
    for attempt in range(3):
        (xfs / "source").write_bytes(data)
        time.sleep(SETTLED)
        writer = subprocess.Popen(
            ["dd", "if=/dev/zero", f"of={xfs / 'source'}", "bs=1M", "count=30", "conv=notrunc"],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.001 * attempt)
        pointer = await storage.import_file(xfs / "source", link="reflink")
        assert writer.wait() == 0
        await storage.verify(pointer)
