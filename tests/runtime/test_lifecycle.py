"""Interpreters exit with work in flight; subinterpreters are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("leave", ["pass", "sys.exit(0)", "os._exit(0)"])
def test_interpreter_exits_with_work_in_flight(tmp_path: Path, leave: str) -> None:
    process = run_script(
        f"""
        storage = FileStorage(root)
        (root / "large").write_bytes(b"x" * 100_000_000)
        async def work():
            pointer = await store(storage, 100)
            reading = storage.read_data_stream(pointer)
            await anext(reading)
            tasks = [
                asyncio.ensure_future(awaitable)
                for awaitable in (
                    storage.import_file(root / "large"),
                    digest_file(root / "large"),
                    store(storage, 1000),
                    storage.read_data(pointer),
                )
            ]
            await asyncio.sleep(0.01)
            {leave}
        asyncio.run(work())
        """,
        tmp_path,
    )
    assert_clean(process)
    assert_clean(run_script("asyncio.run(store(FileStorage(root), 1000))", tmp_path))
    assert leftovers(tmp_path) == []


def test_interpreter_exits_while_daemon_thread_writes(tmp_path: Path) -> None:
    process = run_script(
        """
        storage = FileStorage(root)
        started = threading.Event()
        async def work():
            while True:
                await store(storage, 200)
                started.set()
        threading.Thread(target=lambda: asyncio.run(work()), daemon=True).start()
        started.wait()
        """,
        tmp_path,
    )
    assert_clean(process)


def test_subinterpreter_is_refused(tmp_path: Path) -> None:
    process = run_script(
        """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        paths = [path for path in sys.path if path]
        code = f"import sys; sys.path[:] = {paths!r}; import laboxide"
        try:
            failure = interpreters.run_string(interpreters.create(), code)
        except interpreters.RunFailedError as error:
            failure = error
        print("does not support loading in subinterpreters" in str(failure))
        """,
        tmp_path,
    )
    assert_clean(process, "True")


def leftovers(root: Path) -> list[Path]:
    return list(root.glob(".laboxide-staging/*"))
