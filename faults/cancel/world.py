"""What operations that are cancelled work on, and what they may leave there."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from laboxide import FileStorage, digest_data

if TYPE_CHECKING:
    import random

    from laboxide import Digest, FileKey, FilePointer, TagMap

SMALL = 3000
LARGE = (8 << 20) + 77
"""More than a stream may have in flight, and no whole number of blocks."""
BYSTANDER = "bystander"
"""The directory beside, in which a task that must not notice is at work."""
PATIENCE = 5.0
"""Seconds after which work that nobody waits for must have ended."""


class World:
    """A few stores, what is in them, and what may come there.

    Args:
        directory: What it is made in; it does not exist yet.
        source: Where the contents come from.
        large: The size of what is large.
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
        """Objects that are damaged for the moment: an audit may move them aside."""
        self._standing: set[Path] = set()
        self._descriptors: Counter[str] = Counter()
        self._allowed: dict[Path, bytes] = {}

    async def furnish(self) -> None:
        """Put there what is read."""
        self.file.write_bytes(self.new_large)
        for name, storage, data in (
            ("small", self.store, self.small),
            ("large", self.store, self.large),
            ("elsewhere", self.elsewhere, self.new_large),
            ("plain", self.plain_names, self.small),
            ("plain, large", self.plain_names, self.large),
        ):
            self.kept[name] = await storage.write_data(data, describe(data), {})
        self._standing = set(_files(self.directory))
        self._descriptors = self._open()
        for data in (self.new_small, self.new_large, self.doomed):
            for algorithm in ("blake3", "sha256"):
                self._allowed[self._path(data, algorithm)] = data
        self._allowed[self.target] = self.large
        self.kept["doomed"] = await self.restore_doomed()

    async def restore_doomed(self) -> FilePointer:
        """Write what is to be deleted, if it was."""
        return await self.store.write_data(self.doomed, describe(self.doomed), {})

    def clear(self) -> None:
        """Remove what has been written since `furnish`."""
        for path in self._allowed:
            if path != self._path(self.doomed, "blake3"):
                path.unlink(missing_ok=True)

    async def settled(self) -> str:
        """Wait until nothing but whole objects is left, and tell what is there too long."""
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
            with suppress(FileNotFoundError):  # deleted by a delete that was not waited for
                if path.read_bytes() != content:
                    return f"not whole: {path}"
        return ""

    def _before_it_was_moved(self, path: Path) -> Path:
        """Return where a file was, if it is a torn object that was moved aside."""
        begins, moved, _ = str(path).partition(".corrupt-")
        were = (torn for torn in self.torn if moved and str(torn).startswith(begins))
        return next(were, path)

    def _open(self) -> Counter[str]:
        """Return what the descriptors of this process lead to."""
        found: Counter[str] = Counter()
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # that of this listing
                path = str(descriptor.readlink())
                # Not what the bystander is reading at the moment.
                found[path] += f"/{BYSTANDER}/" not in path
        return found

    def path_of(self, name: str) -> Path:
        """Return where one of the objects that are read is."""
        return Path(self.kept[name]["root"], self.kept[name]["key"])

    def _path(self, data: bytes, algorithm: str) -> Path:
        digest = digest_data(data, content_type="a/b", algorithm=algorithm)["content_hash"]
        return self.store.path / algorithm / digest[:2] / digest


def describe(data: bytes, algorithm: str = "blake3") -> Digest:
    """Return the digest of `data`."""
    return digest_data(data, content_type="a/b", algorithm=algorithm)


def _size_router(digest: Digest, _tags: TagMap, /, *, temp: bool) -> FileKey:  # noqa: ARG001
    return {"key": str(digest["content_size"])}


def _files(directory: Path) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(directory) for name in names]
