"""The thread that waits for completions in place of an event loop."""

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
"""Seconds after which a thread that waits in a loop's place looks whether the loop is gone."""


def pump(hub: Hub, completions: Completions, call_in_loop: Callable[..., object]) -> None:
    """Wait for finished work in a thread of its own, for loops that watch no descriptor.

    The thread ends with its loop, or with the hub, and closes the list.

    Raises:
        OSError: No thread is to be had.
    """
    hub_ref = weakref.ref(hub)
    drained = threading.Event()

    def drain() -> None:
        if (hub := hub_ref()) is not None:
            hub.drain()
        drained.set()

    def is_over() -> bool:
        return (hub := hub_ref()) is None or hub.is_over()

    def work() -> None:
        while not is_over():
            if not completions.wait(POLL):
                continue
            drained.clear()
            try:
                call_in_loop(drain)
            except Exception:  # noqa: BLE001 - RuntimeError or trio's own: the loop has ended
                break
            while not drained.wait(POLL) and not is_over():
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
        hub.let_go()
