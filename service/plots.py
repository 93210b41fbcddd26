"""Plots as SVG text, for pages. The only user of matplotlib."""

import warnings
from collections.abc import Mapping, Sequence
from io import StringIO
from math import nan

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#1f3a5f"
ACCENT = "#c8553d"
# Told apart in print and by colour-blind eyes: the hues of Okabe and Ito, 2008.
_LAYERS = (INK, "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#999999")
mpl.use("Agg")
mpl.rcParams.update(
    {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#888",
        "svg.hashsalt": "imi",  # the same data makes the same file
    }
)


def spread(values: Mapping[str, Sequence[float]], *, unit: str, title: str) -> str:
    """Return a box plot per name on a log axis, whiskers at the 1st and 99th percentile."""
    figure, axes = _figure(0.45 * len(values) + 1.2)
    names = list(values)[::-1]
    axes.boxplot(
        [list(values[name]) for name in names],
        orientation="horizontal",
        whis=(1, 99),
        tick_labels=names,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "#d6e0ec", "edgecolor": INK},
        medianprops={"color": ACCENT, "linewidth": 2},
    )
    axes.set_xscale("log")
    axes.set_xlabel(f"{unit} (box: quartiles, whiskers: 1 % and 99 %)")
    return _svg(figure, axes, title)


def steps(x: Sequence[float], y: Sequence[float], *, labels: tuple[str, str], title: str) -> str:
    """Return a line of y against x."""
    figure, axes = _figure(2.6)
    axes.plot(x, y, color=INK, linewidth=1.4)
    axes.fill_between(x, y, color="#d6e0ec")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_ylim(bottom=0)
    return _svg(figure, axes, title)


Stair = Sequence[tuple[float, float, float]]
"""Steps, each from, to and height; what lies between two of them is unknown, not zero."""


def stairs(panels: Mapping[str, Mapping[str, Stair]], *, labels: tuple[str, str]) -> str:
    """Return a small plot per panel, three in a row, with a line of steps per name."""
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    figure = Figure(figsize=(3.2 * across + 0.4, 2.3 * down + 0.6), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for axes, (name, lines) in zip(grid.flat, panels.items(), strict=False):
        for place, (label, stair) in enumerate(lines.items()):
            colour, width = ((ACCENT, 2.6), (INK, 1.3))[place % 2]
            x, y, end = [], [], 0.0
            for left, right, height in stair:
                if left > end:  # unknown in between: the line breaks
                    x.append(nan)
                    y.append(nan)
                x += [left, right]
                y += [height, height]
                end = right
            axes.plot(x, y, color=colour, linewidth=width, label=_literal(label))
        steps = [step for stair in lines.values() for step in stair]
        axes.set_xlim(0, 1.03 * max(right for _, right, _ in steps))
        axes.set_ylim(0, 1.08 * max(height for *_, height in steps))
        axes.set_title(_literal(name), fontsize=9)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid.flat[max(0, len(panels) - across) : len(panels)]:
        axes.set_xlabel(labels[0])
    for row in grid:
        row[0].set_ylabel(labels[1])
    handles, names = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=len(names), frameon=False)
    return _drawn(figure)


def bars(values: Mapping[str, float], *, unit: str, title: str, form: str = "{:,.0f}") -> str:
    """Return one horizontal bar per name, with its value written beside it."""
    figure, axes = _figure(0.36 * len(values) + 1.0)
    names = list(values)[::-1]
    places = range(len(names))
    drawn = axes.barh(places, [values[name] for name in names], color=INK, height=0.6)
    axes.set_yticks(places, [_literal(name) for name in names])
    axes.bar_label(drawn, [form.format(values[name]) for name in names], padding=4)
    axes.set_xlabel(unit)
    axes.margins(x=0.15)
    return _svg(figure, axes, title)


def stacked(
    columns: Sequence[str], layers: Mapping[str, Sequence[float]], *, unit: str, title: str
) -> str:
    """Return a vertical bar per column, its layers one on another in the order given."""
    figure, axes = _figure(3.4)
    floor = [0.0] * len(columns)
    for place, (name, heights) in enumerate(layers.items()):
        shade = _LAYERS[place % len(_LAYERS)]
        axes.bar(columns, heights, bottom=floor, label=_literal(name), color=shade, width=0.7)
        floor = [low + high for low, high in zip(floor, heights, strict=True)]
    # As many names as fit side by side: some 50 characters.
    every = max(1, -(-sum(len(name) + 2 for name in columns) // 50))
    axes.set_xticks(range(0, len(columns), every), columns[::every])
    axes.set_ylabel(unit)
    axes.yaxis.set_major_formatter("{x:,.0f}" if max(floor, default=0) >= 10 else "{x:,.2f}")
    handles, names = axes.get_legend_handles_labels()
    axes.legend(  # the uppermost layer first, as the eye meets it
        handles[::-1], names[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
    )
    return _svg(figure, axes, title)


def filled(values: Mapping[str, tuple[float, str]], *, marks: Sequence[float], title: str) -> str:
    """Return a bar per name, filled to its share in percent, with its label and lines at `marks`.

    A bar that reached the first mark is drawn in the colour of warnings; one beyond 150 % is cut.
    """
    figure, axes = _figure(0.36 * len(values) + 1.1)
    names = list(values)[::-1]
    shares = [values[name][0] for name in names]
    right = min(max(100.0, *shares), 150.0) if shares else 100.0
    places = range(len(names))
    axes.barh(places, [100.0] * len(names), color="#edf1f6", height=0.6)
    colours = [ACCENT if marks and share >= min(marks) else INK for share in shares]
    axes.barh(places, shares, color=colours, height=0.6)
    axes.set_yticks(places, [_literal(name) for name in names])
    labels = axes.twinx()  # names left, amounts right, as ticks: the layout makes room for both
    labels.set_ylim(axes.get_ylim())
    labels.set_yticks(places, [_literal(values[name][1]) for name in names])
    labels.tick_params(length=0)
    for mark in marks:
        axes.axvline(mark, color="#444", linewidth=1, linestyle="--")
    axes.set_xticks([0, 50, *marks], ["0", "50", *(f"{mark:g}" for mark in marks)])
    axes.set_xlim(0, right)
    axes.set_xlabel("percent of the budget")
    return _svg(figure, axes, title)


def _figure(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, height_in), layout="constrained")
    return figure, figure.add_subplot()


def _literal(text: str) -> str:
    """Return a label that matplotlib draws as it is: no formula in it, and never left out."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def _svg(figure: Figure, axes: Axes, title: str) -> str:
    axes.set_title(title, loc="left", fontweight="bold")
    return _drawn(figure)


def _drawn(figure: Figure) -> str:
    text = StringIO()
    with warnings.catch_warnings():  # a script that the font lacks is drawn as boxes
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
