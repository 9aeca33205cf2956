"""Bad arguments are refused with the name of the parameter and the start of the value."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import FileStorage, digest_data, digest_file

from tests.support.failing import OwnError, describe
from tests.support.storing import DATA

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio


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
def test_bad_argument_is_refused_by_name(
    tmp_path: Path, name: str, value: Any, kinds: tuple[type[Exception], ...]
) -> None:
    arguments: dict[str, Any] = {"path": tmp_path, name: value}
    with pytest.raises(kinds) as caught:
        FileStorage(**arguments)
    if isinstance(caught.value, UnicodeEncodeError):
        assert caught.value.object == value
    else:
        assert name in str(caught.value)
        assert repr(value) in str(caught.value)


PATHS: dict[str, Callable[[FileStorage, Any, Any], Awaitable[object]]] = {
    "digest_file": lambda _, path, __: digest_file(path),
    "import_file": lambda storage, path, _: storage.import_file(path),
    "export_file": lambda storage, path, pointer: storage.export_file(pointer, path),
}


@pytest.mark.parametrize("operation", PATHS)
@pytest.mark.parametrize("path", [None, 3, b"bytes", Path], ids=repr)
async def test_argument_that_is_not_a_path_is_refused_by_name(
    storage: FileStorage, path: Any, operation: str
) -> None:
    pointer = await storage.write_data(DATA, describe(DATA), {})
    with pytest.raises(TypeError) as caught:
        await PATHS[operation](storage, path, pointer)
    assert str(caught.value) == f"path must be a str or an os.PathLike of str, not {path!r}"


@pytest.mark.parametrize("cursor", ["", "../a", "/a"])
def test_invalid_cursor_is_refused_by_name(storage: FileStorage, cursor: str) -> None:
    with pytest.raises(ValueError, match=f'^cursor must be .*"{cursor}"'):
        storage.audit(cursor=cursor)


@pytest.mark.parametrize("rate", [math.inf, math.nan])
def test_infinite_rate_is_refused_by_name(storage: FileStorage, rate: float) -> None:
    with pytest.raises(ValueError, match=f"max_bytes_per_second must be finite .*, not {rate}"):
        storage.audit(max_bytes_per_second=rate)


def test_algorithm_that_is_not_iterable_is_refused_by_name() -> None:
    algorithm: Any = 5
    with pytest.raises(TypeError, match="algorithm must be a name or a sequence of names, not 5"):
        digest_data(b"", content_type="a/b", algorithm=algorithm)


class FailingRepr:
    def __repr__(self) -> str:
        raise OwnError("mine")


def nested(depth: int) -> list[Any]:
    """Return a list nested so deeply that `repr` raises RecursionError."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


REPRS: dict[str, tuple[Any, str]] = {
    "nested": (nested(100_000), "[" * 20),
    "failing repr": (FailingRepr(), "an object of type 'FailingRepr'"),
    "list with a failing repr": ([1, FailingRepr()], "[1, an object of type 'FailingRepr']"),
    "large number": (1 << 100_000, "a large int"),
    "tuple of one": (({"a": 1},), "({'a': 1},)"),
    "empty collections": ([set(), [], {}, ()], "[set(), [], {}, ()]"),
    "mixed collections": ({"a": (1, "b"), b"c": {2}}, "{'a': (1, 'b'), b'c': {2}}"),
}


@pytest.mark.parametrize("value", REPRS)
def test_error_names_any_value(storage: FileStorage, value: str) -> None:
    given, spelled = REPRS[value]
    with pytest.raises(TypeError) as caught:
        FileStorage(storage.path, router=given)
    assert str(caught.value).startswith(f"router must be a function or None, not {spelled}")


HUGE: dict[str, Callable[[], Any]] = {
    "str": lambda: "x" * (64 << 20),
    "bytes": lambda: b"x" * (64 << 20),
    "list": lambda: [None] * (8 << 20),
    "dict": lambda: dict.fromkeys(range(2 << 20)),
    "lists": lambda: [["x" * 1000] * 1000] * 1000,
}


@pytest.mark.parametrize("kind", HUGE)
def test_error_names_a_huge_value_at_once(storage: FileStorage, kind: str) -> None:
    value = HUGE[kind]()
    begun = time.thread_time()
    with pytest.raises(TypeError) as caught:
        FileStorage(storage.path, router=value)
    assert time.thread_time() - begun < 0.05
    assert len(str(caught.value)) < 300


LONG: Any = b"x" * 5000

REFUSALS: dict[str, Callable[[FileStorage], object]] = {
    "allowed_roots": lambda storage: FileStorage(storage.path, allowed_roots=LONG),
    "cursor": lambda storage: storage.audit(cursor=LONG),
    "content_of": lambda storage: storage.audit(content_of=LONG),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_error_names_the_start_of_a_long_argument(storage: FileStorage, name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} .*{'x' * 190}") as caught:
        REFUSALS[name](storage)
    assert len(str(caught.value)) < 300


async def test_error_names_the_start_of_a_long_value_sent_to_a_stream(
    storage: FileStorage,
) -> None:
    stream = storage.read_data_stream(await storage.write_data(DATA, describe(DATA), {}))
    with pytest.raises(TypeError, match="x" * 190) as caught:
        await stream.asend(LONG)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("chunk_size", [1 << 62, (1 << 63) - 1, 1 << 63, 1 << 64, 1 << 100])
async def test_huge_chunk_size_yields_one_chunk_or_is_refused(
    storage: FileStorage, chunk_size: int
) -> None:
    pointer = await storage.write_data(DATA, describe(DATA), {})
    try:
        reader = FileStorage(storage.path, chunk_size=chunk_size)
    except ValueError as error:
        assert str(chunk_size) in str(error)  # noqa: PT017 - both are correct
        return
    assert [chunk async for chunk in reader.read_data_stream(pointer)] == [DATA]
