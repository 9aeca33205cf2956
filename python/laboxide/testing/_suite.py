"""The conformance tests, one for each guarantee of the `Storage` contract."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import anyio.lowlevel
import pytest

from laboxide.testing._sources import (
    CHUNKINGS,
    DATA_KINDS,
    MIB,
    PAIRS,
    SIZES,
    backend_name,
    backends,
    content_of,
    cut,
    describe,
    stream_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from laboxide.storage import Storage

MakePair = Any
"""A function that returns a stream of a source and its digest function."""

TIMEOUT = 10
"""Seconds, far more than any operation here takes on a busy machine."""


class SourceError(Exception):
    """The error of a failing source."""


@pytest.mark.anyio
class StorageConformance:
    """Tests that every storage must pass. Subclass it and override `make_storage`.

    If content can be removed, override `remove` and `missing_error` as well; otherwise the test of
    missing content is skipped.
    """

    missing_error: ClassVar[type[Exception]] = Exception
    """The exception raised when removed content is read."""

    def make_storage(self, path: Path) -> Storage[Any]:
        """Return a new storage.

        Args:
            path: An empty directory for this test.
        """
        raise NotImplementedError(f"{type(self).__name__} must override make_storage")

    async def remove(self, storage: Storage[Any], config: Any) -> None:
        """Remove the content of `config` by means outside the contract, which has none."""
        del storage, config
        pytest.skip(f"{type(self).__name__} does not override remove")

    @pytest.fixture(params=backends(), ids=backend_name)
    def anyio_backend(self, request: pytest.FixtureRequest) -> Any:
        """Return the parameters of each installed event loop."""
        return request.param

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage[Any]:
        """Return the storage under test."""
        return self.make_storage(tmp_path)

    @pytest.fixture(params=list(PAIRS.values()), ids=list(PAIRS))
    def make_pair(self, request: pytest.FixtureRequest) -> MakePair:
        """Return each maker of digest functions."""
        return request.param

    @pytest.mark.parametrize("size", SIZES)
    async def test_value_round_trip(self, storage: Storage[Any], size: int) -> None:
        data = content_of(size)
        config = await storage.write_data(data, describe(data), {})
        assert_same(await storage.read_data(config), data)
        assert_same(await read_stream(storage, config), data)

    @pytest.mark.parametrize("size", SIZES)
    async def test_stream_round_trip(
        self, storage: Storage[Any], make_pair: MakePair, size: int
    ) -> None:
        data = content_of(size)
        config = await write_stream(storage, make_pair, stream_of(cut(data, [64 << 10])))
        assert_same(await storage.read_data(config), data)
        assert_same(await read_stream(storage, config), data)

    @pytest.mark.parametrize("sizes", list(CHUNKINGS.values()), ids=list(CHUNKINGS))
    async def test_chunk_sizes_do_not_change_content(
        self, storage: Storage[Any], make_pair: MakePair, sizes: list[int]
    ) -> None:
        data = content_of(3000 if sizes == [1] else 6 * MIB + 5)
        stream, get_digest = make_pair(stream_of(cut(data, sizes), None))
        config = await storage.write_data_stream(stream, get_digest, {})
        digest = get_digest()
        assert digest["content_size"] == len(data)
        assert_same(await storage.read_data(config), data)

    @pytest.mark.parametrize("kind", list(DATA_KINDS))
    @pytest.mark.parametrize("size", [0, 1000, 2 * MIB + 1])
    async def test_put_get_round_trip(
        self, storage: Storage[Any], tmp_path: Path, kind: str, size: int
    ) -> None:
        content = content_of(size)
        path = tmp_path / "laboxide-testing-data"
        config = await storage.put(DATA_KINDS[kind](content, path), content_type="text/plain")
        path.unlink(missing_ok=True)
        assert_same(await storage.get(config), content)
        assert_same(await read_stream(storage, config), content)

    async def test_storage_is_async_context_manager(self, storage: Storage[Any]) -> None:
        async with storage as entered:
            assert entered is storage
            config = await storage.put(b"content")
            assert_same(await storage.get(config), b"content")

    async def test_values_and_chunks_are_bytes(self, storage: Storage[Any]) -> None:
        data = content_of(100_000)
        config = await storage.write_data(data, describe(data), {})
        assert type(await storage.read_data(config)) is bytes
        async with aclosing(storage.read_data_stream(config)) as stream:
            assert {type(chunk) async for chunk in stream} == {bytes}

    async def test_config_survives_serialization(self, storage: Storage[Any]) -> None:
        data = content_of(1000)
        config = await storage.write_data(data, describe(data), {"user": "tag"})
        text = storage.serialize_config(config)
        assert isinstance(text, str)
        assert_same(await storage.read_data(storage.deserialize_config(text)), data)

    async def test_digest_is_complete_after_stream_write(
        self, storage: Storage[Any], make_pair: MakePair
    ) -> None:
        stream, get_digest = make_pair(stream_of([b"abc"] * 3))
        with pytest.raises(ValueError, match="not been read"):
            get_digest()
        assert get_digest(allow_incomplete=True)["is_complete"] is False
        await storage.write_data_stream(stream, get_digest, {})
        digest = get_digest()
        assert (digest["is_complete"], digest["content_size"]) == (True, 9)

    async def test_incomplete_digest_covers_yielded_chunks(
        self, storage: Storage[Any], make_pair: MakePair
    ) -> None:
        data = content_of(4 * MIB)
        yielded = 0

        async def asking() -> AsyncGenerator[bytes]:
            nonlocal yielded
            for chunk in cut(data, [300_000]):
                await anyio.lowlevel.checkpoint()
                assert get_digest(allow_incomplete=True)["content_size"] == yielded
                yielded += len(chunk)
                yield chunk

        stream, get_digest = make_pair(asking())
        config = await storage.write_data_stream(stream, get_digest, {})
        assert_same(await storage.read_data(config), data)

    async def test_stream_of_existing_content_is_drained(
        self, storage: Storage[Any], make_pair: MakePair
    ) -> None:
        data = content_of(3 * MIB)
        for _ in range(2):
            stream, get_digest = make_pair(stream_of(cut(data, [100_000])))
            config = await storage.write_data_stream(stream, get_digest, {})
            assert get_digest()["content_size"] == len(data)
        assert_same(await storage.read_data(config), data)

    async def test_writing_content_twice_succeeds(self, storage: Storage[Any]) -> None:
        data = content_of(100_000)
        configs = [await storage.write_data(data, describe(data), {}) for _ in range(2)]
        for config in configs:
            assert_same(await storage.read_data(config), data)

    async def test_content_types_may_share_content(self, storage: Storage[Any]) -> None:
        data = b'{"a": 1}'
        configs = []
        for content_type in ("application/json", "text/plain", "no type at all", ""):
            digest = describe(data)
            digest["content_type"] = content_type
            configs.append(await storage.write_data(data, digest, {}))
        assert {await storage.read_data(config) for config in configs} == {data}

    async def test_arbitrary_tags_are_accepted(self, storage: Storage[Any]) -> None:
        data = b"tagged"
        tags = {"": "", "../../..": "/etc", "key\0": "\n\udc80", "ключ": "値" * 1000}
        config = await storage.write_data(data, describe(data), tags)
        assert_same(await storage.read_data(config), data)

    @pytest.mark.parametrize("size", [10, 100_000, 9 * MIB])
    async def test_source_error_reaches_caller(
        self, storage: Storage[Any], make_pair: MakePair, size: int
    ) -> None:
        async def failing() -> AsyncGenerator[bytes]:
            for chunk in cut(content_of(size), [50_000]):
                await anyio.lowlevel.checkpoint()
                yield chunk
            raise SourceError(size)

        with pytest.raises(SourceError) as caught:
            await write_stream(storage, make_pair, failing())
        assert caught.value.args == (size,)
        await assert_usable(storage)

    @pytest.mark.parametrize("size", [10, 100_000, 9 * MIB])
    async def test_cancelled_write_leaves_storage_usable(
        self, storage: Storage[Any], make_pair: MakePair, size: int
    ) -> None:
        async def stuck() -> AsyncGenerator[bytes]:
            for chunk in cut(content_of(size), [50_000]):
                yield chunk
            await anyio.sleep_forever()

        begun = anyio.current_time()
        with anyio.move_on_after(0.05) as scope:
            await write_stream(storage, make_pair, stuck())
        assert scope.cancelled_caught
        assert anyio.current_time() - begun < TIMEOUT
        await assert_usable(storage)

    async def test_read_stream_can_be_closed_at_any_point(self, storage: Storage[Any]) -> None:
        data = content_of(9 * MIB)
        config = await storage.write_data(data, describe(data), {})
        for count in range(4):
            stream = storage.read_data_stream(config)
            chunks = [await anext(stream, b"") for _ in range(count)]
            await stream.aclose()
            assert_same(b"".join(chunks), data[: len(b"".join(chunks))])
            assert [chunk async for chunk in stream] == []
        assert_same(await read_stream(storage, config), data)

    async def test_read_stream_can_be_left_unread(self, storage: Storage[Any]) -> None:
        data = content_of(9 * MIB)
        config = await storage.write_data(data, describe(data), {})
        for _ in range(3):
            storage.read_data_stream(config)
        assert_same(await read_stream(storage, config), data)

    async def test_read_stream_can_be_left_midway(self, storage: Storage[Any]) -> None:
        data = content_of(9 * MIB)
        config = await storage.write_data(data, describe(data), {})
        async with aclosing(storage.read_data_stream(config)) as stream:
            async for chunk in stream:
                assert_same(chunk, data[: len(chunk)])
                break
        assert_same(await read_stream(storage, config), data)

    async def test_error_in_reading_loop_leaves_storage_usable(self, storage: Storage[Any]) -> None:
        data = content_of(9 * MIB)
        config = await storage.write_data(data, describe(data), {})
        with pytest.raises(SourceError):
            await fail_while_reading(storage, config)
        await assert_usable(storage)

    async def test_slow_consumer_reads_all_content(self, storage: Storage[Any]) -> None:
        data = content_of(9 * MIB)
        config = await storage.write_data(data, describe(data), {})
        received: list[bytes] = []
        async with aclosing(storage.read_data_stream(config)) as stream:
            async for chunk in stream:
                # The number of chunks is up to the storage: only the first 50 are slow.
                await anyio.sleep(0.002 if len(received) < 50 else 0)  # noqa: PLR2004
                received.append(chunk)
        assert_same(b"".join(received), data)

    async def test_slow_producer_writes_all_content(
        self, storage: Storage[Any], make_pair: MakePair
    ) -> None:
        data = content_of(300_000)
        config = await write_stream(storage, make_pair, stream_of(cut(data, [20_000]), 0.002))
        assert_same(await storage.read_data(config), data)

    async def test_producer_without_suspension_does_not_block_loop(
        self, storage: Storage[Any], make_pair: MakePair
    ) -> None:
        turns = turns_at_the_last_chunk = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await anyio.lowlevel.checkpoint()

        def chunks() -> Iterator[bytes]:
            nonlocal turns_at_the_last_chunk
            for _ in range(64):
                turns_at_the_last_chunk = turns
                yield bytes(MIB)

        async with anyio.create_task_group() as group:
            group.start_soon(count)
            await write_stream(storage, make_pair, stream_of(chunks(), None))
            group.cancel_scope.cancel()
        assert turns_at_the_last_chunk > 1

    async def test_missing_content_raises(self, storage: Storage[Any]) -> None:
        data = content_of(1000)
        config = await storage.write_data(data, describe(data), {})
        await self.remove(storage, config)
        with pytest.raises(self.missing_error):
            await storage.read_data(config)
        with pytest.raises(self.missing_error):
            await read_stream(storage, config)
        await assert_usable(storage)

    @pytest.mark.parametrize("alike", [True, False], ids=["the same", "different"])
    async def test_concurrent_writes(
        self, storage: Storage[Any], make_pair: MakePair, *, alike: bool
    ) -> None:
        results = {}

        async def write(number: int) -> None:
            data = content_of(200_000, seed=0 if alike else number)
            if number % 2:
                config = await storage.write_data(data, describe(data), {})
            else:
                config = await write_stream(storage, make_pair, stream_of(cut(data, [30_000])))
            results[number] = (data, config)

        async with anyio.create_task_group() as group:
            for number in range(64):
                group.start_soon(write, number)
        assert len(results) == 64  # noqa: PLR2004 - the number of tasks
        for data, config in results.values():
            assert_same(await storage.read_data(config), data)

    async def test_concurrent_reads(self, storage: Storage[Any]) -> None:
        data = content_of(3 * MIB)
        config = await storage.write_data(data, describe(data), {})
        received: list[bytes] = []

        async def read(number: int) -> None:
            way: Callable[[Storage[Any], Any], Any]
            way = read_stream if number % 2 else type(storage).read_data
            received.append(await way(storage, config))

        async with anyio.create_task_group() as group:
            for number in range(32):
                group.start_soon(read, number)
        assert [content == data for content in received] == [True] * 32


async def write_stream(
    storage: Storage[Any], make_pair: MakePair, source: AsyncGenerator[bytes]
) -> Any:
    """Write a stream without tags and return its config. The source is closed in any case."""
    async with aclosing(source):
        stream, get_digest = make_pair(source)
        async with aclosing(stream):
            return await storage.write_data_stream(stream, get_digest, {})


async def read_stream(storage: Storage[Any], config: Any) -> bytes:
    """Return the whole content of a stream."""
    async with aclosing(storage.read_data_stream(config)) as stream:
        return b"".join([chunk async for chunk in stream])


def assert_same(received: bytes, expected: bytes) -> None:
    """Assert that content is equal, without printing megabytes of differences."""
    if received != expected:
        differing = (
            at
            for at, pair in enumerate(zip(received, expected, strict=False))
            if pair[0] != pair[1]
        )
        at = next(differing, min(len(received), len(expected)))
        raise AssertionError(
            f"wrong content: expected {len(expected)} bytes, received {len(received)}, "
            f"first difference at byte {at}"
        )


async def fail_while_reading(storage: Storage[Any], config: Any) -> None:
    """Raise an error in the body of a loop over a stream."""
    async with aclosing(storage.read_data_stream(config)) as stream:
        async for _ in stream:
            raise SourceError


async def assert_usable(storage: Storage[Any]) -> None:
    """Assert that the storage still writes and reads."""
    for seed, size in enumerate((17, 2 * MIB)):
        data = content_of(size, seed)
        chunks = stream_of(cut(data, [100_000]))
        config = await write_stream(storage, PAIRS["digest_stream"], chunks)
        assert_same(await storage.read_data(config), data)
