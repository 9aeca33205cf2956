"""Every system call of every operation made to fail, once and from there on."""

from __future__ import annotations

import re
import shutil
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.errno.errnos import HAND_IN, Fault, faults_at, handed_in
from faults.strace.child import Child, HungError, Relay
from faults.strace.holds import State, differences, halfway, leftovers, staged, visible
from faults.strace.operations import OPERATIONS
from faults.strace.points import Course, Point, concerning, course
from faults.strace.strace import injected, traced
from faults.strace.subject import Outcome, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIN = ("write_data", "write_data_stream", "import_file", "read_data_stream", "delete")
"""The operations of a run per change: each way in, the way out that reads ahead, and the end. The
others are their parts, or differ in a few calls."""
SYNCS = ("fsync", "fdatasync")
SYNC = re.compile(rf"\b(?:{'|'.join(SYNCS)})\(")

Struck = tuple[Point, Fault]


def run(trial: Trial) -> None:
    """Let each point fail, and see what the caller is told and what is left."""
    for portable in (False, True):
        with Relay(trial.directory, portable=portable) as relay:
            names = OPERATIONS if trial.count("all operations") else MAIN
            for name, durable in trial.units(list(product(names, (False, True)))):
                scene = Scene(name, trial.directory / "scene", durable)
                _all_points(trial, scene, relay, portable=portable)


def _all_points(trial: Trial, scene: Scene, relay: Relay, *, portable: bool) -> None:
    undisturbed = course(scene, trial.directory / "log", portable=portable)
    shutil.rmtree(scene.directory)
    way = f"{'portable' if portable else 'native'}{', durable' * scene.durable}"
    points = concerning(undisturbed.points, scene.what.alone)
    for struck in _all_faults(trial, points, durable=scene.durable):
        trial.tried["pairs" if len(struck) == 2 else way] += 1
        found = _survived(scene, struck, undisturbed, relay)
        told = " and ".join(f"{fault} at {point}" for point, fault in struck)
        trial.found += [f"{scene.operation}, {way}: {told}: {what}" for what in found]
        shutil.rmtree(scene.directory)


def _all_faults(trial: Trial, points: list[Point], *, durable: bool) -> Iterator[list[Struck]]:
    """Yield what goes wrong in each trial: one thing and, at night, two."""
    for point in handed_in(points):
        yield [(point, Fault(trial.random.choice(HAND_IN), lasting=False))]
    # What is not durable hands a file in where else it is flushed; its other calls are the same.
    if not durable and not trial.count("every errno"):
        return
    single = [
        (point, fault)
        for point in points
        for fault in faults_at(point, trial.random, thorough=bool(trial.count("every errno")))
    ]
    yield from ([struck] for struck in single)
    for _ in range(trial.count("pairs") if single else 0):
        first, second = trial.random.choices(single, k=2)
        # strace is told of a call once.
        if first[0].call != second[0].call:
            yield [first, second]


def _survived(scene: Scene, struck: list[Struck], undisturbed: Course, relay: Relay) -> list[str]:
    try:
        return _fail(scene, struck, undisturbed, relay.child())
    except HungError as hung:
        relay.dismiss()
        return [str(hung)]
    except EOFError:
        relay.dismiss()
        return ["the process died"]


def _fail(scene: Scene, struck: list[Struck], undisturbed: Course, child: Child) -> list[str]:
    child.call("arrange", scene)
    before, abandoned = visible(scene.directory), leftovers(scene.directory)
    log = scene.directory.parent / "log"
    calls = {point.call for point, _ in struck}
    threads = {child.threads[point.thread] for point, _ in struck}
    faults = [fault.at(point) for point, fault in struck]
    with traced(threads, log, f"trace={','.join({*calls, *SYNCS})}", *faults):
        outcome: Outcome = child.call("act")
    now = visible(scene.directory)
    # The first of two may be the end of it.
    found = [] if injected(log) else ["it was not reached"]
    found += _told(outcome, undisturbed, before, now)
    if "close" in calls:
        found += _not_kept(outcome, differences(before, now))
    else:
        found += child.call("leaks")
    found += _flush_is_final(outcome, log, differences(before, now))
    # What cannot be removed stays until the next sweep.
    if not any(call.startswith("unlink") for call in calls):
        found += [f"{file} was left" for file in leftovers(scene.directory) - abandoned]
    if error := child.call("again"):
        found.append(f"the same storage cannot do it after that: {error}")
    found += differences(undisturbed.after, visible(scene.directory))
    return found + _swept(scene, child)


def _told(outcome: Outcome, undisturbed: Course, before: State, now: State) -> list[str]:
    if outcome.error is None:
        return differences(undisturbed.after, now)
    untyped = [] if outcome.typed else [f"it raised {outcome.error}"]
    return untyped + halfway(before, undisturbed.after, now)


def _not_kept(outcome: Outcome, changes: list[str]) -> list[str]:
    """Return what was done with a file that the file system refused when it was handed in."""
    secret = ["it was not kept, and nobody was told"] if outcome.error is None else []
    return secret + [f"not kept, but {change}" for change in changes]


def _flush_is_final(outcome: Outcome, log: Path, changes: list[str]) -> list[str]:
    """Return what was done after a flush had failed. One that was interrupted may be repeated."""
    secret = ["a flush failed, and nobody was told"] if outcome.error is None else []
    lines = log.read_text(encoding="utf-8").splitlines()
    for index, line in enumerate(lines):
        failed = re.search(r"(?:fsync|fdatasync)\((\d+<(.*?)>).*(?<!EINTR) \(.*\(INJECTED\)", line)
        if failed is None:
            continue
        later = (line for line in lines[index + 1 :] if failed[1] in line)
        # Of pairs other calls are logged, too: of a file that is given up its size is asked for.
        again = [f"flushed again: {line}" for line in later if SYNC.search(line)]
        # A directory is flushed after the name in it was given.
        is_directory = Path(failed[2]).is_dir()
        wrong = [f"not flushed, but {change}" for change in changes if not is_directory]
        return secret + again + wrong
    return []


def _swept(scene: Scene, child: Child) -> list[str]:
    if not staged(scene.directory):
        return []
    error = child.call("anew", scene)
    cannot = [f"a new storage cannot do it: {error}"] if error else []
    return cannot + [f"{file} was not swept" for file in staged(scene.directory)]


DRIVER = Driver(
    "an errno at every system call, once and lasting",
    run,
    {"all operations": (0, 1, 1), "every errno": (0, 1, 1), "pairs": (0, 0, 100)},
    tools=("strace",),
    seconds=155,
    minutes=15,
)
