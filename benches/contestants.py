"""Who takes part, and roughly how fast each is, to give it work for a tenth of a second."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benches.peers.aiofiles_files import Aiofiles
from benches.peers.anyio_files import Anyio
from benches.peers.blake3_threads import Blake3Threads
from benches.peers.blocking_files import Blocking
from benches.peers.labox_storage import Labox
from benches.peers.laboxide_storage import Laboxide
from benches.peers.obstore_local import Obstore
from benches.peers.worker_thread import WorkerThread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benches.peers.contract import Peer
    from benches.scale import Scale

LIMIT = "limit"
ALGORITHMS = ("blake3", "sha256")


@dataclass(frozen=True)
class Contestant:
    """One that is compared."""

    name: str
    algorithm: str | None
    """What it hashes with when it writes."""
    make: Callable[[Path], Peer]
    """Makes it, for a directory."""
    chunk_seconds: float
    """What a chunk costs it, however small."""
    call_seconds: float
    """What a small object costs it."""
    write_speed: float
    """Bytes per second at best."""
    read_speed: float = 8e9

    def write_size(self, scale: Scale, chunk: int) -> int:
        """Return how many bytes it is to write in chunks."""
        return scale.bytes_for(self.chunk_seconds, self.write_speed, chunk)

    def read_size(self, scale: Scale, chunk: int) -> int:
        """Return how many bytes it is to read in chunks."""
        return scale.bytes_for(self.chunk_seconds, self.read_speed, chunk)

    def writes(self, scale: Scale, size: int) -> int:
        """Return how many objects it is to write."""
        return scale.calls_for(self.call_seconds, self.write_speed, size)

    def reads(self, scale: Scale, size: int) -> int:
        """Return how many objects it is to read."""
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
    Contestant("blake3", "blake3", Blake3Threads, 20e-6, 100e-6, 2.5e9),
    Contestant("obstore", None, Obstore, 20e-6, 120e-6, 1e9, read_speed=0.2e9),
)

DESCRIPTIONS = {
    "laboxide": "laboxide's FileStorage",
    LIMIT: "the reference program: the same work without Python",
    "labox": "Labox 0.1.0, FileStorage; SHA-256 on the event loop",
    "aiofiles": "aiofiles, a thread call per chunk, and hashlib's SHA-256",
    "anyio": "anyio's files, a thread call per chunk, and hashlib's SHA-256",
    "blocking": "open() and hashlib's SHA-256, blocking the event loop",
    "thread": "one worker thread per object with open() and hashlib's SHA-256, fed by a queue",
    "blake3": "the same worker thread with BLAKE3 of the PyPI package blake3",
    "obstore": "obstore's LocalStore, which does not hash at all",
    "shutil": "shutil.copy in a thread, without a hash",
    "hashlib": "hashlib's SHA-256",
    "fsync each": "the reference program, which flushes each object and its name on their own",
}
