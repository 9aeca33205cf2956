"""Sampling, rate limits and arguments of audits, and the resources that they release."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from laboxide import FileStorage
from laboxide.testing._sources import content_of

from tests.support.auditing import fill, findings
from tests.support.damage import flip
from tests.support.storing import MIB, names, path_of, put, until

pytestmark = pytest.mark.anyio

DESCRIPTORS = Path("/proc/self/fd")


async def test_sample_is_reproducible_by_its_seed(storage: FileStorage) -> None:
    pointers = await fill(storage, 400)
    for pointer in pointers:
        flip(path_of(storage, pointer), 0)
    samples = []
    for seed in (1, 2, 1):
        audit = storage.audit(sample=0.25, seed=seed)
        samples.append([finding.key for finding in await findings(audit)])
        assert audit.objects == len(samples[-1])
        assert audit.skipped == 0
    assert samples[0] == samples[2] != samples[1]
    assert all(60 <= len(sample) <= 140 for sample in samples)


async def test_default_seed_differs_each_time(storage: FileStorage) -> None:
    audits = [storage.audit(sample=0.5) for _ in range(3)]
    assert len({audit.seed for audit in audits}) == 3


async def test_sample_resumes_with_its_seed(storage: FileStorage) -> None:
    for pointer in await fill(storage, 100):
        flip(path_of(storage, pointer), 0)
    whole = await findings(storage.audit(sample=0.5, seed=7))
    first = storage.audit(sample=0.5, seed=7)
    begun = [await anext(first) for _ in range(10)]
    rest = await findings(storage.audit(sample=0.5, seed=first.seed, cursor=first.cursor))
    assert begun + rest == whole


@pytest.mark.parametrize("workers", [1, 4])
async def test_reads_stay_below_max_bytes_per_second(storage: FileStorage, workers: int) -> None:
    for seed in range(3):
        await put(storage, content_of(2 * MIB, seed=seed))
    began = time.monotonic()
    audit = storage.audit(max_bytes_per_second=6 * MIB, workers=workers)
    assert await findings(audit) == []
    # The first block does not wait.
    assert time.monotonic() - began > 5 / 6 - 0.1
    assert audit.bytes_read == 6 * MIB


@pytest.mark.every_loop
async def test_event_loop_runs_during_an_audit(storage: FileStorage) -> None:
    for seed in range(20):
        await put(storage, content_of(MIB, seed=seed))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await anyio.sleep(0.001)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        # A quarter of a second: without the limit the audit would end before the ticks are due.
        assert await findings(storage.audit(max_bytes_per_second=80 * MIB)) == []
        tasks.cancel_scope.cancel()
    assert ticks > 3


BAD_ARGUMENTS: list[tuple[str, Any, type[Exception]]] = [
    *(("sample", value, ValueError) for value in (0, 0.0, -0.1, 1.1, 5, float("nan"), 1e400)),
    *(("sample", value, TypeError) for value in (True, "0.5", b"1", [1])),
    *(("seed", value, ValueError) for value in (-1, 1 << 64)),
    *(("seed", value, TypeError) for value in (0.5, "1", True)),
    *(
        ("max_bytes_per_second", value, ValueError)
        for value in (0, 0.5, -1, float("nan"), float("inf"), 10**400)
    ),
    *(("max_bytes_per_second", value, TypeError) for value in (True, "1", b"1")),
    *(("workers", value, ValueError) for value in (0, -1, 65, 1 << 70)),
    *(("workers", value, TypeError) for value in (None, 1.0, "1", True)),
    *(("cursor", value, TypeError) for value in (1, b"a", True)),
    *(("cursor", value, ValueError) for value in ("", "/a", "../a", "a//b", "a\0")),
    *(("repair", value, TypeError) for value in (None, 1, "yes")),
    *(("content_of", value, TypeError) for value in (None, 1, "blake3")),
]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    BAD_ARGUMENTS,
    ids=[f"{name} {value!a}" for name, value, _ in BAD_ARGUMENTS],
)
def test_bad_argument_of_an_audit_is_refused_by_name(
    tmp_path: Path, name: str, value: Any, kind: type[Exception]
) -> None:
    arguments = {name: value}
    with pytest.raises(kind) as caught:
        FileStorage(tmp_path).audit(**arguments)
    assert repr(value)[:200].strip("'\"") in str(caught.value) or "\\0" in str(caught.value)


async def test_audit_releases_its_descriptors_and_threads(storage: FileStorage) -> None:
    for pointer in await fill(storage, 20):
        flip(path_of(storage, pointer), 0)
    await findings(storage.audit())
    await until(lambda: not audit_threads(), timeout=30)
    before = len(names(DESCRIPTORS))
    for _ in range(5):
        with suppress(StopAsyncIteration):
            audit = storage.audit(max_bytes_per_second=100)
            with anyio.move_on_after(0.05):
                await anext(audit)
        del audit
    await until(lambda: not audit_threads() and len(names(DESCRIPTORS)) <= before, timeout=30)


def audit_threads() -> int:
    """Return the number of audit threads."""
    count = 0
    for name in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # the thread has ended
            count += name.read_text() == "laboxide-audit\n"
    return count
