"""The storage of docs/custom_storage.md passes the suite, by the very lines that the page shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "custom_storage.md"


def classes_of(page: Path) -> dict[str, Any]:
    """Define what the blocks of `page` define; those that use it are run by test_docs.py."""
    namespace: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(
        r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        if re.search(r"^class ", block, re.MULTILINE):
            exec(compile(block, str(page), "exec", dont_inherit=True), namespace)
    return namespace


Shown: Any = classes_of(PAGE)["TestFileStorage"]


class TestFileStorage(Shown):  # type: ignore[misc]
    """The class that the page shows, with a look at the directory after each test."""

    def make_storage(self, path: Path) -> Any:
        self.path = path
        return super().make_storage(path)

    def teardown_method(self) -> None:
        assert list(self.path.glob(".*")) == []
