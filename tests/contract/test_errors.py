"""Exceptions: types, messages, attributes, copies and pickles, raised by users and the engine."""

from __future__ import annotations

import copy
import errno
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import (
    CorruptDataError,
    DigestMismatchError,
    FileStorage,
    LaboxideError,
    MemoryStorage,
    ObjectNotFoundError,
    ObjectTooLargeError,
    RootNotAllowedError,
    VerificationError,
    digest_data,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from laboxide import FilePointer

EXCEPTIONS: dict[str, LaboxideError] = {
    "LaboxideError": LaboxideError("message"),
    "ObjectNotFoundError": ObjectNotFoundError(errno.ENOENT, "Object not found", "/store/key"),
    "CorruptDataError": CorruptDataError("3 bytes", "2 bytes", "/store/key"),
    "CorruptDataError without a path": CorruptDataError("3 bytes", "2 bytes"),
    "DigestMismatchError": DigestMismatchError("3 bytes", "2 bytes"),
    "ObjectTooLargeError": ObjectTooLargeError(2, 3, "/srv/file"),
    "ObjectTooLargeError without a path": ObjectTooLargeError(2, 3),
    "RootNotAllowedError": RootNotAllowedError(errno.EACCES, "Not allowed", "/other/key"),
}
WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),
    "oldest pickle": lambda error: pickle.loads(pickle.dumps(error, 0)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}

every_way = pytest.mark.parametrize("way", WAYS)


def parts_of(error: BaseException) -> dict[str, Any]:
    names = ("errno", "strerror", "filename", "expected", "actual", "limit", "size", "path")
    return {name: getattr(error, name) for name in names if hasattr(error, name)}


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (LaboxideError, (Exception,)),
        (ObjectNotFoundError, (LaboxideError, FileNotFoundError)),
        (VerificationError, (LaboxideError,)),
        (CorruptDataError, (VerificationError,)),
        (DigestMismatchError, (VerificationError, ValueError)),
        (ObjectTooLargeError, (LaboxideError, ValueError)),
        (RootNotAllowedError, (LaboxideError, PermissionError)),
    ],
)
def test_exceptions_have_these_bases(kind: type[Exception], bases: tuple[type, ...]) -> None:
    assert kind.__bases__ == bases


def test_corrupt_data_error_is_neither_value_error_nor_os_error() -> None:
    assert not issubclass(CorruptDataError, ValueError | OSError)


@pytest.mark.parametrize("kind", EXCEPTIONS)
@every_way
def test_copied_exception_keeps_type_message_attributes_and_notes(kind: str, way: str) -> None:
    error = copy.copy(EXCEPTIONS[kind])
    error.add_note("while testing")
    copied = WAYS[way](error)
    assert type(copied) is type(EXCEPTIONS[kind])
    assert parts_of(copied) == parts_of(EXCEPTIONS[kind])
    assert str(copied) == str(EXCEPTIONS[kind])
    assert copied.__notes__ == ["while testing"]


def test_object_not_found_error_has_the_attributes_of_an_os_error() -> None:
    error = ObjectNotFoundError(errno.ENOENT, "Object not found", "/store/key")
    assert parts_of(error) == {
        "errno": errno.ENOENT,
        "strerror": "Object not found",
        "filename": "/store/key",
    }


def test_corrupt_data_error_has_expected_actual_and_path() -> None:
    error = CorruptDataError("3 bytes", "2 bytes", "/store/key")
    assert parts_of(error) == {"expected": "3 bytes", "actual": "2 bytes", "path": "/store/key"}


