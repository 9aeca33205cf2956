"""A bad argument of a storage is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from failing import DATA, describe
from laboxide import (
    FileStorage,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "root", mkdir=True)


BAD_ARGUMENTS: list[tuple[str, Any, tuple[type[Exception], ...]]] = [
    *(("path", value, (TypeError,)) for value in (None, 3, b"bytes", True, ["a"])),
    *(("path", value, (ValueError,)) for value in ("", "before\0after", "/\ud800")),
    *(("router", value, (TypeError,)) for value in (3, "router", {"key": "a"}, True)),
    *(("chunk_size", value, (ValueError,)) for value in (0, -1, -(1 << 70))),
    *(("chunk_size", value, (TypeError,)) for value in (True, 1.5, "1024", None, b"1")),
    *(
        ("verify_reads", value, (TypeError, ValueError))
        for value in ("no", "", "HASH", None, True, 1, ["hash"])
    ),
    *(
        (name, value, (TypeError,))
        for name in ("mkdir", "durable", "verify_writes")
        for value in ("no", None, 2)
    ),
    *(("max_object_size", value, (ValueError,)) for value in (-1, 1 << 63, -(1 << 70))),
    *(
        ("max_object_size", value, (TypeError,))
        for value in (True, 1.5, float("nan"), float("inf"), "1024", b"1")
    ),
    *(("allowed_roots", value, (TypeError,)) for value in (3, True, "/one", b"/one", Path("/one"))),
]


@pytest.mark.parametrize(
    ("name", "value", "kinds"),
    BAD_ARGUMENTS,
    ids=[f"{name} {value!a}" for name, value, _ in BAD_ARGUMENTS],
)
def test_a_bad_argument_is_refused_by_name(
    tmp_path: Path, name: str, value: Any, kinds: tuple[type[Exception], ...]
) -> None:
    arguments: dict[str, Any] = {"path": tmp_path, name: value}
    with pytest.raises(kinds) as caught:
        FileStorage(**arguments)
    if isinstance(caught.value, UnicodeEncodeError):
        assert caught.value.object == value
    else:
        naming = repr(value), f"not {type(value).__name__}"  # the latter is what os.fspath says
        assert any(text in str(caught.value) for text in naming)


LONG: Any = b"x" * 5000

REFUSALS: dict[str, Callable[[FileStorage], object]] = {
    "allowed_roots": lambda storage: FileStorage(storage.path, allowed_roots=LONG),
    "cursor": lambda storage: storage.verify_all(cursor=LONG),
    "content_of": lambda storage: storage.verify_all(content_of=LONG),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_of_a_long_argument_the_start_is_named(storage: FileStorage, name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} .*{'x' * 190}") as caught:
        REFUSALS[name](storage)
    assert len(str(caught.value)) < 300


async def test_of_a_long_value_that_is_sent_to_a_stream_the_start_is_named(
    storage: FileStorage,
) -> None:
    stream = storage.read_data_stream(await storage.write_data(DATA, describe(DATA), {}))
    with pytest.raises(TypeError, match="x" * 190) as caught:
        await stream.asend(LONG)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("chunk_size", [1 << 62, (1 << 63) - 1, 1 << 63, 1 << 64, 1 << 100])
async def test_a_huge_chunk_size_is_one_chunk_or_refused_by_name(
    storage: FileStorage, chunk_size: int
) -> None:
    pointer = await storage.write_data(DATA, describe(DATA), {})
    try:
        reader = FileStorage(storage.path, chunk_size=chunk_size)
    except ValueError as error:
        assert str(chunk_size) in str(error)  # noqa: PT017 - either is right
        return
    assert [chunk async for chunk in reader.read_data_stream(pointer)] == [DATA]
