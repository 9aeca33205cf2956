"""Whole files into a store and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide._algorithms import algorithm_names
from laboxide._arguments import check_choice, check_flag
from laboxide._paths import file_path, text_path
from laboxide._runtime import hub
from laboxide.errors import DigestMismatchError
from laboxide.file._root import FileRoot, check_fits, full, require_router
from laboxide.file.pointer import check_digest, parse_pointer
from laboxide.file.publishing import publish

if TYPE_CHECKING:
    import os

    from laboxide._native import Staged
    from laboxide.file.pointer import FilePointer
    from laboxide.types import Digest, TagMap

_LINKS = ("auto", "reflink", "hardlink", "copy")


class FileTransfer(FileRoot):
    """Import and export of files."""

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
            ObjectTooLargeError: The file is larger than `max_object_size`.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `path`, `algorithm` or `digest` is of the wrong type, or the router does not
                return a key.
            ValueError: An argument is none of the values it can have, the path is not that of a
                regular file, the file changed while it was read, or the router's key is not valid.
        """
        require_router(self)
        check_choice("link", link, _LINKS)
        source = text_path("path", path)
        if digest is not None:
            digest = check_digest(digest)
            check_fits(self, digest["content_size"], source)
            algorithm = digest["content_hash_algorithm"]
        names = algorithm_names(algorithm)
        limit = self.max_object_size
        staged = await hub.run(self._store().import_file, source, link, names, limit)
        if digest is not None:
            _check_staged(staged, digest)
        size, [(algorithm_name, content_hash)] = staged.digest
        found: Digest = {
            "content_encoding": content_encoding,
            "content_type": content_type,
            "content_hash_algorithm": algorithm_name,
            "content_hash": content_hash,
            "content_size": size,
        }
        return await publish(self, staged, digest or found, tags or {})

    async def export_file(
        self,
        config: FilePointer,
        /,
        path: str | os.PathLike[str],
        *,
        link: str = "auto",
        overwrite: bool = False,
    ) -> None:
        """Write an object to a file, which appears there whole and verified or not at all.

        It is the caller's from then on: not even a durable storage flushes it to the device.

        Args:
            config: The pointer that writing returned.
            path: The file to make, in a directory that exists.
            link: ``"auto"``, ``"reflink"`` or ``"copy"``, as for `import_file`.
            overwrite: Whether to replace a file that is there already.

        Raises:
            CorruptDataError: The object is not what the pointer promises.
            FileExistsError: There is something at `path`, and `overwrite` is False.
            IsADirectoryError: `path` is spelled as that of a directory, ``"new/"`` say.
            NoStorageData: There is no object.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            RootNotAllowedError: There is none below this root, and the pointer's is not allowed.
            TypeError: `config` is not a pointer, `path` not a path, or `overwrite` not a flag.
            ValueError: `config` is not a valid pointer, `link` none of its values, or `path` not
                that of a file: empty, with a NUL character or a name that only temporary files
                have, say.
        """
        check_choice("link", link, ("auto", "reflink", "copy"))
        check_flag("overwrite", overwrite)
        pointer = parse_pointer(config)
        target = file_path("path", path)
        await self._find(pointer, "export_file", full(pointer), target, link, overwrite)


def _check_staged(staged: Staged, digest: Digest) -> None:
    size, [(algorithm, content_hash)] = staged.digest
    expected = digest["content_size"], digest["content_hash"]
    if (size, content_hash) != expected:
        staged.discard()
        raise DigestMismatchError(
            f"{expected[0]} bytes of {algorithm} {expected[1]}",
            f"{size} bytes of {algorithm} {content_hash}",
        )
