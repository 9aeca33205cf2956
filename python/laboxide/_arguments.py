"""Checks of arguments that more than one storage takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


CHUNK_SIZE_MAX = 1 << 30
"""Bytes: more in one piece is not a stream any more."""


def check_flag(name: str, value: bool) -> bool:  # noqa: FBT001 - what is checked
    """Return `value` if it is True or False; ``"no"`` would be true as well."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def check_chunk_size(name: str, value: int) -> int:
    """Return `value` if it is an integer from 1 to `CHUNK_SIZE_MAX`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not 1 <= value <= CHUNK_SIZE_MAX:
        raise ValueError(f"{name} must be from 1 to {CHUNK_SIZE_MAX}, not {value!r}")
    return value


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {known}, not {value!r}")
    return value
