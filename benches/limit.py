"""The reference program: the same work without Python, which laboxide's figures are divided by."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benches.loops import Cost
from benches.sources import pool

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "target" / "release" / "laboxide-reference"
BUILD = "cargo build --release -p laboxide-reference --locked"


class Reference:
    """The reference program, running. It does one job at a time.

    Args:
        pool_path: Where to write the bytes that content is made of, for the program to read.

    Raises:
        FileNotFoundError: The program is not built.
    """

    def __init__(self, pool_path: Path) -> None:
        program = Path(os.environ.get("LABOXIDE_REFERENCE", PROGRAM))
        if not program.is_file():
            raise FileNotFoundError(f"{program} is missing; build it with: {BUILD}")
        pool_path.write_bytes(pool())
        self._process = subprocess.Popen(
            [program, pool_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, job: str, **arguments: Any) -> tuple[dict[str, Any], Cost]:
        """Have a job done.

        Returns:
            The program's answer, and what the job took by the program's own clocks.

        Raises:
            RuntimeError: The program reports an error, or has ended.
        """
        request = json.dumps({"job": job, **arguments}, default=os.fspath)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(request, file=self._process.stdin, flush=True)
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the reference program ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"the reference program failed: {answer['error']}")
        return answer, Cost(answer.get("seconds", 0.0), answer.get("cpu_seconds", 0.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # At the end of its input the program ends.
        self._process.communicate()
