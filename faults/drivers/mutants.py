"""The tests themselves: with one step of the protocol left out, a named one of them must be red."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from faults.disk import short_io
from faults.driver import Driver
from faults.file_systems import file_systems
from faults.mutant import Mutant, false_alarms, survives
from faults.power import io_errors
from faults.publish_order import driver as publish_order
from faults.special_build import special_build

if TYPE_CHECKING:
    from faults.driver import Trial

HEALING = "faults/test_healing.py::test_"

MUTANTS = (
    Mutant("no-file-fsync", "order_of_publish"),
    Mutant("fsync-after-publish", "order_of_publish"),
    Mutant("no-directory-fsync", "order_of_publish"),
    Mutant("no-parent-fsync", "order_of_publish"),
    Mutant("dedup-without-directory-fsync", "order_of_publish"),
    Mutant("no-early-write-out", "order_of_publish"),
    Mutant("temporary-name-not-exclusive", "order_of_publish", portable=True),
    Mutant("fsync-retried", "fsync_below"),
    Mutant("fsync-error-ignored", "fsync_below"),
    Mutant(
        "close-error-ignored",
        "faults/test_close_errors.py::test_what_is_refused_at_close_is_not_published",
    ),
    Mutant("short-write-ignored", "short_io"),
    Mutant("rename-over-good-object", f"{HEALING}an_object_of_the_right_size_is_not_written_again"),
    Mutant("dedup-trusts-name", f"{HEALING}writing_again_heals_a_torn_object"),
    Mutant(
        "dedup-trusts-size",
        "faults/test_power_loss.py::test_writing_again_heals_an_object_of_which_only_space_is_left[0-durable]",
    ),
    Mutant(
        "size-check-off",
        "faults/test_damage.py::test_by_size_alone_sizes_and_kinds_are_checked",
    ),
    Mutant(
        "size-not-counted",
        "file/test_changing_files.py::test_a_file_that_is_cut_before_it_has_its_name_is_not_published",
    ),
    Mutant(
        "verified-path-reopened",
        "hostile/test_served_as_verified.py::test_a_verified_object_is_not_opened_again",
    ),
    Mutant(
        "abort-keeps-file",
        "runtime/test_cancel.py::test_a_cancelled_operation_returns_at_once_and_leaves_nothing"
        "[asyncio-write_data_stream, waiting]",
    ),
    Mutant(
        "sweep-ignores-writers",
        "runtime/test_processes.py::test_a_writer_at_work_keeps_its_temporary_file[asyncio-portable]",
    ),
    Mutant(
        "engine-kept-after-fork",
        "runtime/test_forks.py::test_a_forked_child_uses_the_storage_that_its_parent_was_using",
    ),
    Mutant(
        "links-followed",
        "file/test_links.py::test_a_linked_directory_is_not_followed_to_write",
    ),
    Mutant(
        "objects-are-private",
        "file/test_layout.py::test_objects_are_read_only_and_directories_as_the_umask_has_them[0o022]",
    ),
)


def run(trial: Trial) -> None:
    """Wake each mutant in turn, on each file system."""
    _check_list(trial)
    package = special_build()
    for name, place in file_systems(trial):
        _wake_all(trial, name, package, place)


def _wake_all(trial: Trial, file_system: str, package: Path, place: Path) -> None:
    for finder in false_alarms(MUTANTS, package, place):
        trial.found.append(f"{file_system}: {finder} should find mutants, and fails without one")
    for mutant in MUTANTS:
        trial.tried[f"mutants on {file_system}"] += 1
        if survives(mutant, package, place):
            again = f"LABOXIDE_MUTANT={mutant.name} is not found by {mutant.found_by}"
            trial.found.append(f"{file_system}: {again}")


def _check_list(trial: Trial) -> None:
    """See to it that each mutant in the engine is in the list."""
    sources = Path("rust/core/src").rglob("*.rs")
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    built_in = set(re.findall(r'mutant::is_on\("([^"]+)"\)', text))
    listed = {mutant.name for mutant in MUTANTS}
    trial.found.extend(f"mutant not listed: {name}" for name in sorted(built_in - listed))
    trial.found.extend(f"mutant not built in: {name}" for name in sorted(listed - built_in))


DRIVER = Driver(
    "mutants: steps left out, each seen by a test",
    run,
    tools=(*publish_order.DRIVER.tools, *io_errors.DRIVER.tools, *short_io.DRIVER.tools),
    seconds=135,
    minutes=13,
)
