"""The package: version, missing attributes, and names of methods in errors and pickles."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib.metadata import version

import laboxide
import pytest
from laboxide import FileStorage


def test_version_is_the_version_of_the_distribution() -> None:
    assert laboxide.__version__ == version("laboxide")


def test_import_does_not_look_up_the_version() -> None:
    program = "import laboxide, sys; print('importlib.metadata' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_missing_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'laboxide' has no attribute 'nothing'"):
        laboxide.nothing  # type: ignore[attr-defined]  # noqa: B018 - it raises


@pytest.mark.parametrize(
    "name", ["export_file", "import_file", "stat", "verify", "audit", "clean", "write_data"]
)
def test_errors_and_pickles_name_methods_by_the_public_class(name: str) -> None:
    method = getattr(FileStorage, name)
    with pytest.raises(TypeError, match=rf"^FileStorage\.{name}\(\) "):
        method(1, 2, 3, 4, 5, 6, 7)
    assert pickle.loads(pickle.dumps(method)) is method
