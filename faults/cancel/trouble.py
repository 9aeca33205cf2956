"""Faults for operations that are cancelled as well."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from laboxide import VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.cancel.world import World

Trouble = Callable[["World"], AbstractContextManager[object]]

FAILURES = (OSError, VerificationError)
"""Exceptions that an operation in trouble may raise in place of the cancellation."""


@contextmanager
def _full_disk(_world: World) -> Iterator[None]:
    """Let no file grow beyond 2 MiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@contextmanager
def _torn_objects(world: World) -> Iterator[None]:
    """Cut a block off each large object."""
    paths = [world.path_of(name) for name in ("large", "elsewhere", "plain, large")]
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents, strict=True):
        path.chmod(0o644)
        path.write_bytes(content[: -(1 << 20)])
    world.torn = set(paths)
    try:
        yield
    finally:
        world.torn = set()
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
            _drop_quarantined(path.parent, len(content))


def _drop_quarantined(shard: Path, whole: int) -> None:
    """Remove torn objects that a repairing audit has quarantined: they are no leftovers."""
    for aside in shard.glob("*.corrupt-*"):
        with suppress(FileNotFoundError):  # the audit restores an intact object
            if aside.stat().st_size < whole:
                aside.unlink()


NONE: Trouble = lambda _: nullcontext()  # noqa: E731 - one of a table
TROUBLES: dict[str, Trouble] = {"full disk": _full_disk, "torn objects": _torn_objects}
