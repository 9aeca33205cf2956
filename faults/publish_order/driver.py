"""What every write does, in its order: a log of system calls is compared with what must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.publish_order.order import Span, most_at_once, violations
from faults.publish_order.traffic import Traffic, traffic
from faults.strace.child import Child
from faults.strace.operations import OPERATIONS, SMALL, object_path
from faults.strace.points import FILE_CALLS
from faults.strace.strace import traced
from faults.strace.subject import Scene, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WAYS = {False: "native", True: "portable"}
CROWD = "many at once"
KNOWN_WAY = "write of what another wrote"
SLOW = "inject=fsync,fdatasync:delay_enter=20000"
"""A device that takes 20 ms for a flush: as fast as this one is, too few would meet to count."""
FLUSHES_AT_ONCE = 16
"""Of a hundred durable writes: those that wait together share a commit of the journal."""


def run(trial: Trial) -> None:
    """Log every operation that writes, and many writes at once."""
    for portable, way in WAYS.items():
        for durable in (False, True):
            directory = trial.directory / f"{way}-{durable}"
            directory.mkdir()
            with Child(directory, portable=portable, frozen=False) as child:
                told = f"{way}{', durable' * durable}"
                for name, span, log in _spans(trial, child, directory, durable=durable):
                    trial.tried[told] += 1
                    trial.found += [f"{name}, {told}: {what}" for what in violations(log, span)]


def _spans(
    trial: Trial, child: Child, directory: Path, *, durable: bool
) -> Iterator[tuple[str, Span, Traffic]]:
    for name in [name for name, each in OPERATIONS.items() if each.writes and each.publishes]:
        scene = Scene(name, directory / name, durable)
        # The first write of all makes the root, too.
        if name != "first write":
            child.call("arrange", scene)
        log = _logged(child, directory / "log", "marked", scene)
        yield name, _span(scene, log, scene.what.data, "end"), log
    scene = Scene(KNOWN_WAY, directory / KNOWN_WAY, durable)
    child.call("arrange", scene._replace(operation="first write"))
    log = _logged(child, directory / "log", "known_way", scene)
    yield KNOWN_WAY, _span(scene, log, SMALL, "end"), log
    scene = Scene(CROWD, directory / CROWD, durable)
    contents = [trial.random.randbytes(4096) for _ in range(trial.count("writes at once"))]
    log = _logged(child, directory / "log", "crowd", scene, contents, tampered=[SLOW])
    flushes = most_at_once(flush for file in log.files for flush in file.flushes)
    if durable and flushes < FLUSHES_AT_ONCE:
        trial.found.append(f"{CROWD}, {directory.name}: only {flushes} flushes at the same time")
    for index, data in enumerate(contents):
        yield f"{CROWD}, {index}", _span(scene, log, data, str(index)), log


def _logged(
    child: Child, log: Path, method: str, *arguments: object, tampered: Sequence[str] = ()
) -> Traffic:
    with traced([child.pid], log, f"trace={FILE_CALLS}", *tampered, follow=True):
        child.call(method, *arguments)
    return traffic(log.read_text(encoding="utf-8", errors="replace").splitlines())


def _span(scene: Scene, log: Traffic, data: bytes, end: str) -> Span:
    return Span(
        made=log.marks[mark_of(scene.operation, "made")].begin,
        begin=log.marks[mark_of(scene.operation, "begin")].begin,
        end=log.marks[mark_of(scene.operation, end)].begin,
        root=str(scene.root),
        path=str(object_path(scene.root, data)),
        durable=scene.durable,
        staged=scene.operation != "import_file, hard link",
        replaces=scene.operation == "heal",
        early=scene.operation in OPERATIONS and scene.what.early,
    )


DRIVER = Driver(
    "order of a publication in the log of its system calls",
    run,
    {"writes at once": (100, 300, 1000)},
    tools=("strace",),
)
