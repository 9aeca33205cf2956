"""Ctrl-C reaches the caller of every operation at once, however long that would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 0.1
"""Seconds."""

SETUP = """
import os, signal, warnings
from laboxide import Hasher
# Trio raises wherever its task is, be it between the making of a coroutine and its first step.
warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
# A shell that starts something in the background has it ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Nothing of the engine is used in the child that sends the signal.
warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
storage = FileStorage(root / "store", mkdir=True)
durable = FileStorage(root / "durable", mkdir=True, durable=True)
sparse = root / "sparse"
with sparse.open("wb") as file:
    file.truncate(4 << 30)

def interrupt_soon():
    due = time.monotonic() + 0.2
    if not os.fork():
        time.sleep(max(0, due - time.monotonic()))
        os.kill(os.getppid(), signal.SIGINT)
        os._exit(0)
    return due

def interrupted(work):
    due = interrupt_soon()
    try:
        work()
    except KeyboardInterrupt:
        return time.monotonic() - due
    finally:
        os.wait()
    raise AssertionError("the work was over before it was interrupted")

def best(name, work):
    # One fast interrupt within a minute is enough: a busy machine only delays most of them.
    latencies = []
    deadline = time.monotonic() + 60
    while not latencies or (latencies[-1] >= LIMIT and time.monotonic() < deadline):
        latencies.append(interrupted(work))
    assert latencies[-1] < LIMIT, (name, latencies)

def for_ever(call):
    while True:
        call()

async def endless():
    while True:
        yield bytes(1 << 16)

async def over_and_over(call):
    while True:
        await call()

async def all_of(stream):
    async for _ in stream:
        pass

def pair(algorithm="blake3"):
    return digest_stream(endless(), content_type="a/b", algorithm=algorithm)

async def ask_often():
    stream, get_digest = pair()
    async for _ in stream:
        get_digest(allow_incomplete=True)

async def stored_durably():
    data = os.urandom(1000)
    await durable.write_data(data, digest_data(data, content_type="a/b"), {})

async def stored(size):
    data = bytes(size)
    return await storage.write_data(data, digest_data(data, content_type="a/b"), {})

"""

CALLS = {
    "Hasher": "Hasher('sha256', bytes(8 << 30))",
    "Hasher.update": "Hasher().update(bytes(16 << 30))",
    "digest_data": "digest_data(bytes(8 << 30), content_type='a/b', algorithm='sha256')",
    "digest_data, by several threads": "for_ever(lambda: "
    "digest_data(bytes(4 << 30), content_type='a/b'))",
}

OPERATIONS = {
    "digest_stream": "all_of(pair()[0])",
    "get_digest": "ask_often()",
    "digest_file": "digest_file(sparse, algorithm='sha256')",
    "write_data": "over_and_over(lambda: storage.write_data(large, digest_of_large, {}))",
    "write_data, small": "over_and_over(lambda: stored(10))",
    "write_data_stream": "storage.write_data_stream(*pair(), {})",
    "write_data_stream, SHA-256": "storage.write_data_stream(*pair('sha256'), {})",
    "write_data, durable": "over_and_over(stored_durably)",
    "write_data_stream, durable": "durable.write_data_stream(*pair(), {})",
    "read_data": "over_and_over(lambda: storage.read_data(pointer))",
    "read_data, small": "over_and_over(lambda: storage.read_data(small))",
    "read_data_stream": "over_and_over(lambda: all_of(storage.read_data_stream(pointer)))",
    "import_file": "storage.import_file(sparse, link='copy', algorithm='sha256')",
    "export_file": "over_and_over(lambda: "
    "storage.export_file(pointer, root / 'out', overwrite=True))",
    "verify": "over_and_over(lambda: storage.verify(pointer))",
    "audit": "over_and_over(lambda: all_of(storage.audit()))",
    "clean": "over_and_over(storage.clean)",
    "stat": "over_and_over(lambda: storage.stat(pointer))",
    "exists": "over_and_over(lambda: storage.exists(pointer))",
    "list_pointers": "over_and_over(lambda: all_of(storage.list_pointers()))",
    "delete": "over_and_over(lambda: storage.delete(pointer_to_nothing, missing_ok=True))",
}

# A loop of asyncio, on which little is different: one of each kind of waiting.
ON_UVLOOP = ("write_data, durable", "write_data_stream", "read_data_stream", "audit")
GROUPS = {
    loop: {name: OPERATIONS[name] for name in names}
    for loop, names in (("asyncio", OPERATIONS), ("trio", OPERATIONS), ("uvloop", ON_UVLOOP))
}


def test_every_call_is_interrupted_at_once(tmp_path: Path) -> None:
    calls = "\n".join(f"best({name!r}, lambda: {call})" for name, call in CALLS.items())
    assert_clean(run_script(f"LIMIT = {LIMIT}\n{SETUP}\n{calls}", tmp_path, timeout=600))


@pytest.mark.parametrize("loop", GROUPS)
def test_every_operation_is_interrupted_at_once(tmp_path: Path, loop: str) -> None:
    script = f"""
LIMIT = {LIMIT}
{SETUP}
import {loop} as loop
if loop.__name__ == "trio":
    run = loop.run
else:
    run = lambda function: loop.run(function())

async def prepare():
    global pointer, small, pointer_to_nothing
    pointer, small = await stored(64 << 20), await stored(1000)
    pointer_to_nothing = {{**small, "key": "nothing"}}

large = bytes(256 << 20)
digest_of_large = digest_data(large, content_type="a/b", algorithm="sha256")
run(prepare)
"""
    # One interpreter for all of a loop: a start costs more than an interrupt.
    for number, (name, operation) in enumerate(GROUPS[loop].items()):
        script += f"""
async def work_{number}():
    await {operation}

best({name!r}, lambda: run(work_{number}))
"""
    assert_clean(run_script(script, tmp_path, timeout=600))
