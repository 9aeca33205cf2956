"""The drivers by name, as the command line and the results spell them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from faults.driver import Driver

MODULES = {
    "bit_rot": "faults.corruption.driver",
    "block_states": "faults.power.block_states",
    "cancel": "faults.cancel.driver",
    "errno_at_syscalls": "faults.errno.driver",
    "fork_with_locks": "faults.fork.driver",
    "frozen_disk": "faults.disk.frozen",
    "full_disk": "faults.disk.full",
    "fuzzing": "faults.fuzz.driver",
    "hung_disk": "faults.disk.hung",
    "hypothesis_inputs": "faults.fuzz.hypothesis_inputs",
    "immutable": "faults.disk.immutable",
    "io_errors": "faults.power.io_errors",
    "kill_at_random": "faults.kill.at_random",
    "kill_at_syscalls": "faults.kill.at_syscalls",
    "leaks": "faults.leaks.driver",
    "mutants": "faults.mutants.driver",
    "nested_mount": "faults.disk.nested_mount",
    "other_file_systems": "faults.disk.other_file_systems",
    "panics": "faults.panics.driver",
    "power_cut": "faults.power.cut",
    "publish_order": "faults.publish_order.driver",
    "sanitizers": "faults.sanitizers.driver",
    "short_io": "faults.disk.short_io",
    "state_machine": "faults.stateful.driver",
}
"""The module of each driver; its `DRIVER` is the driver."""


def load(name: str) -> Driver:
    """Import and return the driver called `name`."""
    return cast("Driver", importlib.import_module(MODULES[name]).DRIVER)
