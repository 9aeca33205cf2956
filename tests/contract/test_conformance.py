"""Every storage passes the conformance suite, and broken storages fail it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import laboxide.testing
import pytest
from laboxide import (
    Digest,
    FileStorage,
    GetStreamDigest,
    MemoryStorage,
    ObjectNotFoundError,
    Storage,
    TagMap,
)
from laboxide.testing import StorageConformance

from tests.support.storing import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

ROOT = Path(__file__).parents[2]


class FileConformance(StorageConformance):
    missing_error = ObjectNotFoundError

    async def remove(self, storage: Storage[Any], config: Any) -> None:
        assert isinstance(storage, FileStorage)
        await storage.delete(config)

    @pytest.fixture(autouse=True)
    def staging_is_empty_afterwards(self, tmp_path: Path) -> Any:
        yield
        wait_until(lambda: not [*tmp_path.glob(".laboxide-staging/*")])


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
        return FileStorage(path, router=flat, chunk_size=999)


class TestMemoryStorage(StorageConformance):
    missing_error = ObjectNotFoundError

    def make_storage(self, path: Path) -> MemoryStorage:
        del path
        return MemoryStorage()

    async def remove(self, storage: Storage[Any], config: Any) -> None:
        assert isinstance(storage, MemoryStorage)
        del storage._contents[config["algorithm"], config["hash"]]


class PlainStorage(Storage[str]):
    """A minimal storage that passes the suite; the broken storages derive from it."""

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
    name = PlainStorage.name

    async def read_data_stream(self, config: str, /) -> AsyncGenerator[bytes]:
        yield self.contents[config][: 1 << 20]


class TruncatesValues(PlainStorage):
    name = PlainStorage.name

    async def write_data(self, data: bytes, digest: Digest, tags: TagMap, /) -> str:
        return await super().write_data(data[: 1 << 20], digest, tags)


class DoesNotDrain(PlainStorage):
    name = PlainStorage.name

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        async for chunk in data_stream:
            return await self.write_data(chunk, get_digest(allow_incomplete=True), tags)
        return await self.write_data(b"", get_digest(), tags)


class DoesNotDrainDuplicates(PlainStorage):
    name = PlainStorage.name

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        if self.contents:
            return next(iter(self.contents))
        return await super().write_data_stream(data_stream, get_digest, tags)


class GroupsErrors(PlainStorage):
    name = PlainStorage.name

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        configs = []

        async def write() -> None:
            configs.append(
                await PlainStorage.write_data_stream(self, data_stream, get_digest, tags)
            )

        async with anyio.create_task_group() as group:
            group.start_soon(write)
        return configs[0]


class StoresFailedStreams(PlainStorage):
    name = PlainStorage.name

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        try:
            return await super().write_data_stream(data_stream, get_digest, tags)
        except Exception:  # noqa: BLE001 - the fault of this storage
            return "partial"


class StarvesTheLoop(PlainStorage):
    name = PlainStorage.name

    async def write_data_stream(
        self, data_stream: AsyncIterable[bytes], get_digest: GetStreamDigest, tags: TagMap, /
    ) -> str:
        chunks = [chunk async for chunk in data_stream]
        await anyio.sleep(0.001)  # too late
        return await self.write_data(b"".join(chunks), get_digest(), tags)


class ReturnsNothingForMissing(PlainStorage):
    name = PlainStorage.name

    async def read_data(self, config: str, /) -> bytes:
        return self.contents.get(config, b"")


class ReadsAhead(PlainStorage):
    """A storage that keeps the chunks read ahead for an abandoned stream."""

    name = PlainStorage.name

    def __init__(self) -> None:
        super().__init__()
        self.unread: list[bytes] = []

    async def read_data_stream(self, config: str, /) -> AsyncGenerator[bytes]:
        chunks = [*self.unread, self.contents[config][: 1 << 20], self.contents[config][1 << 20 :]]
        for index, chunk in enumerate(chunks):
            self.unread = chunks[index + 1 :]
            yield chunk


BROKEN = {
    LosesTheLastChunk: "test_value_round_trip",
    TruncatesValues: "test_value_round_trip",
    DoesNotDrain: "test_digest_is_complete_after_stream_write",
    DoesNotDrainDuplicates: "test_stream_of_existing_content_is_drained",
    GroupsErrors: "test_source_error_reaches_caller",
    StoresFailedStreams: "test_source_error_reaches_caller",
    ReadsAhead: "test_read_stream_can_be_left_midway",
    StarvesTheLoop: "test_producer_without_suspension_does_not_block_loop",
    ReturnsNothingForMissing: "test_missing_content_raises",
}


@pytest.mark.parametrize(("broken", "test"), BROKEN.items())
def test_suite_fails_on_a_broken_storage(
    pytester: pytest.Pytester, broken: type[PlainStorage], test: str
) -> None:
    pytester.makepyfile(
        f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from tests.contract.test_conformance import TestPlainStorage as Suite, {broken.__name__}

        class TestBroken(Suite):
            def make_storage(self, path):
                return {broken.__name__}()

        del Suite
        """
    )
    outcome = pytester.runpytest_inprocess("-k", f"{test} and asyncio", "-p", "no:randomly")
    assert outcome.parseoutcomes().get("failed", 0) >= 1


def test_example_of_the_suite_is_complete(pytester: pytest.Pytester) -> None:
    example = textwrap.dedent((laboxide.testing.__doc__ or "").partition("::\n")[2])
    pytester.makepyfile(example)
    pytester.makeconftest(
        """
        import builtins
        from laboxide import MemoryStorage
        builtins.MyStorage = lambda path: MemoryStorage()
        """
    )
    outcome = pytester.runpytest_inprocess("-k", "asyncio and twice", "-p", "no:randomly")
    outcome.assert_outcomes(passed=1, deselected=outcome.parseoutcomes()["deselected"])
