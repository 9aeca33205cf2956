"""Options, event loops and stores of all tests.

A test with `loop_backend` or `pytest.mark.anyio` runs on asyncio; with the mark `every_loop`, or
under `--tier=long` without the mark `one_loop`, on uvloop and trio as well. `storage` and `other`
are empty stores in `tmp_path`. The fixtures of databases come from
tests/support/labox_databases.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from laboxide import FileStorage
from laboxide.testing._sources import backend_name, backends

from tests.support.images import mounted_xfs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester", "tests.support.labox_databases"]

settings.register_profile(
    "fast", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# For the driver hypothesis_inputs, per change and at night.
settings.register_profile("more", settings.get_profile("fast"), max_examples=50)
settings.register_profile("slow", settings.get_profile("fast"), max_examples=1000)
settings.load_profile(os.environ.get("LABOXIDE_HYPOTHESIS", "fast"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tier",
        choices=["change", "long"],
        default="change",
        help="change: asyncio alone, except where the loop matters; long: every test on every loop",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the event loops of each asynchronous test."""
    if "loop_backend" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("tier") == "long"
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        everywhere = (is_long and "one_loop" not in marks) or "every_loop" in marks
        loops = backends() if everywhere else backends()[:1]
        metafunc.parametrize("loop_backend", loops, ids=backend_name, indirect=True)


@pytest.fixture
def loop_backend(request: pytest.FixtureRequest) -> Any:
    """Return the event loop in the spelling of anyio."""
    return request.param


@pytest.fixture
def anyio_backend(loop_backend: Any) -> Any:
    return loop_backend


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    """Return an empty store; test modules may override this fixture."""
    return FileStorage(tmp_path / "root", mkdir=True)


@pytest.fixture
def other(tmp_path: Path) -> FileStorage:
    """Return a second empty store."""
    return FileStorage(tmp_path / "other", mkdir=True)


@pytest.fixture
def shared() -> Iterator[Path]:
    """Yield a directory that every user may enter, unlike `tmp_path`."""
    made = subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True)
    path = Path(made.stdout.strip())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def xfs(tmp_path: Path) -> Iterator[Path]:
    """Yield the mount point of an empty XFS image; the test needs the mark NEEDS_XFS."""
    with mounted_xfs(tmp_path) as mount:
        yield mount
