"""With `allowed_roots`, a pointer leads to those and nowhere else."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import (
    FileStorage,
    LaboxideError,
    ObjectNotFoundError,
    RootNotAllowedError,
    digest_data,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from laboxide import FilePointer

    Operation = Callable[[FileStorage, FilePointer], Awaitable[Any]]

pytestmark = pytest.mark.anyio

DATA = b"some content"


async def read_stream(storage: FileStorage, pointer: FilePointer) -> bytes:
    return b"".join([chunk async for chunk in storage.read_data_stream(pointer)])


OPERATIONS: dict[str, Operation] = {
    "read_data": lambda s, pointer: s.read_data(pointer),
    "read_data_stream": read_stream,
    "exists": lambda s, pointer: s.exists(pointer),
    "stat": lambda s, pointer: s.stat(pointer),
    "verify": lambda s, pointer: s.verify(pointer),
    "export_file": lambda s, pointer: s.export_file(pointer, s.path.parent / "exported"),
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS)


def allowing(tmp_path: Path, *roots: object) -> FileStorage:
    roots_: Any = roots
    return FileStorage(tmp_path / "root", mkdir=True, allowed_roots=roots_)


async def put(storage: FileStorage) -> FilePointer:
    return await storage.write_data(DATA, digest_data(DATA, content_type="a/b"), {})


@every_operation
async def test_pointer_to_disallowed_root_is_refused(
    tmp_path: Path, other: FileStorage, operation: str
) -> None:
    pointer = await put(other)
    storage = allowing(tmp_path)
    with pytest.raises(RootNotAllowedError) as caught:
        await OPERATIONS[operation](storage, pointer)
    assert caught.value.errno == errno.EACCES
    assert caught.value.filename == str(other.path / pointer["key"])
    assert not (tmp_path / "exported").exists()


@every_operation
async def test_refusal_does_not_reveal_existence(
    tmp_path: Path, other: FileStorage, operation: str
) -> None:
    pointer = await put(other)
    storage, texts = allowing(tmp_path), set()
    for root in (other.path, tmp_path / "missing", "/proc", "/root"):
        with pytest.raises(RootNotAllowedError) as caught:
            await OPERATIONS[operation](storage, {**pointer, "root": str(root)})
        texts.add(caught.value.strerror)
    assert len(texts) == 1


@every_operation
async def test_nothing_below_disallowed_root_is_opened(tmp_path: Path, operation: str) -> None:
    storage = allowing(tmp_path)
    pointer = await put(storage)
    fifo = tmp_path / "other" / pointer["key"]
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    await storage.delete(pointer)
    with pytest.raises(RootNotAllowedError):  # and no CorruptDataError
        await OPERATIONS[operation](storage, {**pointer, "root": str(tmp_path / "other")})


@every_operation
async def test_pointer_to_allowed_root_is_followed(
    tmp_path: Path, other: FileStorage, operation: str
) -> None:
    pointer = await put(other)
    await OPERATIONS[operation](allowing(tmp_path, tmp_path / "x", f"{other.path}/"), pointer)


@every_operation
async def test_missing_object_below_allowed_root_is_not_found(
    tmp_path: Path, other: FileStorage, operation: str
) -> None:
    pointer = await put(other)
    await other.delete(pointer)
    storage = allowing(tmp_path, other.path)
    if operation == "exists":
        assert not await storage.exists(pointer)
        return
    with pytest.raises(ObjectNotFoundError):
        await OPERATIONS[operation](storage, pointer)


@every_operation
async def test_root_below_allowed_root_is_refused(tmp_path: Path, operation: str) -> None:
    pointer = await put(FileStorage(tmp_path / "other/below", mkdir=True))
    with pytest.raises(RootNotAllowedError):
        await OPERATIONS[operation](allowing(tmp_path, tmp_path / "other"), pointer)


@every_operation
async def test_object_below_own_root_is_found_under_any_root_in_pointer(
    tmp_path: Path, operation: str
) -> None:
    storage = allowing(tmp_path)
    pointer = await put(storage)
    await OPERATIONS[operation](storage, {**pointer, "root": "/where/the/store/was/before"})


@every_operation
async def test_missing_object_below_own_root_is_not_found(tmp_path: Path, operation: str) -> None:
    storage = allowing(tmp_path)
    pointer = await put(storage)
    await storage.delete(pointer)
    if operation == "exists":
        assert not await storage.exists(pointer)
        return
    with pytest.raises(ObjectNotFoundError):
        await OPERATIONS[operation](storage, pointer)


@every_operation
async def test_allowed_root_is_not_escaped_through_link(tmp_path: Path, operation: str) -> None:
    """``allowed/link/..`` reads as ``allowed`` and is the parent of where the link leads."""
    elsewhere = FileStorage(tmp_path / "elsewhere", mkdir=True)
    pointer = await put(elsewhere)
    (elsewhere.path / "directory").mkdir()
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed/link").symlink_to(elsewhere.path / "directory")
    forged: FilePointer = {**pointer, "root": f"{tmp_path}/allowed/link/.."}
    assert await allowing(tmp_path, elsewhere.path).exists(pointer)
    storage = allowing(tmp_path, tmp_path / "allowed")
    if operation == "exists":
        assert not await storage.exists(forged)
        return
    with pytest.raises(ObjectNotFoundError):
        await OPERATIONS[operation](storage, forged)


async def test_delete_ignores_foreign_roots(tmp_path: Path, other: FileStorage) -> None:
    pointer = await put(other)
    with pytest.raises(ObjectNotFoundError):
        await allowing(tmp_path).delete(pointer)
    assert await other.exists(pointer)


def test_root_not_allowed_error_is_permission_error() -> None:
    assert issubclass(RootNotAllowedError, LaboxideError)
    assert issubclass(RootNotAllowedError, PermissionError)
    assert not issubclass(RootNotAllowedError, FileNotFoundError)


@pytest.mark.parametrize(
    ("root", "kind", "naming"),
    [
        (3, TypeError, "not 3"),
        (None, TypeError, "None"),
        (b"/one", TypeError, "b'/one'"),
        ("", ValueError, "''"),
        ("/a\0b", ValueError, repr("/a\0b")),
    ],
)
def test_invalid_allowed_root_is_refused_by_name(
    tmp_path: Path, root: object, kind: type[Exception], naming: str
) -> None:
    with pytest.raises(kind) as caught:
        allowing(tmp_path, "/fine", root)
    assert "each of allowed_roots" in str(caught.value)
    assert naming in str(caught.value)


def test_allowed_roots_are_equal_in_any_order(tmp_path: Path) -> None:
    assert allowing(tmp_path, "/b", "/a/../a", "/a") == allowing(tmp_path, "/a", "/b")
    assert allowing(tmp_path, "/a") != allowing(tmp_path, "/b")


def test_relative_allowed_root_is_resolved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert allowing(tmp_path, "other").allowed_roots == (tmp_path / "other",)
