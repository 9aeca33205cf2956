"""A write that the file system refuses when the file is closed is not published."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from laboxide import FileStorage

from tests.support.images import NEEDS_FUSE, mounted_fuse
from tests.support.storing import WRITES, files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.anyio, NEEDS_FUSE]


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[Path]:
    with mounted_fuse("refusing_disk", tmp_path) as mount:
        yield mount


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("size", [1000, 3 << 20])
async def test_write_refused_at_close_is_not_published(
    refusing: Path, write: str, size: int
) -> None:
    storage = FileStorage(refusing)
    with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)) as caught:
        await WRITES[write](storage, bytes(size), {})
    assert caught.value.errno == errno.EDQUOT
    assert str(caught.value.filename).startswith(str(refusing))
    assert files(refusing) == []
