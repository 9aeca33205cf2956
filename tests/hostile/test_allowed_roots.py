"""With `allowed_roots`, pointers reach only the own root and those roots."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, LaboxideError, ObjectNotFoundError, RootNotAllowedError

from tests.support.storing import CHECKS, DATA, READS, put

if TYPE_CHECKING:
    from pathlib import Path

    from laboxide import FilePointer

pytestmark = pytest.mark.anyio

OPERATIONS = READS | CHECKS
every_operation = pytest.mark.parametrize("operation", OPERATIONS)


async def use(operation: str, storage: FileStorage, pointer: FilePointer) -> None:
    await OPERATIONS[operation](storage, pointer, storage.path.with_name("exported"))


async def assert_not_found(operation: str, storage: FileStorage, pointer: FilePointer) -> None:
    if operation == "exists":
        assert not await storage.exists(pointer)
    else:
        with pytest.raises(ObjectNotFoundError):
            await use(operation, storage, pointer)


def allowing(tmp_path: Path, *roots: object) -> FileStorage:
    roots_: Any = roots
    return FileStorage(tmp_path / "root", mkdir=True, allowed_roots=roots_)


@every_operation
async def test_pointer_to_disallowed_root_is_refused(
    tmp_path: Path, other: FileStorage, operation: str
) -> None:
    pointer = await put(other, DATA)
    storage = allowing(tmp_path)
    with pytest.raises(RootNotAllowedError) as caught:
        await use(operation, storage, pointer)
    assert caught.value.errno == errno.EACCES
    assert caught.value.filename == str(other.path / pointer["key"])
    assert not (tmp_path / "exported").exists()


@every_operation
async def test_refusal_does_not_reveal_existence(
    tmp_path: Path, other: FileStorage, operation: str
) -> None:
    pointer = await put(other, DATA)
    storage, texts = allowing(tmp_path), set()
    for root in (other.path, tmp_path / "missing", "/proc", "/root"):
        with pytest.raises(RootNotAllowedError) as caught:
            await use(operation, storage, {**pointer, "root": str(root)})
        texts.add(caught.value.strerror)
    assert len(texts) == 1


@every_operation
async def test_nothing_below_disallowed_root_is_opened(tmp_path: Path, operation: str) -> None:
    storage = allowing(tmp_path)
    pointer = await put(storage, DATA)
    fifo = tmp_path / "other" / pointer["key"]
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    await storage.delete(pointer)
    with pytest.raises(RootNotAllowedError):  # an open would raise CorruptDataError
        await use(operation, storage, {**pointer, "root": str(tmp_path / "other")})


@every_operation
async def test_pointer_to_allowed_root_is_followed(
    tmp_path: Path, other: FileStorage, operation: str
) -> None:
    pointer = await put(other, DATA)
    await use(operation, allowing(tmp_path, tmp_path / "x", f"{other.path}/"), pointer)


@every_operation
@pytest.mark.parametrize("root", ["own root", "allowed root"])
async def test_missing_object_is_not_found(
    tmp_path: Path, other: FileStorage, root: str, operation: str
) -> None:
    storage = allowing(tmp_path, other.path) if root == "allowed root" else allowing(tmp_path)
    writer = other if root == "allowed root" else storage
    pointer = await put(writer, DATA)
    await writer.delete(pointer)
    await assert_not_found(operation, storage, pointer)


@every_operation
async def test_root_below_allowed_root_is_refused(tmp_path: Path, operation: str) -> None:
    pointer = await put(FileStorage(tmp_path / "other/below", mkdir=True), DATA)
    with pytest.raises(RootNotAllowedError):
        await use(operation, allowing(tmp_path, tmp_path / "other"), pointer)


@every_operation
async def test_object_below_own_root_is_found_under_any_root_in_pointer(
    tmp_path: Path, operation: str
) -> None:
    storage = allowing(tmp_path)
    pointer = await put(storage, DATA)
    await use(operation, storage, {**pointer, "root": "/where/the/store/was/before"})


@every_operation
async def test_allowed_root_is_not_escaped_through_link(tmp_path: Path, operation: str) -> None:
    """`allowed/link/..` looks like `allowed`, but is the parent of the link's target."""
    elsewhere = FileStorage(tmp_path / "elsewhere", mkdir=True)
    pointer = await put(elsewhere, DATA)
    (elsewhere.path / "directory").mkdir()
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed/link").symlink_to(elsewhere.path / "directory")
    forged: FilePointer = {**pointer, "root": f"{tmp_path}/allowed/link/.."}
    assert await allowing(tmp_path, elsewhere.path).exists(pointer)
    await assert_not_found(operation, allowing(tmp_path, tmp_path / "allowed"), forged)


async def test_delete_ignores_foreign_roots(tmp_path: Path, other: FileStorage) -> None:
    pointer = await put(other, DATA)
    with pytest.raises(ObjectNotFoundError):
        await allowing(tmp_path).delete(pointer)
    assert await other.exists(pointer)


def test_root_not_allowed_error_is_permission_error() -> None:
    assert issubclass(RootNotAllowedError, LaboxideError)
    assert issubclass(RootNotAllowedError, PermissionError)
    assert not issubclass(RootNotAllowedError, FileNotFoundError)


@pytest.mark.parametrize(
    ("root", "error", "text"),
    [
        (3, TypeError, "not 3"),
        (None, TypeError, "None"),
        (b"/one", TypeError, "b'/one'"),
        ("", ValueError, "''"),
        ("/a\0b", ValueError, repr("/a\0b")),
    ],
)
def test_error_names_invalid_allowed_root(
    tmp_path: Path, root: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        allowing(tmp_path, "/fine", root)
    assert "each of allowed_roots" in str(caught.value)
    assert text in str(caught.value)


def test_allowed_roots_are_equal_in_any_order(tmp_path: Path) -> None:
    assert allowing(tmp_path, "/b", "/a/../a", "/a") == allowing(tmp_path, "/a", "/b")
    assert allowing(tmp_path, "/a") != allowing(tmp_path, "/b")


def test_relative_allowed_root_is_resolved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert allowing(tmp_path, "other").allowed_roots == (tmp_path / "other",)
