"""The pictures of the last results, in the colours of Okabe and Ito, told apart by shape as well.

Usage: python -m benches.report.pictures [DIRECTORY], the directory of ``summary.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from benches.report.records import LIMIT, MINE, Key

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESULTS = Path(__file__).parents[1] / "results"
CHUNKS = {"1 000 B": 1000, "4 KiB": 4096, "10 000 B": 10_000}
CHUNKS |= {"64 KiB": 1 << 16, "1 MiB": 1 << 20, "5 MiB": 5 << 20}

# The palette of Okabe and Ito, for all common kinds of colour blindness.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
STYLES: dict[str, dict[str, Any]] = {
    MINE: {"marker": "o", "color": BLUE, "linewidth": 2.6},
    LIMIT: {"marker": "", "color": BLACK, "linestyle": (0, (6, 2)), "linewidth": 1.2},
    "blake3": {"marker": "^", "color": GREEN, "linestyle": "-."},
    "thread": {"marker": "v", "color": GREEN, "linestyle": "-"},
    "blocking": {"marker": "s", "color": ORANGE, "linestyle": "--"},
    "labox": {"marker": "D", "color": VERMILION, "linestyle": ":"},
    "obstore": {"marker": "P", "color": PURPLE, "linestyle": "-."},
    "anyio": {"marker": "x", "color": SKY, "linestyle": "--"},
    "aiofiles": {"marker": "+", "color": SKY, "linestyle": ":"},
}
NAMES = {
    MINE: "laboxide",
    "labox": "Labox",
    LIMIT: "limit: no Python",
    "blake3": "thread + blake3",
    "thread": "thread + hashlib",
    "blocking": "open() + hashlib",
    "obstore": "obstore, no hash",
    "anyio": "anyio + hashlib",
    "aiofiles": "aiofiles + hashlib",
}
BARS = (SKY, ORANGE, BLUE)

Results = dict[Key, dict[str, Any]]
Draw = Callable[["Axes", Results], None]


def main() -> int:
    """Draw all pictures."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    if not (directory / "summary.json").is_file():
        print(f"no results in {directory}; run: make bench", file=sys.stderr)
        return 2
    summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    results = {Key(*(each[name] for name in Key._fields)): each for each in summary["results"]}
    machine = summary["machine"]
    caption = f"{machine['cores']} cores, {machine['file_system']}, {machine['passes']} passes"
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "laboxide", "font.size": 9, "svg.fonttype": "none"})
    for name, draw in PICTURES.items():
        save(directory / f"{name}.svg", caption, draw, results)
    return 0


def save(path: Path, caption: str, draw: Draw, results: Results) -> None:
    """Draw a picture."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - takes a second, and needs the backend

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    draw(axes, results)
    axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(f"median; {caption}", fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    print(path)


def throughput(axes: Axes, results: Results) -> None:
    """Draw throughput by chunk size."""
    for name, style in STYLES.items():
        points = {}
        for key, found in results.items():
            matches = key.contestant == name and key.operation == "stream write"
            right = name not in {MINE, LIMIT} or key.algorithm == "blake3"
            if matches and right and key.variant in CHUNKS and "bytes_per_second" in found:
                points[CHUNKS[key.variant]] = found["bytes_per_second"][0] / 1e9
        if points:
            line = zip(*sorted(points.items()), strict=True)
            axes.plot(*line, label=NAMES[name], **style)
    axes.set(xscale="log", yscale="log", ylabel="GB/s", title="Stream write by chunk size")
    axes.set_xticks(list(CHUNKS.values()), list(CHUNKS), rotation=30, minor=False)
    axes.minorticks_off()
    axes.set_yticks([0.01, 0.1, 1, 5], ["0.01", "0.1", "1", "5"])
    axes.grid(visible=True, axis="y", linewidth=0.4)
    axes.legend(ncols=2, fontsize=7, frameon=False)


def stall(axes: Axes, results: Results) -> None:
    """Draw the lateness of a ticker during each kind of work."""
    rows = [(key, found) for key, found in results.items() if key.operation == "stall"]
    labels = [f"{key.variant} ({key.contestant})" for key, _ in rows]
    for index, name in enumerate(("p50", "p99", "max")):
        places = [place + (index - 1) * 0.27 for place in range(len(rows))]
        values = [found[name][0] for _, found in rows]
        axes.barh(places, values, 0.25, label=name, color=BARS[index])
    axes.set(xscale="log", xlabel="ms late, 1 ms ticker on the same loop", title="Event-loop stall")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(rows)), labels, fontsize=6)
    axes.invert_yaxis()
    axes.legend(frameon=False)


def small_objects(axes: Axes, results: Results) -> None:
    """Draw the rates of 4 KiB objects."""
    names = [name for name in NAMES if name != LIMIT]
    rows = ("write_data", "4 KiB, sequential"), ("write_data", "4 KiB, 32 in flight")
    for index, (operation, variant) in enumerate((*rows, ("read_data", "4 KiB, sequential"))):
        rates = [_rate(results, operation, variant, name) for name in names]
        places = [place + (index - 1) * 0.27 for place in range(len(names))]
        axes.bar(places, rates, 0.25, label=f"{operation}, {variant}", color=BARS[index])
    axes.set(yscale="log", ylabel="thousand objects per second", title="Objects of 4 KiB")
    axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.yaxis.set_minor_formatter("")
    axes.set_xticks(range(len(names)), [NAMES[name] for name in names], rotation=25)
    axes.legend(fontsize=7, frameon=False)


def _rate(results: Results, operation: str, variant: str, name: str) -> float:
    for key, found in results.items():
        if key[:3] == (operation, variant, name):
            return float(found["objects_per_second"][0]) / 1e3
    return 0.0


def memory(axes: Axes, results: Results) -> None:
    """Draw peak memory by stream size."""
    units = {"MiB": 1, "GiB": 1024}
    for name, style in STYLES.items():
        for way, fill in (("written", "full"), ("read and verified", "none")):
            points = {}
            for key, found in results.items():
                start, _, end = key.variant.partition(", ")
                matches = key.operation == "memory" and key.contestant == name and end == way
                if matches and start.startswith("stream of "):
                    number, unit = start.removeprefix("stream of ").split()
                    points[int(number) * units[unit]] = found["memory"][0] / (1 << 20)
            if points:
                label = f"{NAMES[name]}, {way}"
                line = zip(*sorted(points.items()), strict=True)
                axes.plot(*line, label=label, fillstyle=fill, **style)
    axes.set(xscale="log", ylabel="MiB", title="Peak extra memory by stream size")
    sizes = (16, 64, 256, 1024, 8192)
    axes.set_xticks(sizes, ["16 MiB", "64 MiB", "256 MiB", "1 GiB", "8 GiB"])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, frameon=False)


PICTURES: dict[str, Draw] = {
    "throughput": throughput,
    "stall": stall,
    "small_objects": small_objects,
    "memory": memory,
}

if __name__ == "__main__":
    sys.exit(main())
