"""Ctrl-C raises `KeyboardInterrupt` at once in the caller of every operation."""

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
# Trio can raise between the creation of a coroutine and its first step.
warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
# A background process of a shell ignores SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The forked child only sends the signal and does not use the engine.
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
    raise AssertionError("the work finished before the interrupt")

def best(name, work):
    # One fast interrupt within a minute is enough: a busy machine delays most of them.
    latencies = []
    deadline = time.monotonic() + 60
    while not latencies or (latencies[-1] >= LIMIT and time.monotonic() < deadline):
        latencies.append(interrupted(work))
    assert latencies[-1] < LIMIT, (name, latencies)

def repeat(call):
    while True:
        call()

async def endless():
    while True:
        yield bytes(1 << 16)

async def repeat_async(call):
    while True:
        await call()

async def exhaust(stream):
    async for _ in stream:
        pass

def pair(algorithm="blake3"):
    return digest_stream(endless(), content_type="a/b", algorithm=algorithm)

async def poll_digest():
    stream, get_digest = pair()
    async for _ in stream:
        get_digest(allow_incomplete=True)

async def store_durably():
    data = os.urandom(1000)
    await durable.write_data(data, digest_data(data, content_type="a/b"), {})

async def store_bytes(size):
    data = bytes(size)
    return await storage.write_data(data, digest_data(data, content_type="a/b"), {})

"""

CALLS = {
    "Hasher": "Hasher('sha256', bytes(8 << 30))",
    "Hasher.update": "Hasher().update(bytes(16 << 30))",
    "digest_data": "digest_data(bytes(8 << 30), content_type='a/b', algorithm='sha256')",
    "digest_data, by several threads": "repeat(lambda: "
    "digest_data(bytes(4 << 30), content_type='a/b'))",
}

OPERATIONS = {
    "digest_stream": "exhaust(pair()[0])",
    "get_digest": "poll_digest()",
    "digest_file": "digest_file(sparse, algorithm='sha256')",
    "write_data": "repeat_async(lambda: storage.write_data(large, digest_of_large, {}))",
    "write_data, small": "repeat_async(lambda: store_bytes(10))",
    "write_data_stream": "storage.write_data_stream(*pair(), {})",
    "write_data_stream, SHA-256": "storage.write_data_stream(*pair('sha256'), {})",
    "write_data, durable": "repeat_async(store_durably)",
    "write_data_stream, durable": "durable.write_data_stream(*pair(), {})",
    "read_data": "repeat_async(lambda: storage.read_data(pointer))",
    "read_data, small": "repeat_async(lambda: storage.read_data(small))",
    "read_data_stream": "repeat_async(lambda: exhaust(storage.read_data_stream(pointer)))",
    "import_file": "storage.import_file(sparse, link='copy', algorithm='sha256')",
    "export_file": "repeat_async(lambda: "
    "storage.export_file(pointer, root / 'out', overwrite=True))",
    "verify": "repeat_async(lambda: storage.verify(pointer))",
    "audit": "repeat_async(lambda: exhaust(storage.audit()))",
    "clean": "repeat_async(storage.clean)",
    "stat": "repeat_async(lambda: storage.stat(pointer))",
    "exists": "repeat_async(lambda: storage.exists(pointer))",
    "list_pointers": "repeat_async(lambda: exhaust(storage.list_pointers()))",
    "delete": "repeat_async(lambda: storage.delete(pointer_to_nothing, missing_ok=True))",
}

# uvloop implements the API of asyncio, so one operation of each kind of waiting is enough.
ON_UVLOOP = ("write_data, durable", "write_data_stream", "read_data_stream", "audit")
GROUPS = {
    loop: {name: OPERATIONS[name] for name in names}
    for loop, names in (("asyncio", OPERATIONS), ("trio", OPERATIONS), ("uvloop", ON_UVLOOP))
}


def test_ctrl_c_interrupts_every_call(tmp_path: Path) -> None:
    calls = "\n".join(f"best({name!r}, lambda: {call})" for name, call in CALLS.items())
    assert_clean(run_script(f"LIMIT = {LIMIT}\n{SETUP}\n{calls}", tmp_path, timeout=600))


@pytest.mark.parametrize("loop", GROUPS)
def test_ctrl_c_interrupts_every_operation(tmp_path: Path, loop: str) -> None:
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
    pointer, small = await store_bytes(64 << 20), await store_bytes(1000)
    pointer_to_nothing = {{**small, "key": "nothing"}}

large = bytes(256 << 20)
digest_of_large = digest_data(large, content_type="a/b", algorithm="sha256")
run(prepare)
"""
    # One interpreter per loop: starting it takes longer than an interrupt.
    for number, (name, operation) in enumerate(GROUPS[loop].items()):
        script += f"""
async def work_{number}():
    await {operation}

best({name!r}, lambda: run(work_{number}))
"""
    assert_clean(run_script(script, tmp_path, timeout=600))
