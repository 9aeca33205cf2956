"""A forked child uses its parent's storage; streams in progress are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.scripts import assert_clean, run_script

if TYPE_CHECKING:
    from pathlib import Path


def run_forking(body: str, root: Path, *, output: str = "", timeout: float = 60) -> None:
    """Run a program that forks while other threads run, and assert its output."""
    options = ("-W", "ignore::DeprecationWarning")
    assert_clean(run_script(body, root, options=options, timeout=timeout), output)


def test_forked_child_uses_storage_of_busy_parent(tmp_path: Path) -> None:
    run_forking(
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
                signal.alarm(30)  # a deadlocked child never reaches its own timeout
                asyncio.run(work(b"child"))
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        stop.set()
        thread.join()
        asyncio.run(work(b"parent again"))
        """,
        tmp_path,
        timeout=120,
    )


def test_forked_child_is_refused_streams_of_parent(tmp_path: Path) -> None:
    run_forking(
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
        output=f"99 {100 << 16} 6",
    )


def test_forked_child_is_refused_listing_of_parent(tmp_path: Path) -> None:
    run_forking(
        """
        storage = FileStorage(root)
        async def begin():
            await store(storage, 1)
            await store(storage, 2)
            listing = storage.list_pointers()
            await anext(listing)
            return listing
        listing = asyncio.run(begin())
        async def resume():
            await anext(listing)
        if (child := os.fork()) == 0:
            try:
                asyncio.run(resume())
            except RuntimeError as error:
                os._exit(7 if "fork" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        asyncio.run(resume())
        """,
        tmp_path,
    )


def test_forked_child_uses_hasher_unless_update_was_in_flight(tmp_path: Path) -> None:
    run_forking(
        """
        from laboxide import Hasher

        resting, busy = Hasher("sha256", b"before "), Hasher("sha256")
        large, stop = bytes(1 << 30), threading.Event()
        def update_repeatedly():
            while not stop.is_set():
                busy.update(large)
        thread = threading.Thread(target=update_repeatedly)
        before = time.process_time()
        thread.start()
        while time.process_time() < before + 0.1:  # until the update is in flight
            time.sleep(0.01)
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
        stop.set()
        thread.join()
        """,
        tmp_path,
        output="7",
    )


def test_child_forked_during_parallel_hash_completes_it_alone(tmp_path: Path) -> None:
    run_forking(
        """
        import signal
        from laboxide import Hasher

        def ended(child):
            deadline = time.monotonic() + 30
            while (found := os.waitpid(child, os.WNOHANG)) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(child, 9)
                time.sleep(0.001)
            return os.waitstatus_to_exitcode(found[1])

        children = []
        signal.signal(signal.SIGALRM, lambda *_: children.append(os.fork()))
        large = bytes(2 << 30)  # hashing outlasts the interval of signal checks
        expected = Hasher("blake3", large).hexdigest()
        for _ in range(4):
            signal.setitimer(signal.ITIMER_REAL, 0.03)
            while True:
                digest = digest_data(large, content_type="a/b")
                if children:
                    break
            right = digest["content_hash"] == expected
            if 0 in children:
                os._exit(7 if right else 1)
            assert right
            assert ended(children.pop()) == 7

        def fork_and_raise(*_):
            children.append(os.fork())
            if 0 in children:
                raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, fork_and_raise)
        signal.setitimer(signal.ITIMER_REAL, 0.03)
        try:
            while not children:
                digest_data(large, content_type="a/b")
        except KeyboardInterrupt:
            os._exit(7)
        assert 0 not in children, "the child ignored the exception"
        assert ended(children.pop()) == 7
        """,
        tmp_path,
        timeout=120,
    )


def test_forked_child_keeps_temporary_files_of_parent(tmp_path: Path) -> None:
    run_forking(
        """
        from laboxide._runtime import hub, process
        from laboxide._native import Store, Writer

        writer = Writer(["blake3"], Store(root, portable=process.PORTABLE))
        for _ in range(5):
            writer.feed(bytes(1 << 20))
        time.sleep(0.2)
        if (child := os.fork()) == 0:
            del writer
            sys.exit(7)  # runs finalisers
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        async def publish():
            await hub.run(writer.finish)
            staged = writer.take_staged()
            print(await hub.run(staged.publish, "key", (5 << 20, None), True))
        asyncio.run(publish())
        """,
        tmp_path,
        output="created",
    )
