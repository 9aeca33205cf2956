"""Validation of arguments, digests and paths.

Each `check_*` function returns its argument, or raises a ``TypeError`` or ``ValueError`` that names
the parameter and the value. `shown` formats a value for such an error; it is safe for hostile
values. `plain_*` functions convert instances of subclasses of ``str`` and ``int``.
"""

from __future__ import annotations

import errno
import math
import os
import reprlib
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from laboxide._native import ALGORITHMS, check_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laboxide.types import Digest


S = TypeVar("S", bound=str)

CHUNK_SIZE_MAX = 1 << 30
"""The largest chunk size in bytes."""

FILE_SIZE_MAX = (1 << 63) - 1
"""The largest file size in bytes that a system call takes."""

SHOWN = 200
"""The number of characters of a value in an error text."""


def shown(value: object) -> str:
    """Return the `repr` of `value` for an error text, cut after `SHOWN` characters.

    Bounded in time, also for hostile values, since it may run on an event loop. Never raises.
    """
    text = _Shown().repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class _Shown(reprlib.Repr):
    """Formats the start of one value.

    `reprlib` alone sorts whole sets and dicts, formats whole ``bytes``, and takes exponential time
    for nested containers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 20
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = SHOWN
        self._left = SHOWN  # remaining objects: each takes at least one character

    def repr1(self, x: Any, level: int) -> str:
        self._left -= 1
        if self._left < 0:
            return self.fillvalue
        try:
            return super().repr1(x, level)
        except Exception:  # noqa: BLE001 - `__repr__` of the value may raise anything
            return f"an object of type {type(x).__name__!r}"

    def repr_int(self, x: int, level: int) -> str:
        del level
        # Python raises for integers of more than 4300 digits.
        return repr(x) if x.bit_length() <= _SHOWN_BITS else "a large int"

    def repr_str(self, x: Any, level: int) -> str:
        del level
        return repr(x[: SHOWN + 1])

    repr_bytes = repr_bytearray = repr_str

    def repr_set(self, x: set[Any], level: int) -> str:
        return super().repr_set(set(islice(x, SHOWN + 1)), level)

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(dict(islice(x.items(), SHOWN + 1)), level)

    def repr_instance(self, x: Any, level: int) -> str:
        del level
        return repr(x)


_SHOWN_BITS = 2000


def plain_text(text: str) -> str:
    """Convert an instance of a subclass of ``str``, such as an enum member, to a plain string.

    Pointers and digests contain only plain values: reading a pointer requires them.
    """
    return text if type(text) is str else str.__str__(text)


def plain_size(size: int) -> int:
    """Convert an instance of a subclass of ``int`` to a plain integer."""
    return size if type(size) is int else int.__int__(size)


def check_flag(name: str, value: bool) -> bool:  # noqa: FBT001 - the value to check
    """Return `value` if it is True or False. Other values are refused: ``"no"`` is truthy."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return value


def check_chunk_size(name: str, value: int) -> int:
    """Return `value` if it is an integer from 1 to `CHUNK_SIZE_MAX`."""
    return check_integer(name, value, 1, CHUNK_SIZE_MAX)


def check_integer(name: str, value: int, least: int, most: int) -> int:
    """Return `value` if it is an integer from `least` to `most`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {shown(value)}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {shown(value)}")
    return value


def check_choice(name: str, value: S, choices: Sequence[str]) -> S:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {known}, not {shown(value)}")
    return value


def check_limit(name: str, value: int | None) -> int | None:
    """Return `value` if it is None (no limit) or a file size in bytes."""
    return None if value is None else check_integer(name, value, 0, FILE_SIZE_MAX)


def check_number(name: str, value: float, least: float, most: float = math.inf) -> float:
    """Return `value` if it is a finite number from `least` to `most`."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, not {shown(value)}")
    most_finite = min(most, sys.float_info.max)
    if not least <= value <= most_finite:  # also refuses NaN
        span = f"finite and {least} or more" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be {span}, not {shown(value)}")
    return value


def algorithm_names(algorithm: object) -> list[str]:
    """Return a list of known, distinct algorithm names, given one name or a sequence."""
    if isinstance(algorithm, str):
        return [algorithm_name(algorithm)]
    if not isinstance(algorithm, Iterable) or isinstance(algorithm, (bytes, bytearray)):
        raise TypeError(f"algorithm must be a name or a sequence of names, not {shown(algorithm)}")
    names = [algorithm_name(name) for name in algorithm]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"algorithm must have one or more distinct names, not {shown(algorithm)}")
    return names


def algorithm_name(name: str) -> str:
    """Return the name of a known algorithm as a plain string."""
    if not isinstance(name, str):
        raise TypeError(f"a hash algorithm must be a string, not {shown(name)}")
    return plain_text(check_choice("algorithm", name, ALGORITHMS))


def check_tags(tags: object) -> Mapping[str, str]:
    """Return the tags, or an empty mapping for None."""
    if tags is None:
        return {}
    if not isinstance(tags, (dict, Mapping)):  # the ABC alone takes five times as long
        raise TypeError(f"tags must be a mapping or None, not {shown(tags)}")
    return tags


