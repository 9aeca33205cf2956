"""Requirements of a test on the machine: tools and root."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn


def required() -> bool:
    """Return whether a test with a missing requirement must fail instead of being skipped."""
    return os.environ.get("LABOXIDE_REQUIRE_FAULTS", "0") not in ("", "0")


def needs(*tools: str, also: Iterable[bool] = ()) -> pytest.MarkDecorator:
    """Return a mark that skips a test if root or a tool is missing, unless all are required."""
    is_root = os.name == "posix" and os.geteuid() == 0
    is_missing = not is_root or None in map(shutil.which, tools) or not all(also)
    reason = f"requires {' and '.join(('root', *tools))}"
    return pytest.mark.skipif(is_missing and not required(), reason=reason)


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the current test, or fail it if everything is required."""
    (pytest.fail if required() else pytest.skip)(reason)
