"""The order of every publication, in a log of its system calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.publish_order.log import Log, read_log
from faults.publish_order.rules import Span, most_at_once, violations
from faults.strace.child import Child
from faults.strace.operations import OPERATIONS, SMALL, object_path
from faults.strace.points import FILE_CALLS
from faults.strace.subject import Scene, mark_of
from faults.strace.trace import traced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WAYS = {False: "native", True: "portable"}
MANY = "many at once"
AFTER_ANOTHER = "write after another storage"
SLOW = "inject=fsync,fdatasync:delay_enter=20000"
"""A device that needs 20 ms for a flush: on a fast one, too few would overlap to count."""
FLUSHES_AT_ONCE = 16
"""For a hundred durable writes: those that wait together share a commit of the journal."""


def run(trial: Trial) -> None:
    """Log every operation that writes, and many writes at once."""
    for portable, way in WAYS.items():
        for durable in (False, True):
            directory = trial.directory / f"{way}-{durable}"
            directory.mkdir()
            with Child(directory, portable=portable, frozen=False) as child:
                what = f"{way}{', durable' * durable}"
                for name, span, log in _spans(trial, child, directory, durable=durable):
                    trial.tried[what] += 1
                    trial.found += [f"{name}, {what}: {each}" for each in violations(log, span)]


def _spans(
    trial: Trial, child: Child, directory: Path, *, durable: bool
) -> Iterator[tuple[str, Span, Log]]:
    for name in [name for name, each in OPERATIONS.items() if each.writes and each.publishes]:
        scene = Scene(name, directory / name, durable)
        # The first write of all also creates the root.
        if name != "first write":
            child.call("arrange", scene)
        log = _logged(child, directory / "log", "marked", scene)
        yield name, _span(scene, log, scene.operation.data, "end"), log
    scene = Scene(AFTER_ANOTHER, directory / AFTER_ANOTHER, durable)
    child.call("arrange", scene._replace(name="first write"))
    log = _logged(child, directory / "log", "after_another_write", scene)
    yield AFTER_ANOTHER, _span(scene, log, SMALL, "end"), log
    scene = Scene(MANY, directory / MANY, durable)
    contents = [trial.random.randbytes(4096) for _ in range(trial.count("writes at once"))]
    log = _logged(child, directory / "log", "write_many", scene, contents, injected=[SLOW])
    flushes = most_at_once(flush for file in log.files for flush in file.flushes)
    if durable and flushes < FLUSHES_AT_ONCE:
        trial.found.append(f"{MANY}, {directory.name}: only {flushes} flushes at the same time")
    for index, data in enumerate(contents):
        yield f"{MANY}, {index}", _span(scene, log, data, str(index)), log


def _logged(
    child: Child, log: Path, method: str, *arguments: object, injected: Sequence[str] = ()
) -> Log:
    with traced([child.pid], log, f"trace={FILE_CALLS}", *injected, follow=True):
        child.call(method, *arguments)
    return read_log(log.read_text(encoding="utf-8", errors="replace").splitlines())


def _span(scene: Scene, log: Log, data: bytes, end: str) -> Span:
    return Span(
        made=log.marks[mark_of(scene.name, "made")].begin,
        begin=log.marks[mark_of(scene.name, "begin")].begin,
        end=log.marks[mark_of(scene.name, end)].begin,
        root=str(scene.root),
        path=str(object_path(scene.root, data)),
        durable=scene.durable,
        staged=scene.name != "import_file, hard link",
        replaces=scene.name == "heal",
        early=scene.name in OPERATIONS and scene.operation.early,
    )


DRIVER = Driver(
    "order of a publication in the log of its system calls",
    run,
    {"writes at once": (100, 300, 1000)},
    tools=("strace",),
)
