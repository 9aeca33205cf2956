"""Streams whose source, or whose reader, has to do with other streams: nobody waits for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.few_descriptors import run

if TYPE_CHECKING:
    from pathlib import Path

MANY = 40
"""Several times as many as may be open at once, of 64 descriptors."""

STORED = """
pointers = [await storage.write_data(content(index), digest_of(content(index)), {})
    for index in range(3)]
"""


def test_streams_are_made_of_others_that_are_read_one_after_the_other(tmp_path: Path) -> None:
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
    ids=["verify", "another stream", "a large value", "digest_file"],
)
def test_the_reader_of_a_stream_reads_another_object_meanwhile(tmp_path: Path, done: str) -> None:
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


def test_one_task_begins_more_streams_than_may_be_open(tmp_path: Path) -> None:
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


def test_a_stream_that_was_closed_meanwhile_goes_on_with_the_same_file_only(tmp_path: Path) -> None:
    run(
        f"""{STORED}
large = content(0) * 8  # more than is read ahead
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
    raise AssertionError("it went on with another file")
for other in others:
    await other.aclose()
""",
        tmp_path,
    )
