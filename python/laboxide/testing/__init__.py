"""What every storage has to do, as tests that anyone's storage can be run against.

It needs pytest, and runs on asyncio as well as on uvloop and trio where they are installed::

    from laboxide.testing import StorageConformance

    class TestMyStorage(StorageConformance):
        def make_storage(self, path):
            return MyStorage(path)
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("laboxide.testing._suite")

from laboxide.testing._suite import StorageConformance  # noqa: E402 - its asserts explain themselves

__all__ = ("StorageConformance",)
