"""A KeyboardInterrupt leaves no trio task behind that a completion would resume."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import trio
from laboxide import FileStorage
from laboxide._runtime import hub

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_interrupt_just_before_task_waits_forgets_its_ticket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileStorage(tmp_path)
    wait = trio.lowlevel.wait_task_rescheduled

    def interrupted(abort: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return wait(abort)

    async def main() -> int:
        with monkeypatch.context() as patch:
            patch.setattr(trio.lowlevel, "wait_task_rescheduled", interrupted)
            try:
                await storage.put(bytes(8 << 20))
            except KeyboardInterrupt:
                return len(hub.current_hub()._waiting)
        return -1

    assert trio.run(main) == 0
