"""Patch Labox's saver so that it hashes off the event loop."""

from __future__ import annotations

import inspect
import threading
import warnings
from importlib.metadata import PackageNotFoundError, version
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self

from labox.core.api import saver

from laboxide.labox._saving import digest_of_value, once, save_of_value, wrap_stream_dump

if TYPE_CHECKING:
    from types import TracebackType

KNOWN_VERSIONS = ("0.1.0",)

_VALUE = ["tags", "manifest_id", "content_key", "value", "serializer", "storage", "registry"]
_STREAM = ["stream" if name == "value" else name for name in _VALUE]
_PARAMETERS = {
    "_wrap_stream_dump": ["archive"],
    "_make_value_dump_digest": ["archive"],
    "_save_storage_value": _VALUE,
    "_save_storage_stream": _STREAM,
    "_save_object": ["obj", "tags", "registry"],
}
_CALLS = {
    "_save_storage_stream": {"_wrap_stream_dump", "write_data_stream"},
    "_save_storage_value": {"_make_value_dump_digest", "serialize_data", "write_data"},
    "_save_object": {"_save_storage_stream", "_save_storage_value"},
}


class Acceleration:
    """Handle of an accelerated saver, returned by `accelerate`.

    Attributes:
        active: Whether the saver is accelerated. False after `undo`, and if the installed Labox is
            unknown.
    """

    def __init__(self) -> None:
        self.active = _switch.on()

    def undo(self) -> None:
        """Restore Labox's saver; saves in flight finish as they started.

        With several accelerations, the last `undo` restores the saver. Idempotent.
        """
        with _switch.lock:
            active, self.active = self.active, False
        if active:
            _switch.off()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.undo()


def accelerate() -> Acceleration:
    """Make Labox's saver hash natively and off the event loop.

    A stream saved to a storage of laboxide is hashed while it is written, in one pass on native
    threads; a stream saved to another storage is hashed as that storage reads it. Values of 64 KiB
    or more are hashed before they are written. Stored files and records stay the same.

    Use the result as a context manager, or call `Acceleration.undo`. The patch is process-wide. If
    the version or the functions of the installed Labox are unknown, the saver stays unpatched.

    Warns:
        RuntimeWarning: The installed Labox is unknown; once per process.
    """
    return Acceleration()


class _Switch:
    """Patches Labox's saver while at least one acceleration is active."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._count = 0
        self._warned = False
        self._replaced: dict[str, tuple[Any, Any]] = {}

    def on(self) -> bool:
        """Patch the saver unless it is patched; return True if it is now."""
        with self.lock:
            if self._count == 0 and not self._replace():
                return False
            self._count += 1
            return True

    def off(self) -> None:
        """Restore the functions when the last acceleration ends."""
        with self.lock:
            self._count -= 1
            if self._count == 0:
                self._restore()

    def _replace(self) -> bool:
        if (difference := find_difference()) is not None:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"laboxide.labox.accelerate() has no effect: {difference}",
                    RuntimeWarning,
                    stacklevel=5,
                )
            return False
        self._replaced = {
            name: (getattr(saver, name), replacement)
            for name, replacement in {
                "_wrap_stream_dump": wrap_stream_dump,
                "_make_value_dump_digest": digest_of_value(saver._make_value_dump_digest),  # noqa: SLF001
                "_save_storage_value": save_of_value(saver._save_storage_value),  # noqa: SLF001
            }.items()
        }
        for name, (_, replacement) in self._replaced.items():
            setattr(saver, name, replacement)
        return True

    def _restore(self) -> None:
        for name, (original, replacement) in self._replaced.items():
            # A later patch by other code stays.
            if getattr(saver, name) is replacement:
                setattr(saver, name, original)


_switch = _Switch()


def find_difference() -> str | None:
    """Describe how the installed Labox differs from the known one, or return None."""
    try:
        installed = version("labox")
    except PackageNotFoundError:
        return "Labox is not installed as a package"
    if installed not in KNOWN_VERSIONS:
        return f"Labox {installed} is not among the known versions ({', '.join(KNOWN_VERSIONS)})"
    return _difference_in_shape() or _difference_in_digests()


def _difference_in_shape() -> str | None:
    for name, parameters in _PARAMETERS.items():
        function = getattr(saver, name, None)
        if not isinstance(function, FunctionType) or function.__module__ != saver.__name__:
            return f"{saver.__name__}.{name} is not Labox's own function"
        if list(inspect.signature(function).parameters) != parameters:
            return f"{saver.__name__}.{name} does not take {', '.join(parameters)}"
        if not _CALLS.get(name, set()).issubset(function.__code__.co_names):
            return f"{saver.__name__}.{name} does not call the expected functions"
    return None


def _difference_in_digests() -> str | None:
    """Compare the digests that Labox's and our functions make of a stream and a value."""
    archive: Any = {"content_type": "a/b", "content_encoding": "c", "data_stream": once(b"")}
    try:
        _, theirs = saver._wrap_stream_dump(archive)  # noqa: SLF001
        _, ours = wrap_stream_dump(archive)
        if theirs(allow_incomplete=True) != ours(allow_incomplete=True):
            return f"{saver.__name__} makes other digests of streams"
        value: Any = saver._make_value_dump_digest(archive | {"data": b""})  # noqa: SLF001
        if {**value, "is_complete": False} != ours(allow_incomplete=True):
            return f"{saver.__name__} makes other digests of values"
    except Exception as error:  # noqa: BLE001 - any error shows that this Labox is unknown
        return f"{saver.__name__} fails to make digests: {error!r}"
    return None
