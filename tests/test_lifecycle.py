"""Loops, processes and interpreters come and go; the engine is there for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts import assert_clean, run_script

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


def test_loops_in_several_threads_share_a_storage(tmp_path: Path, run: str) -> None:
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


def test_a_loop_that_ends_with_work_in_flight_disturbs_no_later_one(
    tmp_path: Path, run: str
) -> None:
    assert_clean(
        run_script(
            f"""
            storage = FileStorage(root)
            (root / "large").write_bytes(b"x" * 50_000_000)
            pending = []
            async def abandon():
                coroutine = storage.import_file(root / "large")
                pending.append(coroutine)
                coroutine.send(None)  # starts the work, and nobody waits for it
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


@pytest.mark.parametrize("leave", ["pass", "sys.exit(0)", "os._exit(0)"])
def test_the_interpreter_ends_with_work_in_flight(tmp_path: Path, leave: str) -> None:
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
                    hash_file(root / "large"),
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


def test_the_interpreter_ends_while_a_daemon_thread_writes(tmp_path: Path) -> None:
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


def test_a_forked_child_uses_the_storage_that_its_parent_was_using(tmp_path: Path) -> None:
    process = run_script(
        """
        import signal

        storage = FileStorage(root)
        async def work(data):
            pointer = await storage.write_data(data, digest_data(data, content_type="a/b"), {})
            assert await storage.read_data(pointer) == data
            return await store(storage, 100)
        asyncio.run(work(b"parent"))
        stop = threading.Event()
        async def busy():
            while not stop.is_set():
                await store(storage, 40)
        thread = threading.Thread(target=lambda: asyncio.run(busy()), daemon=True)
        thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(10)  # a child that hangs may not get as far as its own timeout
                asyncio.run(work(b"child"))
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        stop.set()
        thread.join()
        asyncio.run(work(b"parent again"))
        """,
        tmp_path,
        options=("-W", "ignore::DeprecationWarning"),
        timeout=120,
    )
    assert_clean(process)


