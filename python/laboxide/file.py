"""Content-addressed files in a directory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from laboxide import _bridge
from laboxide._arguments import check_choice, check_chunk_size, check_flag, shown
from laboxide._listing import PointerListing
from laboxide._native import Reader, Store, Writer, pause_due
from laboxide._paths import check_directory, text_path
from laboxide._reading import ObjectStream
from laboxide.contract import Storage
from laboxide.digest import algorithm_names, claim, feed_all, hash_file
from laboxide.errors import CorruptDataError, DigestMismatchError, NoStorageData
from laboxide.pointer import FilePointer, check_digest, foreign_root, parse_pointer
from laboxide.router import FileRouter, content_of, content_router, route

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

    from laboxide._native import Staged
    from laboxide.contract import Digest, GetStreamDigest, TagMap

__all__ = ("FileStat", "FileStorage")

_LARGE = 16 << 20
_LINKS = ("auto", "reflink", "hardlink", "copy")


class FileStat(NamedTuple):
    """What the file system says of an object."""

    path: Path
    """Where it is."""
    size: int
    """Its size in bytes."""
    modified: float | None
    """When it was written, in seconds since the epoch, where the file system tells."""


class FileStorage(Storage[FilePointer]):
    """Stores content in files named by its hash.

    An object is visible under its name whole or not at all. Its bytes are hashed and written by
    native threads; the event loop is never kept waiting for the file system.

    Tags are handed to the router and kept nowhere.

    Args:
        path: The root. A relative path is resolved once, here.
        router: Decides where below the root an object goes; `content_router` by default. With None
            the storage is read-only.
        mkdir: Whether to make the root, and what leads to it, if it is missing.
        chunk_size: Bytes in the chunks that `read_data_stream` yields; 1 MiB by default.
        durable: Whether a write returns only when object and directory are on the device. Otherwise
            they survive the process but not the machine.
        verify_reads: ``"hash"`` compares all that is read with its hash; ``"size"`` compares the
            size alone.
        verify_writes: Whether data is hashed to check the digest that comes with it, and an object
            that is there already to check that it is what is written. Sizes are always checked.

    Raises:
        FileNotFoundError: There is no directory at `path`, and `mkdir` is False.
        NotADirectoryError: `path` is something else.
        PermissionError: The directory cannot be entered.
        TypeError: An argument is of the wrong type.
        ValueError: An argument is none of the values it can have.
    """

    name = "laboxide.file@v1"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        router: FileRouter | None = content_router,
        mkdir: bool = False,
        chunk_size: int = 1 << 20,
        durable: bool = False,
        verify_reads: str = "hash",
        verify_writes: bool = False,
    ) -> None:
        if router is not None and not callable(router):
            raise TypeError(f"router must be a function or None, not {shown(router)}")
        self.path = Path(os.path.abspath(text_path(path)))
        self.router = router
        self.chunk_size = check_chunk_size("chunk_size", chunk_size)
        self.durable = check_flag("durable", durable)
        self.verify_reads = check_choice("verify_reads", verify_reads, ("hash", "size"))
        self.verify_writes = check_flag("verify_writes", verify_writes)
        self._root = str(self.path)
        if check_flag("mkdir", mkdir):
            with suppress(FileExistsError):  # what is there is looked at below
                self.path.mkdir(parents=True, exist_ok=True)
        check_directory(self._root)
        self._native: tuple[int, Store | None] = (-1, None)

    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> FilePointer:
        """Write `data` and return a pointer to it. Data that is there already is not written again.

        Raises:
            BufferError: The data is not contiguous.
            DigestMismatchError: The data is not of the size in `digest` or, with `verify_writes`,
                not of its hash.
            FileExistsError: The router's key does not contain the hash and has other content.
            NotImplementedError: The storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `data` is not bytes-like, or the router does not return a key.
            ValueError: The digest or the router's key is not valid.
        """
        key = self._route(digest, tags)
        expected, heal = self._publication(key, digest)
        store = self._store()
        self._report(await _bridge.run(store.write_blob, key, data, expected, heal), key)
        return self._pointer(key, digest)

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> FilePointer:
        """Write a stream and return a pointer to it.

        A pair made by `digest_stream` is hashed while it is written. Any other stream is only
        written, unless `verify_writes` is set, and named by what `get_digest` returns at its end.

        Raises:
            DigestMismatchError: The stream was not of the size in its digest or, with
                `verify_writes`, not of its hash.
            FileExistsError: The router's key does not contain the hash and has other content.
            NotImplementedError: The storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: A chunk is not bytes-like, or the router does not return a key.
            ValueError: The digest or the router's key is not valid.
        """
        self._require_router()
        store = self._store()
        if (claimed := claim(data_stream, get_digest)) is not None:
            writer = await claimed.write_into(store)
        else:
            writer = Writer(self._algorithms_of(get_digest), store)
        try:
            if claimed is None:
                await feed_all(writer, data_stream)
                await _bridge.run(writer.finish)
            digest = get_digest()
            return await self._publish(writer.take_staged(), digest, tags)
        finally:
            writer.abort()

    async def read_data(self, config: FilePointer, /) -> bytes:
        """Return the data of an object, verified.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            NoStorageData: There is no object, neither below this root nor below the pointer's.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        data: bytes | None = self._store().read_cached(config, self.verify_reads == "hash")
        if data is not None:
            if pause_due():
                await _bridge.current_hub().checkpoint()
            return data
        pointer = parse_pointer(config)
        expected = self._expected(pointer)
        try:
            return await _read_whole(self._store(), pointer["key"], expected)
        except NoStorageData:
            if (foreign := self._foreign_store(pointer)) is None:
                raise
            return await _read_whole(foreign, pointer["key"], _full(pointer))

    def read_data_stream(self, config: FilePointer, /) -> AsyncGenerator[bytes]:
        """Return a stream of the data of an object, in chunks of `chunk_size`.

        With ``verify_reads="hash"`` the last chunk is yielded only after all of the content has
        matched its hash.

        Raises:
            CorruptDataError: The object is not what the pointer promises (while reading).
            NoStorageData: There is no object (while reading).
            OSError: The file system refuses (while reading).
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        pointer = parse_pointer(config)
        key, expected = pointer["key"], self._expected(pointer)

        async def elsewhere() -> Reader | None:
            # Content from outside this root is served only after all of it was verified.
            if (foreign := self._foreign_store(pointer)) is None:
                return None
            verified = await _bridge.run(foreign.verify, key, _full(pointer))
            return Reader.of(verified, _full(pointer), self.chunk_size)

        return ObjectStream(
            lambda: Reader(self._store(), key, expected, self.chunk_size), elsewhere
        )

    async def exists(self, config: FilePointer, /) -> bool:
        """Tell whether there is an object of the pointer's size. Its content is not looked at.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
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
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        pointer = parse_pointer(config)
        path, size, modified = await self._find(pointer, "status")
        return FileStat(Path(path), size, modified)

    async def delete(self, config: FilePointer, /, *, missing_ok: bool = False) -> None:
        """Remove an object from below this root; a pointer never removes anything elsewhere.

        Args:
            config: The pointer that writing returned.
            missing_ok: Whether it is no error if there is no object.

        Raises:
            CorruptDataError: Something that is not a file is in the object's place.
            NoStorageData: There is no object below this root.
            NotImplementedError: The storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        self._require_router()
        pointer = parse_pointer(config)
        try:
            await _bridge.run(self._store().remove, pointer["key"])
        except NoStorageData:
            if not missing_ok:
                raise

    def list_pointers(self) -> AsyncIterator[FilePointer]:
        """Yield a pointer to each object below the root, in no particular order.

        Objects that the default router laid out are taken by their names; those of another router
        are hashed, with BLAKE3, to know what they are. Objects written or deleted meanwhile may be
        yielded or not.

        Raises:
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
        """
        return PointerListing(self._store().listing(), self._pointer_to)

    async def _pointer_to(self, key: str, size: int) -> FilePointer | None:
        """Return a pointer to an object that was found, or None if it was deleted meanwhile."""
        if (content := content_of(key)) is None:
            try:
                return self._pointer(key, await hash_file(self.path / key))
            except FileNotFoundError:
                return None
        algorithm, content_hash = content
        return FilePointer(
            root=self._root, key=key, algorithm=algorithm, hash=content_hash, size=size
        )

    async def import_file(
        self,
        path: str | os.PathLike[str],
        tags: TagMap | None = None,
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str | None = None,
        algorithm: str = "blake3",
        link: str = "auto",
        digest: Digest | None = None,
    ) -> FilePointer:
        """Store a file and return a pointer to it. The file stays.

        Args:
            path: A regular file. Symbolic links are followed.
            tags: What the user says of it, for the router.
            content_type: The MIME type of the data, for the router.
            content_encoding: The encoding of the data, for the router.
            algorithm: What the content is named by: ``"blake3"`` or ``"sha256"``.
            link: ``"auto"`` shares the file's blocks where the file system can (XFS, btrfs) and
                copies otherwise; ``"reflink"`` and ``"copy"`` do only one of the two; with
                ``"hardlink"`` the object is the file itself, so that changing the file in place
                corrupts the object.
            digest: What the file must be, where that is known. It stands for the content type,
                encoding and algorithm, too.

        Raises:
            DigestMismatchError: The file is not what `digest` describes; nothing is stored.
            FileExistsError: The router's key does not contain the hash and has other content.
            NotImplementedError: The storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: The router does not return a key.
            ValueError: An argument is none of the values it can have, the path is not that of a
                regular file, or the file changed while it was read.
        """
        self._require_router()
        check_choice("link", link, _LINKS)
        if digest is not None:
            check_digest(digest)
            algorithm = digest["content_hash_algorithm"]
        source, names = text_path(path), algorithm_names(algorithm)
        staged = await _bridge.run(self._store().import_file, source, link, names)
        if digest is not None:
            _check_staged(staged, digest)
        size, [(_, content_hash)] = staged.digest
        found: Digest = {
            "content_encoding": content_encoding,
            "content_type": content_type,
            "content_hash_algorithm": algorithm,
            "content_hash": content_hash,
            "content_size": size,
        }
        return await self._publish(staged, digest or found, tags or {})

    async def export_file(
        self,
        config: FilePointer,
        path: str | os.PathLike[str],
        /,
        *,
        link: str = "auto",
        overwrite: bool = False,
    ) -> None:
        """Write an object to a file, which appears there whole and verified or not at all.

        Args:
            config: The pointer that writing returned.
            path: The file to make, in a directory that exists.
            link: ``"auto"``, ``"reflink"`` or ``"copy"``, as for `import_file`.
            overwrite: Whether to replace a file that is there already.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            FileExistsError: There is something at `path`, and `overwrite` is False.
            NoStorageData: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer, or `link` none of its values.
        """
        check_choice("link", link, ("auto", "reflink", "copy"))
        pointer = parse_pointer(config)
        target = text_path(path)
        await self._find(pointer, "export_file", _full(pointer), target, link, bool(overwrite))

    async def verify(self, config: FilePointer, /) -> None:
        """Read all of an object and compare it with its hash, whatever `verify_reads` says.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            NoStorageData: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `config` is not a pointer.
            ValueError: `config` is not a valid pointer.
        """
        pointer = parse_pointer(config)
        await self._find(pointer, "verify", _full(pointer))

    async def _find(self, pointer: FilePointer, operation: str, *args: object) -> Any:
        """Run an operation on an object below this root or, if it is not there, the pointer's."""
        try:
            return await _bridge.run(getattr(self._store(), operation), pointer["key"], *args)
        except NoStorageData:
            if (foreign := self._foreign_store(pointer)) is None:
                raise
            return await _bridge.run(getattr(foreign, operation), pointer["key"], *args)

    async def _publish(self, staged: Staged, digest: Digest, tags: TagMap) -> FilePointer:
        try:
            key = self._route(digest, tags)
            expected, heal = self._publication(key, digest)
            self._report(await _bridge.run(staged.publish, key, expected, heal), key)
        finally:
            # The traceback of an error keeps this frame, and with it what was staged.
            staged.discard()
        return self._pointer(key, digest)

    def _publication(self, key: str, digest: Digest) -> tuple[_Expected, bool]:
        """Return what is published under `key`, and whether the name tells what it must be."""
        size, content_hash = digest["content_size"], digest["content_hash"]
        heal = content_hash in key
        if self.verify_writes or not heal:
            return (size, (digest["content_hash_algorithm"], content_hash)), heal
        return (size, None), heal

    def _report(self, published: str, key: str) -> None:
        if published == "healed":
            import logging  # noqa: PLC0415 - takes a fifth of what importing laboxide does

            logger = logging.getLogger("laboxide.file")
            logger.warning("replaced %s, which did not hold its content", self.path / key)

    def _route(self, digest: Digest, tags: TagMap) -> str:
        router = self._require_router()
        check_digest(digest)
        return route(router, digest, tags)

    def _require_router(self) -> FileRouter:
        if self.router is None:
            raise NotImplementedError(f"{self!r} is read-only: it has no router")
        return self.router

    def _algorithms_of(self, get_digest: GetStreamDigest) -> list[str]:
        if not self.verify_writes:
            return []
        return algorithm_names(get_digest(allow_incomplete=True)["content_hash_algorithm"])

    def _pointer(self, key: str, digest: Digest) -> FilePointer:
        return FilePointer(
            root=self._root,
            key=key,
            algorithm=digest["content_hash_algorithm"],
            hash=digest["content_hash"],
            size=digest["content_size"],
        )

    def _expected(self, pointer: FilePointer) -> _Expected:
        return _full(pointer) if self.verify_reads == "hash" else (pointer["size"], None)

    def _foreign_store(self, pointer: FilePointer) -> Store | None:
        root = foreign_root(pointer, self._root)
        return None if root is None else Store(root, portable=_bridge.PORTABLE)

    def _store(self) -> Store:
        """Return the native store of this process: its locks do not survive a fork."""
        generation, store = self._native
        if store is None or generation != _bridge.generation:
            store = Store(self._root, durable=self.durable, portable=_bridge.PORTABLE)
            self._native = (_bridge.generation, store)
        return store

    def _arguments(self) -> dict[str, Any]:
        names = ("router", "chunk_size", "durable", "verify_reads", "verify_writes")
        return {name: getattr(self, name) for name in names}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, FileStorage)  # noqa: S101 - for the type checker
        return self.path == other.path and self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash((type(self), self.path, *self._arguments().values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), str(self.path), self._arguments())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


_Expected = tuple[int, tuple[str, str] | None]


def _restore(cls: type[FileStorage], path: str, arguments: dict[str, Any]) -> FileStorage:
    return cls(path, **arguments)


async def _read_whole(store: Store, key: str, expected: _Expected) -> bytes:
    size, _ = expected
    if size >= _LARGE:
        # Memory for all of it is taken before the object is opened, and a pointer may say anything.
        path, actual, _ = await _bridge.run(store.status, key)
        if actual != size:
            raise CorruptDataError(f"{size} bytes", f"{actual} bytes", path)
    data: bytes = await _bridge.run(store.read_blob, key, expected)
    return data


def _check_staged(staged: Staged, digest: Digest) -> None:
    size, [(algorithm, content_hash)] = staged.digest
    expected = digest["content_size"], digest["content_hash"]
    if (size, content_hash) != expected:
        staged.discard()
        raise DigestMismatchError(
            f"{expected[0]} bytes of {algorithm} {expected[1]}",
            f"{size} bytes of {algorithm} {content_hash}",
        )


def _full(pointer: FilePointer) -> _Expected:
    return pointer["size"], (pointer["algorithm"], pointer["hash"])
