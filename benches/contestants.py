"""The contestants, with rough speeds that size each round to a tenth of a second."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benches.peers.aiofiles_files import Aiofiles
from benches.peers.anyio_files import Anyio
from benches.peers.blocking_files import Blocking
from benches.peers.labox_storage import Labox
from benches.peers.laboxide_storage import Laboxide
from benches.peers.obstore_local import Obstore
from benches.peers.worker_thread import Blake3Thread, WorkerThread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benches.peers.contract import Peer
    from benches.scale import Scale

LIMIT = "limit"
ALGORITHMS = ("blake3", "sha256")


@dataclass(frozen=True)
class Contestant:
    """A compared library, with rough speeds."""

    name: str
    algorithm: str | None
    """The hash of its writes, None without one."""
    make: Callable[[Path], Peer]
    """Opens it on a directory."""
    chunk_seconds: float
    """Fixed cost of a chunk."""
    call_seconds: float
    """Fixed cost of a small object."""
    write_speed: float
    """Upper bound in bytes per second."""
    read_speed: float = 8e9

    def write_size(self, scale: Scale, chunk: int) -> int:
        """Return the bytes of a stream write."""
        return scale.bytes_for(self.chunk_seconds, self.write_speed, chunk)

    def read_size(self, scale: Scale, chunk: int) -> int:
        """Return the bytes of a stream read."""
        return scale.bytes_for(self.chunk_seconds, self.read_speed, chunk)

    def writes(self, scale: Scale, size: int) -> int:
        """Return the number of objects to write."""
        return scale.calls_for(self.call_seconds, self.write_speed, size)

    def reads(self, scale: Scale, size: int) -> int:
        """Return the number of objects to read."""
        return scale.calls_for(self.call_seconds / 2, self.read_speed, size)


LABOXIDE = {
    "blake3": Contestant("laboxide", "blake3", Laboxide, 0.4e-6, 40e-6, 5e9),
    "sha256": Contestant(
        "laboxide", "sha256", partial(Laboxide, algorithm="sha256"), 0.4e-6, 40e-6, 1.7e9, 1.7e9
    ),
}
PEERS = (
    Contestant("labox", "sha256", Labox, 1e-6, 50e-6, 1e9),
    Contestant("aiofiles", "sha256", Aiofiles, 80e-6, 300e-6, 0.8e9),
    Contestant("anyio", "sha256", Anyio, 60e-6, 140e-6, 0.8e9),
    Contestant("blocking", "sha256", Blocking, 1e-6, 50e-6, 1e9),
    Contestant("thread", "sha256", WorkerThread, 20e-6, 100e-6, 1.2e9),
    Contestant("blake3", "blake3", Blake3Thread, 20e-6, 100e-6, 2.5e9),
    Contestant("obstore", None, Obstore, 20e-6, 120e-6, 1e9, read_speed=0.2e9),
)

DESCRIPTIONS = {
    "laboxide": "laboxide's FileStorage",
    LIMIT: "the reference program: the same work without Python",
    "labox": "Labox 0.1.0, FileStorage; SHA-256 on the event loop",
    "aiofiles": "aiofiles, one thread call per chunk, and hashlib's SHA-256",
    "anyio": "anyio's files, one thread call per chunk, and hashlib's SHA-256",
    "blocking": "open() and hashlib's SHA-256, blocking the event loop",
    "thread": "one worker thread per object with open() and hashlib's SHA-256, fed by a queue",
    "blake3": "the same worker thread with the PyPI package blake3",
    "obstore": "obstore's LocalStore, without a hash",
    "shutil": "shutil.copy in a thread, without a hash",
    "hashlib": "hashlib's SHA-256",
    "fsync per object": "the reference program with one fsync per object and one per name",
}
