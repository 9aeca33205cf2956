"""A file system may refuse data when its file is closed: nothing is published then."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from laboxide import FileStorage
from needs import needs
from storing import WRITES, files

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.anyio,
    needs("fusermount", also=[Path("/dev/fuse").exists()]),
]


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[Path]:
    backing, mount = tmp_path / "backing", tmp_path / "mount"
    backing.mkdir()
    mount.mkdir()
    server = Path(__file__).with_name("refusing_disk.py")
    with subprocess.Popen([sys.executable, server, backing, mount]) as process:
        deadline = time.monotonic() + 10
        while not mount.is_mount() and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield mount
        finally:
            subprocess.run(["umount", "--lazy", mount], check=True)
            process.wait(10)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("size", [1000, 3 << 20])
async def test_what_is_refused_at_close_is_not_published(
    refusing: Path, write: str, size: int
) -> None:
    storage = FileStorage(refusing)
    # Imports are made from beside the root.
    storage.path.with_name("source").write_bytes(bytes(size))
    with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)) as caught:
        await WRITES[write](storage, bytes(size), {})
    assert caught.value.errno == errno.EDQUOT
    assert str(caught.value.filename).startswith(str(refusing))
    assert files(refusing) == []
