"""The most memory that this process had at once."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path


def start_peak() -> int:
    """Forget the peak so far, where the system can, and return the resident bytes of now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _status("VmRSS")
    return peak()


def peak() -> int:
    """Return the most bytes that were resident at once."""
    with suppress(OSError):
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise OSError(f"no {field} in /proc/self/status")
