"""What a driver needs of the machine, and what is missing."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.driver import Driver


def missing(driver: Driver) -> str | None:
    """Tell what keeps `driver` from running here, if anything does."""
    if driver.root and os.geteuid() != 0:
        return "it takes root"
    absent = [tool for tool in driver.tools if shutil.which(tool) is None]
    return f"not installed: {', '.join(absent)}" if absent else None
