"""Single objects: looked at, verified, listed and removed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from laboxide._arguments import check_flag
from laboxide._runtime import hub
from laboxide.errors import CorruptDataError, NoStorageData
from laboxide.file._root import FileRoot, full, require_router
from laboxide.file.listing import Listed, PointerListing, refusal
from laboxide.file.pointer import FilePointer, parse_pointer
from laboxide.file.router import content_of


class FileStat(NamedTuple):
    """What the file system says of an object."""

    path: Path
    """Where it is."""
    size: int
    """Its size in bytes."""
    modified: float | None
    """When it was written, in seconds since the epoch, where the file system tells."""


class FileObjects(FileRoot):
    """The operations on objects that are there."""

    async def exists(self, config: FilePointer, /) -> bool:
        """Tell whether there is an object of the pointer's size. Its content is not looked at.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        try:
            return (await self.stat(config)).size == config["size"]
        except NoStorageData:
            return False

    async def stat(self, config: FilePointer, /) -> FileStat:
        """Return what the file system says of an object.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            NoStorageData: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        pointer = parse_pointer(config)
        path, size, modified = await self._find(pointer, "status")
        return FileStat(Path(path), size, modified)

    async def delete(self, config: FilePointer, /, *, missing_ok: bool = False) -> None:
        """Remove an object from below this root; a pointer never removes anything elsewhere.

        Equal content is one object: delete it only when no record leads to it. It is removed by its
        key alone, so under a key without the hash whatever is there now.

        Args:
            config: The pointer that writing returned.
            missing_ok: Whether it is no error if there is no object.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            NoStorageData: There is no object below this root.
            NotImplementedError: The storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `config` is not a pointer, or `missing_ok` not a flag.
            ValueError: `config` is not a valid pointer.
        """
        check_flag("missing_ok", missing_ok)
        require_router(self)
        pointer = parse_pointer(config)
        try:
            await hub.run(self._store().remove, pointer["key"])
        except NoStorageData:
            if not missing_ok:
                raise

    def list_pointers(self) -> PointerListing:
        """Yield a pointer to each object below the root, in no particular order.

        Objects that the default router laid out are taken by their names; all other files below the
        root are hashed, with BLAKE3, to know what they are. Objects written or deleted meanwhile
        may be yielded or not. The iterator may be left at any point, and has an ``aclose`` for who
        wants to be sure that it holds no directory open.

        Raises:
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
        """
        return PointerListing(self._store(), self._pointer_to)

    async def _pointer_to(self, listed: Listed) -> FilePointer | None:
        """Return a pointer to an object that was found; None if it is none, or is gone."""
        key, size = listed.key, listed.size
        if listed.kind == "closed":
            raise refusal(self.path, listed)
        if listed.kind != "file":
            return None
        if (content := content_of(key)) is None:
            try:
                hashed = await hub.run(self._store().hash, key, ["blake3"])
            except (NoStorageData, CorruptDataError):  # it is gone, or is no file any more
                return None
            size, [content] = hashed
        algorithm, content_hash = content
        return FilePointer(
            root=str(self.path), key=key, algorithm=algorithm, hash=content_hash, size=size
        )

    async def verify(self, config: FilePointer, /) -> None:
        """Read all of an object and compare it with its hash, whatever `verify_reads` says.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            NoStorageData: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        pointer = parse_pointer(config)
        await self._find(pointer, "verify", full(pointer))
