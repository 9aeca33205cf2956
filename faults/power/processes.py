"""Processes that can be killed at any moment, and the messages that they send."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING

from faults.power.check import Check, Outcome
from faults.power.writer import Announce, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from faults.power.objects import Object, Promise

    Checker = Callable[[Path, int, dict[int, Promise]], Outcome]

FORK = multiprocessing.get_context("fork")
"""A fork takes 3 ms, a new interpreter 200. Safe: the parent itself never starts the engine."""


@contextmanager
def forked(
    target: Callable[..., None], *args: object, duplex: bool = False
) -> Iterator[Connection]:
    """Run `target` with a pipe and `args` in another process, which is killed at the end."""
    ours, theirs = FORK.Pipe(duplex)
    process = FORK.Process(target=target, args=(theirs, *args))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join()


def _sender(pipe: Connection) -> Announce:
    return lambda number, promise: pipe.send((number, promise))


def write(pipe: Connection, root: Path, seed: int) -> None:
    """Write until killed, and send each promise; at last the error, if there is one."""
    logging.disable()  # warnings about replaced objects are expected
    try:
        asyncio.run(Writer(root, seed, _sender(pipe)).run())
    except* Exception as errors:  # noqa: BLE001 - the parent reports it
        pipe.send(repr(errors.exceptions[0]))


def make(pipe: Connection, root: Path, item: Object, way: str) -> None:
    """Make one object in one way, send each promise, and at last the error or None."""
    logging.disable()
    error: str | None = None
    try:
        asyncio.run(_make(Writer(root, item.seed, _sender(pipe)), item, way))
    except OSError as caught:
        error = repr(caught)
    pipe.send(error)


async def _make(writer: Writer, item: Object, way: str) -> None:
    await getattr(writer, way)(item)


def write_marked(
    pipe: Connection, root: Path, seed: int, count: int, mark: Callable[[bytes], None]
) -> None:
    """Write `count` objects, pass each promise to `mark`, and send None at the end."""
    logging.disable()

    def announce(number: int, promise: Promise) -> None:
        mark(f"{number} {promise.value}".encode())

    asyncio.run(Writer(root, seed, announce).run(count))
    pipe.send(None)


@contextmanager
def checker() -> Iterator[Checker]:
    """Start a process that checks stores, and yield a function that calls it.

    A process that has started an engine cannot fork any more, and starting one for each store takes
    longer than checking the store.
    """
    with forked(_check_each, duplex=True) as pipe:

        def check(root: Path, seed: int, promises: dict[int, Promise]) -> Outcome:
            pipe.send((root, seed, promises))
            outcome: Outcome = pipe.recv()
            return outcome

        yield check


def _check_each(pipe: Connection) -> None:
    logging.disable()
    while True:
        root, seed, promises = pipe.recv()
        # The storage is dropped here, so no file of the store is open when the answer is sent.
        outcome = asyncio.run(Check(root, seed, promises).run())
        pipe.send(outcome)
