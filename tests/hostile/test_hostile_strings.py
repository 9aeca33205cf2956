"""Hostile strings are refused or harmless: files outside the root stay as they are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import (
    CorruptDataError,
    Digest,
    FileStorage,
    ObjectNotFoundError,
    digest_data,
    digest_file,
    digest_stream,
)
from laboxide.labox import FileStorage as LaboxStorage
from laboxide.testing._sources import stream_of

from tests.support.failing import WRITES, describe, write_stream
from tests.support.hostile import GROUPS
from tests.support.hostile_paths import CANARY, CANARY_NAME
from tests.support.storing import DATA, files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator
    from pathlib import Path

    from laboxide import FileKey, FilePointer, TagMap

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop]

SECRET = b"content outside the root"
FALSE_HASH = "0" * 64
LONGEST = 1000
"""Maximum length of an error message in characters."""
PLAIN = re.compile(r"[A-Za-z0-9]{2,20}")

# OSError: the system refuses a path that is too long.
REFUSED = (ValueError, TypeError, ObjectNotFoundError, CorruptDataError, OSError)

Each = list[str]
Use = Callable[["FileStorage", Any], "Awaitable[object]"]


@pytest.fixture(params=GROUPS)
def strings(request: pytest.FixtureRequest, tmp_path: Path) -> Each:
    canary = str(tmp_path / CANARY_NAME)
    return [text.replace(CANARY, canary) for text in GROUPS[request.param]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a root beside a canary directory, and assert that nothing outside the root changes."""
    canary = tmp_path / CANARY_NAME
    canary.mkdir()
    # FALSE_HASH is a valid location, and not the hash of SECRET.
    for name in ("secret", "passwd", FALSE_HASH):
        (canary / name).write_bytes(SECRET)
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.chdir(root)
    yield root
    assert {path.name for path in tmp_path.iterdir()} == {"root", CANARY_NAME}
    assert {path.name for path in canary.iterdir()} == {"secret", "passwd", FALSE_HASH}
    assert all(path.read_bytes() == SECRET for path in canary.iterdir())


def assert_names(error: Exception, text: str) -> None:
    """Assert that an error names the plain start of `text`, in a message of limited length."""
    assert len(str(error)) < LONGEST, text[:80]
    if isinstance(error, UnicodeEncodeError):
        assert error.object == text
    elif plain := PLAIN.search(text[:30]):
        assert plain[0] in str(error), text[:80]


def pointer_to(root: object, **changes: object) -> Any:
    """Return a pointer with the size of `SECRET`, well-formed except for `changes`."""
    pointer = {"root": str(root), "key": "a", "algorithm": "blake3", "hash": FALSE_HASH}
    return {**pointer, "size": len(SECRET), **changes}


async def first(storage: FileStorage, pointer: FilePointer) -> bytes:
    return await anext(storage.read_data_stream(pointer))


READS: list[Use] = [
    lambda storage, pointer: storage.read_data(pointer),
    first,
    lambda storage, pointer: storage.verify(pointer),
    lambda storage, pointer: storage.export_file(pointer, storage.path / "out"),
]
USES: list[Use] = [*READS, lambda storage, pointer: storage.delete(pointer)]


async def assert_refused(text: str, operation: Awaitable[object]) -> None:
    with pytest.raises(ValueError) as caught:
        await operation
    assert_names(caught.value, text)


async def test_no_hostile_string_is_accepted_as_hash(root: Path, strings: Each) -> None:
    storage = FileStorage(root)
    for text in strings:
        for write in WRITES.values():
            await assert_refused(text, write(storage, DATA, describe(DATA, content_hash=text)))
        for use in USES:
            await assert_refused(text, use(storage, pointer_to(root, hash=text)))
    assert files(root) == []


async def test_no_hostile_string_is_accepted_as_algorithm(root: Path, strings: Each) -> None:
    storage = FileStorage(root)
    (root / "file").write_bytes(DATA)
    for text in strings:
        for write in WRITES.values():
            digest = describe(DATA, content_hash_algorithm=text)
            await assert_refused(text, write(storage, DATA, digest))
        for use in USES:
            await assert_refused(text, use(storage, pointer_to(root, algorithm=text)))
        await assert_refused(text, storage.import_file(root / "file", algorithm=text))
        await assert_refused(text, digest_file(root / "file", algorithm=text))
        with pytest.raises(ValueError):
            digest_data(DATA, content_type="a/b", algorithm=text)
        with pytest.raises(ValueError):
            digest_stream(stream_of([]), content_type="a/b", algorithm=text)
    assert files(root) == [root / "file"]


