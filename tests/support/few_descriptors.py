"""Programs that run with a low limit of open file descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path

SETUP = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
size = 3 << 20

def content(index):
    return index.to_bytes(4, "little") * (size // 4)

def digest_of(data):
    return digest_data(data, content_type="a/b")

async def source(index, pause=0.0):
    for start in range(0, size, 1 << 16):
        yield content(index)[start : start + (1 << 16)]
        await asyncio.sleep(pause)

def stream(index, pause=0.0):
    return digest_stream(source(index, pause), content_type="a/b")

def descriptors():
    return len(os.listdir("/proc/self/fd"))

async def settle(before):
    while descriptors() > before:
        await asyncio.sleep(0.01)

"""


def run(body: str, root: Path) -> None:
    """Run `body` in a coroutine with a `storage`, and assert that it succeeds."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    script = (
        f"{SETUP}async def work():\n    storage = FileStorage(root)\n{lines}\nasyncio.run(work())"
    )
    assert_clean(run_script(script, root))
