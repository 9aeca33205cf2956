"""What a device is told, and which of it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Write(NamedTuple):
    """Bytes that the device took; they may still be in its cache."""

    offset: int
    data: bytes


class Flush(NamedTuple):
    """All that was written before is safe from here on."""


class Mark(NamedTuple):
    """What somebody outside said at this moment."""

    text: bytes


Record = Write | Flush | Mark


@dataclass(frozen=True)
class Fault:
    """What fails, with EIO."""

    kind: str
    """``"write"`` or ``"flush"``."""
    index: int
    """Which one of them."""
    ever_after: bool
    """Whether all later ones do, too."""

    def hits(self, kind: str, index: int) -> bool:
        """Tell whether this write or flush fails."""
        later = self.ever_after and index > self.index
        return kind == self.kind and (index == self.index or later)
