"""The worker thread with the blake3 package of PyPI in place of hashlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blake3 import blake3

from benches.peers.worker_thread import WorkerThread
from benches.scale import MIB

if TYPE_CHECKING:
    from benches.peers.worker_thread import Hash


class Blake3Threads(WorkerThread):
    """Objects in one directory, named by BLAKE3.

    The package can hash one chunk with several threads. That gains from about 1 MiB on and costs
    half the speed at 64 KiB, so it is asked for where it gains.
    """

    algorithm = "blake3"

    def _hasher(self, chunk_size: int) -> Hash:
        return blake3(max_threads=blake3.AUTO if chunk_size >= MIB else 1)
