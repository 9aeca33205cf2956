"""Renamed calls, by either name: `bench-compare` runs the benches on older wheels, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import laboxide

if TYPE_CHECKING:
    from laboxide import digest_file
else:
    digest_file = getattr(laboxide, "digest_file", None) or laboxide.hash_file

__all__ = ("digest_file",)
