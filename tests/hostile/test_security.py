"""Special files, wrong digests, links, error messages and other users of a store."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from laboxide import CorruptDataError, DigestMismatchError, FileStorage, digest_data

from tests.support.needs import needs
from tests.support.scripts import AS_NOBODY, NOBODY, assert_clean, run_script
from tests.support.storing import CHECKS, DATA, DELETES, READS, collect, files, path_of, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide import FilePointer

pytestmark = [pytest.mark.anyio, pytest.mark.one_loop]

as_root = needs()  # to create files of another user


# Special files in place of an object


def make_socket(path: Path) -> None:
    # The path of a socket is limited to 108 bytes.
    parent = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{parent}/{path.name}")
    os.close(parent)


def make_device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: it never ends


SPECIAL: dict[str, Callable[[Path], None]] = {"a socket": make_socket, "a FIFO": os.mkfifo}
if os.geteuid() == 0:
    SPECIAL["a device"] = make_device


@pytest.mark.parametrize("use", [*READS, *CHECKS, *DELETES])
@pytest.mark.parametrize("kind", SPECIAL)
async def test_special_file_is_corrupt(
    storage: FileStorage, tmp_path: Path, kind: str, use: str
) -> None:
    pointer = await put(storage, DATA)
    path = path_of(storage, pointer)
    path.unlink()
    SPECIAL[kind](path)
    with pytest.raises(CorruptDataError, match="a special file"):
        await {**READS, **CHECKS, **DELETES}[use](storage, pointer, tmp_path / "out")
    assert not stat.S_ISREG(path.lstat().st_mode)
    assert not (tmp_path / "out").exists()
    await put(storage, DATA)
    assert await storage.read_data(pointer) == DATA


def test_file_swapped_for_fifo_does_not_block(tmp_path: Path) -> None:
    # The swap may fall between the stat of a name and its open.
    script = """
    (root / "file").write_bytes(b"content")
    os.mkfifo(root / "fifo")
    (root / "name").symlink_to("file")

    def swap():
        while True:
            for target in ("fifo", "file"):
                os.symlink(target, root / "next")
                os.replace(root / "next", root / "name")

    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        for number in range(2000):
            operation = (digest_file, storage.import_file)[number % 2]
            try:
                async with asyncio.timeout(10):
                    await operation(root / "name")
            except ValueError as error:
                assert "is not a regular file" in str(error), error

    threading.Thread(target=swap, daemon=True).start()
    asyncio.run(work())
    print("done", flush=True)
    os._exit(0)
    """
    assert_clean(run_script(script, tmp_path), "done")


# Hashes of another algorithm or other content


@pytest.mark.parametrize("use", [*READS, "verify"])
@pytest.mark.parametrize(("named", "claimed"), [("blake3", "sha256"), ("sha256", "blake3")])
async def test_hash_with_wrong_algorithm_is_corrupt(
    storage: FileStorage, tmp_path: Path, named: str, claimed: str, use: str
) -> None:
    pointer = await put(storage, DATA, algorithm=named)
    confused: Any = {**pointer, "algorithm": claimed}
    with pytest.raises(CorruptDataError):
        await {**READS, **CHECKS}[use](storage, confused, tmp_path / "out")
    assert await storage.read_data(pointer) == DATA


async def test_false_digest_is_refused_when_verified_and_never_served(tmp_path: Path) -> None:
    digest = digest_data(DATA, content_type="a/b")
    digest["content_hash_algorithm"] = "sha256"
    with pytest.raises(DigestMismatchError):
        await FileStorage(tmp_path, verify_writes=True).write_data(DATA, digest, {})
    assert files(tmp_path) == []
    storage = FileStorage(tmp_path)
    pointer = await storage.write_data(DATA, digest, {})
    with pytest.raises(CorruptDataError):
        await storage.read_data(pointer)


# Paths and error messages that leave the root


@pytest.mark.parametrize("use", [*READS, "stat", "verify", *DELETES])
@pytest.mark.parametrize("link", ["proc/self/root", "proc/self/cwd", "proc/thread-self/root"])
async def test_magic_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, use: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    monkeypatch.chdir("/")
    pointer: Any = {
        "root": "/",
        "key": f"{link}{secret}",
        "algorithm": "sha256",
        "hash": hashlib.sha256(DATA).hexdigest(),
        "size": len(DATA),
    }
    with pytest.raises((CorruptDataError, OSError)):
        # The root is the own root, so that only the magic link can be refused.
        await {**READS, **CHECKS, **DELETES}[use](FileStorage("/"), pointer, tmp_path / "out")
    assert secret.read_bytes() == DATA


def text_of(error: BaseException) -> str:
    """Return the messages, arguments and attributes of an error and its causes."""
    errors = [error]
    while (before := errors[-1].__cause__ or errors[-1].__context__) is not None:
        errors.append(before)
    return "".join(f"{each} {each!r} {each.args} {vars(each)}" for each in errors)


@pytest.mark.parametrize("use", [*READS, "verify"])
@pytest.mark.parametrize("claimed", [0, 1, 20 << 20], ids=["right size", "wrong size", "large"])
async def test_error_about_forged_pointer_reveals_nothing_of_file(
    storage: FileStorage, tmp_path: Path, use: str, claimed: int
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"a short secret" * 31_313)
    digest = digest_data(secret.read_bytes(), content_type="a/b")
    size = claimed or digest["content_size"]
    pointer: Any = {
        "root": str(tmp_path),
        "key": "secret",
        "algorithm": "blake3",
        "hash": "0" * 64,
        "size": size,
    }
    with pytest.raises(CorruptDataError) as caught:
        await {**READS, **CHECKS}[use](storage, pointer, tmp_path / "out")
    expected = f"{size} bytes" if claimed else f"blake3 {'0' * 64}"
    assert f"corrupt object {secret}: expected {expected}" in str(caught.value)
    text = text_of(caught.value)
    assert digest["content_hash"] not in text
    assert claimed == 0 or str(digest["content_size"]) not in text


async def test_error_about_changed_foreign_object_reveals_nothing(
    storage: FileStorage, tmp_path: Path
) -> None:
    other = FileStorage(tmp_path / "other", mkdir=True)
    data = bytes(12 << 20)
    pointer = await put(other, data)
    chunks = storage.read_data_stream(pointer)
    await anext(chunks)
    path_of(other, pointer).chmod(0o644)
    with path_of(other, pointer).open("r+b") as file:
        file.seek(-6, os.SEEK_END)
        file.write(b"secret")
    found = digest_data(data[:-6] + b"secret", content_type="a/b")["content_hash"]
    with pytest.raises(CorruptDataError) as caught:
        await collect(chunks)
    assert found not in text_of(caught.value)


# Stores of other users


ATTEMPT = """
    async def attempt(name, operation):
        try:
            await operation
        except OSError as error:
            print(name, type(error).__name__, str(error.filename).startswith(str(root)))
        else:
            print(name, "done")

    def put(storage, data):
        return storage.write_data(data, digest_data(data, content_type="a/b"), {})

    def staged():
        return [path.name for path in root.glob("store/.laboxide-staging/*")]
