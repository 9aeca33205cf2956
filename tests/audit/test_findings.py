"""Findings of audits: damaged objects, foreign names, unreadable files, and other routers."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from laboxide import FileStorage
from laboxide.testing._sources import content_of

from tests.support.auditing import fill, findings
from tests.support.damage import FAULTS, KINDS, flip, overwrite
from tests.support.scripts import assert_clean, run_script
from tests.support.storing import DATA, KIB, MIB, names, path_of, put

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


def snapshot(root: Path) -> dict[Path, tuple[int, int, int]]:
    """Return the inode, time and mode of every path below `root`, to detect changes."""
    stats = {path: path.lstat() for path in root.rglob("*")}
    return {path: (stat.st_ino, stat.st_mtime_ns, stat.st_mode) for path, stat in stats.items()}


@pytest.mark.parametrize("workers", [1, 4, 64])
async def test_intact_store_has_no_findings(storage: FileStorage, workers: int) -> None:
    sizes = (0, 1, 100 * KIB, 3 * MIB)
    for size in sizes:
        for algorithm in ("blake3", "sha256"):
            await put(storage, content_of(size), algorithm=algorithm)
    audit = storage.audit(workers=workers)
    assert await findings(audit) == []
    assert (audit.objects, audit.bytes_read) == (8, 2 * sum(sizes))
    assert (audit.skipped, audit.cursor) == (0, None)


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize("workers", [1, 3])
async def test_finding_is_returned_before_later_objects_are_read(
    storage: FileStorage, workers: int, repair: bool
) -> None:
    pointers = await fill(storage, 3, size=3 * MIB)
    overwrite(path_of(storage, pointers[0]), b"")
    audit = storage.audit(repair=repair, workers=workers, max_bytes_per_second=1e5)
    with anyio.fail_after(30):  # the other objects take a minute
        finding = await anext(audit)
    assert (finding.key, audit.cursor) == (pointers[0]["key"], pointers[0]["key"])
    assert (finding.moved_to is not None) == repair


async def test_empty_store_has_no_findings(storage: FileStorage) -> None:
    audit = storage.audit()
    assert await findings(audit) == []
    assert (audit.objects, audit.bytes_read, audit.skipped, audit.cursor) == (0, 0, 0, None)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("size", [10, 3 * MIB])
async def test_every_fault_is_found_without_changing_the_store(
    storage: FileStorage, fault: str, size: int
) -> None:
    await fill(storage, 5)
    pointer = await put(storage, content_of(size))
    FAULTS[fault](path_of(storage, pointer))
    before = snapshot(storage.path)
    [finding] = await findings(storage.audit())
    assert snapshot(storage.path) == before
    assert (finding.key, finding.path) == (pointer["key"], path_of(storage, pointer))
    assert finding.moved_to is None
    if fault in KINDS:
        assert finding[2:5] == ("not a file", "a regular file", KINDS[fault])
    else:
        assert (finding.problem, finding.expected) == ("corrupt", f"blake3 {pointer['hash']}")
        assert finding.actual != finding.expected


async def test_links_special_files_and_foreign_names_are_findings(
    storage: FileStorage, tmp_path: Path
) -> None:
    pointer = await put(storage, DATA)
    shard = path_of(storage, pointer).parent
    shard.rename(tmp_path / "shard")
    shard.symlink_to(tmp_path / "shard")
    os.mkfifo(storage.path / "fifo")
    (storage.path / os.fsdecode(b"\xff")).mkdir()
    audit = storage.audit(repair=True)
    assert [
        (finding.key, finding.problem, finding.actual) for finding in await findings(audit)
    ] == [
        (shard.relative_to(storage.path).as_posix(), "not a file", "a symbolic link"),
        ("fifo", "not a file", "a special file"),
        (os.fsdecode(b"\xff"), "foreign name", repr(b"\xff")),
    ]
    assert audit.objects == 0, "a link is not followed"
    assert set(names(storage.path)) >= {"blake3", "fifo", os.fsdecode(b"\xff")}


async def test_temporary_files_are_not_objects(storage: FileStorage) -> None:
    staging = storage.path / ".laboxide-staging"
    staging.mkdir()
    (staging / ("a" * 64)).touch()
    (staging / "link").symlink_to("nowhere")
    audit = storage.audit()
    assert await findings(audit) == []
    assert audit.skipped == 0


def test_unreadable_paths_are_findings_and_not_repaired(tmp_path: Path) -> None:
    script = """
    async def work():
        storage = FileStorage(root / "store", mkdir=True)
        pointers = []
        for data in (b"one", b"two", b"three"):
            digest = digest_data(data, content_type="a/b")
            pointers.append(await storage.write_data(data, digest, {}))
        one, two, three = sorted(pointers, key=lambda pointer: pointer["key"])
        (storage.path / one["key"]).chmod(0)
        (storage.path / two["key"]).parent.chmod(0)
        audit = storage.audit(repair=True)
        found = [finding async for finding in audit]
        (storage.path / two["key"]).parent.chmod(0o755)
        keys = [one["key"], str(Path(two["key"]).parent)]
        print([finding.key for finding in found] == keys, audit.objects)
        for finding in found:
            print(finding.problem, finding.moved_to, "Permission denied" in finding.actual)
        print([(storage.path / pointer["key"]).exists() for pointer in pointers])

    asyncio.run(work())
    """
    expected = "True 2\nunreadable None True\nunreadable None True\n[True, True, True]"
    assert_clean(run_script(script, tmp_path, may_read_all=False), expected)


def test_lack_of_descriptors_is_not_a_finding(tmp_path: Path) -> None:
    script = """
    import resource
    from laboxide.file.router import content_of

    taken = []

    def taking_all(key):
        try:
            while True:
                taken.append(os.open("/", os.O_RDONLY))
        except OSError:
            return content_of(key)

    async def find(**arguments):
        audit = storage.audit(**arguments)
        return [finding async for finding in audit], audit.objects

    async def work():
        for index in range(5):
            data = b"%d" % index
            await storage.write_data(data, digest_data(data, content_type="a/b"), {})
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        try:
            print(await find(content_of=taking_all))
        except OSError as error:
            print(error.errno)
        for descriptor in taken:
            os.close(descriptor)
        print(await find())

    storage = FileStorage(root / "store", mkdir=True)
    asyncio.run(work())
    """
    assert_clean(run_script(script, tmp_path), f"{errno.EMFILE}\n([], 5)")


def test_lack_of_descriptors_while_listing_is_not_a_finding(tmp_path: Path) -> None:
    script = """
    import resource

    async def find():
        audit = storage.audit()
        try:
            return [finding async for finding in audit], audit.objects
        except OSError as error:
            return error.errno

    async def work():
        for index in range(5):
            data = b"%d" % index
            await storage.write_data(data, digest_data(data, content_type="a/b"), {})
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        for free in range(8):
            taken = []
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.open("/", os.O_RDONLY))
            for _ in range(free):
                os.close(taken.pop())
            print(await find())
            for descriptor in taken:
                os.close(descriptor)

    storage = FileStorage(root / "store", mkdir=True)
    asyncio.run(work())
    """
    process = run_script(script, tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    lines = process.stdout.splitlines()
    assert len(lines) == 8
    assert set(lines) == {str(errno.EMFILE), "([], 5)"}


def by_kind(digest: Any, tags: Any, /, *, temp: bool) -> Any:
    return {"key": f"{tags['kind']}/{digest['content_hash']}"}


async def test_keys_without_a_hash_are_skipped(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path, router=by_kind)
    pointer = await put(storage, DATA, {"kind": "a"})
    flip(path_of(storage, pointer), 0)
    audit = storage.audit(repair=True)
    assert await findings(audit) == []
    assert (audit.objects, audit.skipped) == (0, 1)


async def test_content_of_maps_keys_of_another_router(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path, router=by_kind)
    for data in (b"one", b"two"):
        pointer = await put(storage, data, {"kind": "a"})
    flip(path_of(storage, pointer), 0)
    (tmp_path / "notes").touch()

    def content_of_key(key: str) -> tuple[str, str] | None:
        return ("blake3", key.partition("/")[2]) if "/" in key else None

    audit = storage.audit(content_of=content_of_key)
    assert [finding.key for finding in await findings(audit)] == [pointer["key"]]
    assert (audit.objects, audit.skipped) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (3, TypeError),
        (("blake3",), TypeError),
        ((1, 2), TypeError),
        (("md5", "a" * 64), ValueError),
        (("blake3", "a"), ValueError),
        (("blake3", "A" * 64), ValueError),
    ],
)
async def test_invalid_result_of_content_of_is_refused(
    storage: FileStorage, answer: Any, kind: type[Exception]
) -> None:
    pointer = await put(storage, DATA)

    def content_of(key: str) -> Any:
        return answer if key == pointer["key"] else None

    with pytest.raises(kind, match=re.escape(repr(answer))):
        await findings(storage.audit(content_of=content_of))


async def test_end_of_iteration_from_content_of_is_no_end_of_audit(
    storage: FileStorage,
) -> None:
    await put(storage, DATA)

    def content_of(_key: str) -> Any:
        raise StopAsyncIteration

    with pytest.raises(RuntimeError, match="content_of raised StopAsyncIteration"):
        await findings(storage.audit(content_of=content_of))
