"""What is wrong is named; nothing of a write that fails stays, and the storage goes on."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from laboxide import (
    CorruptDataError,
    Digest,
    DigestMismatchError,
    FileStorage,
    NoStorageData,
    digest_data,
    digest_stream,
    hash_file,
)
from laboxide.testing._sources import content_of, cut, plain_pair, stream_of

from scripts import assert_clean, run_script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator

    from laboxide import FileKey, FilePointer, GetStreamDigest, TagMap

    Pair = tuple[AsyncIterable[bytes], GetStreamDigest]

pytestmark = pytest.mark.anyio

KIB, MIB = 1 << 10, 1 << 20
DATA = b"some content"


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "root", mkdir=True)


def files(root: Path) -> list[Path]:
    """Return every file below `root`, temporary ones included."""
    return sorted(path for path in root.rglob("*") if not path.is_dir())


async def assert_unharmed(storage: FileStorage) -> None:
    """Assert that nothing is left of a write that failed, and that the next ones succeed."""
    with anyio.fail_after(5):
        while files(storage.path):
            await anyio.sleep(0.01)
    for data in (b"next", content_of(100 * KIB)):
        pointer = await storage.write_data(data, describe(data), {})
        assert await storage.read_data(pointer) == data
        await storage.delete(pointer)
        pair = digest_stream(stream_of(cut(data, [5000])), content_type="a/b")
        pointer = await storage.write_data_stream(*pair, {})
        assert b"".join([chunk async for chunk in storage.read_data_stream(pointer)]) == data
        await storage.delete(pointer)


def describe(data: bytes, **changes: object) -> Digest:
    """Return the digest of `data`, changed to be wrong."""
    digest = {**digest_data(data, content_type="a/b"), **changes}
    return cast("Digest", digest)


def getter(digest: object) -> GetStreamDigest:
    """Return a function that tells `digest`, as if a stream had had it."""

    def get_digest(*, allow_incomplete: bool = False) -> Any:
        return digest

    return get_digest


async def write_value(storage: FileStorage, data: bytes, digest: Any) -> FilePointer:
    return await storage.write_data(data, digest, {})


async def write_stream(storage: FileStorage, data: bytes, digest: Any) -> FilePointer:
    return await storage.write_data_stream(
        stream_of(cut(data, [64 * KIB])), getter({**digest, "is_complete": True}), {}
    )


WRITES: dict[str, Callable[[FileStorage, bytes, Any], Awaitable[FilePointer]]] = {
    "write_data": write_value,
    "write_data_stream": write_stream,
}

PAIRS: dict[str, Callable[[AsyncIterable[bytes]], Pair]] = {
    "digest_stream": lambda source: digest_stream(source, content_type="a/b"),
    "hashlib": plain_pair,
    "not hashed": lambda source: (source, getter(describe(DATA))),
}
SOURCES = {"nothing": [], "little": [b"little"], "much": [bytes(64 * KIB)] * 100}


def fixed_router(_digest: Digest, _tags: TagMap, /, *, temp: bool) -> FileKey:
    return {"key": "fixed"}


class OwnError(Exception):
    """An error of the caller's own."""


# Data and chunks

