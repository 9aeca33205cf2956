"""What pytest needs to run the suite: options, the order of the rows, and what they share."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benches.images import mounted, why_not
from benches.limit import Reference
from benches.loops import Loops
from benches.measuring import Lab
from benches.order import in_turn
from benches.scale import SCALES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from benches.scale import Scale


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("benches", "the benchmark suite")
    group.addoption("--bench-scale", choices=SCALES, default="tiny", help="how much work to do")
    group.addoption("--bench-directory", type=Path, help="where to write; a temporary directory")
    group.addoption("--bench-pass", type=int, default=0, help="turns the order of contestants")
    group.addoption("--bench-only", help="run this contestant alone")
    group.addoption("--bench-reflink", type=Path, help="a directory on XFS or btrfs; an image")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each case of a module, those of one row next to each other."""
    if "case" in metafunc.fixturenames:
        config = metafunc.config
        cases = metafunc.module.cases(SCALES[config.getoption("--bench-scale")])
        turned = in_turn(cases, config.getoption("--bench-pass"), config.getoption("--bench-only"))
        metafunc.parametrize("case", turned, ids=[str(case.label) for case in turned])


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> Scale:
    """Return how much work is done."""
    return SCALES[pytestconfig.getoption("--bench-scale")]


@pytest.fixture(scope="session")
def lab(
    pytestconfig: pytest.Config, scale: Scale, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """Start what all measurements share: the reference program, and event loops."""
    directory = pytestconfig.getoption("--bench-directory") or tmp_path_factory.mktemp("bench")
    pool_path = tmp_path_factory.mktemp("pool") / "pool"
    reflinks = _reflinks(pytestconfig.getoption("--bench-reflink"), tmp_path_factory)
    with Reference(pool_path) as reference, Loops() as loops, reflinks as reflink:
        number = pytestconfig.getoption("--bench-pass")
        yield Lab(scale, directory, reference, loops, number, reflink)
        gc.unfreeze()  # what the rounds froze; hypothesis looks for who refers to what


def _reflinks(
    given: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> AbstractContextManager[Path | None]:
    """Return where blocks can be shared, if there is such a place or one can be made."""
    if given is not None or why_not("xfs") is not None:
        return nullcontext(given)
    return mounted("xfs", tmp_path_factory.mktemp("reflinks"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what fills the page cache with gigabytes behind everything else."""
    items.sort(key=lambda item: "bench_memory" in item.nodeid)
