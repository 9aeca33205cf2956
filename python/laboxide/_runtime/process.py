"""The settings of this process, and how it notices that it was forked."""

from __future__ import annotations

import os

from laboxide._native import forget_after_fork

PORTABLE = os.environ.get("LABOXIDE_PORTABLE", "0") not in ("", "0")
"""Keep to what every platform has. For tests; read when laboxide is imported."""

generation = 0
"""Counts the forks on the way to this process. What has threads or locks belongs to one."""


def _after_fork_in_child() -> None:
    global generation  # noqa: PLW0603 - the number of this process
    generation += 1
    forget_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