def test_path_of_corrupt_data_error_defaults_to_none() -> None:
    assert CorruptDataError("3 bytes", "2 bytes").path is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ObjectNotFoundError(errno.ENOENT, "Object not found", "/store/key"),
            "[Errno 2] Object not found: '/store/key'",
        ),
        (
            CorruptDataError("3 bytes", "2 bytes", "/store/key"),
            "corrupt object /store/key: expected 3 bytes, found 2 bytes",
        ),
        (
            CorruptDataError("3 bytes", "2 bytes"),
            "corrupt object: expected 3 bytes, found 2 bytes",
        ),
        (
            DigestMismatchError("3 bytes", "2 bytes"),
            "data does not match its digest: expected 3 bytes, found 2 bytes",
        ),
        (
            ObjectTooLargeError(2, 3, "/srv/file"),
            "object too large: 3 bytes exceeds max_object_size=2: /srv/file",
        ),
        (
            ObjectTooLargeError(2, 3),
            "object too large: 3 bytes exceeds max_object_size=2",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_message_of_an_exception(error: LaboxideError, text: str) -> None:
    assert str(error) == text


# Exceptions raised by the engine


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path)


@pytest.fixture
async def pointer(storage: FileStorage) -> FilePointer:
    return await storage.write_data(b"data", digest_data(b"data", content_type="a/b"), {})


def object_of(storage: FileStorage, pointer: FilePointer) -> Path:
    return storage.path / pointer["key"]


@pytest.mark.anyio
async def test_missing_object_is_named_by_path(storage: FileStorage, pointer: FilePointer) -> None:
    path = object_of(storage, pointer)
    path.unlink()
    with pytest.raises(ObjectNotFoundError) as raised:
        await storage.read_data(pointer)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, str(path))


@pytest.mark.anyio
async def test_missing_data_in_memory_is_named_by_hash() -> None:
    digest = digest_data(b"data", content_type="a/b")
    with pytest.raises(ObjectNotFoundError) as raised:
        await MemoryStorage().read_data({"algorithm": "blake3", "hash": digest["content_hash"]})
    assert raised.value.errno == errno.ENOENT
    assert digest["content_hash"] in str(raised.value.filename)


@pytest.mark.anyio
async def test_truncated_object_is_corrupt_and_named(
    storage: FileStorage, pointer: FilePointer
) -> None:
    path = object_of(storage, pointer)
    path.chmod(0o600)
    path.write_bytes(b"dat")
    with pytest.raises(CorruptDataError) as raised:
        await storage.read_data(pointer)
    error = raised.value
    assert type(error) is CorruptDataError
    assert ("4" in error.expected, "3" in error.actual, error.path) == (True, True, str(path))


@pytest.mark.anyio
async def test_changed_object_is_corrupt_and_named(
    storage: FileStorage, pointer: FilePointer
) -> None:
    path = object_of(storage, pointer)
    path.chmod(0o600)
    path.write_bytes(b"DATA")
    with pytest.raises(CorruptDataError) as raised:
        await storage.verify(pointer)
    error = raised.value
    assert pointer["hash"] in error.expected
    assert digest_data(b"DATA", content_type="a/b")["content_hash"] in error.actual
    assert error.path == str(path)


@pytest.mark.anyio
async def test_data_of_a_different_size_is_a_digest_mismatch(storage: FileStorage) -> None:
    digest = digest_data(b"data", content_type="a/b")
    with pytest.raises(DigestMismatchError) as raised:
        await storage.write_data(b"dat", digest, {})
    assert ("4" in raised.value.expected, "3" in raised.value.actual) == (True, True)


@pytest.mark.anyio
@every_way
async def test_exception_of_the_engine_can_be_copied(
    storage: FileStorage, pointer: FilePointer, way: str
) -> None:
    object_of(storage, pointer).unlink()
    with pytest.raises(ObjectNotFoundError) as raised:
        await storage.read_data(pointer)
    copied = WAYS[way](raised.value)
    assert (parts_of(copied), str(copied)) == (parts_of(raised.value), str(raised.value))


@pytest.mark.anyio
async def test_exception_of_the_engine_holds_only_plain_values(
    storage: FileStorage, pointer: FilePointer
) -> None:
    object_of(storage, pointer).unlink()
    with pytest.raises(ObjectNotFoundError) as raised:
        await storage.read_data(pointer)
    assert all(isinstance(part, str | int) for part in parts_of(raised.value).values())
