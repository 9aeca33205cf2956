"""Checks of arguments, digests and paths, and how errors name values.

`check_*` functions return what they were given, or raise an error that names the parameter and the
value. `shown` spells a value for such an error.
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
"""Bytes: more in one piece is not a stream any more."""

FILE_SIZE_MAX = (1 << 63) - 1
"""Bytes: no system has larger files."""

SHOWN = 200
"""Characters of a value that an error names."""


def shown(value: object) -> str:
    """Return how an error names `value`: as Python spells it, cut after `SHOWN` characters.

    Hostile values take neither long nor raise: this may run on an event loop.
    """
    text = _Shown().repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class _Shown(reprlib.Repr):
    """Spells the start of one value.

    `reprlib` alone sorts whole sets and dicts, spells ``bytes`` whole, and takes exponential time
    for containers that hold each other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 20
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = SHOWN
        self._left = SHOWN  # objects: each takes a character or more

    def repr1(self, x: Any, level: int) -> str:
        self._left -= 1
        if self._left < 0:
            return self.fillvalue
        try:
            return super().repr1(x, level)
        except Exception:  # noqa: BLE001 - the value's own code may raise anything
            return f"an object of type {type(x).__name__!r}"

    def repr_int(self, x: int, level: int) -> str:
        del level
        # Python refuses to spell integers of many digits.
        return repr(x) if x.bit_length() <= _SPELLED_BITS else "a large int"

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


_SPELLED_BITS = 2000


def plain_text(text: str) -> str:
    """Return a string of a subclass, a member of an enumeration say, as a plain one.

    Pointers and digests are made of plain ones: that is what they must be when they are read.
    """
    return text if type(text) is str else str.__str__(text)


def plain_size(size: int) -> int:
    """Return an integer of a subclass as a plain one."""
    return size if type(size) is int else int.__int__(size)


def check_flag(name: str, value: bool) -> bool:  # noqa: FBT001 - what is checked
    """Return `value` if it is True or False; ``"no"`` would be true as well."""
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
    """Return `value` if it is a number of bytes that a file can have, or None for no limit."""
    return None if value is None else check_integer(name, value, 0, FILE_SIZE_MAX)


def check_number(name: str, value: float, least: float, most: float = math.inf) -> float:
    """Return `value` if it is a finite number from `least` to `most`."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, not {shown(value)}")
    most_finite = min(most, sys.float_info.max)
    if not least <= value <= most_finite:  # nor is NaN a number
        span = f"finite and {least} or more" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be {span}, not {shown(value)}")
    return value


def algorithm_names(algorithm: object) -> list[str]:
    """Return the names of one or several algorithms, each of them known and given once."""
    if isinstance(algorithm, str):
        return [algorithm_name(algorithm)]
    if not isinstance(algorithm, Iterable) or isinstance(algorithm, (bytes, bytearray)):
        raise TypeError(f"algorithm must be a name or a sequence of names, not {shown(algorithm)}")
    names = [algorithm_name(name) for name in algorithm]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"algorithm must name one or more, each once, not {shown(algorithm)}")
    return names


def algorithm_name(name: str) -> str:
    """Return the name of a known algorithm as a plain string."""
    if not isinstance(name, str):
        raise TypeError(f"a hash algorithm is named by a string, not {shown(name)}")
    if name not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise ValueError(f"unknown hash algorithm {shown(name)}: known are {known}")
    return plain_text(name)


def check_tags(tags: object) -> Mapping[str, str]:
    """Return the tags, or an empty mapping for None."""
    if tags is None:
        return {}
    if not isinstance(tags, (dict, Mapping)):  # the ABC alone takes five times as long
        raise TypeError(f"tags must be a mapping or None, not {shown(tags)}")
    return tags


def check_progress(progress: object) -> None:
    """Refuse a value that is not a function, and functions that would have to be awaited."""
    if not callable(progress):
        raise TypeError(f"progress must be a function or None, not {shown(progress)}")
    from inspect import isasyncgenfunction, iscoroutinefunction  # noqa: PLC0415 - takes 5 ms

    functions = progress, getattr(progress, "__call__", None)  # noqa: B004 - its kind is asked
    if any(iscoroutinefunction(each) or isasyncgenfunction(each) for each in functions):
        raise TypeError(f"progress must not be an async function: {shown(progress)}")


def check_fields(what: str, config: object, fields: Mapping[str, type]) -> Mapping[str, Any]:
    """Return `config` if it is a mapping that has each of `fields`, of its type.

    Raises:
        TypeError: It is no mapping, or one of its values is of the wrong type.
        ValueError: One of its values is missing.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"a {what} is a mapping, not {shown(config)}")
    for name, kind in fields.items():
        if name not in config:
            raise ValueError(f"the {what} {shown(config)} has no {name!r}")
        if type(config[name]) is not kind:
            raise TypeError(
                f"{name!r} of a {what} is of type {kind.__name__}, not {shown(config[name])}"
            )
    return config


