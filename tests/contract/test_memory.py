"""MemoryStorage: data, chunks, missing data, and the same checks as FileStorage."""

from __future__ import annotations

import errno
from array import array
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import pytest
from laboxide import (
    DigestMismatchError,
    Hasher,
    MemoryStorage,
    ObjectNotFoundError,
    digest_data,
    digest_stream,
)
from laboxide.testing._sources import stream_of

from tests.support.failing import getter
from tests.support.hashing import both_algorithms

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from laboxide import Digest, MemoryPointer

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 10
ABSENT = "0" * 64


def digest_of(data: Any, algorithm: str = "blake3", **changes: Any) -> Digest:
    digest = digest_data(data, content_type="a/b", algorithm=algorithm)
    return cast("Digest", {**digest, **changes})


async def write_stream(storage: MemoryStorage, chunks: Iterable[Any]) -> MemoryPointer:
    async with aclosing(stream_of(chunks)) as source:
        return await storage.write_data_stream(*digest_stream(source, content_type="a/b"), {})


async def read_chunks(storage: MemoryStorage, pointer: MemoryPointer) -> list[bytes]:
    return [chunk async for chunk in storage.read_data_stream(pointer)]


# Data


@both_algorithms
async def test_written_data_is_read(algorithm: str) -> None:
    storage = MemoryStorage()
    pointer = await storage.write_data(DATA, digest_of(DATA, algorithm), {})
    assert await storage.read_data(pointer) == DATA


async def test_written_stream_is_read() -> None:
    storage = MemoryStorage()
    pointer = await write_stream(storage, [DATA, b"", b"more"])
    assert await storage.read_data(pointer) == DATA + b"more"


@both_algorithms
async def test_pointer_is_the_algorithm_and_the_hash(algorithm: str) -> None:
    digest = digest_of(DATA, algorithm)
    pointer = await MemoryStorage().write_data(DATA, digest, {})
    assert pointer == {"algorithm": algorithm, "hash": digest["content_hash"]}


async def test_stream_and_value_of_the_same_content_have_the_same_pointer() -> None:
    storage = MemoryStorage()
    blob = await storage.write_data(DATA, digest_of(DATA), {})
    assert await write_stream(storage, [DATA[:7], DATA[7:]]) == blob


async def test_equal_content_is_kept_once() -> None:
    storage = MemoryStorage()
    for _ in range(3):
        await storage.write_data(DATA, digest_of(DATA), {})
    assert repr(storage) == "MemoryStorage(1 contents)"


async def test_empty_content_is_read_as_empty() -> None:
    storage = MemoryStorage()
    pointer = await storage.write_data(b"", digest_of(b""), {})
    assert await storage.read_data(pointer) == b""


async def test_empty_content_yields_no_chunk() -> None:
    storage = MemoryStorage()
    assert await read_chunks(storage, await write_stream(storage, [])) == []


@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda data: array("B", data)])
async def test_other_buffers_are_kept_as_bytes(kind: Any) -> None:
    storage = MemoryStorage()
    pointer = await storage.write_data(kind(DATA), digest_of(DATA), {})
    data = await storage.read_data(pointer)
    assert (type(data), data) == (bytes, DATA)


async def test_content_does_not_follow_changes_of_its_buffer() -> None:
    storage = MemoryStorage()
    buffer = bytearray(DATA)
    pointer = await storage.write_data(cast("Any", buffer), digest_of(DATA), {})
    buffer[0] ^= 1
    assert await storage.read_data(pointer) == DATA


async def test_streamed_content_does_not_follow_changes_of_its_buffer() -> None:
    storage = MemoryStorage()
    buffer = bytearray(DATA)
    pointer = await write_stream(storage, [buffer])
    buffer[0] ^= 1
    assert await storage.read_data(pointer) == DATA


async def test_chunk_of_integers_is_stored_as_bytes() -> None:
    storage = MemoryStorage()
    chunk = array("i", [1, 2, 3])
    assert await storage.read_data(await write_stream(storage, [chunk])) == bytes(chunk)


async def test_instances_share_no_content() -> None:
    pointer = await MemoryStorage().write_data(DATA, digest_of(DATA), {})
    with pytest.raises(ObjectNotFoundError):
        await MemoryStorage().read_data(pointer)


# chunk_size


@pytest.mark.parametrize("chunk_size", [1, 7, 2560, 10_000])
async def test_chunks_have_chunk_size(chunk_size: int) -> None:
    storage = MemoryStorage(chunk_size=chunk_size)
    chunks = await read_chunks(storage, await storage.write_data(DATA, digest_of(DATA), {}))
    assert chunks == [DATA[i : i + chunk_size] for i in range(0, len(DATA), chunk_size)]


