"""Every system call of every operation fails, once and lastingly."""

from __future__ import annotations

import re
import shutil
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from faults.driver import Driver, Trial
from faults.errno.errnos import HAND_IN, Fault, faults_at, handed_in
from faults.strace.child import Child, HungError, Relay
from faults.strace.operations import OPERATIONS
from faults.strace.points import Baseline, Point, baseline, concerning
from faults.strace.state import State, differences, intermediate, leftovers, staged, visible
from faults.strace.subject import Outcome, Scene
from faults.strace.trace import injected, traced

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIN = ("write_data", "write_data_stream", "import_file", "read_data_stream", "delete")
"""The operations of the tier "change": each way to write, the stream read, and delete. The others
are parts of these, or differ in a few calls."""
SYNCS = ("fsync", "fdatasync")
SYNC = re.compile(rf"\b(?:{'|'.join(SYNCS)})\(")

Struck = tuple[Point, Fault]


def run(trial: Trial) -> None:
    """Fail at each point; check the error, and the files and resources afterwards."""
    for portable in (False, True):
        with Relay(trial.directory, portable=portable) as relay:
            names = OPERATIONS if trial.count("all operations") else MAIN
            for name, durable in trial.units(list(product(names, (False, True)))):
                scene = Scene(name, trial.directory / "scene", durable)
                _all_points(trial, scene, relay, portable=portable)


def _all_points(trial: Trial, scene: Scene, relay: Relay, *, portable: bool) -> None:
    undisturbed = baseline(scene, trial.directory / "log", portable=portable)
    shutil.rmtree(scene.directory)
    way = f"{'portable' if portable else 'native'}{', durable' * scene.durable}"
    points = concerning(undisturbed.points, scene.operation.alone)
    for struck in _all_faults(trial, points, durable=scene.durable):
        trial.tried["pairs" if len(struck) == 2 else way] += 1
        found = _survived(scene, struck, undisturbed, relay)
        faults = " and ".join(f"{fault} at {point}" for point, fault in struck)
        trial.found += [f"{scene.name}, {way}: {faults}: {what}" for what in found]
        shutil.rmtree(scene.directory)


def _all_faults(trial: Trial, points: list[Point], *, durable: bool) -> Iterator[list[Struck]]:
    """Yield the faults of each trial: a single one or, at night, a pair."""
    for point in handed_in(points):
        yield [(point, Fault(trial.random.choice(HAND_IN), lasting=False))]
    # Without durable, a close hands the file in; all other calls are those of durable operations.
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
        # strace accepts one fault for each name of a call.
        if first[0].call != second[0].call:
            yield [first, second]


def _survived(scene: Scene, struck: list[Struck], undisturbed: Baseline, relay: Relay) -> list[str]:
    try:
        return _fail(scene, struck, undisturbed, relay.child())
    except HungError as hung:
        relay.dismiss()
        return [str(hung)]
    except EOFError:
        relay.dismiss()
        return ["the process died"]


def _fail(scene: Scene, struck: list[Struck], undisturbed: Baseline, child: Child) -> list[str]:
    child.call("arrange", scene)
    before, abandoned = visible(scene.directory), leftovers(scene.directory)
    log = scene.directory.parent / "log"
    calls = {point.call for point, _ in struck}
    threads = {child.threads[point.thread] for point, _ in struck}
    faults = [fault.at(point) for point, fault in struck]
    with traced(threads, log, f"trace={','.join({*calls, *SYNCS})}", *faults):
        outcome: Outcome = child.call("act")
    now = visible(scene.directory)
    # The first fault of a pair may end the operation.
    found = [] if injected(log) else ["the call was not reached"]
    found += _reported(outcome, undisturbed, before, now)
    if "close" in calls:
        found += _refused_at_close(outcome, differences(before, now))
    else:
        found += child.call("leaks")
    found += _flush_is_final(outcome, log, differences(before, now))
    # A file whose removal fails stays until the next clean-up.
    if not any(call.startswith("unlink") for call in calls):
        found += [f"{file} was left" for file in leftovers(scene.directory) - abandoned]
    if error := child.call("again"):
        found.append(f"the operation fails in the same storage afterwards: {error}")
    found += differences(undisturbed.after, visible(scene.directory))
    return found + _cleaned(scene, child)


def _reported(outcome: Outcome, undisturbed: Baseline, before: State, now: State) -> list[str]:
    if outcome.error is None:
        return differences(undisturbed.after, now)
    untyped = [] if outcome.typed else [f"it raised {outcome.error}"]
    return untyped + intermediate(before, undisturbed.after, now)


def _refused_at_close(outcome: Outcome, changes: list[str]) -> list[str]:
    """Return findings about a file that the file system refused when it was closed."""
    unreported = ["a close failed, and no error was raised"] if outcome.error is None else []
    return unreported + [f"a close failed, but {change}" for change in changes]


def _flush_is_final(outcome: Outcome, log: Path, changes: list[str]) -> list[str]:
    """Return findings about the calls after a failed flush. An interrupted one may be repeated."""
    unreported = ["a flush failed, and no error was raised"] if outcome.error is None else []
    lines = log.read_text(encoding="utf-8").splitlines()
    for index, line in enumerate(lines):
        failed = re.search(r"(?:fsync|fdatasync)\((\d+<(.*?)>).*(?<!EINTR) \(.*\(INJECTED\)", line)
        if failed is None:
            continue
        later = (line for line in lines[index + 1 :] if failed[1] in line)
        # A pair logs other calls, too, such as a check of the size of the abandoned file.
        again = [f"flushed again: {line}" for line in later if SYNC.search(line)]
        # A directory is flushed after a file in it got its name.
        is_directory = Path(failed[2]).is_dir()
        wrong = [f"not flushed, but {change}" for change in changes if not is_directory]
        return unreported + again + wrong
    return []


def _cleaned(scene: Scene, child: Child) -> list[str]:
    if not staged(scene.directory):
        return []
    error = child.call("again_anew", scene)
    fails = [f"the operation fails in a new storage: {error}"] if error else []
    return fails + [f"{file} was not cleaned up" for file in staged(scene.directory)]


DRIVER = Driver(
    "an errno at every system call, once and lasting",
    run,
    {"all operations": (0, 1, 1), "every errno": (0, 1, 1), "pairs": (0, 0, 100)},
    tools=("strace",),
    seconds=155,
)