"""


def stored(root: Path) -> tuple[FileStorage, FilePointer]:
    """Create a store owned by root with one object."""
    import asyncio

    storage = FileStorage(root / "store", mkdir=True)
    return storage, asyncio.run(put(storage, DATA))


@as_root
def test_store_of_another_user_is_read_and_not_written(shared: Path) -> None:
    _, pointer = stored(shared)
    script = f"""{AS_NOBODY}{ATTEMPT}
    async def work():
        storage, pointer = FileStorage(root / "store"), {pointer!r}
        await attempt("read", storage.read_data(pointer))
        await attempt("verify", storage.verify(pointer))
        await attempt("again", put(storage, {DATA!r}))
        await attempt("new", put(storage, b"new"))
        await attempt("stream", store(storage, 30))
        await attempt("delete", storage.delete(pointer))
        print(staged())

    asyncio.run(work())
    """
    refused = "PermissionError True"
    # A dedup hit writes nothing.
    expected = ["read done", "verify done", "again done"]
    expected += [f"{name} {refused}" for name in ("new", "stream", "delete")]
    assert_clean(run_script(script, shared), "\n".join([*expected, "[]"]))


@as_root
def test_world_writable_store_keeps_objects_of_other_users(shared: Path) -> None:
    storage, pointer = stored(shared)
    path = path_of(storage, pointer)
    path.chmod(0o644)
    path.write_bytes(b"torn")
    for directory in (storage.path, *storage.path.rglob("*/")):
        directory.chmod(0o1777)
    script = f"""{AS_NOBODY}{ATTEMPT}
    async def work():
        storage, pointer = FileStorage(root / "store"), {pointer!r}
        await attempt("heal", put(storage, {DATA!r}))
        await attempt("delete", storage.delete(pointer))
        await attempt("new", put(storage, b"new"))
        print(staged())

    asyncio.run(work())
    """
    refused = "PermissionError True"
    expected = [f"heal {refused}", f"delete {refused}", "new done", "[]"]
    assert_clean(run_script(script, shared), "\n".join(expected))
    assert path.read_bytes() == b"torn"


@as_root
def test_root_follows_no_link_in_store_of_another_user(shared: Path) -> None:
    (shared / "secrets").mkdir(mode=0o700)
    store = FileStorage(shared / "store", mkdir=True)
    shards = store.path / "blake3"
    shards.symlink_to(shared / "secrets")
    for path in (store.path, shards):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(OSError, match="blake3"):
        stored(shared)
    assert list((shared / "secrets").iterdir()) == []


# docs/security.md


def test_every_test_in_security_page_exists() -> None:
    root = Path(__file__).parents[2]
    page = root / "docs/security.md"
    named = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))
    sources = [path.read_text(encoding="utf-8") for path in root.glob("tests/*/test_*.py")]
    existing = set(re.findall(r"def (test_\w+)\(", "\n".join(sources)))
    assert named
    assert named - existing == set()