NOT_BYTES: dict[str, Any] = {
    "None": None,
    "str": "text",
    "int": 3,
    "list": [1, 2],
    "object": object(),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("pair", ["digest_stream", "not hashed"])
@pytest.mark.parametrize("chunk", NOT_BYTES)
async def test_a_chunk_that_is_not_bytes_like_is_refused(
    storage: FileStorage, chunk: str, pair: str, source: str
) -> None:
    before = SOURCES[source]
    chunks = stream_of([*before, NOT_BYTES[chunk], *before])
    async with aclosing(chunks):
        with pytest.raises(TypeError, match=f"'{type(NOT_BYTES[chunk]).__name__}'"):
            await storage.write_data_stream(*PAIRS[pair](chunks), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("pair", ["digest_stream", "not hashed"])
async def test_a_chunk_that_is_not_contiguous_is_refused(storage: FileStorage, pair: str) -> None:
    chunk: Any = memoryview(b"abcdef")[::2]
    async with aclosing(stream_of([b"a", chunk])) as chunks:
        with pytest.raises(TypeError, match="contiguous"):
            await storage.write_data_stream(*PAIRS[pair](chunks), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("data", NOT_BYTES)
async def test_data_that_is_not_bytes_like_is_refused(storage: FileStorage, data: str) -> None:
    value = NOT_BYTES[data]
    with pytest.raises(TypeError, match=type(value).__name__):
        await storage.write_data(value, describe(DATA), {})
    await assert_unharmed(storage)


async def test_data_that_is_not_contiguous_is_refused(storage: FileStorage) -> None:
    data: Any = memoryview(b"abcdef")[::2]
    with pytest.raises(BufferError, match="contiguous"):
        await storage.write_data(data, describe(b"ace"), {})
    await assert_unharmed(storage)


def test_digest_data_refuses_what_is_not_contiguous() -> None:
    with pytest.raises(BufferError, match="contiguous"):
        digest_data(memoryview(b"abcdef")[::2], content_type="a/b")


@pytest.mark.parametrize("source", [[b"chunk"], None, b"chunk"], ids=repr)
async def test_a_stream_that_is_not_an_async_iterable_is_refused(
    storage: FileStorage, source: Any
) -> None:
    with pytest.raises(TypeError, match=type(source).__name__):
        await storage.write_data_stream(source, getter(describe(DATA)), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("source", [[b"chunk"], None, b"chunk"], ids=repr)
def test_digest_stream_refuses_what_is_not_an_async_iterable(source: Any) -> None:
    with pytest.raises(TypeError, match=type(source).__name__):
        digest_stream(source, content_type="a/b")


# Digests

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
    "no hex": ("g" * 64, ValueError, "g" * 64),
    "slashes": ("ab/" * 21 + "a", ValueError, "ab/" * 21),
    "absolute": ("/etc/passwd".ljust(64, "a"), ValueError, "/etc/passwd"),
    "parents": ("../" * 21 + "a", ValueError, "../" * 21),
    "dots": (".." * 32, ValueError, ".." * 32),
    "NUL": ("\0" * 64, ValueError, "\\0\\0"),
    "NUL at the end": ("a" * 63 + "\0", ValueError, "a" * 63),
    "newline at the end": ("ab" * 32 + "\n", ValueError, "ab" * 32),
    "other digits": ("٣" * 64, ValueError, "٣" * 64),
    "other digits of 64 bytes": ("٣" * 32, ValueError, "٣" * 32),
    "surrogates": ("\udc80" * 64, ValueError, "surrogates"),
    "None": (None, TypeError, "None"),
    "bytes": (b"ab" * 32, TypeError, repr(b"ab" * 32)),
    "number": (7, TypeError, "7"),
}


@pytest.mark.parametrize("size", BAD_SIZES)
@pytest.mark.parametrize("write", WRITES)
async def test_a_size_that_is_none_is_refused(storage: FileStorage, write: str, size: str) -> None:
    value, kind = BAD_SIZES[size]
    with pytest.raises(kind) as caught:
        await WRITES[write](storage, DATA, describe(DATA, content_size=value))
    assert repr(value) in str(caught.value)
    assert not isinstance(caught.value, CorruptDataError)
    await assert_unharmed(storage)


@pytest.mark.parametrize("verify_writes", [False, True])
@pytest.mark.parametrize("algorithm", BAD_ALGORITHMS)
@pytest.mark.parametrize("write", WRITES)
async def test_an_unknown_algorithm_is_refused(
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
async def test_a_hash_that_is_none_is_refused(storage: FileStorage, write: str, case: str) -> None:
    value, kind, naming = BAD_HASHES[case]
    with pytest.raises(kind) as caught:
        await WRITES[write](storage, DATA, describe(DATA, content_hash=value))
    assert naming in str(caught.value)
    await assert_unharmed(storage)


@pytest.mark.parametrize("name", ["content_hash_algorithm", "content_hash", "content_size"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_digest_without_a_field_is_refused(
    storage: FileStorage, write: str, name: str
) -> None:
    digest = {key: value for key, value in describe(DATA).items() if key != name}
    with pytest.raises(ValueError, match=f"'{name}'"):
        await WRITES[write](storage, DATA, digest)
    await assert_unharmed(storage)


@pytest.mark.parametrize("digest", [None, 3, "blake3"], ids=repr)
async def test_a_digest_that_is_no_mapping_is_refused(storage: FileStorage, digest: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        await storage.write_data(DATA, digest, {})
    with pytest.raises((TypeError, ValueError)):
        await storage.write_data_stream(stream_of([DATA]), getter(digest), {})
    await assert_unharmed(storage)


@pytest.mark.parametrize("algorithm", BAD_ALGORITHMS)
async def test_nothing_is_hashed_by_an_unknown_algorithm(
    storage: FileStorage, algorithm: str
) -> None:
    value: Any = BAD_ALGORITHMS[algorithm][0]
    naming = str(value) if isinstance(value, str) else repr(value)
    refused = (TypeError, ValueError)
    with pytest.raises(refused) as caught:
        digest_data(DATA, content_type="a/b", algorithm=value)
    assert naming in str(caught.value)
    with pytest.raises(refused) as caught:
        digest_stream(stream_of([DATA]), content_type="a/b", algorithm=value)
    assert naming in str(caught.value)
    with pytest.raises(refused) as caught:
        await hash_file(__file__, algorithm=value)
    assert naming in str(caught.value)


@pytest.mark.parametrize("algorithm", BAD_ALGORITHMS)
async def test_nothing_is_imported_by_an_unknown_algorithm(
    storage: FileStorage, algorithm: str
) -> None:
    value: Any = BAD_ALGORITHMS[algorithm][0]
    with pytest.raises((TypeError, ValueError)) as caught:
        await storage.import_file(__file__, algorithm=value)
    assert (value if isinstance(value, str) else repr(value)) in str(caught.value)
    await assert_unharmed(storage)


# Digests that do not fit


@pytest.mark.parametrize("size", [0, 1, 12, 100 * KIB, MIB, 3 * MIB])
@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_verified_write_refuses_another_hash(
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
async def test_another_size_is_refused(
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


@pytest.mark.parametrize("write", WRITES)
async def test_a_key_without_hash_is_given_only_to_the_content_of_the_digest(
    tmp_path: Path, write: str
) -> None:
    storage = FileStorage(tmp_path, router=fixed_router, verify_writes=True)
    with pytest.raises(DigestMismatchError):
        await WRITES[write](storage, DATA, describe(DATA, content_hash="0" * 64))
    await assert_unharmed(storage)


@pytest.mark.parametrize("write", WRITES)
async def test_a_verified_write_accepts_the_right_digest(storage: FileStorage, write: str) -> None:
    writer = FileStorage(storage.path, verify_writes=True)
    for size in (0, 12, 3 * MIB):
        data = content_of(size)
        assert await writer.read_data(await WRITES[write](writer, data, describe(data))) == data


# What the caller's own code raises


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("kind", [OwnError, ValueError, OSError, TimeoutError])
async def test_what_a_source_raises_comes_out_as_it_is(
    storage: FileStorage, kind: type[Exception], pair: str, source: str
) -> None:
    error = kind("mine")

    async def failing() -> AsyncGenerator[bytes]:
        for chunk in SOURCES[source]:
            yield chunk
        raise error

    with pytest.raises(kind) as caught:
        await storage.write_data_stream(*PAIRS[pair](failing()), {})
    assert caught.value is error
    await assert_unharmed(storage)


@pytest.mark.parametrize("verify_writes", [False, True])
@pytest.mark.parametrize("at", ["any time", "the end"])
@pytest.mark.parametrize("source", SOURCES)
async def test_what_get_digest_raises_comes_out_as_it_is(
    storage: FileStorage, source: str, at: str, verify_writes: bool
) -> None:
    error = OwnError("mine")

    def get_digest(*, allow_incomplete: bool = False) -> Any:
        if at == "the end" and allow_incomplete:
            return describe(DATA)
        raise error

    writer = FileStorage(storage.path, verify_writes=verify_writes)
    with pytest.raises(OwnError) as caught:
        await writer.write_data_stream(stream_of(SOURCES[source]), get_digest, {})
    assert caught.value is error
    await assert_unharmed(writer)


@pytest.mark.parametrize("get_digest", [None, 3, describe(DATA)], ids=["None", "int", "digest"])
async def test_a_get_digest_that_is_no_function_is_refused(
    storage: FileStorage, get_digest: Any
) -> None:
    with pytest.raises(TypeError, match=type(get_digest).__name__):
        await storage.write_data_stream(stream_of([DATA]), get_digest, {})
    await assert_unharmed(storage)


async def test_an_incomplete_stream_of_ours_is_not_stored(storage: FileStorage) -> None:
    _, get_digest = digest_stream(stream_of([DATA]), content_type="a/b")
    with pytest.raises(ValueError, match="to its end"):
        await storage.write_data_stream(stream_of([DATA]), get_digest, {})
    await assert_unharmed(storage)


# Roots


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        FileStorage(tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("mkdir", [False, True])
def test_a_root_that_is_a_file_is_named(tmp_path: Path, mkdir: bool) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(NotADirectoryError) as caught:
        FileStorage(tmp_path / "file", mkdir=mkdir)
    assert caught.value.filename == str(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("mkdir", [False, True])
def test_a_root_below_a_file_is_named(tmp_path: Path, mkdir: bool) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(NotADirectoryError) as caught:
        FileStorage(tmp_path / "file/root", mkdir=mkdir)
    assert str(caught.value.filename).startswith(str(tmp_path / "file"))


def test_a_root_that_is_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError) as caught:
        FileStorage(tmp_path / "link")
    assert caught.value.filename == str(tmp_path / "link")


@pytest.mark.parametrize("write", WRITES)
async def test_a_root_that_went_away_is_named_and_not_made_again(
    storage: FileStorage, write: str
) -> None:
    storage.path.rmdir()
    with pytest.raises(FileNotFoundError) as caught:
        await WRITES[write](storage, DATA, describe(DATA))
    assert caught.value.filename == str(storage.path)
    assert not storage.path.exists()
    storage.path.mkdir()
    await assert_unharmed(storage)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user may enter, unlike those of pytest."""
    path = Path(tempfile.mkdtemp(prefix="laboxide-test-"))
    path.chmod(0o777)
    yield path
    for found in (path, *path.rglob("*")):
        if found.is_dir():
            found.chmod(0o777)
    shutil.rmtree(path)


# What is imported later than this may be out of the user's reach, as are the threads' libraries.
UNPRIVILEGED = """
    import shutil
    (root / "warm").touch()
    asyncio.run(hash_file(root / "warm"))
    (root / "store").mkdir()
    if os.geteuid() == 0:
        os.chown(root / "store", 65534, 65534)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
"""


@pytest.mark.parametrize("mkdir", [False, True])
@pytest.mark.parametrize("mode", ["0o000", "0o444", "0o111", "0o311"])
def test_a_root_without_permission_is_named(open_directory: Path, mode: str, mkdir: bool) -> None:
    script = f"""{UNPRIVILEGED}
    os.chmod(root / "store", {mode})
    try:
        FileStorage(root / "store", mkdir={mkdir})
    except PermissionError as error:
        print(error.errno, error.filename)
    os.chmod(root / "store", 0o700)
    FileStorage(root / "store", mkdir={mkdir})
    """
    expected = f"{errno.EACCES} {open_directory / 'store'}"
    assert_clean(run_script(script, open_directory), expected)


def test_a_root_that_cannot_be_made_is_named(open_directory: Path) -> None:
    script = f"""{UNPRIVILEGED}
    os.chmod(root / "store", 0o555)
    try:
        FileStorage(root / "store/a/b", mkdir=True)
    except PermissionError as error:
        print(error.errno, error.filename)
    """
    expected = f"{errno.EACCES} {open_directory / 'store/a'}"
    assert_clean(run_script(script, open_directory), expected)


SCRIPTED_WRITES = {
    "write_data": "storage.write_data(data, digest_data(data, content_type='a/b'), {})",
    "write_data_stream": "store(storage, max(1, len(data) >> 16))",
    "import_file": "storage.import_file(root / 'source')",
}


@pytest.mark.parametrize("write", SCRIPTED_WRITES)
def test_a_root_without_permission_to_write_is_named_and_read(
    open_directory: Path, write: str
) -> None:
    script = f"""{UNPRIVILEGED}
    data = b"some content"
    (root / "source").write_bytes(data)

    async def work():
        storage = FileStorage(root / "store")
        kept = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        shutil.rmtree(root / "store/.laboxide-staging", ignore_errors=True)
        os.chmod(root / "store", 0o555)
        try:
            await {SCRIPTED_WRITES[write]}
        except PermissionError as error:
            print(error.errno, error.filename.startswith(str(root / "store")))
        print(await storage.read_data(kept))
        os.chmod(root / "store", 0o755)
        print([path.name for path in root.glob("store/**/*") if path.is_file()] ==
              [kept["hash"]])
        pointer = await {SCRIPTED_WRITES[write]}
        await storage.verify(pointer)

    asyncio.run(work())
    """
    process = run_script(script, open_directory)
    assert_clean(process, f"{errno.EACCES} True\nb'x'\nTrue")


def test_an_object_without_permission_to_read_is_named(open_directory: Path) -> None:
    script = f"""{UNPRIVILEGED}
    async def work():
        storage = FileStorage(root / "store")
        pointer = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        path = storage.path / pointer["key"]
        path.chmod(0)
        for operation in (storage.read_data, lambda p: load(storage, p), storage.verify):
            try:
                await operation(pointer)
            except PermissionError as error:
                print(error.errno, error.filename == str(path))
        path.chmod(0o444)
        await storage.verify(pointer)

    asyncio.run(work())
    """
    assert_clean(run_script(script, open_directory), "\n".join([f"{errno.EACCES} True"] * 3))


# Arguments

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


# A full disk

ATTEMPTS = {
    "write_data": "storage.write_data(large, digest_data(large, content_type='a/b'), {})",
    "write_data_stream": "store(storage, len(large) >> 16)",
    "write_data_stream, verified": (
        "store(FileStorage(root / 'store', verify_writes=True), len(large) >> 16)"
    ),
    "write_data_stream, endless": "store(storage, 1 << 40)",
    "import_file": "storage.import_file(root / 'source', link='copy')",
    "import_file, auto": "storage.import_file(root / 'source')",
}


def failing_script(attempt: str, first: str = "") -> str:
    """Return a script in which `attempt` meets a full disk, and then smaller ones do not."""
    return f"""
    large = bytes(8 << 20)
    (root / "source").write_bytes(large)
    {first}

    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        for _ in range(3):
            try:
                await asyncio.wait_for({attempt}, 30)
            except OSError as error:
                print(error.errno, str(error.filename).startswith(str(root / "store")))
        for _ in range(100):
            left = [path for path in root.glob("store/**/*") if path.is_file()]
            if not left:
                break
            await asyncio.sleep(0.02)
        print(left)
        for _ in range(100):
            status = os.statvfs(root / "store")
            if status.f_bavail * status.f_frsize > 1 << 20:
                break
            await asyncio.sleep(0.02)
        small = await store(storage, 3)
        print(len(await load(storage, small)))
        small = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        print(await storage.read_data(small))

    asyncio.run(work())
    """


def outcome(number: int) -> str:
    """Return what `failing_script` prints when all is well."""
    return f"{number} True\n" * 3 + f"[]\n{3 << 16}\nb'x'"


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_file_that_may_not_grow_is_named(tmp_path: Path, attempt: str) -> None:
    limit = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
    """
    script = failing_script(ATTEMPTS[attempt], limit)
    assert_clean(run_script(script, tmp_path), outcome(errno.EFBIG))


def test_an_export_that_may_not_grow_leaves_nothing(tmp_path: Path) -> None:
    script = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        pointer = await store(storage, 100)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
        (root / "out").mkdir()
        (root / "out/old").write_bytes(b"old")
        for name, overwrite in (("new", False), ("old", True)):
            try:
                await storage.export_file(pointer, root / "out" / name, overwrite=overwrite)
            except OSError as error:
                print(error.errno, str(error.filename).startswith(str(root / "out")))
        await asyncio.sleep(0.1)
        print([(path.name, path.read_bytes()) for path in (root / "out").iterdir()])

    asyncio.run(work())
    """
    expected = f"{errno.EFBIG} True\n" * 2 + "[('old', b'old')]"
    assert_clean(run_script(script, tmp_path), expected)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory whose "store" is a file system of 4 MiB."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if sys.platform != "linux" or os.geteuid() != 0 or not mount or not umount:
        pytest.skip("only root can mount a file system that is soon full")
    target = tmp_path / "store"
    target.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=4m", "laboxide-test", str(target)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield tmp_path
    finally:
        subprocess.run([umount, "-l", str(target)], check=True)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_full_disk_is_named(small_disk: Path, attempt: str) -> None:
    process = run_script(failing_script(ATTEMPTS[attempt]), small_disk)
    assert_clean(process, outcome(errno.ENOSPC))


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_space_of_a_write_that_failed_is_free_when_it_raises(
    small_disk: Path, attempt: str
) -> None:
    script = f"""
    large = bytes(8 << 20)
    (root / "source").write_bytes(large)

    async def work():
        storage = FileStorage(root / "store")
        for index in range(30):
            try:
                await {ATTEMPTS[attempt]}
            except OSError as error:
                assert error.errno == {errno.ENOSPC}
            small = bytes([index]) * (16 << 10)
            await storage.write_data(small, digest_data(small, content_type="a/b"), {{}})

    asyncio.run(work())
    """
    assert_clean(run_script(script, small_disk))


# Sizes that no object has

ASKED: dict[str, Callable[[FileStorage, FilePointer], Awaitable[object]]] = {
    "read_data": lambda s, pointer: s.read_data(pointer),
    "read_data_stream": lambda s, pointer: anext(s.read_data_stream(pointer)),
    "verify": lambda s, pointer: s.verify(pointer),
    "export_file": lambda s, pointer: s.export_file(pointer, s.path.with_name("out")),
}


@pytest.mark.parametrize("verify_reads", ["hash", "size"])
@pytest.mark.parametrize("place", ["own root", "other root", "nowhere"])
@pytest.mark.parametrize("size", [1 << 40, 1 << 62, (1 << 63) - 64, (1 << 63) - 1])
@pytest.mark.parametrize("operation", ASKED)
async def test_a_forged_size_is_an_ordinary_error(  # noqa: PLR0917 - fixtures
    storage: FileStorage,
    tmp_path: Path,
    operation: str,
    size: int,
    place: str,
    verify_reads: str,
) -> None:
    root = tmp_path / "other" if place == "other root" else storage.path
    writer = FileStorage(root, mkdir=True)
    pointer = await writer.write_data(DATA, describe(DATA), {})
    forged: FilePointer = {**pointer, "size": size}
    if place == "nowhere":
        await writer.delete(pointer)
    reader = FileStorage(storage.path, verify_reads=verify_reads)
    kinds = NoStorageData if place == "nowhere" else CorruptDataError
    with anyio.fail_after(10), pytest.raises((kinds, MemoryError)) as caught:
        await ASKED[operation](reader, forged)
    if isinstance(caught.value, CorruptDataError):
        assert (caught.value.expected, caught.value.actual) == (f"{size} bytes", "12 bytes")
    assert not (tmp_path / "out").exists()
    with suppress(NoStorageData):
        await writer.delete(pointer)
    await assert_unharmed(reader)
