"""Looking after a store as a whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from laboxide._arguments import check_flag, check_integer, check_number, shown
from laboxide.file._root import FileRoot, require_router
from laboxide.file.audit import Plan, StoreAudit
from laboxide.file.cleanup import Leftover, leftovers
from laboxide.file.router import content_of as content_of_key

if TYPE_CHECKING:
    from laboxide.file.audit import ContentOf

_WORKERS_MAX = 64
_SEED_MAX = (1 << 64) - 1


class FileCare(FileRoot):
    """The audit and the sweep."""

    def verify_all(
        self,
        *,
        sample: float | None = None,
        seed: int | None = None,
        max_bytes_per_second: float | None = None,
        workers: int = 4,
        cursor: str | None = None,
        repair: bool = False,
        content_of: ContentOf = content_of_key,
    ) -> StoreAudit:
        """Read all objects below the root, compare them with their names, and yield what is wrong.

        They are looked at in the order of their keys, by threads of their own. What seems bad is
        read again, from the device, before it is called so. Nothing is changed unless `repair` is
        set. What is written or deleted meanwhile may be looked at or not.

        Args:
            sample: The part of the objects to look at, such as 0.05; all by default.
            seed: Chooses the sample: another seed, other objects. A random one by default, which
                the audit's attribute `seed` tells.
            max_bytes_per_second: How fast to read; as fast as it goes by default. An audit that is
                stopped after some time does not get past an object that takes longer at this rate.
            workers: Objects that are read at once, from 1 to 64.
            cursor: The `cursor` of an earlier audit, to go on from there.
            repair: Whether what is corrupt, or no file in the place of an object, is moved aside:
                it gets another name in the same directory, with ``.corrupt-`` in it
                (``.displaced-`` for a directory).
                Reading it is `NoStorageData` then, and writing the content again stores it anew.
                Nothing is deleted, and what cannot be read stays where it is.
            content_of: Tells the algorithm and hash of an object from its key, or None for a key
                that does not tell them: such files are passed over, and counted as `skipped`. By
                default it knows the keys of `content_router`. A right file whose key it reads
                wrongly is corrupt to it.

        Raises:
            NotImplementedError: `repair` is set, and the storage is read-only.
            OSError: The file system refuses (while iterating): the root cannot be listed, what is
                bad cannot be moved aside, or there are no descriptors left.
            TypeError: An argument is of the wrong type.
            ValueError: An argument is none of the values it can have.
        """
        if check_flag("repair", repair):
            require_router(self)
        if not callable(content_of):
            raise TypeError(f"content_of must be a function, not {shown(content_of)}")
        if cursor is not None and not isinstance(cursor, str):
            raise TypeError(f"cursor must be a string or None, not {shown(cursor)}")
        plan = Plan(
            sample=1.0 if sample is None else _check_sample(sample),
            seed=_seed(seed),
            max_bytes_per_second=_check_rate(max_bytes_per_second),
            workers=check_integer("workers", workers, 1, _WORKERS_MAX),
            repair=repair,
            content_of=content_of,
        )
        try:
            return StoreAudit(self, plan, cursor)
        except ValueError as error:
            raise ValueError(f"cursor must be one of an earlier audit or None: {error}") from None

    async def sweep(self, *, delete: bool = False) -> list[Leftover]:
        """Return what is left over below the root, and remove what writers left if told to.

        These are the temporary files of writers that are gone, what else is among those, and what
        was moved aside: directories that were in the place of an object (``.displaced-``) and what
        had the name of an object and not its content (``.corrupt-``). What is no temporary file may
        be somebody's, and stays.
        A temporary file whose writer is at work is no leftover.

        Args:
            delete: Whether to remove temporary files. Nothing else is ever removed.

        Raises:
            NotImplementedError: `delete` is set, and the storage is read-only.
            OSError: The file system refuses; ``errno`` and ``filename`` say what and where.
            TypeError: `delete` is not True or False.
        """
        if check_flag("delete", delete):
            require_router(self)
        return await leftovers(self, delete=delete)


def _check_sample(sample: float) -> float:
    if check_number("sample", sample, 0, 1) == 0:
        raise ValueError(f"sample must be more than 0, not {sample!r}")
    return float(sample)


def _seed(seed: int | None) -> int:
    if seed is None:
        return int.from_bytes(os.urandom(8))
    return check_integer("seed", seed, 0, _SEED_MAX)


def _check_rate(rate: float | None) -> float | None:
    return None if rate is None else float(check_number("max_bytes_per_second", rate, 1))
