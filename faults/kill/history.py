"""What was done to one object, and what it may therefore be."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple


class Span(NamedTuple):
    """When something was done: at some moment between the two."""

    begun: float
    ended: float


BEFORE = Span(-inf, -inf)


@dataclass
class History:
    """What was done to an object since all was at rest. An end that was not told is infinity."""

    torn: bool = False
    """Whether it was there at first, but damaged."""
    writes: list[Span] = field(default_factory=list)
    """All of them, also those that were not acknowledged."""
    acknowledged: list[Span] = field(default_factory=list)
    deletes: list[Span] = field(default_factory=list)
    """All that may have removed it."""
    deleted: list[Span] = field(default_factory=list)
    """Those that were acknowledged."""

    @classmethod
    def of(cls, *, present: bool, torn: bool = False) -> History:
        """Return the history of an object at rest."""
        at_first = [BEFORE]
        if present:
            return cls(torn=torn, writes=at_first, acknowledged=at_first.copy())
        return cls(deletes=at_first, deleted=at_first.copy())

    def may_be_absent(self, look: Span) -> bool:
        """Tell whether each write that was acknowledged before the look met a delete."""
        return all(
            any(delete.ended > write.begun and delete.begun < look.ended for delete in self.deletes)
            for write in self.acknowledged
            if write.ended < look.begun
        )

    def may_be_present(self, look: Span) -> bool:
        """Tell whether each delete that was acknowledged before the look met a write."""
        return all(
            any(write.ended > delete.begun and write.begun < look.ended for write in self.writes)
            for delete in self.deleted
            if delete.ended < look.begun
        )

    def may_be_torn(self, look: Span) -> bool:
        """Tell whether it was damaged, and nothing was acknowledged that replaces or removes it."""
        changes = [*self.acknowledged, *self.deleted]
        return self.torn and not any(BEFORE.ended < change.ended < look.begun for change in changes)
