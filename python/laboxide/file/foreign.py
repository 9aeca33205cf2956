"""What a pointer finds below another root than the storage's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from laboxide.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

A_FILE = "a regular file"
"""What is expected where something of another kind is found."""

NOT_TOLD = "something else"


@contextmanager
def not_told() -> Iterator[None]:
    """Keep from an error what hash or size was found: its reader may have made the pointer up.

    The hash of a file tells its content to who has a guess, and any file can be named. That
    something is no file is told.
    """
    try:
        yield
    except CorruptDataError as error:
        if error.expected == A_FILE:
            raise
        # In place: a new error would have this one as its context.
        error.actual = NOT_TOLD
        error.args = (error.expected, NOT_TOLD, error.path)
        raise
