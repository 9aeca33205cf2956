"""Fixtures of the tests that save through Labox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import laboxide
import laboxide.labox
import pytest
from labox.builtin import FileStorage as LaboxFileStorage

from tests.support.labox_world import opened, sqlite_url

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, the only loop that SQLAlchemy supports."""
    return "asyncio"


@pytest.fixture
async def session(tmp_path: Path) -> AsyncGenerator[AsyncSession]:
    """A session of a new SQLite database."""
    async with opened(sqlite_url(tmp_path / "db")) as sessions, sessions() as session:
        yield session


@pytest.fixture
def source(tmp_path: Path) -> Any:
    """A store of Labox, whose content is adopted."""
    return LaboxFileStorage(tmp_path / "source", mkdir=True)


@pytest.fixture
def target(tmp_path: Path) -> Any:
    """The store that adopts the content."""
    return laboxide.FileStorage(tmp_path / "target", mkdir=True)


@pytest.fixture(
    params=[laboxide.FileStorage, laboxide.labox.FileStorage], ids=["laboxide", "drop-in"]
)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An empty store of each file storage."""
    return request.param(tmp_path / "root", mkdir=True)
