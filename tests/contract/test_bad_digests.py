"""Invalid and mismatched digests are refused by name, and nothing is stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import (
    DigestMismatchError,
    FileStorage,
    VerificationError,
    digest_data,
    digest_file,
    digest_stream,
)
from laboxide.testing._sources import content_of, stream_of

from tests.support.failing import WRITES, assert_unharmed, describe, fixed_router, getter
from tests.support.storing import DATA, KIB, MIB

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

BAD_SIZES: dict[str, tuple[object, type[Exception]]] = {
    **{str(size): (size, ValueError) for size in (-1, -(1 << 40), 1 << 63, 1 << 64, 1 << 200)},
    **{repr(size): (size, TypeError) for size in (True, False, 1.5, "12", None, b"12")},
}

BAD_ALGORITHMS: dict[str, tuple[object, type[Exception]]] = {
    **{name: (name, ValueError) for name in ("md5", "BLAKE3", "blake3 ", "../x", "sha-256")},
    **{repr(name): (name, TypeError) for name in (None, 3, b"blake3")},
}

BAD_HASHES: dict[str, tuple[object, type[Exception], str]] = {
    "empty": ("", ValueError, '""'),
    "short": ("ab" * 31, ValueError, "ab" * 31),
    "long": ("ab" * 33, ValueError, "ab" * 33),
    "very long": ("ab" * 100_000, ValueError, "ab" * 40),
    "odd": ("a" * 63, ValueError, "a" * 63),
    "upper case": ("AB" * 32, ValueError, "AB" * 32),
    "not hexadecimal": ("g" * 64, ValueError, "g" * 64),
    "slashes": ("ab/" * 21 + "a", ValueError, "ab/" * 21),
    "absolute": ("/etc/passwd".ljust(64, "a"), ValueError, "/etc/passwd"),
    "parents": ("../" * 21 + "a", ValueError, "../" * 21),
    "dots": (".." * 32, ValueError, ".." * 32),
    "NUL": ("\0" * 64, ValueError, "\\0\\0"),
    "NUL at the end": ("a" * 63 + "\0", ValueError, "a" * 63),
    "newline at the end": ("ab" * 32 + "\n", ValueError, "ab" * 32),
    "digits not in ASCII": ("٣" * 64, ValueError, "٣" * 64),
    "digits not in ASCII, 64 bytes": ("٣" * 32, ValueError, "٣" * 32),
    "surrogates": ("\udc80" * 64, ValueError, "surrogates"),
    "None": (None, TypeError, "None"),
    "bytes": (b"ab" * 32, TypeError, repr(b"ab" * 32)),
    "number": (7, TypeError, "7"),
}


@pytest.mark.parametrize("size", BAD_SIZES)
@pytest.mark.parametrize("write", WRITES)
async def test_invalid_size_is_refused(storage: FileStorage, write: str, size: str) -> None:
    value, kind = BAD_SIZES[size]
    with pytest.raises(kind) as caught:
        await WRITES[write](storage, DATA, describe(DATA, content_size=value))
    assert repr(value) in str(caught.value)
    assert not isinstance(caught.value, VerificationError)
    await assert_unharmed(storage)


@pytest.mark.parametrize("verify_writes", [False, True])
@pytest.mark.parametrize("algorithm", BAD_ALGORITHMS)
@pytest.mark.parametrize("write", WRITES)
async def test_unknown_algorithm_is_refused(
    storage: FileStorage, write: str, algorithm: str, verify_writes: bool
) -> None:
    value, kind = BAD_ALGORITHMS[algorithm]
    writer = FileStorage(storage.path, verify_writes=verify_writes)
    with pytest.raises(kind) as caught:
        await WRITES[write](writer, DATA, describe(DATA, content_hash_algorithm=value))
    assert str(value) in str(caught.value)
    await assert_unharmed(writer)


@pytest.mark.parametrize("case", BAD_HASHES)
@pytest.mark.parametrize("write", WRITES)
async def test_invalid_hash_is_refused(storage: FileStorage, write: str, case: str) -> None:
    value, kind, naming = BAD_HASHES[case]
    with pytest.raises(kind) as caught:
        await WRITES[write](storage, DATA, describe(DATA, content_hash=value))
    assert naming in str(caught.value)
    await assert_unharmed(storage)


@pytest.mark.parametrize("name", ["content_hash_algorithm", "content_hash", "content_size"])
@pytest.mark.parametrize("write", WRITES)
async def test_digest_with_a_missing_field_is_refused(
    storage: FileStorage, write: str, name: str
) -> None:
    digest = {key: value for key, value in describe(DATA).items() if key != name}
    with pytest.raises(ValueError, match=f"'{name}'"):
        await WRITES[write](storage, DATA, digest)
    await assert_unharmed(storage)


OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "verify_writes": {"verify_writes": True},
    "max_object_size": {"max_object_size": 1000},
}


@pytest.mark.parametrize("digest", [None, 3, "blake3"], ids=repr)
@pytest.mark.parametrize("options", OPTIONS)
async def test_digest_that_is_not_a_mapping_is_refused(
    storage: FileStorage, digest: Any, options: str
) -> None:
    strict = FileStorage(storage.path, **OPTIONS[options])
    naming = re.escape(f"a digest must be a mapping, not {digest!r}")
    with pytest.raises(TypeError, match=naming):
        await strict.write_data(DATA, digest, {})
    with pytest.raises(TypeError, match=naming):
        await strict.write_data_stream(stream_of([DATA]), getter(digest), {})
    await assert_unharmed(storage)


async def test_verified_stream_with_a_digest_without_algorithm_is_refused(
    storage: FileStorage,
) -> None:
    digest = {k: v for k, v in describe(DATA).items() if k != "content_hash_algorithm"}
    strict = FileStorage(storage.path, verify_writes=True)
    with pytest.raises(ValueError, match="'content_hash_algorithm'"):
        await strict.write_data_stream(stream_of([DATA]), getter(digest), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("algorithm", [b"sha256", ["sha256", ["blake3"]]], ids=repr)
def test_algorithm_with_a_non_string_is_refused(algorithm: Any) -> None:
    naming = re.escape(repr(algorithm[-1] if isinstance(algorithm, list) else algorithm))
    with pytest.raises(TypeError, match=naming):
        digest_data(b"", content_type="a/b", algorithm=algorithm)


@pytest.mark.parametrize("algorithm", BAD_ALGORITHMS)
async def test_digest_functions_refuse_an_unknown_algorithm(
    storage: FileStorage, algorithm: str
) -> None:
    value: Any = BAD_ALGORITHMS[algorithm][0]
    naming = str(value) if isinstance(value, str) else repr(value)
    refused = pytest.raises((TypeError, ValueError), match=re.escape(naming))
    with refused:
        digest_data(DATA, content_type="a/b", algorithm=value)
    with refused:
        digest_stream(stream_of([DATA]), content_type="a/b", algorithm=value)
    with refused:
        await digest_file(__file__, algorithm=value)


@pytest.mark.parametrize("algorithm", BAD_ALGORITHMS)
async def test_import_file_refuses_an_unknown_algorithm(
    storage: FileStorage, algorithm: str
) -> None:
    value: Any = BAD_ALGORITHMS[algorithm][0]
    with pytest.raises((TypeError, ValueError)) as caught:
        await storage.import_file(__file__, algorithm=value)
    assert (value if isinstance(value, str) else repr(value)) in str(caught.value)
    await assert_unharmed(storage)


# Mismatched digests


@pytest.mark.parametrize("size", [0, 1, 12, 100 * KIB, MIB, 3 * MIB])
@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
@pytest.mark.parametrize("write", WRITES)
async def test_verified_write_refuses_a_wrong_hash(
    storage: FileStorage, write: str, algorithm: str, size: int
) -> None:
    data = content_of(size)
    right = digest_data(data, content_type="a/b", algorithm=algorithm)
    digest = {**right, "content_hash": "0" * 64}
    writer = FileStorage(storage.path, verify_writes=True)
    with pytest.raises(DigestMismatchError) as caught:
        await WRITES[write](writer, data, digest)
    assert caught.value.expected == f"{algorithm} {'0' * 64}"
    assert caught.value.actual == f"{algorithm} {right['content_hash']}"
    assert isinstance(caught.value, ValueError)
    assert "0" * 64 in str(caught.value)
    await assert_unharmed(writer)


@pytest.mark.parametrize("size", [12, 100 * KIB, MIB, 3 * MIB])
@pytest.mark.parametrize("verify_writes", [False, True])
@pytest.mark.parametrize("difference", [-1, 1, 1 << 40])
@pytest.mark.parametrize("write", WRITES)
async def test_wrong_size_is_refused(
    storage: FileStorage, write: str, difference: int, verify_writes: bool, size: int
) -> None:
    data = content_of(size)
    digest = describe(data, content_size=size + difference)
    writer = FileStorage(storage.path, verify_writes=verify_writes)
    with pytest.raises(DigestMismatchError) as caught:
        await WRITES[write](writer, data, digest)
    assert caught.value.expected == f"{size + difference} bytes"
    assert caught.value.actual == f"{size} bytes"
    assert f"{size + difference} bytes" in str(caught.value)
    await assert_unharmed(writer)


@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("write", WRITES)
async def test_wrong_hash_is_refused_if_the_key_lacks_the_hash(
    tmp_path: Path, write: str, verify: bool, size: int
) -> None:
    storage = FileStorage(tmp_path, router=fixed_router, verify_writes=verify)
    data = content_of(size)
    with pytest.raises(DigestMismatchError):
        await WRITES[write](storage, data, describe(data, content_hash="0" * 64))
    await assert_unharmed(storage)


@pytest.mark.parametrize("write", WRITES)
async def test_verified_write_accepts_the_correct_digest(storage: FileStorage, write: str) -> None:
    writer = FileStorage(storage.path, verify_writes=True)
    for size in (0, 12, 3 * MIB):
        data = content_of(size)
        assert await writer.read_data(await WRITES[write](writer, data, describe(data))) == data
