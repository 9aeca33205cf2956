"""Operations that fail, or that are left halfway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laboxide import digest_stream

from faults.operations import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from faults.cancel.operations import Operation
    from faults.cancel.world import World


class BrokenSourceError(Exception):
    """The error of a source of chunks."""


async def _broken(world: World, size: int) -> AsyncIterator[bytes]:
    yield world.new_large[:size]
    raise BrokenSourceError


async def _write_broken(world: World, size: int) -> object:
    pair = digest_stream(_broken(world, size), content_type="a/b")
    return await world.store.write_data_stream(*pair, {})


async def _write_wrong(world: World) -> object:
    return await world.verifying.write_data(world.new_large, digest_of(world.large), {})


async def _read_missing(world: World) -> object:
    return await world.store.read_data({**world.kept["small"], "key": "missing"})


async def _read_a_part(world: World) -> None:
    async for _ in world.store.read_data_stream(world.kept["large"]):
        return


FAILING: dict[str, Operation] = {
    "write_data_stream, broken early": lambda w: _write_broken(w, 100),
    "write_data_stream, broken late": lambda w: _write_broken(w, len(w.new_large)),
    "write_data, wrong": _write_wrong,
    "read_data, missing": _read_missing,
    "read_data_stream, left": _read_a_part,
    "import_file, missing": lambda w: w.store.import_file(w.directory / "missing"),
    "export_file, no directory": lambda w: w.store.export_file(
        w.kept["large"], w.directory / "missing" / "target"
    ),
}
