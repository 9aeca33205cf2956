"""A pointer with a forged size raises an ordinary error."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import pytest
from laboxide import CorruptDataError, FileStorage, ObjectNotFoundError

from tests.support.failing import assert_unharmed
from tests.support.storing import DATA, put

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from laboxide import FilePointer, VerifyReads

pytestmark = pytest.mark.anyio


OPERATIONS: dict[str, Callable[[FileStorage, FilePointer], Awaitable[object]]] = {
    "read_data": lambda s, pointer: s.read_data(pointer),
    "read_data_stream": lambda s, pointer: anext(s.read_data_stream(pointer)),
    "verify": lambda s, pointer: s.verify(pointer),
    "export_file": lambda s, pointer: s.export_file(pointer, s.path.with_name("out")),
}


@pytest.mark.parametrize("verify_reads", ["hash", "size"])
@pytest.mark.parametrize("place", ["own root", "other root", "nowhere"])
@pytest.mark.parametrize("size", [1 << 40, 1 << 62, (1 << 63) - 64, (1 << 63) - 1])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_forged_size_raises_ordinary_error(  # noqa: PLR0917 - fixtures
    storage: FileStorage,
    tmp_path: Path,
    operation: str,
    size: int,
    place: str,
    verify_reads: VerifyReads,
) -> None:
    root = tmp_path / "other" if place == "other root" else storage.path
    writer = FileStorage(root, mkdir=True)
    pointer = await put(writer, DATA)
    forged: FilePointer = {**pointer, "size": size}
    if place == "nowhere":
        await writer.delete(pointer)
    reader = FileStorage(storage.path, verify_reads=verify_reads)
    error = ObjectNotFoundError if place == "nowhere" else CorruptDataError
    with anyio.fail_after(10), pytest.raises((error, MemoryError)) as caught:
        await OPERATIONS[operation](reader, forged)
    if isinstance(caught.value, CorruptDataError):
        found = "something else" if place == "other root" else "12 bytes"
        assert (caught.value.expected, caught.value.actual) == (f"{size} bytes", found)
    assert not (tmp_path / "out").exists()
    with suppress(ObjectNotFoundError):
        await writer.delete(pointer)
    await assert_unharmed(reader)
