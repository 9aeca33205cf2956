"""Without new threads, operations raise at once, and work again when threads can start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("resource", reason="needs RLIMIT_NPROC")

UNPRIVILEGED = 65534

# The limit does not apply to root. Modules and libraries load before the change of user, since the
# new user may lack permission to read them.
SETUP = f"""
    import errno, resource
    import laboxide._runtime.asyncio

    threading.Thread(target=int).start()
    (root / "store").mkdir()
    if os.geteuid() == 0:
        os.chown(root / "store", {UNPRIVILEGED}, {UNPRIVILEGED})
        os.setgroups([])
        os.setgid({UNPRIVILEGED})
        os.setuid({UNPRIVILEGED})
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)

    def limit_threads(count):
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
            raise AssertionError("the operation ran without a thread")
"""


def test_operations_raise_eagain_until_threads_can_start(shared: Path) -> None:
    script = f"""{SETUP}
    async def work():
        storage = FileStorage(root / "store")
        pointer = dict(root=str(root), key="a", algorithm="blake3", hash="0" * 64, size=1)
        limit_threads(0)
        for _ in range(3):
            await refused(put(storage, b"data"))
            await refused(store(storage, 30))
            await refused(load(storage, pointer))
            await refused(storage.read_data(pointer))
            await refused(storage.import_file(sys.executable))
            await refused(storage.clean())
            await refused(digest_file(sys.executable))
            await refused(audit(storage))
        limit_threads(most)
        assert await storage.read_data(await put(storage, b"data")) == b"data"
        assert len(await load(storage, await store(storage, 30))) == 30 << 16
        assert await audit(storage) == []

    asyncio.run(work())
    """
    assert_clean(run_script(script, shared))


def test_existing_threads_suffice_for_storage(shared: Path) -> None:
    script = f"""{SETUP}
    async def work():
        storage = FileStorage(root / "store", durable=True)
        pointer = await FileStorage(root / "store").write_data(
            b"data", digest_data(b"data", content_type="a/b"), {{}}
        )
        limit_threads(0)
        assert await storage.read_data(await put(storage, b"durable")) == b"durable"
        assert len(await load(storage, await store(storage, 30))) == 30 << 16
        await refused(audit(storage))
        await storage.verify(pointer)

    asyncio.run(work())
    """
    assert_clean(run_script(script, shared))


def test_caller_hashes_large_data_without_threads(shared: Path) -> None:
    script = f"""{SETUP}
    from laboxide import Hasher

    large = os.urandom(3 << 20)
    limit_threads(0)
    digest = digest_data(large, content_type="a/b")
    print(digest["content_hash"] == Hasher("blake3", large).hexdigest())
    """
    assert_clean(run_script(script, shared), "True")