def check_progress(progress: object) -> None:
    """Raise `TypeError` if `progress` is not a function, or is an async or generator function."""
    if not callable(progress):
        raise TypeError(f"progress must be a function or None, not {shown(progress)}")
    import inspect  # noqa: PLC0415 - takes 5 ms

    functions = progress, getattr(progress, "__call__", None)  # noqa: B004 - not a test for callability
    for kind in (
        inspect.iscoroutinefunction,
        inspect.isasyncgenfunction,
        inspect.isgeneratorfunction,
    ):
        if any(map(kind, functions)):
            raise TypeError(
                f"progress must not be an async or generator function: {shown(progress)}"
            )


def check_fields(what: str, config: object, fields: Mapping[str, type]) -> Mapping[str, Any]:
    """Return `config` if it is a mapping with all `fields`, each of its exact type.

    Raises:
        TypeError: `config` is not a mapping, or a field is of the wrong type.
        ValueError: A field is missing.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"a {what} must be a mapping, not {shown(config)}")
    for name, kind in fields.items():
        if name not in config:
            raise ValueError(f"a {what} must have {name!r}: {shown(config)}")
        if type(config[name]) is not kind:
            raise TypeError(
                f"{name!r} of a {what} must be {kind.__name__}, not {shown(config[name])}"
            )
    return config


def check_digest(digest: Digest) -> Digest:
    """Return a validated digest with plain values.

    Pointers must have plain values, and a router that formats an enum member would make another
    key of it.

    Raises:
        TypeError: The digest is not a mapping, its size is not an integer, or its hash or
            algorithm is not a string.
        ValueError: A field is missing, the algorithm is unknown, the hash is not one of that
            algorithm, or the size is out of range.
    """
    for name in ("content_hash_algorithm", "content_hash", "content_size"):
        digest_value(digest, name)
    algorithm, content_hash = digest["content_hash_algorithm"], digest["content_hash"]
    if not (isinstance(algorithm, str) and isinstance(content_hash, str)):
        raise TypeError(f"algorithm and hash of a digest must be strings: {shown(digest)}")
    check_hash(algorithm, content_hash)
    size = digest["content_size"]
    check_size(size)
    if type(algorithm) is type(content_hash) is str and type(size) is int:
        return digest
    plain = {
        "content_hash_algorithm": plain_text(algorithm),
        "content_hash": plain_text(content_hash),
        "content_size": plain_size(size),
    }
    return cast("Digest", {**digest, **plain})


def digest_value(digest: object, name: str) -> Any:
    """Return a field of a digest.

    Raises:
        TypeError: `digest` is not a mapping.
        ValueError: The field is missing.
    """
    if not isinstance(digest, (dict, Mapping)):  # the ABC alone takes five times as long
        raise TypeError(f"a digest must be a mapping, not {shown(digest)}")
    if name not in digest:
        raise ValueError(f"a digest must have {name!r}: {shown(digest)}")
    return digest[name]


def check_size(size: object) -> None:
    """Raise an error if `size` is not a file size in bytes."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"a size must be an integer, not {shown(size)}")
    if not 0 <= size <= FILE_SIZE_MAX:
        raise ValueError(f"a size must be from 0 to {FILE_SIZE_MAX}, not {shown(size)}")


def text_path(name: str, path: str | os.PathLike[str]) -> str:
    """Return a path as a string; `name` is its parameter."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or an os.PathLike of str, not {shown(path)}")
    if not text or "\0" in text:
        raise ValueError(f"{name} must not be empty or have a NUL character: {shown(text)}")
    return text


def file_path(name: str, path: str | os.PathLike[str]) -> str:
    """Return the path of a file to create as a string.

    Raises:
        IsADirectoryError: The path ends with a slash, ``.`` or ``..``, which the engine normalises
            away.
    """
    text = text_path(name, path)
    if os.path.basename(text) in ("", os.curdir, os.pardir):  # noqa: PTH119 - Path normalises
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), text)
    return text


def check_roots(
    name: str, roots: Iterable[str | os.PathLike[str]] | None
) -> tuple[Path, ...] | None:
    """Return sorted, distinct, absolute paths of directories; None stays None."""
    if roots is None:
        return None
    # A string would be iterated by character.
    if not isinstance(roots, Iterable) or isinstance(roots, (str, bytes, os.PathLike)):
        raise TypeError(f"{name} must be a sequence of directories or None, not {shown(roots)}")
    texts = [text_path(f"each of {name}", root) for root in roots]
    return tuple(sorted({Path(os.path.abspath(text)) for text in texts}))


def make_directory(path: Path, *, durable: bool) -> None:
    """Create a root and its missing parents; with `durable`, fsync the directory of each."""
    missing = [each for each in (path, *path.parents) if not os.path.lexists(each)]
    with suppress(FileExistsError):  # `check_directory` raises if it is not a directory
        path.mkdir(parents=True, exist_ok=True)
    # Windows cannot open directories; its file systems journal names.
    if durable and hasattr(os, "O_DIRECTORY"):
        for each in missing:
            _fsync(each.parent)


def _fsync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_directory(root: str) -> None:
    """Raise an error if a root is missing, not a directory, or cannot be entered."""
    with os.scandir(root):
        pass
    if not os.access(root, os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), root)
