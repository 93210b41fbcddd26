"""Plots of the degraded-mail suite: read rate against level, and time per frame."""

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench import published
from bench.degraded_report import SOON_MS, Report
from bench.readers import BOUND, LIBDMTX, OURS, ZXING
from imi.mailpictures import DEFECTS
from service.plots import ACCENT, INK

GREY: Final = "#8a8f98"
NAMES: Final = {OURS: "ours", ZXING: "zxing-cpp", LIBDMTX: "libdmtx", BOUND: "true corners known"}
# Peers below, ours on top: colour, width, marker, order.
LOOKS: Final = {
    OURS: (INK, 2.2, "o", 5),
    ZXING: (ACCENT, 1.5, "s", 4),
    LIBDMTX: (GREY, 1.3, "^", 3),
    BOUND: ("#3c8d5a", 1.1, "", 2),
}
COLUMNS: Final = 6
FORMATS: Final = ("svg", "png")


def write(report: Report, folder: Path) -> list[Path]:
    """Return the files written to the folder: rates and times, SVG and PNG of each."""
    written = []
    for name, figure in (("read-rates", rates(report)), ("read-times", times(report))):
        for kind in FORMATS:
            path = folder / f"{name}.{kind}"
            figure.savefig(path, dpi=110, metadata={"Date": None} if kind == "svg" else None)
            written.append(path)
    return written


def rates(report: Report) -> Figure:
    """Return one panel a class: read rate against level, and what was published of zxing-cpp."""
    names = [name for name in report.classes if len(report.levels_of(report.readers[0], name)) > 1]
    columns = min(COLUMNS, max(1, len(names)))
    rows = max(1, -(-len(names) // columns))
    figure = Figure(figsize=(2.3 * columns + 0.6, 2.0 * rows + 1.0), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    for place, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
        _panel(axes, report, name)
        if place % columns == 0:
            axes.set_ylabel("read, %")
    figure.suptitle(
        f"Frames read against severity, {len(report.letters)} frames a point",
        x=0.01,
        ha="left",
        weight="bold",
    )
    lines: dict[str, Artist] = {}
    for axes in grid.flat[: len(names)]:
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True):
            lines.setdefault(label, line)
    figure.legend(
        list(lines.values()), list(lines), loc="outside lower left", ncols=4, frameon=False
    )
    return figure


def _panel(axes: Axes, report: Report, name: str) -> None:
    if report.comparable and name in published.ROWS and ZXING in report.readers:
        axes.plot(
            range(1, 6), published.ROWS[name].zxing, color=ACCENT, linewidth=1, alpha=0.55,
            linestyle=(0, (2, 2)), label="zxing-cpp, as published", zorder=2,
        )  # fmt: skip
    for reader in report.readers:
        colour, width, marker, order = LOOKS[reader]
        levels, read = zip(*report.levels_of(reader, name), strict=True)
        axes.plot(
            levels, read, color=colour, linewidth=width, marker=marker, markersize=3.5,
            label=NAMES[reader], zorder=order, clip_on=False,
        )  # fmt: skip
    unit = f" ({DEFECTS[name].unit})" if name in DEFECTS else ""
    axes.set_title(name.replace("_", " ") + unit, fontsize=8.5, loc="left")
    amounts = DEFECTS[name].levels if name in DEFECTS else range(1, 6)
    axes.set_xticks(range(1, 6), [f"{amount:g}" for amount in amounts], fontsize=7.5)
    axes.set_yticks((0, 50, 100))
    axes.set_xlim(0.8, 5.2)
    axes.set_ylim(-4, 104)
    axes.grid(axis="y", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)


def times(report: Report) -> Figure:
    """Return how long frames take, and how many are read within a time, on log axes."""
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    taken = [result.cpu_ms for result in report.results if result.reader != BOUND]
    low, high = 0.8 * min(taken), 1.25 * max(taken)
    bins = np.geomspace(low, high, 46)
    for reader in (one for one in report.readers if one != BOUND):
        colour, width, _, order = LOOKS[reader]
        mine = [result for result in report.results if result.reader == reader]
        all_ms = np.array([result.cpu_ms for result in mine])
        read_ms = np.sort([result.cpu_ms for result in mine if result.read])
        weights = np.full(all_ms.size, 100 / all_ms.size)
        left.hist(
            all_ms, bins=bins, weights=weights, histtype="step", color=colour, linewidth=width,
            label=NAMES[reader], zorder=order,
        )  # fmt: skip
        share = 100 * np.arange(1, read_ms.size + 1) / all_ms.size
        right.step(
            [low, *read_ms, high], [0, *share, share[-1] if share.size else 0], where="post",
            color=colour, linewidth=width, label=NAMES[reader], zorder=order,
        )  # fmt: skip
    left.set_title("Time per frame, read or not", loc="left", fontweight="bold")
    left.set_ylabel("share of frames, %")
    right.set_title("Frames read within a time", loc="left", fontweight="bold")
    right.set_ylabel("share of all frames, %")
    right.set_ylim(0, 100)
    soon = SOON_MS * (report.scale or 1)
    right.axvline(soon, color="#888", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    right.annotate(
        f"{soon:.1f} ms", (soon, 1.5), xytext=(4, 0), textcoords="offset points", color="#666",
        fontsize=8,
    )  # fmt: skip
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_xlabel("thread CPU, ms")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(color="#e4e6ea", linewidth=0.8)
        axes.set_axisbelow(True)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower left", ncols=3, frameon=False
    )
    return figure
