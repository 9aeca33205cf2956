"""Errors have the path of a root that is missing, no directory or not accessible."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from laboxide import FileStorage

from tests.support.failing import WRITES, assert_unharmed, describe
from tests.support.scripts import AS_NOBODY, NOBODY, assert_clean, run_script
from tests.support.storing import DATA

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("root", ["missing", "dangling link"])
def test_missing_root_is_not_created_and_raises_with_path(tmp_path: Path, root: str) -> None:
    (tmp_path / "dangling link").symlink_to("missing")
    with pytest.raises(FileNotFoundError) as caught:
        FileStorage(tmp_path / root)
    assert caught.value.filename == str(tmp_path / root)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("mkdir", [False, True])
@pytest.mark.parametrize("root", ["file", "file/root"])
def test_root_at_or_below_file_raises_with_path(tmp_path: Path, root: str, mkdir: bool) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(NotADirectoryError) as caught:
        FileStorage(tmp_path / root, mkdir=mkdir)
    assert caught.value.filename in {str(tmp_path / "file"), str(tmp_path / root)}
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("write", WRITES)
async def test_removed_root_is_not_recreated_and_raises_with_path(
    storage: FileStorage, write: str
) -> None:
    storage.path.rmdir()
    with pytest.raises(FileNotFoundError) as caught:
        await WRITES[write](storage, DATA, describe(DATA))
    assert caught.value.filename == str(storage.path)
    assert not storage.path.exists()
    storage.path.mkdir()
    await assert_unharmed(storage)


UNPRIVILEGED = f"""
    import shutil
    root.chmod(0o777)
    (root / "store").mkdir()
    if os.geteuid() == 0:
        os.chown(root / "store", {NOBODY}, {NOBODY})
    {AS_NOBODY}
"""


@pytest.mark.parametrize("mkdir", [False, True])
@pytest.mark.parametrize("mode", ["0o000", "0o444", "0o111", "0o311"])
def test_root_without_permission_raises_with_path(shared: Path, mode: str, mkdir: bool) -> None:
    script = f"""{UNPRIVILEGED}
    os.chmod(root / "store", {mode})
    try:
        FileStorage(root / "store", mkdir={mkdir})
    except PermissionError as error:
        print(error.errno, error.filename)
    os.chmod(root / "store", 0o700)
    FileStorage(root / "store", mkdir={mkdir})
    """
    expected = f"{errno.EACCES} {shared / 'store'}"
    assert_clean(run_script(script, shared), expected)


def test_root_that_cannot_be_created_raises_with_path(shared: Path) -> None:
    script = f"""{UNPRIVILEGED}
    os.chmod(root / "store", 0o555)
    try:
        FileStorage(root / "store/a/b", mkdir=True)
    except PermissionError as error:
        print(error.errno, error.filename)
    """
    expected = f"{errno.EACCES} {shared / 'store/a'}"
    assert_clean(run_script(script, shared), expected)


SCRIPTED_WRITES = {
    "write_data": "storage.write_data(data, digest_data(data, content_type='a/b'), {})",
    "write_data_stream": "store(storage, max(1, len(data) >> 16))",
    "import_file": "storage.import_file(root / 'source')",
}


@pytest.mark.parametrize("write", SCRIPTED_WRITES)
def test_read_only_root_refuses_writes_and_serves_reads(shared: Path, write: str) -> None:
    script = f"""{UNPRIVILEGED}
    data = b"some content"
    (root / "source").write_bytes(data)

    async def work():
        storage = FileStorage(root / "store")
        kept = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        shutil.rmtree(root / "store/.laboxide-staging", ignore_errors=True)
        os.chmod(root / "store", 0o555)
        try:
            await {SCRIPTED_WRITES[write]}
        except PermissionError as error:
            print(error.errno, error.filename.startswith(str(root / "store")))
        print(await storage.read_data(kept))
        os.chmod(root / "store", 0o755)
        print([path.name for path in root.glob("store/**/*") if path.is_file()] ==
              [kept["hash"]])
        pointer = await {SCRIPTED_WRITES[write]}
        await storage.verify(pointer)

    asyncio.run(work())
    """
    process = run_script(script, shared)
    assert_clean(process, f"{errno.EACCES} True\nb'x'\nTrue")


def test_unreadable_object_raises_with_path(shared: Path) -> None:
    script = f"""{UNPRIVILEGED}
    async def work():
        storage = FileStorage(root / "store")
        pointer = await storage.write_data(b"x", digest_data(b"x", content_type="a/b"), {{}})
        path = storage.path / pointer["key"]
        path.chmod(0)
        for operation in (storage.read_data, lambda p: load(storage, p), storage.verify):
            try:
                await operation(pointer)
            except PermissionError as error:
                print(error.errno, error.filename == str(path))
        path.chmod(0o444)
        await storage.verify(pointer)

    asyncio.run(work())
    """
    assert_clean(run_script(script, shared), "\n".join([f"{errno.EACCES} True"] * 3))
