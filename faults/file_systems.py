"""File systems to break: images behind a loop device, file systems in memory, and exFAT."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.driver import Trial

MAKE = {
    # ext4 initializes its tables now, not in the background after mounting.
    "ext4": ("-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("-q", "-f"),
    "btrfs": ("-q", "-f"),
}
MAKERS = tuple(f"mkfs.{kind}" for kind in MAKE)
"""The programs that make these file systems."""
SIZE = 320 << 20
"""The smallest size that XFS accepts. The image files are sparse."""
UNMOUNT_LIMIT = 10
"""Seconds in which the last open file of a mount is closed."""
STOP_LIMIT = 3
"""Seconds after which a stopped disk resumes by itself; a blocked event loop cannot resume it."""


class UnmountableError(OSError):
    """Report a file system that is too damaged to be mounted."""


class Image:
    """A file that contains a file system.

    Args:
        kind: ``"ext4"``, ``"xfs"`` or ``"btrfs"``.
        path: The file to create.
        size: Its size in bytes.
        options: More options for the program that makes the file system.
    """

    def __init__(
        self, kind: str, path: Path, size: int = SIZE, options: tuple[str, ...] = ()
    ) -> None:
        self.kind = kind
        self.path = path
        self.mount_point = path.with_suffix(".mount")
        self.mount_point.mkdir()
        with path.open("wb") as file:
            file.truncate(size)
        command(f"mkfs.{kind}", *MAKE[kind], *options, path)

    @contextmanager
    def mounted(self, *options: str, device: Path | None = None) -> Iterator[Path]:
        """Mount the image, which replays its journal as after a boot.

        Args:
            options: Options for ``mount -o``.
            device: Another file through which the image is accessible.

        Raises:
            UnmountableError: The mount failed; with the message of `mount`.
        """
        mount = ",".join(("loop", *options))
        try:
            command("mount", "-o", mount, device or self.path, self.mount_point)
        except OSError as error:
            raise UnmountableError(*error.args) from None
        try:
            yield self.mount_point
        finally:
            unmount(self.mount_point)
            _wait_for_release(device or self.path)


def file_systems(trial: Trial) -> Iterator[tuple[str, Path]]:
    """Yield the names and directories of some file systems: the project's first, then images."""
    own = trial.directory / "own"
    own.mkdir()
    yield "the project's file system", own
    for kind in tuple(MAKE)[: trial.count("file systems") - 1]:
        with Image(kind, trial.directory / f"{kind}.image").mounted() as directory:
            yield kind, directory


@contextmanager
def mounted_tmpfs(mount: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory at `mount`, and create that directory if it is absent."""
    mount.mkdir(exist_ok=True)
    command("mount", "-t", "tmpfs", "-o", options, "none", mount)
    try:
        yield mount
    finally:
        unmount(mount)


def memory_for_images(directory: Path) -> AbstractContextManager[Path]:
    """Mount memory for images, where a flush takes 0.1 ms and cuts wear out no disk."""
    return mounted_tmpfs(directory / "memory", "size=2g")


def unmount(mount: Path) -> None:
    """Unmount `mount`, and retry while a worker still closes a file of a call that has returned."""
    deadline = time.monotonic() + UNMOUNT_LIMIT
    while True:
        try:
            command("umount", mount)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            break


def unmount_below(directory: Path) -> None:
    """Unmount everything below `directory`, the last mount first, and detach its loop devices."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for mount in reversed([line.split()[1] for line in mounts]):
        if directory in Path(mount).parents:
            with suppress(OSError):  # unmounted by now
                command("umount", "--lazy", mount)
    for device, file in _loop_devices().items():
        if directory in Path(file).parents:
            with suppress(OSError):  # released by now
                command("losetup", "--detach", device)


def _wait_for_release(image: Path) -> None:
    """Wait until no loop device has the file.

    A process with a mount namespace of its own, such as a test, may keep a copy of the mount. The
    next mount would return that file system, which is the one before the cut.
    """
    deadline = time.monotonic() + UNMOUNT_LIMIT
    while str(image) in _loop_devices().values():
        if time.monotonic() > deadline:
            raise OSError(f"{image}: still mounted in another mount namespace")
        time.sleep(0.005)


def _loop_devices() -> dict[str, str]:
    """Return the loop devices in use, and their files."""
    files = {}
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):  # released by now
            files[f"/dev/{path.parts[3]}"] = path.read_text(encoding="utf-8").rstrip("\n")
    return files


def command(*words: str | Path) -> str:
    """Run a program and return its output.

    Raises:
        OSError: The program failed; with its error message.
    """
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise OSError(f"{' '.join(map(str, words))}: {result.stderr.strip()}")
    return result.stdout.strip()


class ServedDisk:
    """An exFAT file system that a process serves, which can be stopped.

    exFAT has no links, no modes, no unnamed files, and ignores case in names.

    Args:
        mount: The mount point.
        server: The process id of the server.
    """

    def __init__(self, mount: Path, server: int) -> None:
        self.mount = mount
        self._server = server
        self._alarm: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stop the server: no request is answered from now on."""
        # Started first: a new process closes its inherited files, and each close is a request.
        wake_up = f"sleep {STOP_LIMIT} && kill -CONT {self._server}"
        self._alarm = subprocess.Popen(("sh", "-c", wake_up))
        os.kill(self._server, signal.SIGSTOP)

    def go_on(self) -> None:
        """Resume the server, which then answers all pending requests."""
        if self._alarm is not None:
            self._alarm.kill()
            self._alarm.wait()
            self._alarm = None
        os.kill(self._server, signal.SIGCONT)


@contextmanager
def served_exfat(directory: Path, size: int) -> Iterator[ServedDisk]:
    """Create an exFAT file system of `size` bytes in `directory`, and serve it."""
    image, mount = directory / "exfat.image", directory / "exfat"
    with image.open("wb") as file:
        file.truncate(size)
    mount.mkdir()
    command("mkfs.exfat", image)
    device = command("losetup", "--find", "--show", image)
    # -d keeps the server in the foreground, so its process id is known.
    server = subprocess.Popen(
        ("mount.exfat-fuse", "-d", device, mount),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not mount.is_mount():
            assert server.poll() is None, "the exFAT server has ended"
            time.sleep(0.01)
        yield ServedDisk(mount, server.pid)
    finally:
        server.send_signal(signal.SIGCONT)
        unmount(mount)
        server.wait()
        command("losetup", "--detach", device)
