"""The package itself: its version, and how its parts are named."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib.metadata import version

import laboxide
import pytest
from laboxide import FileStorage


def test_the_version_is_that_of_the_distribution() -> None:
    assert laboxide.__version__ == version("laboxide")


def test_the_version_is_not_looked_for_by_importing() -> None:
    program = "import laboxide, sys; print('importlib.metadata' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'laboxide' has no attribute 'nothing'"):
        laboxide.nothing  # type: ignore[attr-defined]  # noqa: B018 - it raises


@pytest.mark.parametrize(
    "name", ["export_file", "import_file", "stat", "verify", "audit", "clean", "write_data"]
)
def test_errors_name_methods_by_the_class_that_users_know(name: str) -> None:
    method = getattr(FileStorage, name)
    with pytest.raises(TypeError, match=rf"^FileStorage\.{name}\(\) "):
        method(1, 2, 3, 4, 5, 6, 7)
    assert pickle.loads(pickle.dumps(method)) is method
