"""Settings of the process, and fork detection."""

from __future__ import annotations

import os

from laboxide._native import forget_after_fork

PORTABLE = os.environ.get("LABOXIDE_PORTABLE", "0") not in ("", "0")
"""Whether to use only portable system calls. For tests; read when laboxide is imported."""

generation = 0
"""The number of forks between the first process and this one.

Objects with threads or locks remember it, and are unusable in another generation.
"""


def _after_fork_in_child() -> None:
    global generation  # noqa: PLW0603 - one counter per process
    generation += 1
    forget_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
