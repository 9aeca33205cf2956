"""The stores of the cancelled operations, and the files that these may leave."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from laboxide import FileStorage

from faults.operations import digest_of, open_files

if TYPE_CHECKING:
    import random

    from laboxide import Digest, FileKey, FilePointer, TagMap

SMALL = 3000
LARGE = (8 << 20) + 77
"""More than a stream may have in flight, and no whole number of blocks."""
BYSTANDER = "bystander"
"""The directory of the task that must not notice."""
PATIENCE = 5.0
"""Seconds in which abandoned work must end."""


class World:
    """A few stores, their objects, and the files that may appear.

    Args:
        directory: The directory to create for them.
        source: The source of the contents.
        large: The size of large contents.
    """

    def __init__(self, directory: Path, source: random.Random, large: int = LARGE) -> None:
        self.directory = directory
        self.store = FileStorage(directory / "store", mkdir=True, chunk_size=256 << 10)
        self.durable = FileStorage(self.store.path, durable=True)
        self.verifying = FileStorage(self.store.path, verify_writes=True)
        self.elsewhere = FileStorage(directory / "elsewhere", mkdir=True)
        self.plain_names = FileStorage(directory / "plain", router=_size_router, mkdir=True)
        self.small, self.new_small = source.randbytes(SMALL), source.randbytes(SMALL)
        self.large, self.new_large = source.randbytes(large), source.randbytes(large)
        self.doomed = b"to be deleted"
        self.file = directory / "file"
        self.target = directory / "target"
        self.kept: dict[str, FilePointer] = {}
        self.torn: set[Path] = set()
        """Objects that are torn for the moment: an audit may quarantine them."""
        self._standing: set[Path] = set()
        self._descriptors: Counter[str] = Counter()
        self._allowed: dict[Path, bytes] = {}

    async def furnish(self) -> None:
        """Write the objects that operations read."""
        self.file.write_bytes(self.new_large)
        for name, storage, data in (
            ("small", self.store, self.small),
            ("large", self.store, self.large),
            ("elsewhere", self.elsewhere, self.new_large),
            ("plain", self.plain_names, self.small),
            ("plain, large", self.plain_names, self.large),
        ):
            self.kept[name] = await storage.write_data(data, digest_of(data), {})
        self._standing = set(_files(self.directory))
        self._descriptors = self._open()
        for data in (self.new_small, self.new_large, self.doomed):
            for algorithm in ("blake3", "sha256"):
                self._allowed[self._path(data, algorithm)] = data
        self._allowed[self.target] = self.large
        self.kept["doomed"] = await self.restore_doomed()

    async def restore_doomed(self) -> FilePointer:
        """Write the object for deletions again, if it was deleted."""
        return await self.store.write_data(self.doomed, digest_of(self.doomed), {})

    def clear(self) -> None:
        """Remove all objects written since `furnish`."""
        for path in self._allowed:
            if path != self._path(self.doomed, "blake3"):
                path.unlink(missing_ok=True)

    async def settled(self) -> str:
        """Wait until only whole objects are left; return a finding, or ""."""
        wrong = ""
        with anyio.move_on_after(PATIENCE):
            while wrong := self._wrong():
                await anyio.sleep(0.001)
        return wrong

    def _wrong(self) -> str:
        if more := self._open() - self._descriptors:
            return f"open: {list(more)}"
        files = {self._before_it_was_moved(path) for path in _files(self.directory)}
        if missing := self._standing - files:
            return f"gone: {missing}"
        for path in files - self._standing:
            content = self._allowed.get(path)
            if content is None:
                return f"left: {path}"
            with suppress(FileNotFoundError):  # removed by an abandoned delete
                if path.read_bytes() != content:
                    return f"not whole: {path}"
        return ""

    def _before_it_was_moved(self, path: Path) -> Path:
        """Return the original path of a quarantined torn object, or `path`."""
        begins, moved, _ = str(path).partition(".corrupt-")
        were = (torn for torn in self.torn if moved and str(torn).startswith(begins))
        return next(were, path)

    def _open(self) -> Counter[str]:
        """Return the open files of this process, without those of the bystander."""
        files = open_files().items()
        return Counter({path: count for path, count in files if f"/{BYSTANDER}/" not in path})

    def path_of(self, name: str) -> Path:
        """Return the path of one of the objects."""
        return Path(self.kept[name]["root"], self.kept[name]["key"])

    def _path(self, data: bytes, algorithm: str) -> Path:
        digest = digest_of(data, algorithm)["content_hash"]
        return self.store.path / algorithm / digest[:2] / digest


def _size_router(digest: Digest, _tags: TagMap, /, *, temp: bool) -> FileKey:  # noqa: ARG001
    return {"key": str(digest["content_size"])}


def _files(directory: Path) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(directory) for name in names]