def check_digest(digest: Digest) -> Digest:
    """Return a digest, of plain values, or refuse one by which nothing can be stored.

    A member of an enumeration, say, is a string that a pointer cannot have, and that comes out
    otherwise when a router makes a key of it.

    Raises:
        TypeError: It is not a mapping, its size not an integer, or its hash not a string.
        ValueError: Its algorithm is unknown, its hash not one of that algorithm, its size negative,
            or one of them missing.
    """
    for name in ("content_hash_algorithm", "content_hash", "content_size"):
        digest_value(digest, name)
    algorithm, content_hash = digest["content_hash_algorithm"], digest["content_hash"]
    if not (isinstance(algorithm, str) and isinstance(content_hash, str)):
        raise TypeError(f"a digest names its algorithm and hash by strings, not {shown(digest)}")
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
    """Return what a digest says.

    Raises:
        TypeError: It is not a mapping.
        ValueError: It does not say that.
    """
    if not isinstance(digest, (dict, Mapping)):  # the ABC alone takes five times as long
        raise TypeError(f"a digest is a mapping, not {shown(digest)}")
    if name not in digest:
        raise ValueError(f"the digest {shown(digest)} has no {name!r}")
    return digest[name]


def check_size(size: object) -> None:
    """Refuse what is not a number of bytes that a file can have."""
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"a size is an integer, not {shown(size)}")
    if not 0 <= size < 1 << 63:
        raise ValueError(f"a size is a number of bytes from 0 on, not {shown(size)}")


def text_path(name: str, path: str | os.PathLike[str]) -> str:
    """Return the path `name` as text, as the file system encodes it."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or an os.PathLike of str, not {shown(path)}")
    if not text or "\0" in text:
        raise ValueError(f"{name} must not be empty or have a NUL character: {shown(text)}")
    return text


def file_path(name: str, path: str | os.PathLike[str]) -> str:
    """Return the path of a file that is to be made as text.

    Raises:
        IsADirectoryError: It is spelled as that of a directory. The engine does not see that.
    """
    text = text_path(name, path)
    if os.path.basename(text) in ("", os.curdir, os.pardir):  # noqa: PTH119 - not what Path makes of it
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), text)
    return text


def check_roots(
    name: str, roots: Iterable[str | os.PathLike[str]] | None
) -> tuple[Path, ...] | None:
    """Return the directories as absolute paths, each once and in order; None stays None."""
    if roots is None:
        return None
    # A single path would be taken for a sequence of its characters.
    if not isinstance(roots, Iterable) or isinstance(roots, (str, bytes, os.PathLike)):
        raise TypeError(f"{name} must be a sequence of directories or None, not {shown(roots)}")
    texts = [text_path(f"each of {name}", root) for root in roots]
    return tuple(sorted({Path(os.path.abspath(text)) for text in texts}))


def make_directory(path: Path, *, durable: bool) -> None:
    """Make a root and what leads to it; with `durable`, their names are then on the device."""
    missing = [each for each in (path, *path.parents) if not os.path.lexists(each)]
    with suppress(FileExistsError):  # what is there is looked at by `check_directory`
        path.mkdir(parents=True, exist_ok=True)
    # Windows opens no directories; its file systems journal names by themselves.
    if durable and hasattr(os, "O_DIRECTORY"):
        for each in missing:
            _flush(each.parent)


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_directory(root: str) -> None:
    """Refuse a root that is missing, is no directory, or cannot be entered."""
    with os.scandir(root):
        pass
    if not os.access(root, os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), root)
