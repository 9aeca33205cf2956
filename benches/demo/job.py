"""Run one job in this process and print what it took, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benches.demo.jobs import JOBS, warm_up
from benches.demo.measure import measure


async def main(name: str, source: Path, directory: Path, warm: Path) -> None:
    """Run the job called `name`."""
    await warm_up(warm)
    outcome, cost = await measure(JOBS[name](source, directory))
    print(json.dumps({"outcome": outcome, "cost": asdict(cost)}))


if __name__ == "__main__":
    name, *paths = sys.argv[1:]
    asyncio.run(main(name, *map(Path, paths)))
