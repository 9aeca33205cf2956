"""What some tests need of the machine: tools, or to be root."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn


def required() -> bool:
    """Tell whether nothing may be left out: a test that lacks something then fails by itself."""
    return os.environ.get("LABOXIDE_REQUIRE_FAULTS", "0") not in ("", "0")


def needs(*tools: str, also: Iterable[bool] = ()) -> pytest.MarkDecorator:
    """Return what skips a test where root or a tool is missing, unless all are required."""
    is_root = os.name == "posix" and os.geteuid() == 0
    absent = not is_root or None in map(shutil.which, tools) or not all(also)
    reason = f"it takes {' and '.join(('root', *tools))}"
    return pytest.mark.skipif(absent and not required(), reason=reason)


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test that runs, or fail it."""
    (pytest.fail if required() else pytest.skip)(reason)
