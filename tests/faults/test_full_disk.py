"""A write to a full disk raises its errno, leaves no files, and does not harm later writes."""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.images import mounted_tmpfs
from tests.support.needs import needs
from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDS_TMPFS = needs("mount", "umount", also=[sys.platform == "linux"])

ATTEMPTS = {
    "write_data": "storage.write_data(large, digest_data(large, content_type='a/b'), {})",
    "put": "storage.put(large)",
    "put, progress": "storage.put(large, progress=int)",
    "put, buffer": "storage.put(bytearray(large))",
    "put, file": "storage.put(root / 'source')",
    "write_data_stream": "store(storage, len(large) >> 16)",
    "write_data_stream, verified": (
        "store(FileStorage(root / 'store', verify_writes=True), len(large) >> 16)"
    ),
    "write_data_stream, endless": "store(storage, 1 << 40)",
    "import_file": "storage.import_file(root / 'source', link='copy')",
    "import_file, auto": "storage.import_file(root / 'source')",
}


def failing_script(attempt: str, first: str = "") -> str:
    """Return a script in which `attempt` fails on a full disk, and smaller writes succeed."""
    return f"""
    large = bytes(8 << 20)
    (root / "source").write_bytes(large)
    {first}

    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        for _ in range(3):
            try:
                await asyncio.wait_for({attempt}, 30)
            except OSError as error:
                print(error.errno, str(error.filename).startswith(str(root / "store")))
        for _ in range(1000):
            left = [path for path in root.glob("store/**/*") if path.is_file()]
            if not left:
                break
            await asyncio.sleep(0.02)
        print(left)
        for _ in range(1000):
            status = os.statvfs(root / "store")
            if status.f_bavail * status.f_frsize > 1 << 20:
                break
            await asyncio.sleep(0.02)
        small = await store(storage, 3)
        print(len(await load(storage, small)))
        small = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        print(await storage.read_data(small))

    asyncio.run(work())
    """


def outcome(number: int) -> str:
    """Return the output of `failing_script` if its attempts fail with the errno `number`."""
    return f"{number} True\n" * 3 + f"[]\n{3 << 16}\nb'x'"


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_write_beyond_file_size_limit_raises_with_path(tmp_path: Path, attempt: str) -> None:
    limit = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
    """
    script = failing_script(ATTEMPTS[attempt], limit)
    assert_clean(run_script(script, tmp_path), outcome(errno.EFBIG))


def test_export_beyond_file_size_limit_leaves_nothing(tmp_path: Path) -> None:
    script = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        pointer = await store(storage, 100)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))
        (root / "out").mkdir()
        (root / "out/old").write_bytes(b"old")
        for name, overwrite in (("new", False), ("old", True)):
            try:
                await storage.export_file(pointer, root / "out" / name, overwrite=overwrite)
            except OSError as error:
                print(error.errno, str(error.filename).startswith(str(root / "out")))
        await asyncio.sleep(0.1)
        print([(path.name, path.read_bytes()) for path in (root / "out").iterdir()])

    asyncio.run(work())
    """
    expected = f"{errno.EFBIG} True\n" * 2 + "[('old', b'old')]"
    assert_clean(run_script(script, tmp_path), expected)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a directory whose "store" is a file system of 4 MiB."""
    with mounted_tmpfs(tmp_path / "store", "4m"):
        yield tmp_path


@NEEDS_TMPFS
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_full_disk_raises_with_path(small_disk: Path, attempt: str) -> None:
    process = run_script(failing_script(ATTEMPTS[attempt]), small_disk)
    assert_clean(process, outcome(errno.ENOSPC))


@NEEDS_TMPFS
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_failed_write_frees_its_space_before_it_raises(small_disk: Path, attempt: str) -> None:
    script = f"""
    large = bytes(8 << 20)
    (root / "source").write_bytes(large)

    async def work():
        storage = FileStorage(root / "store")
        for index in range(30):
            try:
                await {ATTEMPTS[attempt]}
            except OSError as error:
                assert error.errno == {errno.ENOSPC}
            small = bytes([index]) * (16 << 10)
            await storage.write_data(small, digest_data(small, content_type="a/b"), {{}})

    asyncio.run(work())
    """
    assert_clean(run_script(script, small_disk))


@NEEDS_TMPFS
@pytest.mark.parametrize("progress", ["None", "counts.append"])
def test_put_of_existing_content_needs_no_space(small_disk: Path, progress: str) -> None:
    script = f"""
    async def work():
        storage = FileStorage(root / "store")
        large, counts = bytes(2 << 20), []
        pointer = await storage.put(large)
        try:
            (root / "store/filler").write_bytes(bytes(8 << 20))
        except OSError:
            pass
        print(await storage.put(large, progress={progress}) == pointer)
        print(sum(counts) in (0, len(large)), bool(counts))
        try:
            await storage.put(b"x" * (2 << 20))
        except OSError as error:
            print(error.errno)

    asyncio.run(work())
    """
    expected = f"True\nTrue {progress != 'None'}\n{errno.ENOSPC}"
    assert_clean(run_script(script, small_disk), expected)
