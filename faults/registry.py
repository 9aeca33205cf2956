"""The drivers by name, as the command line and the results spell them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from faults.driver import Driver

MODULES = {
    "bit_rot": "faults.corruption.driver",
    "block_states": "faults.power.block_states",
    "cancel_everywhere": "faults.cancel.driver",
    "errno_at_syscalls": "faults.errno.driver",
    "fork_with_locks": "faults.fork.driver",
    "frozen_disk": "faults.disk.frozen",
    "fsync_below": "faults.power.io_errors",
    "full_disk": "faults.disk.full",
    "fuzzing": "faults.fuzz.driver",
    "hung_disk": "faults.disk.hung",
    "immutable": "faults.disk.immutable",
    "kill_at_random": "faults.kill.at_random",
    "kill_at_syscalls": "faults.kill.at_syscalls",
    "leaks": "faults.leaks.driver",
    "made_up_inputs": "faults.fuzz.hypothesis_inputs",
    "mount_within": "faults.disk.nested_mount",
    "mutants": "faults.mutants.driver",
    "order_of_publish": "faults.publish_order.driver",
    "other_file_systems": "faults.disk.other_file_systems",
    "panics": "faults.panics.driver",
    "power_cut": "faults.power.cut",
    "sanitizers": "faults.sanitizers.driver",
    "short_io": "faults.disk.short_io",
    "state_machine": "faults.stateful.driver",
}
"""The module of each driver; its `DRIVER` is the driver."""


def load(name: str) -> Driver:
    """Import and return the driver called `name`."""
    return cast("Driver", importlib.import_module(MODULES[name]).DRIVER)
