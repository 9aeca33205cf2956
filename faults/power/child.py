"""Processes that can be stopped at any moment, and what they say until then."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING

from faults.power.checking import Check, Outcome
from faults.power.writing import Tell, Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from faults.power.items import Item, Promise

    Checker = Callable[[Path, int, dict[int, Promise]], Outcome]

FORK = multiprocessing.get_context("fork")
"""A fork takes 3 ms, a new interpreter 200. Safe, as the parent itself never starts the engine."""


@contextmanager
def forked(target: Callable[..., None], *args: object) -> Iterator[Connection]:
    """Run `target` with `args` and a pipe in another process, which is killed at the end."""
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=target, args=(theirs, *args))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join()


def _sender(pipe: Connection) -> Tell:
    return lambda number, promise: pipe.send((number, promise))


def write(pipe: Connection, root: Path, seed: int) -> None:
    """Write until killed, and send each promise; at last the error, if there is one."""
    logging.disable()  # that torn objects are replaced is what is wanted here
    try:
        asyncio.run(Writing(root, seed, _sender(pipe)).run())
    except* Exception as errors:  # noqa: BLE001 - what it was, the parent tells
        pipe.send(repr(errors.exceptions[0]))


def make(pipe: Connection, root: Path, item: Item, way: str) -> None:
    """Make one object in some way, send each promise, and at last the error or None."""
    logging.disable()
    error: str | None = None
    try:
        asyncio.run(_make(Writing(root, item.seed, _sender(pipe)), item, way))
    except OSError as caught:
        error = repr(caught)
    pipe.send(error)


async def _make(writing: Writing, item: Item, way: str) -> None:
    await getattr(writing, way)(item)


def write_marked(
    pipe: Connection, root: Path, seed: int, count: int, mark: Callable[[bytes], None]
) -> None:
    """Write `count` objects, put each promise down as a mark, and send None at the end."""
    logging.disable()

    def tell(number: int, promise: Promise) -> None:
        mark(f"{number} {promise.value}".encode())

    asyncio.run(Writing(root, seed, tell).run(count))
    pipe.send(None)


@contextmanager
def checker() -> Iterator[Checker]:
    """Start a process that checks stores, and return what has it check one.

    A process that starts an engine cannot fork any more, and to start one for each store takes
    longer than to check it.
    """
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_check_each, args=(theirs,))
    process.start()
    theirs.close()

    def check(root: Path, seed: int, promises: dict[int, Promise]) -> Outcome:
        ours.send((root, seed, promises))
        outcome: Outcome = ours.recv()
        return outcome

    try:
        yield check
    finally:
        process.kill()
        process.join()


def _check_each(pipe: Connection) -> None:
    logging.disable()
    while True:
        root, seed, promises = pipe.recv()
        # The storage is gone by the end of the line: nothing of the store is open when it is told.
        outcome = asyncio.run(Check(root, seed, promises).run())
        pipe.send(outcome)
