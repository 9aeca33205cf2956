"""Every storage against the conformance suite, and the suite against storages that are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import (
    Digest,
    FileStorage,
    GetStreamDigest,
    MemoryStorage,
    NoStorageData,
    Storage,
    TagMap,
)
from laboxide.testing import StorageConformance

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable
    from pathlib import Path


class FileConformance(StorageConformance):
    missing_error = NoStorageData

    async def remove(self, storage: Storage[Any], config: Any) -> None:
        assert isinstance(storage, FileStorage)
        await storage.delete(config)

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, tmp_path: Path) -> Any:
        yield
        assert list(tmp_path.glob(".laboxide-staging/*")) == []


class TestFileStorage(FileConformance):
    def make_storage(self, path: Path) -> FileStorage:
        return FileStorage(path)


class TestFileStorageWithOtherOptions(FileConformance):
    def make_storage(self, path: Path) -> FileStorage:
        return FileStorage(path, durable=True, verify_writes=True, verify_reads="size")


class TestFileStorageWithLargeChunks(FileConformance):
    def make_storage(self, path: Path) -> FileStorage:
        return FileStorage(path, chunk_size=5 << 20)


def flat(digest: Digest, _tags: TagMap, /, *, temp: bool) -> Any:
    assert not temp
    return {"key": f"{digest['content_hash']}.bin"}


class TestFileStorageWithARouterAndOddChunks(FileConformance):
    def make_storage(self, path: Path) -> FileStorage:
        return FileStorage(path, router=flat, chunk_size=99_991)


class TestMemoryStorage(StorageConformance):
    missing_error = NoStorageData

    def make_storage(self, path: Path) -> MemoryStorage:
        del path
        return MemoryStorage()

    async def remove(self, storage: Storage[Any], config: Any) -> None:
        assert isinstance(storage, MemoryStorage)
        del storage._contents[config["algorithm"], config["hash"]]


class PlainStorage(Storage[str]):
    """The least that a storage can be, and the measure for the others."""

    name = "tests.plain@v1"

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> str:
        self.contents[digest["content_hash"]] = data
        return digest["content_hash"]

    async def read_data(self, config: str, /) -> bytes:
        return self.contents[config]

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        chunks = []
        async for chunk in data_stream:
            await anyio.sleep(0)
            chunks.append(chunk)
        return await self.write_data(b"".join(chunks), get_digest(), tags)

    async def read_data_stream(self, config: str, /) -> AsyncGenerator[bytes]:
        data = self.contents[config]
        for start in range(0, len(data), 1 << 20):
            yield data[start : start + (1 << 20)]


class TestPlainStorage(StorageConformance):
    missing_error = KeyError

    def make_storage(self, path: Path) -> PlainStorage:
        del path
        return PlainStorage()

    async def remove(self, storage: Storage[Any], config: Any) -> None:
        assert isinstance(storage, PlainStorage)
        del storage.contents[config]


class LosesTheLastChunk(PlainStorage):
    async def read_data_stream(self, config: str, /) -> AsyncGenerator[bytes]:
        yield self.contents[config][: 1 << 20]


class TruncatesValues(PlainStorage):
    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> str:
        return await super().write_data(data[: 1 << 20], digest, tags)


class DoesNotDrain(PlainStorage):
    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        async for chunk in data_stream:
            return await self.write_data(chunk, get_digest(allow_incomplete=True), tags)
        return await self.write_data(b"", get_digest(), tags)


class StarvesTheLoop(PlainStorage):
    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        chunks = [chunk async for chunk in data_stream]
        return await self.write_data(b"".join(chunks), get_digest(), tags)


class ServesNothingForMissing(PlainStorage):
    async def read_data(self, config: str, /) -> bytes:
        return self.contents.get(config, b"")


BROKEN = {
    LosesTheLastChunk: "test_a_value_is_read_as_it_was_written",
    TruncatesValues: "test_a_value_is_read_as_it_was_written",
    DoesNotDrain: "test_the_digest_is_complete_when_the_stream_is_written",
    StarvesTheLoop: "test_a_producer_that_never_suspends_keeps_nobody_waiting",
    ServesNothingForMissing: "test_missing_content_is_an_error",
}


@pytest.mark.parametrize(("broken", "test"), BROKEN.items())
def test_the_suite_finds_what_is_broken(
    pytester: pytest.Pytester, broken: type[PlainStorage], test: str
) -> None:
    pytester.makepyfile(
        f"""
        import sys
        sys.path.insert(0, {__file__.rpartition("/")[0]!r})
        from test_conformance import TestPlainStorage as Suite, {broken.__name__}

        class TestBroken(Suite):
            def make_storage(self, path):
                return {broken.__name__}()

        del Suite
        """
    )
    outcome = pytester.runpytest_inprocess("-k", f"{test} and asyncio", "-p", "no:randomly")
    assert outcome.parseoutcomes().get("failed", 0) >= 1
