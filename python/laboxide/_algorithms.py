"""The names of hash algorithms, as arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from laboxide._arguments import plain_text, shown
from laboxide._native import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Sequence


def algorithm_names(algorithm: str, algorithms: Sequence[str] | None = None) -> list[str]:
    """Return the names of the algorithms, all of which are known."""
    if algorithms is None:
        return [_known(algorithm)]
    if isinstance(algorithms, str) or not isinstance(algorithms, Iterable):
        raise TypeError(f"algorithms are a sequence of names, not {shown(algorithms)}")
    names = [_known(name) for name in algorithms]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"algorithms must be named, each once, not {shown(algorithms)}")
    return names


def _known(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a hash algorithm is named by a string, not {shown(name)}")
    if name not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise ValueError(f"unknown hash algorithm {shown(name)}: known are {known}")
    return plain_text(name)