def test_a_stream_of_the_parent_is_refused_in_a_forked_child(tmp_path: Path) -> None:
    process = run_script(
        """
        storage = FileStorage(root)
        async def work():
            stream, get_digest = digest_stream(chunks(100), content_type="a/b")
            await anext(stream)
            pointer = await store(storage, 100)
            reading = storage.read_data_stream(pointer)
            await anext(reading)
            child = os.fork()
            if child == 0:
                caught = []
                try:
                    get_digest(allow_incomplete=True)
                except RuntimeError as error:
                    caught.append("fork" in str(error))
                asyncio._set_running_loop(None)
                try:
                    asyncio.run(anext(reading))
                except RuntimeError as error:
                    caught.append("fork" in str(error))
                os._exit(7 if caught == [True, True] else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            rest = [chunk async for chunk in stream]
            print(len(rest), get_digest()["content_size"], len([c async for c in reading]))
        asyncio.run(work())
        """,
        tmp_path,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert_clean(process, f"99 {100 << 16} 6")


def test_a_listing_of_the_parent_is_refused_in_a_forked_child(tmp_path: Path) -> None:
    process = run_script(
        """
        storage = FileStorage(root)
        async def begin():
            await store(storage, 1)
            await store(storage, 2)
            listing = storage.list_pointers()
            await anext(listing)
            return listing
        listing = asyncio.run(begin())
        async def go_on():
            await anext(listing)
        if (child := os.fork()) == 0:
            try:
                asyncio.run(go_on())
            except RuntimeError as error:
                os._exit(7 if "fork" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        asyncio.run(go_on())
        """,
        tmp_path,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert_clean(process)


def test_a_hasher_goes_on_in_a_forked_child_unless_it_was_in_an_update(tmp_path: Path) -> None:
    process = run_script(
        """
        from laboxide import Hasher

        resting, busy = Hasher("sha256", b"before "), Hasher("sha256")
        large = bytes(1 << 30)
        thread = threading.Thread(target=busy.update, args=(large,))
        thread.start()
        time.sleep(0.1)
        if (child := os.fork()) == 0:
            resting.update(b"after")
            right = resting.digest() == Hasher("sha256", b"before after").digest()
            for use in (busy.digest, busy.copy, lambda: busy.update(b"x")):
                try:
                    use()
                except RuntimeError as error:
                    right = right and "fork" in str(error)
                else:
                    right = False
            os._exit(7 if right else 1)
        deadline = time.monotonic() + 30
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
        if ended == (0, 0):
            os.kill(child, 9)
        print(os.waitstatus_to_exitcode(ended[1]))
        thread.join()
        """,
        tmp_path,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert_clean(process, "7")


def test_a_forked_child_leaves_its_parents_temporary_files(tmp_path: Path) -> None:
    process = run_script(
        """
        from laboxide import _bridge
        from laboxide._native import Store, Writer

        writer = Writer(["blake3"], Store(root, portable=_bridge.PORTABLE))
        for _ in range(5):
            writer.feed(bytes(1 << 20))
        time.sleep(0.2)
        if (child := os.fork()) == 0:
            del writer
            sys.exit(7)  # runs finalisers
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        async def publish():
            await _bridge.run(writer.finish)
            staged = writer.take_staged()
            print(await _bridge.run(staged.publish, "key", (5 << 20, None), True))
        asyncio.run(publish())
        """,
        tmp_path,
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert_clean(process, "created")


def test_a_subinterpreter_is_refused(tmp_path: Path) -> None:
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


def test_a_loop_has_three_descriptors_however_many_operations_there_were(tmp_path: Path) -> None:
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


def test_no_thread_and_no_descriptor_outlives_its_loop(tmp_path: Path, run: str) -> None:
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


def test_what_finishes_after_its_loop_keeps_no_file_open(tmp_path: Path, run: str) -> None:
    process = run_script(
        f"""
        storage = FileStorage(root)
        (root / "large").write_bytes(b"x" * 50_000_000)
        pending = storage.import_file(root / "large")
        async def abandon():
            pending.send(None)  # starts the work, and nobody waits for it
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
    """Return the definition of a function that closes a loop whose tasks are at work."""
    return f"""
        import gc, {request.param} as library
        storage = FileStorage(root)
        (root / "file").write_bytes(b"x" * 100_000)
        async def begin(count):
            tasks = [asyncio.ensure_future(storage.import_file(root / "file"))
                for _ in range(count)]
            await asyncio.sleep(0)
            return tasks
        def abandon(count):
            loop = library.new_event_loop()
            loop.set_exception_handler(lambda *_: None)  # it would tell of tasks that never ended
            tasks = loop.run_until_complete(begin(count))
            loop.close()
            return loop, tasks
    """


def test_a_loop_that_is_closed_with_work_in_flight_is_freed(tmp_path: Path, abandoned: str) -> None:
    script = f"""
        {abandoned}
        import weakref
        def count():
            gc.collect()
            return threading.active_count() + len(os.listdir("/proc/self/fd"))
        asyncio.run(store(storage, 1))
        abandon(0)  # the first loop of uvloop opens what it keeps
        before = count()
        loops = [weakref.ref(abandon(5)[0]) for _ in range(20)]
        gc.collect()
        print([loop() for loop in loops] == [None] * 20)
        deadline = time.monotonic() + 20
        while count() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        print(count() - before <= 0)
        """
    assert_clean(run_script(script, tmp_path), "True\nTrue")


def test_what_a_closed_loop_had_in_flight_keeps_nobody_waiting(
    tmp_path: Path, abandoned: str
) -> None:
    script = f"""
        {abandoned}
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        kept = abandon(40)
        async def use():
            return await asyncio.wait_for(storage.import_file(root / "file"), 20)
        print(asyncio.run(use())["size"])
        """
    assert_clean(run_script(script, tmp_path), "100000")


async def _without_a_loop(storage: object) -> None:
    await storage.list_pointers().__anext__()  # type: ignore[attr-defined]


def test_without_a_running_loop_the_error_says_so(tmp_path: Path) -> None:
    from laboxide import FileStorage

    coroutine = _without_a_loop(FileStorage(tmp_path))
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


def leftovers(root: Path) -> list[Path]:
    return list(root.glob(".laboxide-staging/*"))


def test_a_trio_that_another_thread_is_importing_is_not_asked(tmp_path: Path) -> None:
    script = """
    sys.modules["trio"] = type(sys)("trio")  # nothing is in it yet
    print(asyncio.run(store(FileStorage(root), 2))["size"])
    """
    assert_clean(run_script(script, tmp_path), str(2 << 16))