async def test_no_hostile_key_leaves_root(root: Path, strings: Each) -> None:
    # The hash of the canary: any key that reached it would return its content.
    content_hash = describe(SECRET)["content_hash"]
    storage = FileStorage(root)
    for text in strings:
        for use in USES:
            with pytest.raises((ValueError, ObjectNotFoundError, OSError)) as caught:
                await use(storage, pointer_to(root, key=text, hash=content_hash))
            if isinstance(caught.value, ValueError):
                assert_names(caught.value, text)
    assert files(root) == []


async def test_no_hostile_root_returns_content_of_other_hash(root: Path, strings: Each) -> None:
    storage = FileStorage(root, verify_reads="size")
    for text in strings:
        for key, read in itertools.product(("secret", "passwd"), READS):
            with pytest.raises(REFUSED) as caught:
                await read(storage, pointer_to(text, key=key))
            if type(caught.value) is ValueError:
                assert_names(caught.value, text)
    assert files(root) == []


async def test_hostile_key_from_router_is_refused_or_below_root(root: Path, strings: Each) -> None:
    for text in strings:

        def router(_digest: Digest, _tags: TagMap, /, *, temp: bool, key: str = text) -> FileKey:
            return {"key": key}

        storage = FileStorage(root, router=router)
        before = len(files(root))
        try:
            pointer = await storage.write_data(DATA, describe(DATA), {})
        except (ValueError, OSError) as error:
            if isinstance(error, ValueError):
                assert_names(error, text)
            assert len(files(root)) == before
        else:
            assert await storage.read_data(pointer) == DATA
            await storage.delete(pointer)


async def test_key_accepted_from_router_is_listed_and_not_stray(root: Path, strings: Each) -> None:
    for text in strings:

        def router(_digest: Digest, _tags: TagMap, /, *, temp: bool, key: str = text) -> FileKey:
            return {"key": f"{key}/{key}"}

        storage = FileStorage(root, router=router)
        with suppress(ValueError, OSError):
            pointer = await storage.write_data(DATA, describe(DATA), {})
            assert [found async for found in storage.list_pointers()] == [pointer]
            assert await storage.clean() == []
            await storage.delete(pointer)


async def test_hostile_tags_and_content_type_do_not_change_key(root: Path, strings: Each) -> None:
    storage = FileStorage(root)
    expected = root / (await storage.write_data(DATA, describe(DATA), {}))["key"]
    for text in strings:
        digest = digest_data(DATA, content_type=text, content_encoding=text)
        tags = {text: text, "key": text, "root": text}
        await storage.write_data(DATA, digest, tags)
        await write_stream(storage, DATA, digest)
        await storage.import_file(
            expected, tags, content_type=text, content_encoding=text, link="copy"
        )
        assert files(root) == [expected]


async def test_hostile_content_type_stays_below_labox_root(root: Path, strings: Each) -> None:
    storage = LaboxStorage(root)
    for text in strings:
        digest = digest_data(DATA, content_type=text, content_encoding=text, algorithm="sha256")
        await storage.write_data(DATA, digest, {text: text})
        name = re.compile(rf"{digest['content_hash']}(\.[a-z0-9]+)?")
        assert all(name.fullmatch(path.name) and path.parent == root for path in files(root))


async def first_of(storage: LaboxStorage, location: str) -> bytes:
    return await anext(storage.read_data_stream(location))


async def test_no_hostile_location_returns_content_of_other_hash(root: Path, strings: Each) -> None:
    storage = LaboxStorage(root)
    for text in strings:
        # The string alone, as the directory, and as the extension.
        for location in (text, f"{text}/{FALSE_HASH}", f"{FALSE_HASH}{text}"):
            for read in (storage.read_data, partial(first_of, storage)):
                with pytest.raises(REFUSED) as caught:
                    await read(location)
                if type(caught.value) is ValueError:
                    assert_names(caught.value, location)
    assert files(root) == []
