"""FileStorage.import_file and export_file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import anyio
import pytest
from laboxide import (
    DigestMismatchError,
    ExportLink,
    FileStorage,
    ImportLink,
    ObjectNotFoundError,
    digest_data,
)
from laboxide.testing._sources import content_of

from tests.support.storing import DATA, KIB, MIB, files, names, path_of, put, until

pytestmark = pytest.mark.anyio


# Import


@pytest.mark.parametrize("size", [0, 1, 100 * KIB, MIB, 3 * MIB + 1])
@pytest.mark.parametrize("link", ["auto", "copy", "hardlink"])
@pytest.mark.parametrize("algorithm", ["blake3", "sha256"])
async def test_imported_file_is_read_back(
    storage: FileStorage, tmp_path: Path, link: ImportLink, size: int, algorithm: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(content_of(size))
    pointer = await storage.import_file(source, link=link, algorithm=algorithm)
    digest = digest_data(content_of(size), content_type="a/b", algorithm=algorithm)
    assert (pointer["hash"], pointer["size"]) == (digest["content_hash"], digest["content_size"])
    assert await storage.read_data(pointer) == content_of(size)
    await until(lambda: files(storage.path) == [path_of(storage, pointer)])


@pytest.mark.parametrize(("link", "shared"), [("auto", False), ("copy", False), ("hardlink", True)])
async def test_import_shares_inode_only_as_hardlink(
    storage: FileStorage, tmp_path: Path, link: ImportLink, shared: bool
) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    pointer = await storage.import_file(source, link=link)
    assert source.samefile(path_of(storage, pointer)) is shared


async def test_reflinked_import_works_or_leaves_nothing(
    storage: FileStorage, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(content_of(3 * MIB))
    try:
        pointer = await storage.import_file(source, link="reflink")
    except OSError:
        await until(lambda: files(storage.path) == [])
    else:
        assert await storage.read_data(pointer) == content_of(3 * MIB)
        assert not source.samefile(path_of(storage, pointer))


@pytest.mark.parametrize("link", ["auto", "copy", "hardlink"])
async def test_import_leaves_source_unchanged(
    storage: FileStorage, tmp_path: Path, link: ImportLink
) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    source.chmod(0o640)
    await storage.import_file(source, link=link)
    assert (source.read_bytes(), source.stat().st_mode & 0o7777) == (DATA, 0o640)


@pytest.mark.parametrize("link", ["auto", "copy", "hardlink"])
async def test_import_follows_symbolic_link(
    storage: FileStorage, tmp_path: Path, link: ImportLink
) -> None:
    (tmp_path / "source").write_bytes(DATA)
    (tmp_path / "link").symlink_to("source")
    pointer = await storage.import_file(tmp_path / "link", link=link)
    assert not path_of(storage, pointer).is_symlink()
    assert await storage.read_data(pointer) == DATA


@pytest.mark.parametrize("link", ["auto", "copy", "hardlink"])
async def test_object_can_be_imported_into_its_own_store(
    storage: FileStorage, link: ImportLink
) -> None:
    pointer = await put(storage, DATA)
    assert await storage.import_file(path_of(storage, pointer), link=link) == pointer
    assert await storage.read_data(pointer) == DATA


async def test_import_of_missing_file_raises_with_path(
    storage: FileStorage, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await storage.import_file(tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")
    assert not isinstance(caught.value, ObjectNotFoundError)


@pytest.mark.parametrize("link", ["copy", "hardlink"])
async def test_import_with_known_digest_uses_it(
    storage: FileStorage, tmp_path: Path, link: ImportLink
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    digest = digest_data(b"content", content_type="a/b", algorithm="sha256")
    pointer = await storage.import_file(source, link=link, digest=digest)
    assert pointer["algorithm"] == "sha256"
    assert pointer["hash"] == digest["content_hash"]
    assert await storage.read_data(pointer) == b"content"


@pytest.mark.parametrize("link", ["copy", "hardlink"])
@pytest.mark.parametrize("found", [b"contenT", b"content and more", b""])
async def test_import_with_wrong_digest_stores_nothing(
    storage: FileStorage, tmp_path: Path, link: ImportLink, found: bytes
) -> None:
    source = tmp_path / "source"
    source.write_bytes(found)
    digest = digest_data(b"content", content_type="a/b", algorithm="sha256")
    with pytest.raises(DigestMismatchError, match=digest["content_hash"]):
        await storage.import_file(source, link=link, digest=digest)
    await until(lambda: files(storage.path) == [])
    assert source.read_bytes() == found


@pytest.mark.parametrize("link", ["auto", "copy", "hardlink", "reflink"])
@pytest.mark.parametrize("kind", ["directory", "fifo", "device"])
async def test_import_refuses_directory_fifo_and_device(
    storage: FileStorage, tmp_path: Path, kind: str, link: ImportLink
) -> None:
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = Path("/dev/zero")
    with anyio.fail_after(10), pytest.raises(ValueError, match=str(path)):
        await storage.import_file(path, link=link)
    await until(lambda: files(storage.path) == [])


async def test_import_refuses_unknown_link(storage: FileStorage, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(DATA)
    with pytest.raises(ValueError, match="'symlink'"):
        await storage.import_file(tmp_path / "source", link="symlink")  # type: ignore[arg-type]


async def test_hardlink_across_devices_raises_and_leaves_nothing(storage: FileStorage) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == storage.path.stat().st_dev:
        pytest.skip("/dev/shm is no second file system")
    source = memory / f"laboxide-test-{os.getpid()}"
    source.write_bytes(DATA)
    try:
        with pytest.raises(OSError, match="cross-device"):
            await storage.import_file(source, link="hardlink")
        await until(lambda: files(storage.path) == [])
        pointer = await storage.import_file(source)
        assert await storage.read_data(pointer) == DATA
    finally:
        source.unlink()


# Export


@pytest.mark.parametrize("size", [0, 1, 100 * KIB, MIB, 3 * MIB + 1])
@pytest.mark.parametrize("link", ["auto", "copy"])
async def test_exported_file_has_content(
    storage: FileStorage, tmp_path: Path, link: ExportLink, size: int
) -> None:
    pointer = await put(storage, content_of(size))
    (tmp_path / "out").mkdir()
    await storage.export_file(pointer, tmp_path / "out/file", link=link)
    assert (tmp_path / "out/file").read_bytes() == content_of(size)
    assert names(tmp_path / "out") == ["file"]


@pytest.mark.parametrize("link", ["auto", "copy"])
async def test_change_of_export_leaves_object(
    storage: FileStorage, tmp_path: Path, link: ExportLink
) -> None:
    pointer = await put(storage, DATA)
    await storage.export_file(pointer, tmp_path / "out", link=link)
    (tmp_path / "out").write_bytes(b"changed")
    assert await storage.read_data(pointer) == DATA


@pytest.mark.parametrize("kind", ["file", "symbolic link", "dangling link", "directory"])
async def test_export_without_overwrite_replaces_nothing(
    storage: FileStorage, tmp_path: Path, kind: str
) -> None:
    pointer = await put(storage, DATA)
    directory = tmp_path / "out"
    directory.mkdir()
    target = directory / "file"
    (tmp_path / "old").write_bytes(b"old")
    if kind == "file":
        target.write_bytes(b"old")
    elif kind == "symbolic link":
        target.symlink_to(tmp_path / "old")
    elif kind == "dangling link":
        target.symlink_to(tmp_path / "missing")
    else:
        target.mkdir()
    before = target.lstat()
    with pytest.raises(FileExistsError) as caught:
        await storage.export_file(pointer, target)
    assert caught.value.filename == str(target)
    assert (target.lstat().st_ino, target.lstat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )
    assert (tmp_path / "old").read_bytes() == b"old"
    await until(lambda: names(directory) == ["file"])
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("size", [12, 3 * MIB])
@pytest.mark.parametrize("link", ["auto", "copy"])
async def test_export_with_overwrite_replaces_file(
    storage: FileStorage, tmp_path: Path, size: int, link: ExportLink
) -> None:
    pointer = await put(storage, content_of(size))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_bytes(b"old")
    await storage.export_file(pointer, tmp_path / "out/file", overwrite=True, link=link)
    assert (tmp_path / "out/file").read_bytes() == content_of(size)
    await until(lambda: files(tmp_path / "out") == [tmp_path / "out/file"])


async def test_export_replaces_symbolic_link_and_not_its_target(
    storage: FileStorage, tmp_path: Path
) -> None:
    pointer = await put(storage, DATA)
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "out").symlink_to("old")
    await storage.export_file(pointer, tmp_path / "out", overwrite=True)
    assert (tmp_path / "old").read_bytes() == b"old"
    assert (tmp_path / "out").read_bytes() == DATA


async def test_export_never_replaces_directory(storage: FileStorage, tmp_path: Path) -> None:
    pointer = await put(storage, DATA)
    (tmp_path / "out/kept").mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as caught:
        await storage.export_file(pointer, tmp_path / "out", overwrite=True)
    assert caught.value.filename == str(tmp_path / "out")
    assert names(tmp_path) == ["out", "root"]
    assert names(tmp_path / "out") == ["kept"]


async def test_export_into_missing_directory_raises_with_path(
    storage: FileStorage, tmp_path: Path
) -> None:
    pointer = await put(storage, DATA)
    with pytest.raises(FileNotFoundError) as caught:
        await storage.export_file(pointer, tmp_path / "missing/out")
    assert str(caught.value.filename).startswith(str(tmp_path / "missing"))
    assert not isinstance(caught.value, ObjectNotFoundError)
    assert not (tmp_path / "missing").exists()


async def test_export_refuses_hardlink(storage: FileStorage, tmp_path: Path) -> None:
    pointer = await put(storage, DATA)
    with pytest.raises(ValueError, match="'hardlink'"):
        await storage.export_file(pointer, tmp_path / "out", link="hardlink")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


async def test_reflinked_export_works_or_leaves_nothing(
    storage: FileStorage, tmp_path: Path
) -> None:
    pointer = await put(storage, DATA)
    (tmp_path / "out").mkdir()
    try:
        await storage.export_file(pointer, tmp_path / "out/file", link="reflink")
    except OSError:
        await until(lambda: names(tmp_path / "out") == [])
    else:
        assert (tmp_path / "out/file").read_bytes() == DATA


async def test_relative_export_path_is_below_working_directory(
    storage: FileStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer = await put(storage, DATA)
    monkeypatch.chdir(tmp_path)
    await storage.export_file(pointer, "out")
    assert (tmp_path / "out").read_bytes() == DATA


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["new/", "new//", "new/.", "new/..", "there/"])
async def test_export_refuses_path_spelled_as_directory(
    storage: FileStorage, tmp_path: Path, name: str, overwrite: bool
) -> None:
    (tmp_path / "there").mkdir()
    pointer = await put(storage, DATA)
    before = names(tmp_path)
    with pytest.raises(IsADirectoryError) as caught:
        await storage.export_file(pointer, f"{tmp_path}/{name}", overwrite=overwrite)
    assert caught.value.filename == f"{tmp_path}/{name}"
    assert caught.value.errno == errno.EISDIR
    assert names(tmp_path) == before


async def test_transfers_accept_path_as_keyword(storage: FileStorage, tmp_path: Path) -> None:
    pointer = await put(storage, DATA)
    await storage.export_file(pointer, path=tmp_path / "out")
    assert await storage.import_file(path=tmp_path / "out") == pointer
