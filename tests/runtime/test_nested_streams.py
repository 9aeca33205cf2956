"""Sources and readers that use other streams never deadlock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.few_descriptors import run

if TYPE_CHECKING:
    from pathlib import Path

MANY = 40
"""Several times the number of streams that 64 descriptors allow."""

STORED = """
pointers = [await storage.write_data(content(index), digest_of(content(index)), {})
    for index in range(3)]
"""


def test_source_reading_streams_in_turn_does_not_deadlock(tmp_path: Path) -> None:
    run(
        f"""{STORED}
async def all_three():
    for pointer in pointers:
        async for chunk in storage.read_data_stream(pointer):
            yield chunk

async def compose():
    return await storage.write_data_stream(*digest_stream(all_three(), content_type="a/b"), {{}})

async with asyncio.timeout(50):
    [pointer] = {{pointer["hash"]: pointer
        for pointer in await asyncio.gather(*(compose() for _ in range({MANY})))}}.values()
assert await storage.read_data(pointer) == b"".join(map(content, range(3)))
""",
        tmp_path,
    )


@pytest.mark.parametrize(
    "done",
    [
        "storage.verify(pointers[1])",
        "load(storage, pointers[1])",
        "storage.read_data(pointers[1])",
        "digest_file(root / pointers[1]['key'])",
    ],
    ids=["verify", "stream", "large value", "digest_file"],
)
def test_reader_reads_other_object_between_chunks(tmp_path: Path, done: str) -> None:
    run(
        f"""{STORED}
async def read():
    data = b""
    async for chunk in storage.read_data_stream(pointers[0]):
        await {done}
        data += chunk
    assert data == content(0)

async with asyncio.timeout(50):
    await asyncio.gather(*(read() for _ in range({MANY})))
""",
        tmp_path,
    )


def test_one_task_starts_more_streams_than_descriptors(tmp_path: Path) -> None:
    run(
        f"""{STORED}
storage = FileStorage(root, chunk_size=1 << 16)
async with asyncio.timeout(50):
    streams = [storage.read_data_stream(pointers[index % 3]) for index in range({MANY})]
    begun = [await anext(stream) for stream in streams]
    for index, (stream, first) in enumerate(zip(streams, begun)):
        assert first + b"".join([chunk async for chunk in stream]) == content(index % 3)
""",
        tmp_path,
    )


def test_suspended_stream_refuses_replaced_file(tmp_path: Path) -> None:
    run(
        f"""{STORED}
large = content(0) * 8  # more than the read-ahead
large_pointer = await storage.write_data(large, digest_of(large), {{}})
path = root / large_pointer["key"]

async def begin(pointer):
    stream = FileStorage(root, chunk_size=1 << 16, verify_reads="size").read_data_stream(pointer)
    await anext(stream)
    return stream

stream = await begin(large_pointer)
others = [await begin(pointers[index % 2 + 1]) for index in range({MANY})]
path.rename(path.with_name("moved"))
path.write_bytes(large)
try:
    async for _ in stream:
        pass
except CorruptDataError as error:
    assert error.path == str(path), error
else:
    raise AssertionError("the stream continued with another file")
for other in others:
    await other.aclose()
""",
        tmp_path,
    )
