"""Writes while another process swaps the staging directory for a link."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.needs import needs
from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path

WRITES = 1000

# Without /proc an unnamed file (O_TMPFILE) cannot be linked, so that writes use temporary names.
WITHOUT_PROC = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name, *arguments):
        if getattr(libc, name)(*arguments):
            raise OSError(ctypes.get_errno(), name)

    NEW_MOUNTS, RECURSIVE, PRIVATE = 0x20000, 0x4000, 0x40000
    call("unshare", NEW_MOUNTS)
    call("mount", b"none", b"/", None, RECURSIVE | PRIVATE, None)
    call("mount", b"none", b"/proc", b"tmpfs", 0, None)
"""

SWAP = """
    def swap(one, other):
        HERE, EXCHANGE = -100, 2
        call("renameat2", HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE)

    def keep_swapping(one, other):
        if (pid := os.fork()) == 0:
            while os.getppid() == parent:
                swap(one, other)
            os._exit(0)
        return pid

    parent = os.getpid()
"""


@needs(also=[sys.platform == "linux"])
@pytest.mark.parametrize("torn", [False, True], ids=["new object", "torn object"])
def test_no_temporary_name_is_created_behind_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    monkeypatch.setenv("LABOXIDE_PORTABLE", "0")
    script = f"""{WITHOUT_PROC}{SWAP}
    import signal
    storage = FileStorage(root / "store", mkdir=True)
    staging, canary = storage.path / ".laboxide-staging", root / "canary"
    staging.mkdir()
    canary.mkdir()
    (canary / "theirs").touch()
    (root / "link").symlink_to(canary)
    before = canary.stat()

    async def work():
        written = 0
        for index in range({WRITES}):
            data = b"%d" % index
            digest = digest_data(data, content_type="a/b")
            key = f"blake3/{{digest['content_hash'][:2]}}/{{digest['content_hash']}}"
            if {torn}:
                (storage.path / key).parent.mkdir(parents=True, exist_ok=True)
                (storage.path / key).write_bytes(b"torn" * 10)
            try:
                pointer = await storage.write_data(data, digest, {{}})
            except OSError:
                continue
            assert await storage.read_data(pointer) == data
            written += 1
        return written

    import logging
    logging.disable(logging.WARNING)
    swapper = keep_swapping(staging, root / "link")
    try:
        written = asyncio.run(work())
    finally:
        os.kill(swapper, signal.SIGKILL)
        os.waitpid(swapper, 0)
    assert written, "no write succeeded"
    assert written < {WRITES}, "no write met the link"
    assert os.listdir(canary) == ["theirs"]
    after = canary.stat()
    assert after.st_mtime_ns == before.st_mtime_ns, "a name was created or removed behind the link"
    """
    assert_clean(run_script(script, tmp_path))
