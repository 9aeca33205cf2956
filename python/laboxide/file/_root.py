"""The root of a file storage: what it was made with, and the native stores that do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laboxide._native import Store
from laboxide._runtime import hub, process
from laboxide.errors import NoStorageData, ObjectTooLargeError
from laboxide.file.foreign import not_told
from laboxide.file.pointer import FilePointer, foreign_root

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide.file.router import FileRouter
    from laboxide.types import Digest

Expected = tuple[int, tuple[str, str] | None]
"""What an object must be: its size and, if it is to be checked, algorithm and hash."""

_ARGUMENTS = (
    "router",
    "chunk_size",
    "durable",
    "verify_reads",
    "verify_writes",
    "max_object_size",
    "allowed_roots",
)


class FileRoot:
    """A root and how objects below it are reached. Two of equal arguments are equal.

    What each of the attributes means is said where they are set, by `FileStorage`.
    """

    path: Path
    router: FileRouter | None
    chunk_size: int
    durable: bool
    verify_reads: str
    verify_writes: bool
    max_object_size: int | None
    allowed_roots: tuple[Path, ...] | None
    _native: tuple[int, Store | None] = (-1, None)

    def _store(self) -> Store:
        """Return the native store of this process: its locks do not survive a fork."""
        generation, store = self._native
        if store is None or generation != process.generation:
            store = Store(self.path, durable=self.durable, portable=process.PORTABLE)
            self._native = (process.generation, store)
        return store

    def _foreign_store(self, pointer: FilePointer) -> Store | None:
        root = foreign_root(pointer, self.path, self.allowed_roots)
        return None if root is None else Store(root, portable=process.PORTABLE)

    async def _find(self, pointer: FilePointer, operation: str, *args: object) -> Any:
        """Run an operation on an object below this root or, if it is not there, the pointer's."""
        try:
            return await hub.run(getattr(self._store(), operation), pointer["key"], *args)
        except NoStorageData:
            if (foreign := self._foreign_store(pointer)) is None:
                raise
            with not_told():
                return await hub.run(getattr(foreign, operation), pointer["key"], *args)

    def _arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ARGUMENTS}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, FileRoot)  # noqa: S101 - for the type checker
        return self.path == other.path and self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash((type(self), self.path, *self._arguments().values()))

    def __getstate__(self) -> dict[str, Any]:
        # The native store belongs to this process.
        return {name: value for name, value in vars(self).items() if name != "_native"}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


def name_methods(storage: type[FileRoot], *parts: type[FileRoot]) -> None:
    """Have errors name the public methods of `parts` by `storage`, which is what users know."""
    for part in parts:
        for name, method in vars(part).items():
            if not name.startswith("_"):
                method.__qualname__ = f"{storage.__qualname__}.{name}"
                method.__module__ = storage.__module__  # pickle looks for it there


def full(pointer: FilePointer) -> Expected:
    """Return all that the object of a pointer must be."""
    return pointer["size"], (pointer["algorithm"], pointer["hash"])


def require_router(root: FileRoot) -> FileRouter:
    """Return the router of `root`, or refuse: without one it is read-only."""
    if root.router is None:
        raise NotImplementedError(f"{root!r} is read-only: it has no router")
    return root.router


def check_fits(root: FileRoot, size: int, path: str | None = None) -> None:
    """Refuse an object of more bytes than `root` takes; `path` is its file."""
    if root.max_object_size is not None and size > root.max_object_size:
        raise ObjectTooLargeError(root.max_object_size, size, path)


def pointer_below(root: FileRoot, key: str, digest: Digest) -> FilePointer:
    """Return a pointer to the object under `key`. The digest has been checked."""
    return FilePointer(
        root=str(root.path),
        key=key,
        algorithm=digest["content_hash_algorithm"],
        hash=digest["content_hash"],
        size=digest["content_size"],
    )
