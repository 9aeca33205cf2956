"""Conformance tests for storages: one class of pytest tests to subclass.

The suite needs pytest. It runs on asyncio, and on uvloop and trio if they are installed. `_suite`
has the tests, `_sources` the streams, digests and sizes that they use::

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