async def test_default_chunk_size_is_one_mebibyte() -> None:
    storage = MemoryStorage()
    pointer = await write_stream(storage, [bytes(1 << 20), b"more"])
    assert [len(chunk) for chunk in await read_chunks(storage, pointer)] == [1 << 20, 4]


@pytest.mark.parametrize("chunk_size", [0, -1])
async def test_chunk_size_below_one_is_refused(chunk_size: int) -> None:
    with pytest.raises(ValueError, match=f"chunk_size .*{chunk_size}"):
        MemoryStorage(chunk_size=chunk_size)


@pytest.mark.parametrize("chunk_size", [1.0, "1", None, True], ids=repr)
async def test_chunk_size_that_is_not_an_integer_is_refused(chunk_size: Any) -> None:
    with pytest.raises(TypeError, match="chunk_size"):
        MemoryStorage(chunk_size=chunk_size)


# Missing data and bad configs


async def test_missing_data_is_not_found() -> None:
    with pytest.raises(ObjectNotFoundError) as raised:
        await MemoryStorage().read_data({"algorithm": "sha256", "hash": ABSENT})
    assert isinstance(raised.value, FileNotFoundError)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, f"sha256 {ABSENT}")


async def test_stream_of_missing_data_is_not_found() -> None:
    with pytest.raises(ObjectNotFoundError):
        await read_chunks(MemoryStorage(), {"algorithm": "sha256", "hash": ABSENT})


async def test_content_is_not_found_by_the_other_algorithm() -> None:
    storage = MemoryStorage()
    pointer = await storage.write_data(DATA, digest_of(DATA), {})
    with pytest.raises(ObjectNotFoundError):
        await storage.read_data({**pointer, "algorithm": "sha256"})


BAD_CONFIGS: list[tuple[Any, type[Exception], str]] = [
    (None, TypeError, "mapping"),
    ("text", TypeError, "mapping"),
    ([], TypeError, "mapping"),
    ({}, ValueError, "algorithm"),
    ({"algorithm": "sha256"}, ValueError, "hash"),
    ({"algorithm": "sha256", "hash": 3}, TypeError, "hash"),
    ({"algorithm": None, "hash": ABSENT}, TypeError, "algorithm"),
    ({"algorithm": "md5", "hash": ABSENT}, ValueError, "md5"),
    ({"algorithm": "sha256", "hash": ABSENT[1:]}, ValueError, "64"),
    ({"algorithm": "sha256", "hash": ABSENT + "0"}, ValueError, "64"),
    ({"algorithm": "sha256", "hash": "A" * 64}, ValueError, "expected 64 digits of 0-9a-f"),
    ({"algorithm": "sha256", "hash": "g" * 64}, ValueError, "expected 64 digits of 0-9a-f"),
    ({"algorithm": "sha256", "hash": ""}, ValueError, "64"),
]
bad_configs = pytest.mark.parametrize(("config", "kind", "message"), BAD_CONFIGS)


@bad_configs
async def test_bad_config_is_refused(config: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        await MemoryStorage().read_data(config)


@bad_configs
async def test_stream_of_a_bad_config_is_refused(
    config: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        await read_chunks(MemoryStorage(), config)


# Digests


BAD_DIGESTS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"content_hash_algorithm": "md5"}, ValueError, "md5"),
    ({"content_hash_algorithm": None}, TypeError, "algorithm"),
    ({"content_hash": ABSENT[1:]}, ValueError, "64"),
    ({"content_hash": ABSENT + "0"}, ValueError, "64"),
    ({"content_hash": "A" * 64}, ValueError, "expected 64 digits of 0-9a-f"),
    ({"content_hash": b"0" * 64}, TypeError, "hash"),
    ({"content_size": -1}, ValueError, "-1"),
    ({"content_size": str(len(DATA))}, TypeError, "size"),
    ({"content_size": True}, TypeError, "size"),
]
bad_digests = pytest.mark.parametrize(("changes", "kind", "message"), BAD_DIGESTS)


@bad_digests
async def test_bad_digest_is_refused(
    changes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        await MemoryStorage().write_data(DATA, digest_of(DATA, **changes), {})


@bad_digests
async def test_bad_digest_of_a_stream_is_refused(
    changes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    get_digest = getter({**digest_of(DATA, **changes), "is_complete": True})
    with pytest.raises(kind, match=message):
        await MemoryStorage().write_data_stream(stream_of([DATA]), get_digest, {})


@pytest.mark.parametrize("verify_writes", [False, True])
@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 0])
async def test_data_of_a_different_size_than_its_digest_is_refused(
    verify_writes: bool, size: int
) -> None:
    storage = MemoryStorage(verify_writes=verify_writes)
    with pytest.raises(DigestMismatchError) as raised:
        await storage.write_data(DATA, digest_of(DATA, content_size=size), {})
    sizes = raised.value.expected, raised.value.actual
    assert sizes == (f"{size} bytes", f"{len(DATA)} bytes")


