"""Event loops: several at once, in succession, and closed with work in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path

LOOPS = {
    "asyncio": "asyncio.run",
    "uvloop": "__import__('uvloop').run",
    "trio": "(lambda main: __import__('trio').run(lambda: main))",
}
"""How each library runs a coroutine."""


@pytest.fixture(params=sorted(LOOPS))
def run(request: pytest.FixtureRequest) -> str:
    return LOOPS[request.param]


def test_loops_in_threads_share_storage(tmp_path: Path, run: str) -> None:
    assert_clean(
        run_script(
            f"""
            storage = FileStorage(root)
            failures = []
            async def work(index):
                for size in (10, 100_000, 3_000_000):
                    data = bytes([index]) * size
                    digest = digest_data(data, content_type="a/b")
                    pointer = await storage.write_data(data, digest, {{}})
                    if await storage.read_data(pointer) != data:
                        failures.append(pointer)
            threads = [threading.Thread(target=lambda i=i: {run}(work(i))) for i in range(8)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            print(len(failures), len([path for path in root.rglob("*") if path.is_file()]))
            """,
            tmp_path,
        ),
        "0 24",
    )


def test_loop_ended_with_work_in_flight_does_not_affect_next_loop(tmp_path: Path, run: str) -> None:
    assert_clean(
        run_script(
            f"""
            storage = FileStorage(root)
            (root / "large").write_bytes(b"x" * 50_000_000)
            pending = []
            async def abandon():
                coroutine = storage.import_file(root / "large")
                pending.append(coroutine)
                coroutine.send(None)  # starts the work without awaiting it
            async def use():
                pointer = await store(storage, 64) if "asyncio" in "{run}" else None
                data = b"after"
                pointer = await storage.write_data(
                    data, digest_data(data, content_type="a/b"), {{}}
                )
                print(await storage.read_data(pointer))
            for _ in range(3):
                {run}(abandon())
                pending.pop().close()
                {run}(use())
            """,
            tmp_path,
        ),
        "\n".join(["b'after'"] * 3),
    )


def test_loop_has_three_descriptors_for_any_number_of_operations(tmp_path: Path) -> None:
    process = run_script(
        """
        storage = FileStorage(root)
        def descriptors():
            return len(os.listdir("/proc/self/fd"))
        async def work():
            data = b"x"
            digest = digest_data(data, content_type="a/b")
            before = descriptors()
            for _ in range(5):
                await asyncio.gather(*(storage.write_data(data, digest, {}) for _ in range(100)))
            print(descriptors() - before)
        asyncio.run(work())
        """,
        tmp_path,
        options=("-X", "dev"),
    )
    assert process.stdout.strip() in ("0", "3")


def test_threads_and_descriptors_end_with_their_loop(tmp_path: Path, run: str) -> None:
    process = run_script(
        f"""
        import gc
        storage = FileStorage(root)
        async def work():
            data = b"x"
            await storage.write_data(data, digest_data(data, content_type="a/b"), {{}})
        def count():
            gc.collect()
            return threading.active_count() + len(os.listdir("/proc/self/fd"))
        {run}(work())
        before = count()
        for _ in range(10):
            {run}(work())
        deadline = time.monotonic() + 20
        while count() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        print(count() - before <= 0)
        """,
        tmp_path,
    )
    assert_clean(process, "True")


def test_operation_finished_after_its_loop_closes_its_file(tmp_path: Path, run: str) -> None:
    process = run_script(
        f"""
        storage = FileStorage(root)
        (root / "large").write_bytes(b"x" * 50_000_000)
        pending = storage.import_file(root / "large")
        async def abandon():
            pending.send(None)  # starts the work without awaiting it
        def open_files():
            links = []
            for number in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    links.append(os.readlink(f"/proc/self/fd/{{number}}"))
            return [link for link in links if link.startswith(str(root))]
        def wait_until(condition):
            deadline = time.monotonic() + 10
            while not condition() and time.monotonic() < deadline:
                pass
        {run}(abandon())
        wait_until(open_files)
        wait_until(lambda: not open_files())
        print(open_files())
        pending.close()
        """,
        tmp_path,
    )
    assert_clean(process, "[]")


@pytest.fixture(params=["asyncio", "uvloop"])
def abandoned(request: pytest.FixtureRequest) -> str:
    """Return the definition of a function that closes a loop with tasks in flight."""
    return f"""
        import gc, {request.param} as library
        storage = FileStorage(root)
        (root / "file").write_bytes(b"x" * 100_000)
        async def begin(count, seconds):
            tasks = [asyncio.ensure_future(storage.import_file(root / "file"))
                for _ in range(count)]
            await asyncio.sleep(0)
            time.sleep(seconds)
            return tasks
        def abandon(count, seconds=0):
            loop = library.new_event_loop()
            loop.set_exception_handler(lambda *_: None)  # would report the unfinished tasks
            tasks = loop.run_until_complete(begin(count, seconds))
            loop.close()
            return loop, tasks
    """


def test_loop_closed_with_work_in_flight_is_freed(tmp_path: Path, abandoned: str) -> None:
    script = f"""
        {abandoned}
        import weakref
        def count():
            gc.collect()
            return threading.active_count() + len(os.listdir("/proc/self/fd"))
        asyncio.run(store(storage, 1))
        abandon(0)  # the first loop of uvloop opens descriptors for all
        before = count()
        loops = [weakref.ref(abandon(5)[0]) for _ in range(20)]
        gc.collect()
        deadline = time.monotonic() + 20
        while any(loop() for loop in loops) and time.monotonic() < deadline:
            time.sleep(0.05)  # a thread may still be waking a loop
        print([loop() for loop in loops] == [None] * 20)
        while count() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        print(count() - before <= 0)
        """
    assert_clean(run_script(script, tmp_path), "True\nTrue")


# With a pause, the results arrive before the loop closes, for tasks that never run again.
@pytest.mark.parametrize("seconds", [0, 0.3])
def test_loop_closed_with_work_in_flight_releases_permits(
    tmp_path: Path, abandoned: str, seconds: float
) -> None:
    script = f"""
        {abandoned}
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        kept = abandon(40, {seconds})
        async def use():
            return await asyncio.wait_for(storage.import_file(root / "file"), 20)
        print(asyncio.run(use())["size"])
        """
    assert_clean(run_script(script, tmp_path), "100000")


async def first_pointer(storage: object) -> None:
    await storage.list_pointers().__anext__()  # type: ignore[attr-defined]


def test_operation_without_running_loop_raises(tmp_path: Path) -> None:
    from laboxide import FileStorage

    coroutine = first_pointer(FileStorage(tmp_path))
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


def test_partially_imported_trio_is_ignored(tmp_path: Path) -> None:
    script = """
    sys.modules["trio"] = type(sys)("trio")  # empty, as while another thread imports it
    print(asyncio.run(store(FileStorage(root), 2))["size"])
    """
    assert_clean(run_script(script, tmp_path), str(2 << 16))


def test_operation_at_end_of_trio_run_is_refused(tmp_path: Path) -> None:
    # When trio closes abandoned generators, laboxide's wake-up task has ended.
    script = """
    import trio
    storage = FileStorage(root)

    async def left_open():
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):
                try:
                    await storage.exists(pointer)
                except RuntimeError as error:
                    print(error)

    async def main():
        global pointer, generator
        pointer = await store(storage, 2)
        generator = left_open()
        await anext(generator)

    trio.run(main)
    """
    assert_clean(
        run_script(script, tmp_path), "this trio run is ending and can no longer resume tasks"
    )


def test_forked_child_is_refused_trio_run_of_parent(tmp_path: Path) -> None:
    script = """
    import trio
    storage = FileStorage(root)

    async def main():
        pointer = await store(storage, 2)
        if (child := os.fork()) == 0:
            try:
                await storage.exists(pointer)
            except RuntimeError as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)

    trio.run(main)
    """
    assert_clean(
        run_script(script, tmp_path),
        "this trio run belongs to the parent process: call trio.run again",
    )
