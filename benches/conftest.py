"""pytest options, the order of the rows, and shared fixtures."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benches.images import missing_for, mounted
from benches.lab import Lab
from benches.limit import Reference
from benches.loops import Loops
from benches.measuring import in_turn
from benches.scale import SCALES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from benches.scale import Scale


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("benches", "the benchmark suite")
    group.addoption("--bench-scale", choices=SCALES, default="tiny", help="amount of work")
    group.addoption("--bench-directory", type=Path, help="scratch directory (default: temporary)")
    group.addoption("--bench-pass", type=int, default=0, help="rotates the contestants")
    group.addoption("--bench-only", help="the only contestant to run")
    group.addoption("--bench-reflink", type=Path, help="directory on XFS or btrfs (default: image)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each case of a module; the cases of one row are neighbours."""
    if "case" in metafunc.fixturenames:
        config = metafunc.config
        cases = metafunc.module.cases(SCALES[config.getoption("--bench-scale")])
        turned = in_turn(cases, config.getoption("--bench-pass"), config.getoption("--bench-only"))
        metafunc.parametrize("case", turned, ids=[str(case.label) for case in turned])


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> Scale:
    """Return the amount of work."""
    return SCALES[pytestconfig.getoption("--bench-scale")]


@pytest.fixture(scope="session")
def lab(
    pytestconfig: pytest.Config, scale: Scale, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """Start the reference program and the event loops."""
    directory = pytestconfig.getoption("--bench-directory") or tmp_path_factory.mktemp("bench")
    pool_path = tmp_path_factory.mktemp("pool") / "pool"
    reflinks = _reflinks(pytestconfig.getoption("--bench-reflink"), tmp_path_factory)
    with Reference(pool_path) as reference, Loops() as loops, reflinks as reflink:
        number = pytestconfig.getoption("--bench-pass")
        yield Lab(scale, directory, reference, loops, number, reflink)
        gc.unfreeze()  # undoes the freeze of the rounds: hypothesis inspects referrers


def _reflinks(
    given: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> AbstractContextManager[Path | None]:
    """Return a directory with reflinks: the given one, an image, or None."""
    if given is not None or missing_for("xfs") is not None:
        return nullcontext(given)
    return mounted("xfs", tmp_path_factory.mktemp("reflinks"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the memory rows last: they fill the page cache with gigabytes."""
    items.sort(key=lambda item: "bench_memory" in item.nodeid)
