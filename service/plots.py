"""Plots as SVG text, for pages. The only user of matplotlib."""

from collections.abc import Mapping, Sequence
from io import StringIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#1f3a5f"
ACCENT = "#c8553d"
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


def bars(values: Mapping[str, float], *, unit: str, title: str, form: str = "{:,.0f}") -> str:
    """Return one horizontal bar per name, with its value written beside it."""
    figure, axes = _figure(0.36 * len(values) + 1.0)
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color=INK, height=0.6)
    axes.bar_label(drawn, [form.format(values[name]) for name in names], padding=4)
    axes.set_xlabel(unit)
    axes.margins(x=0.15)
    return _svg(figure, axes, title)


def _figure(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, height_in), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure, axes: Axes, title: str) -> str:
    axes.set_title(title, loc="left", fontweight="bold")
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
