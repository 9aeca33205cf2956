"""Checks of arguments that more than one storage takes."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


CHUNK_SIZE_MAX = 1 << 30
"""Bytes: more in one piece is not a stream any more."""

FILE_SIZE_MAX = (1 << 63) - 1
"""Bytes: no system has larger files."""

SHOWN = 200
"""Characters of a value that an error names."""


def shown(value: object) -> str:
    """Return how an error names `value`: as Python spells it, but not all of something long."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        text = f"a large {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def check_flag(name: str, value: bool) -> bool:  # noqa: FBT001 - what is checked
    """Return `value` if it is True or False; ``"no"`` would be true as well."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return value


def check_chunk_size(name: str, value: int) -> int:
    """Return `value` if it is an integer from 1 to `CHUNK_SIZE_MAX`."""
    return check_integer(name, value, 1, CHUNK_SIZE_MAX)


def check_integer(name: str, value: int, least: int, most: int) -> int:
    """Return `value` if it is an integer from `least` to `most`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {shown(value)}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {shown(value)}")
    return value


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {known}, not {shown(value)}")
    return value


def check_limit(name: str, value: int | None) -> int | None:
    """Return `value` if it is a number of bytes that a file can have, or None for no limit."""
    return None if value is None else check_integer(name, value, 0, FILE_SIZE_MAX)


def check_number(name: str, value: float, least: float, most: float = math.inf) -> float:
    """Return `value` if it is a finite number from `least` to `most`."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, not {shown(value)}")
    most_finite = min(most, sys.float_info.max)
    if not least <= value <= most_finite:  # nor is NaN a number
        span = f"{least} or more" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be {span}, not {shown(value)}")
    return value
