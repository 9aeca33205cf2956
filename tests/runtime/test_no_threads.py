"""A process that may start no more threads: errors and no waiting, and all is well once it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("resource", reason="here threads are not counted")

NOBODY = 65534

# The limit does not hold for root. What is imported, or loaded for threads, later than this may be
# out of the user's reach.
BEFORE = f"""
    import errno, resource
    import laboxide._runtime.asyncio

    threading.Thread(target=int).start()
    (root / "store").mkdir()
    if os.geteuid() == 0:
        os.chown(root / "store", {NOBODY}, {NOBODY})
        os.setgroups([])
        os.setgid({NOBODY})
        os.setuid({NOBODY})
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)

    def let_threads_start(count):
        resource.setrlimit(resource.RLIMIT_NPROC, (count, most))

    def put(storage, data):
        return storage.write_data(data, digest_data(data, content_type="a/b"), {{}})

    async def audit(storage):
        return [finding async for finding in storage.audit()]

    async def refused(operation):
        try:
            await operation
        except OSError as error:
            assert error.errno == errno.EAGAIN, error
            assert "cannot start a " in str(error), error
        else:
            raise AssertionError("it was done without a thread")
"""


def test_without_threads_each_call_says_so_until_there_are_some(shared: Path) -> None:
    script = f"""{BEFORE}
    async def work():
        storage = FileStorage(root / "store")
        pointer = dict(root=str(root), key="a", algorithm="blake3", hash="0" * 64, size=1)
        let_threads_start(0)
        for _ in range(3):
            await refused(put(storage, b"data"))
            await refused(store(storage, 30))
            await refused(load(storage, pointer))
            await refused(storage.read_data(pointer))
            await refused(storage.import_file(sys.executable))
            await refused(storage.clean())
            await refused(digest_file(sys.executable))
            await refused(audit(storage))
        let_threads_start(most)
        assert await storage.read_data(await put(storage, b"data")) == b"data"
        assert len(await load(storage, await store(storage, 30))) == 30 << 16
        assert await audit(storage) == []

    asyncio.run(work())
    """
    assert_clean(run_script(script, shared))


def test_with_the_threads_that_there_are_a_storage_goes_on(shared: Path) -> None:
    script = f"""{BEFORE}
    async def work():
        storage = FileStorage(root / "store", durable=True)
        pointer = await FileStorage(root / "store").write_data(
            b"data", digest_data(b"data", content_type="a/b"), {{}}
        )
        let_threads_start(0)
        assert await storage.read_data(await put(storage, b"durable")) == b"durable"
        assert len(await load(storage, await store(storage, 30))) == 30 << 16
        await refused(audit(storage))
        await storage.verify(pointer)

    asyncio.run(work())
    """
    assert_clean(run_script(script, shared))


def test_without_threads_large_data_is_hashed_by_the_one_that_asks(shared: Path) -> None:
    script = f"""{BEFORE}
    from laboxide import Hasher

    large = os.urandom(3 << 20)
    let_threads_start(0)
    digest = digest_data(large, content_type="a/b")
    print(digest["content_hash"] == Hasher("blake3", large).hexdigest())
    """
    assert_clean(run_script(script, shared), "True")
