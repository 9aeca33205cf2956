"""Move the content of one record to another storage, verified against the record."""

from __future__ import annotations

import errno
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from labox.builtin.storages.file import FileStorage as LaboxFileStorage
from labox.core.database import SerializerTypeEnum

from laboxide import file
from laboxide._validation import algorithm_name, check_choice
from laboxide.digest import digest_file, digest_stream
from laboxide.errors import DigestMismatchError
from laboxide.labox._saving import digest_off_loop
from laboxide.labox._storage import FileStorage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from laboxide.file import FilePointer, ImportLink
    from laboxide.types import Digest, StreamDigest, TagMap

_LINKS: dict[str, tuple[ImportLink, ...]] = {
    "auto": ("reflink", "hardlink", "copy"),
    "reflink": ("reflink",),
    "hardlink": ("hardlink",),
    "copy": ("copy",),
}
_CANNOT_LINK = {
    errno.EXDEV,
    errno.EPERM,
    errno.EMLINK,
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.ENOTTY,
    errno.ENOSYS,
}
"""Errors of reflinks and hard links that the file system cannot make."""


class UnmovableError(Exception):
    """The record is invalid, or the source cannot return its content."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Transfer:
    """Moves content from one storage to another.

    Args:
        source: The storage with the content.
        target: The storage to move to.
        link: How to import a file into the target.
        dry_run: Whether to verify only.
    """

    def __init__(self, source: Any, target: Any, link: ImportLink, *, dry_run: bool) -> None:
        check_choice("link", link, tuple(_LINKS))
        if _reads_and_writes_as(LaboxFileStorage, source):
            source = FileStorage(source.path, chunk_size=source.chunk_size)
        self._source = source
        self._target = _strict(target)
        self._files = _files_of(self._target)
        self._links = _LINKS[link]
        self._dry_run = dry_run

    async def move(self, row: Any) -> str:
        """Move the content of a record and return its serialized config in the target.

        Raises:
            UnmovableError: The record is invalid, or the source has other content or none.
            Exception: Any error of the target.
        """
        digest, tags = _digest_of(row), row.tags or {}
        with _unmovable():
            algorithm_name(digest["content_hash_algorithm"])
            config = self._source.deserialize_config(row.storage_config)
            path = await self._path_of(config)
        if path is not None and self._files is not None:
            moved = await self._move_file(path, self._files, digest, tags)
        elif row.serializer_type == SerializerTypeEnum.StreamSerializer:
            moved = await self._move_stream(config, digest, tags)
        else:
            moved = await self._move_value(config, digest, tags)
        return "" if self._dry_run else self._target.serialize_config(moved)

    async def _path_of(self, config: Any) -> Path | None:
        """Return the path of the content, if the source stores it unchanged in a file."""
        if (files := _files_of(self._source)) is None:
            return None
        pointer = config if files is self._source else await self._source.find(config)
        return (await files.stat(pointer)).path

    async def _move_file(
        self, path: Path, files: file.FileStorage, digest: Digest, tags: TagMap
    ) -> Any:
        if self._dry_run:
            with _unmovable():
                _check_same(digest, await digest_file(path, algorithm=_algorithm_of(digest)))
            return None
        try:
            pointer = await self._import(path, files, digest, tags)
        except OSError as error:
            if error.filename != str(path) or error.errno in _CANNOT_LINK:
                raise
            raise UnmovableError(error) from error
        except ValueError as error:  # differs from the record, or changed while being read
            raise UnmovableError(error) from None
        return pointer if files is self._target else self._target.location_of(pointer)

    async def _import(
        self, path: Path, files: file.FileStorage, digest: Digest, tags: TagMap
    ) -> FilePointer:
        *others, last = self._links
        for link in others:
            try:
                return await files.import_file(path, tags, digest=digest, link=link)
            except OSError as error:
                if error.errno not in _CANNOT_LINK:
                    raise
                if error.errno == errno.EMLINK:
                    continue
                # This kind of link fails for every file: stop trying it.
                self._links = tuple(name for name in self._links if name != link)
        return await files.import_file(path, tags, digest=digest, link=last)

    async def _move_value(self, config: Any, digest: Digest, tags: TagMap) -> Any:
        with _unmovable():
            data = await self._source.read_data(config)
            kind = digest["content_type"], digest["content_encoding"]
            _check_same(digest, await digest_off_loop(data, *kind, _algorithm_of(digest)))
        return None if self._dry_run else await self._target.write_data(data, digest, tags)

    async def _move_stream(self, config: Any, digest: Digest, tags: TagMap) -> Any:
        stream, get_digest = digest_stream(
            self._chunks_of(config),
            content_type=digest["content_type"],
            content_encoding=digest["content_encoding"],
            algorithm=_algorithm_of(digest),
        )

        def get_checked_digest(*, allow_incomplete: bool = False) -> StreamDigest:
            found = get_digest(allow_incomplete=allow_incomplete)
            if found["is_complete"]:
                with _unmovable():
                    _check_same(digest, found)
            return found

        async with aclosing(stream):
            if not self._dry_run:
                return await self._target.write_data_stream(stream, get_checked_digest, tags)
            async for _ in stream:
                pass
            get_checked_digest()
        return None

    async def _chunks_of(self, config: Any) -> AsyncGenerator[bytes]:
        with _unmovable():
            async with aclosing(self._source.read_data_stream(config)) as chunks:
                async for chunk in chunks:
                    yield chunk


@contextmanager
def _unmovable() -> Iterator[None]:
    """Turn any error into an `UnmovableError`."""
    try:
        yield
    except UnmovableError:
        raise
    except Exception as error:
        raise UnmovableError(error) from error


def _reads_and_writes_as(kind: type, storage: Any) -> bool:
    """Return whether `storage` is a `kind` with its methods not overridden.

    The files of a subclass that compresses, for example, differ from the content.
    """
    methods = ("write_data", "write_data_stream", "read_data", "read_data_stream")
    return isinstance(storage, kind) and all(
        getattr(type(storage), name) is getattr(kind, name) for name in methods
    )


def _files_of(storage: Any) -> file.FileStorage | None:
    """Return the native file storage of `storage`, if its files are the plain content."""
    if _reads_and_writes_as(FileStorage, storage):
        storage = storage.files
    return storage if _reads_and_writes_as(file.FileStorage, storage) else None


def _strict(target: Any) -> Any:
    """Return a copy of `target` with `verify_writes`, which hashes existing objects."""
    if isinstance(target, FileStorage):
        return _copy_with(target, files=_strict(target.files))
    if isinstance(target, file.FileStorage):
        return _copy_with(target, verify_writes=True)
    return target


def _copy_with(storage: Any, **attributes: Any) -> Any:
    """Return a copy of `storage` with other values of `attributes`."""
    copied = object.__new__(type(storage))
    copied.__dict__.update(storage.__dict__, **attributes)
    return copied


def _algorithm_of(digest: Digest) -> str:
    return digest["content_hash_algorithm"]


def _digest_of(row: Any) -> Digest:
    return {
        "content_encoding": row.content_encoding,
        "content_type": row.content_type,
        "content_hash_algorithm": row.content_hash_algorithm,
        "content_hash": row.content_hash,
        "content_size": row.content_size,
    }


def _check_same(expected: Digest, found: Digest | StreamDigest) -> None:
    """Raise `DigestMismatchError` if content differs from its record."""
    texts = _text_of(expected), _text_of(found)
    if texts[0] != texts[1]:
        raise DigestMismatchError(*texts)


def _text_of(digest: Digest | StreamDigest) -> str:
    algorithm, content_hash = digest["content_hash_algorithm"], digest["content_hash"]
    return f"{digest['content_size']} bytes of {algorithm} {content_hash}"
