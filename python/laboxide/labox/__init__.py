"""Integration with the Labox framework: a drop-in file storage and a native saver.

Needs ``pip install laboxide[labox]``. Importing this module registers `laboxide.Storage` as a
subclass of Labox's ``Storage`` and has no other effect. Like Labox's own modules, it can be passed
to a registry: ``Registry(modules=["labox.builtin", "laboxide.labox"], ...)``.

- `_storage`, `_location`: `FileStorage` reads and writes the files and records of Labox's own.
- `_accelerate`, `_saving`: `accelerate` replaces the functions of Labox's saver that hash on the
  event loop.
- `_adopt`, `_transfer`: `adopt` moves the content of records to another storage.
- `_default`: the instance `file_storage`, created on first access.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from labox.core.storage import Storage as _LaboxStorage
except ImportError as error:
    raise ImportError(
        f"laboxide.labox needs Labox: pip install 'laboxide[labox]' ({error})",
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

# Names and signatures are the same; registering makes isinstance and issubclass agree.
_LaboxStorage.register(_Storage)  # type: ignore[type-abstract]


def __getattr__(name: str) -> Any:
    """Create the default storage on first access, so that the import writes no files."""
    if name != "file_storage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from laboxide.labox._default import file_storage  # noqa: PLC0415

    return globals().setdefault(name, file_storage)