async def test_stream_of_a_different_size_than_its_digest_is_refused() -> None:
    stream, get_digest = digest_stream(stream_of([DATA]), content_type="a/b")
    chunks = [*[chunk async for chunk in stream], b"more"]
    with pytest.raises(DigestMismatchError):
        await MemoryStorage().write_data_stream(stream_of(chunks), get_digest, {})


@both_algorithms
async def test_verify_writes_refuses_data_with_a_wrong_hash(algorithm: str) -> None:
    storage = MemoryStorage(verify_writes=True)
    other = bytes(len(DATA))
    with pytest.raises(DigestMismatchError) as raised:
        await storage.write_data(other, digest_of(DATA, algorithm), {})
    hashes = [Hasher(algorithm, data).hexdigest() for data in (DATA, other)]
    assert [raised.value.expected, raised.value.actual] == [f"{algorithm} {h}" for h in hashes]


@both_algorithms
async def test_verify_writes_accepts_matching_data(algorithm: str) -> None:
    storage = MemoryStorage(verify_writes=True)
    pointer = await storage.write_data(DATA, digest_of(DATA, algorithm), {})
    assert await storage.read_data(pointer) == DATA


async def test_verify_writes_accepts_a_matching_stream() -> None:
    storage = MemoryStorage(verify_writes=True)
    assert await storage.read_data(await write_stream(storage, [DATA, DATA])) == DATA * 2


async def test_hash_is_not_verified_by_default() -> None:
    storage = MemoryStorage()
    pointer = await storage.write_data(bytes(len(DATA)), digest_of(DATA), {})
    assert await storage.read_data(pointer) == bytes(len(DATA))


@pytest.mark.parametrize("verify_writes", [False, True])
async def test_refused_data_is_not_kept(verify_writes: bool) -> None:
    storage = MemoryStorage(verify_writes=verify_writes)
    with pytest.raises(DigestMismatchError):
        await storage.write_data(DATA[1:], digest_of(DATA), {})
    assert repr(storage) == "MemoryStorage(0 contents)"


async def test_refused_data_keeps_existing_content() -> None:
    storage = MemoryStorage(verify_writes=True)
    pointer = await storage.write_data(DATA, digest_of(DATA), {})
    with pytest.raises(DigestMismatchError):
        await storage.write_data(bytes(len(DATA)), digest_of(DATA), {})
    assert await storage.read_data(pointer) == DATA


@pytest.mark.parametrize("size", [None, 4], ids=["same size", "different size"])
async def test_data_with_a_wrong_digest_keeps_existing_content(size: int | None) -> None:
    storage = MemoryStorage()
    pointer = await storage.write_data(b"hello", digest_of(b"hello"), {})
    other = b"EVIL!"[:size]
    again = await storage.write_data(other, digest_of(b"hello", content_size=len(other)), {})
    assert again == pointer
    assert await storage.read_data(pointer) == b"hello"


async def test_stream_with_a_wrong_digest_keeps_existing_content() -> None:
    storage = MemoryStorage()
    get_digest = getter({**digest_of(b"hello"), "is_complete": True})
    pointer = await storage.write_data(b"hello", digest_of(b"hello"), {})
    await storage.write_data_stream(stream_of([b"EV", b"IL!"]), get_digest, {})
    assert await storage.read_data(pointer) == b"hello"


# Invalid data


@pytest.mark.parametrize("data", ["text", 3, None], ids=repr)
async def test_data_that_is_not_bytes_like_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=type(data).__name__):
        await MemoryStorage().write_data(data, digest_of(DATA), {})


@pytest.mark.parametrize("chunk", ["text", 3, None], ids=repr)
async def test_chunk_that_is_not_bytes_like_is_refused(chunk: Any) -> None:
    storage = MemoryStorage()
    with pytest.raises(TypeError, match=type(chunk).__name__):
        await write_stream(storage, [DATA, chunk])
    assert repr(storage) == "MemoryStorage(0 contents)"


async def test_error_of_a_source_reaches_the_caller_unchanged() -> None:
    error = ConnectionResetError("gone")

    async def source() -> AsyncGenerator[bytes]:
        yield DATA
        raise error

    storage = MemoryStorage()
    with pytest.raises(ConnectionResetError) as raised:
        await storage.write_data_stream(*digest_stream(source(), content_type="a/b"), {})
    assert raised.value is error
    assert repr(storage) == "MemoryStorage(0 contents)"
