"""A thread that waits for completions in place of an event loop."""

from __future__ import annotations

import errno
import os
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from laboxide._native import Completions
    from laboxide._runtime.hub import Hub

POLL = 0.2
"""The interval in seconds at which the thread checks whether the loop has ended."""


def pump(hub: Hub, completions: Completions, call_in_loop: Callable[..., object]) -> None:
    """Start a thread that waits for completions, for loops that cannot watch a descriptor.

    The thread ends with the loop or the hub, and then closes `completions`.

    Raises:
        OSError: The thread could not be started.
    """
    hub_ref = weakref.ref(hub)
    drained = threading.Event()

    def drain() -> None:
        if (hub := hub_ref()) is not None:
            hub.drain()
        drained.set()

    def has_ended() -> bool:
        return (hub := hub_ref()) is None or hub.has_ended()

    def work() -> None:
        while not has_ended():
            if not completions.wait(POLL):
                continue
            drained.clear()
            try:
                call_in_loop(drain)
            except Exception:  # noqa: BLE001 - RuntimeError or an error of trio: the loop ended
                break
            while not drained.wait(POLL) and not has_ended():
                pass
        _close(completions, hub_ref())

    thread = threading.Thread(target=work, name="laboxide-pump", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        text = f"cannot start a thread for the event loop: {os.strerror(errno.EAGAIN)}"
        raise OSError(errno.EAGAIN, text) from error


def _close(completions: Completions, hub: Hub | None) -> None:
    completions.close()
    if hub is not None:
        hub.drop_delivered()
