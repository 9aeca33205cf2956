"""The storage of docs/custom_storage.md passes the conformance suite, run from the page itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from laboxide import digest_data

PAGE = Path(__file__).parents[2] / "docs" / "custom_storage.md"


def classes_of(page: Path) -> dict[str, Any]:
    """Execute the blocks of `page` that define classes; test_docs.py runs every block."""
    namespace: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(
        r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        if re.search(r"^class ", block, re.MULTILINE):
            exec(compile(block, str(page), "exec", dont_inherit=True), namespace)
    return namespace


NAMES = classes_of(PAGE)
Documented: Any = NAMES["TestFileStorage"]


class TestFileStorage(Documented):  # type: ignore[misc]
    """The documented test class, which must leave no hidden file after each test."""

    def make_storage(self, path: Path) -> Any:
        self.path = path
        return super().make_storage(path)

    def teardown_method(self) -> None:
        assert list(self.path.glob(".*")) == []


@pytest.mark.anyio
@pytest.mark.parametrize("field", ["content_hash_algorithm", "content_hash"])
@pytest.mark.parametrize("value", ["{}/outside", "../outside", "a/b", "", "0\n", "..", "\0"])
async def test_digest_that_is_a_path_is_refused(tmp_path: Path, field: str, value: str) -> None:
    storage = NAMES["FileStorage"](tmp_path / "files")
    (tmp_path / "files").mkdir()
    digest: Any = {**digest_data(b"x", content_type="a/b"), field: value.format(tmp_path)}
    with pytest.raises(ValueError, match="not an algorithm and a hash"):
        await storage.write_data(b"x", digest, {})
    assert list(tmp_path.rglob("*")) == [tmp_path / "files"]
