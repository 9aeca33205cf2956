"""For users of the Labox framework: its file storage replaced, its saver off the event loop.

Needs ``pip install laboxide[labox]``. Importing this module makes every `laboxide.Storage` a
storage for Labox as well, and changes nothing else. Like Labox's own modules it can be given to a
registry: ``Registry(modules=["labox.builtin", "laboxide.labox"], ...)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from labox.core.storage import Storage as _LaboxStorage
except ImportError as error:
    raise ImportError(
        f"laboxide.labox needs Labox, with what it needs itself: pip install 'laboxide[labox]' "
        f"({error})",
        name=error.name,
        path=error.path,
    ) from error

from laboxide.labox._accelerate import Acceleration, accelerate
from laboxide.labox._adopt import Adoption, AdoptionFailure, adopt
from laboxide.labox._storage import FileStorage, NoStorageData
from laboxide.storage import Storage as _Storage

if TYPE_CHECKING:
    file_storage: FileStorage

__all__ = (
    "Acceleration",
    "Adoption",
    "AdoptionFailure",
    "FileStorage",
    "NoStorageData",
    "accelerate",
    "adopt",
    "file_storage",
)

# The names and signatures are the same; with this, isinstance and issubclass say so, too.
_LaboxStorage.register(_Storage)  # type: ignore[type-abstract]


def __getattr__(name: str) -> Any:
    """Make the default storage when it is first asked for: importing this writes nothing."""
    if name != "file_storage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from laboxide.labox._default import file_storage  # noqa: PLC0415

    return globals().setdefault(name, file_storage)
