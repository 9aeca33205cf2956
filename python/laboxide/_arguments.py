"""Checks of arguments that more than one storage takes, and how errors name values."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


CHUNK_SIZE_MAX = 1 << 30
"""Bytes: more in one piece is not a stream any more."""

FILE_SIZE_MAX = (1 << 63) - 1
"""Bytes: no system has larger files."""

SHOWN = 200
"""Characters of a value that an error names."""


_DEPTH = 20
"""Containers within containers of which the start is spelled."""

_LARGE = 2000
"""Bits of an integer that is not spelled: Python may refuse to."""


def shown(value: object) -> str:
    """Return how an error names `value`: as Python spells it, but not all of something long.

    What is left out is not spelled either: that may take seconds, on the event loop.
    """
    text = _spelled(value, _DEPTH)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _spelled(value: object, depth: int) -> str:
    kind = type(value)
    try:
        if isinstance(value, (str, bytes, bytearray)) and kind in _TEXTS:
            return repr(value[: SHOWN + 1])
        if isinstance(value, int) and value.bit_length() > _LARGE:
            return f"a large {kind.__name__}"
        if kind in _BRACKETS and value:
            return _spelled_start(value, depth, *_BRACKETS[kind])
        return repr(value)
    except Exception:  # noqa: BLE001 - whatever the value's own code raises
        return f"an object of type {kind.__name__!r}"


_TEXTS = (str, bytes, bytearray)
_BRACKETS: dict[type, str] = {list: "[]", tuple: "()", set: "{}", dict: "{}"}


def _spelled_start(value: Any, depth: int, opening: str, closing: str) -> str:
    """Spell the members of a container up to where it is cut off."""
    text, comma = opening, ""
    for member in value if depth else ():
        text += comma + _spelled(member, depth - 1)
        if type(value) is dict:
            text += f": {_spelled(value[member], depth - 1)}"
        if len(text) > SHOWN:
            return text
        comma = ", "
    if not depth:
        text += "..."
    elif type(value) is tuple and len(value) == 1:
        text += ","
    return text + closing


def plain_text(text: str) -> str:
    """Return a string of a subclass, a member of an enumeration say, as a plain one.

    Pointers and digests are made of plain ones: that is what they must be when they are read.
    """
    return text if type(text) is str else str.__str__(text)


def plain_size(size: int) -> int:
    """Return an integer of a subclass as a plain one."""
    return size if type(size) is int else int.__int__(size)


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
        span = f"finite and {least} or more" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be {span}, not {shown(value)}")
    return value
