"""Sources of chunks: sync iterables and files as async iterators."""

from __future__ import annotations

import os
import stat
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from collections.abc import Set as AbstractSet
from io import FileIO
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from laboxide._native import BLOCK
from laboxide._runtime import hub

if TYPE_CHECKING:
    from typing_extensions import Buffer


def is_buffer(data: object) -> bool:
    """Return whether `data` supports the buffer protocol."""
    try:
        memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def chunks_of(name: str, data: object) -> AsyncIterable[Buffer]:
    """Return the argument `name` as an async iterable of chunks.

    Raises:
        TypeError: `data` is not an iterable or async iterable of chunks.
    """
    if isinstance(data, AsyncIterable):
        return data
    if isinstance(data, str):
        raise TypeError(
            f"{name} must not be a str: pass Path(...) for a file, or .encode() for text"
        )
    if isinstance(data, Iterable) and not isinstance(data, (Mapping, AbstractSet)):
        return SyncSource(data)
    raise TypeError(
        f"{name} must be bytes-like, an iterable or async iterable of bytes-like chunks, or an "
        f"os.PathLike, not {type(data).__name__!r}"
    )


class SyncSource:
    """Async iterator over a sync iterable, which runs on the thread of the event loop.

    It yields to the loop between chunks when the time slice is used up. Not an async generator,
    which could be abandoned while suspended.
    """

    def __init__(self, chunks: Iterable[Any]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> SyncSource:
        return self

    async def __anext__(self) -> Any:
        await hub.checkpoint_if_due()
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None
        except StopAsyncIteration as error:
            # It would end the stream as if complete.
            raise RuntimeError("the source raised StopAsyncIteration") from error

    async def aclose(self) -> None:
        """Close the iterator if it is a generator. A file stays open for the caller."""
        if isinstance(self._chunks, GeneratorType):
            self._chunks.close()


async def close(*candidates: object) -> None:
    """Call `aclose` of the first candidate that has it."""
    for candidate in candidates:
        if (aclose := getattr(candidate, "aclose", None)) is not None:
            await aclose()
            return


async def close_after(error: BaseException, aclose: Callable[[], Awaitable[None]]) -> None:
    """Close a source after `error`, which the caller raises even if the source cannot be closed."""
    try:
        await aclose()
    except Exception as refused:  # noqa: BLE001 - the first error is raised
        error.add_note(f"Its source could not be closed: {refused!r}")


async def file_chunks(path: str) -> AsyncGenerator[bytes]:
    """Yield the content of a regular file in chunks of 1 MiB, read on threads.

    Raises:
        OSError: A file system call failed; ``filename`` is the path.
        ValueError: The file is not a regular file.
    """
    from anyio import to_thread  # noqa: PLC0415 - takes longer than importing laboxide

    opened: list[FileIO] = []
    try:
        await to_thread.run_sync(_open, path, opened)
        while chunk := await to_thread.run_sync(_read, path, opened[0]):
            yield chunk
    finally:
        for file in opened:
            file.close()


def _open(path: str, opened: list[FileIO]) -> None:
    """Append an open file to `opened`: a cancelled task does not receive a return value."""
    # Opening a device may have side effects, so the kind is also checked before.
    _require_regular(path, os.stat(path).st_mode)  # noqa: PTH116 - keeps the spelling in errors
    file = FileIO(path, opener=_open_at_once)
    opened.append(file)
    _require_regular(path, os.fstat(file.fileno()).st_mode)


def _open_at_once(path: str, flags: int) -> int:
    # Opening a FIFO would wait for its writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _require_regular(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is not a regular file")


def _read(path: str, file: FileIO) -> bytes | None:
    try:
        return file.read(BLOCK)
    except OSError as error:
        error.filename = path
        raise
