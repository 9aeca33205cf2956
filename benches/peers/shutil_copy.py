"""shutil.copy in a thread, without a hash."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING
from uuid import uuid4

from benches.peers.contract import Stored

if TYPE_CHECKING:
    from pathlib import Path


class ShutilCopy:
    """Copies files under random names."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def import_file(self, path: Path) -> Stored:
        """Copy the file."""
        target = self._directory / uuid4().hex
        await asyncio.to_thread(shutil.copy, path, target)
        return Stored(target, target.stat().st_size, None, None)
