"""The pictures, drawn from the last results, readable without colours.

Usage: python -m benches.report.pictures [DIRECTORY], where ``summary.json`` is.
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
STYLES: dict[str, dict[str, Any]] = {
    MINE: {"marker": "o", "color": "black", "linewidth": 2.2},
    LIMIT: {"marker": "", "color": "black", "linestyle": (0, (6, 2)), "linewidth": 1.2},
    "blake3": {"marker": "^", "color": "0.25", "linestyle": "-."},
    "thread": {"marker": "v", "color": "0.45", "linestyle": "-"},
    "blocking": {"marker": "s", "color": "0.45", "linestyle": "--"},
    "labox": {"marker": "D", "color": "0.25", "linestyle": ":"},
    "obstore": {"marker": "P", "color": "0.6", "linestyle": "-."},
    "anyio": {"marker": "x", "color": "0.6", "linestyle": "--"},
    "aiofiles": {"marker": "+", "color": "0.6", "linestyle": ":"},
}
NAMES = {
    MINE: "laboxide",
    LIMIT: "limit: no Python",
    "blake3": "thread + blake3",
    "thread": "thread + hashlib",
    "blocking": "open() + hashlib",
    "obstore": "obstore, no hash",
    "anyio": "anyio + hashlib",
    "aiofiles": "aiofiles + hashlib",
}
HATCHES = ("", "///", "...")

Results = dict[Key, dict[str, Any]]
Draw = Callable[["Axes", Results], None]


def main() -> int:
    """Draw all pictures."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    if not (directory / "summary.json").is_file():
        print(f"there are no results in {directory} yet: make bench", file=sys.stderr)
        return 2
    summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    results = {Key(*(each[name] for name in Key._fields)): each for each in summary["results"]}
    machine = summary["machine"]
    caption = f"{machine['cores']} cores, {machine['file_system']}, {machine['passes']} passes"
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "laboxide", "font.size": 9, "svg.fonttype": "none"})
    for name, draw in PICTURES.items():
        save(directory / name, caption, draw, results)
    return 0


def save(path: Path, caption: str, draw: Draw, results: Results) -> None:
    """Draw a picture, once for the page and once for the rest."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - takes a second, and needs the backend

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    draw(axes, results)
    axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(f"median; {caption}", fontsize=7)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=160, metadata={"Software": None})
    plt.close(figure)
    print(path.with_suffix(".svg"))


def throughput(axes: Axes, results: Results) -> None:
    """Draw throughput against chunk size."""
    for name, style in STYLES.items():
        points = {}
        for key, found in results.items():
            matches = key.contestant == name and key.operation == "stream write"
            right = name not in {MINE, LIMIT} or key.algorithm == "blake3"
            if matches and right and key.variant in CHUNKS and "bytes_per_second" in found:
                points[CHUNKS[key.variant]] = found["bytes_per_second"][0] / 1e9
        if points:
            line = zip(*sorted(points.items()), strict=True)
            axes.plot(*line, label=NAMES.get(name, name), **style)
    axes.set(xscale="log", yscale="log", ylabel="GB/s", title="Stream write, by size of the chunks")
    axes.set_xticks(list(CHUNKS.values()), list(CHUNKS), rotation=30, minor=False)
    axes.minorticks_off()
    axes.set_yticks([0.01, 0.1, 1, 5], ["0.01", "0.1", "1", "5"])
    axes.grid(visible=True, axis="y", linewidth=0.4)
    axes.legend(ncols=2, fontsize=7, frameon=False)


def stall(axes: Axes, results: Results) -> None:
    """Draw how late a ticker is beside each kind of work."""
    rows = [(key, found) for key, found in results.items() if key.operation == "stall"]
    labels = [f"{key.variant} ({key.contestant})" for key, _ in rows]
    for index, name in enumerate(("p50", "p99", "max")):
        places = [place + (index - 1) * 0.27 for place in range(len(rows))]
        values = [found[name][0] for _, found in rows]
        shade = ("white", "0.75", "0.35")[index]
        hatch = HATCHES[index]
        axes.barh(places, values, 0.25, label=name, color=shade, hatch=hatch, edgecolor="black")
    axes.set(xscale="log", xlabel="ms late, of a 1 ms ticker on the same loop", title="Loop stall")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(rows)), labels, fontsize=6)
    axes.invert_yaxis()
    axes.legend(frameon=False)


def small_objects(axes: Axes, results: Results) -> None:
    """Draw how many objects of 4 KiB are written and read in a second."""
    names = [name for name in NAMES if name != LIMIT]
    names.insert(1, "labox")
    rows = ("write_data", "4 KiB, in sequence"), ("write_data", "4 KiB, 32 in flight")
    for index, (operation, variant) in enumerate((*rows, ("read_data", "4 KiB, in sequence"))):
        rates = [_rate(results, operation, variant, name) for name in names]
        places = [place + (index - 1) * 0.27 for place in range(len(names))]
        shade = ("white", "0.75", "0.35")[index]
        label = f"{operation}, {variant}"
        hatch = HATCHES[index]
        axes.bar(places, rates, 0.25, label=label, color=shade, hatch=hatch, edgecolor="black")
    axes.set(yscale="log", ylabel="thousand objects a second", title="Objects of 4 KiB")
    axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.yaxis.set_minor_formatter("")
    axes.set_xticks(range(len(names)), [NAMES.get(name, name) for name in names], rotation=25)
    axes.legend(fontsize=7, frameon=False)


def _rate(results: Results, operation: str, variant: str, name: str) -> float:
    for key, found in results.items():
        if key[:3] == (operation, variant, name):
            return float(found["objects_per_second"][0]) / 1e3
    return 0.0


def memory(axes: Axes, results: Results) -> None:
    """Draw the peak of memory against the size of a stream."""
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
                label = f"{NAMES.get(name, name)}, {way}"
                line = zip(*sorted(points.items()), strict=True)
                axes.plot(*line, label=label, fillstyle=fill, **style)
    axes.set(xscale="log", ylabel="MiB", title="Peak of extra memory, by size of the stream")
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
