"""One page that shows a graded symbol: the print enlarged, its grid and damage, and the table."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from imicore.print_quality import LETTERS, LIMITS, MIL_UM, PrintQuality, Segment

mpl.use("Agg")
INK, GRID, QUIET = "#1f3a5f", "#12a5e8", "#5f6b7a"
GRADE_COLOURS = ("#b3261e", "#d9653b", "#d9a53b", "#7ba95c", "#2e7d4f")  # F D C B A
WRONG, WEAK = "#e0261e", "#f0a020"
WEAK_BELOW = 0.30  # modulation: not even C
FORMATS = (".png", ".pdf", ".svg")

Frame = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]


def write_sheet(path: Path, frame: Frame, quality: PrintQuality, *, title: str) -> None:
    """Write the page as PNG, PDF or SVG, by the ending of `path`.

    Raises:
        ValueError: another ending.
        OSError: the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path} ends in {path.suffix!r}; a report is {', '.join(FORMATS)}")
    figure = Figure(figsize=(11, 8.5), facecolor="white")
    figure.text(0.04, 0.945, title, fontsize=15, fontweight="bold", color=INK)
    figure.text(
        0.04,
        0.915,
        f"Data Matrix {quality.size[0]}x{quality.size[1]}, module "
        f"{quality.module_um[0] / 25400:.4f} x {quality.module_um[1] / 25400:.4f} in "
        f"({quality.module_px:.1f} px), turned {quality.skew_deg:+.1f} degrees",
        fontsize=9.5,
        color=QUIET,
    )
    figure.text(0.04, 0.893, _conditions(quality), fontsize=8.5, color=QUIET)
    _badge(figure, quality)
    _picture(figure.add_axes((0.04, 0.27, 0.50, 0.60)), frame, quality)
    _table(figure.add_axes((0.57, 0.43, 0.40, 0.43)), quality)
    _segments(figure.add_axes((0.68, 0.20, 0.29, 0.19)), quality)
    _modules(figure.add_axes((0.08, 0.07, 0.44, 0.115)), quality)
    for i, note in enumerate(quality.notes):
        figure.text(0.57, 0.155 - 0.02 * i, f"- {note}", fontsize=6.8, color=QUIET)
    metadata = {"Creator": None, "Producer": None, "CreationDate": None}
    figure.savefig(path, dpi=150, metadata=metadata if path.suffix.lower() == ".pdf" else None)


def _badge(figure: Figure, quality: PrintQuality) -> None:
    colour = GRADE_COLOURS[int(quality.overall)]
    figure.text(
        0.965,
        0.925,
        f" {quality.letter}   {quality.text} ",
        fontsize=17,
        fontweight="bold",
        color="white",
        ha="right",
        va="center",
        bbox={"facecolor": colour, "edgecolor": "none", "boxstyle": "round,pad=0.35"},
    )
    figure.text(
        0.965,
        0.885,
        "grade / aperture in mils / light in nm / angle of light",
        fontsize=7,
        color=QUIET,
        ha="right",
    )


def _picture(axes: Axes, frame: Frame, quality: PrintQuality) -> None:
    """Draw the print with the grid lines between modules, and damaged modules framed."""
    nodes = _nodes(quality)
    rows, columns = quality.size
    margin = 2.0 * quality.module_px
    (left, top), (right, bottom) = nodes.reshape(-1, 2).min(0), nodes.reshape(-1, 2).max(0)
    axes.imshow(
        frame,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
        extent=(0, frame.shape[1], frame.shape[0], 0),
    )
    lines = [*nodes[1:-1, 1:-1], *nodes[1:-1, 1:-1].swapaxes(0, 1)]
    axes.add_collection(LineCollection(lines, colors=GRID, linewidths=0.5))
    _number(axes, nodes, quality.size)
    rim = [nodes[0, 0], nodes[0, -1], nodes[-1, -1], nodes[-1, 0], nodes[0, 0]]
    axes.add_collection(LineCollection([rim], colors=QUIET, linewidths=0.9, linestyles="--"))
    margins = _margins(quality)
    wrong, weak = [], []
    for row in range(rows + 2):
        for column in range(columns + 2):
            quad = [
                nodes[row, column],
                nodes[row, column + 1],
                nodes[row + 1, column + 1],
                nodes[row + 1, column],
            ]
            if margins[row, column] <= 0:
                wrong.append(Polygon(quad))
            elif margins[row, column] < WEAK_BELOW:
                weak.append(Polygon(quad))
    axes.add_collection(
        PatchCollection(weak, facecolor="none", edgecolor=WEAK, linewidths=1.0, zorder=3)
    )
    axes.add_collection(
        PatchCollection(wrong, facecolor=WRONG + "55", edgecolor=WRONG, linewidths=1.2, zorder=4)
    )
    for segment in quality.segments:
        if segment.grade < 3:
            _mark(axes, nodes, segment)
    axes.set_xlim(left - margin, right + margin)
    axes.set_ylim(bottom + margin, top - margin)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#c8ced6")
    axes.set_xlabel(
        f"red: on the wrong side of the threshold ({len(wrong)})    "
        f"orange: modulation below {WEAK_BELOW:.2f} ({len(weak)})\n"
        "dashes: quiet zone    broad bars: segments of the fixed pattern of grade C and below",
        fontsize=7.5,
        color=QUIET,
    )


def _conditions(quality: PrintQuality) -> str:
    share = quality.aperture_um / (sum(quality.module_um) / 2)
    scale = "calibrated" if quality.calibrated else "relative"
    return (
        f"ISO/IEC 15415:2011, aperture {quality.aperture_um / MIL_UM:.1f} mil = "
        f"{quality.aperture_um:.0f} um ({share:.0%} of a module), light {quality.light_nm} nm "
        f"at {quality.light_angle_deg} degrees, reflectance {scale}"
    )


def _number(axes: Axes, nodes: Points, size: tuple[int, int]) -> None:
    """Write row and column numbers outside the quiet zone, as segments are named by them."""
    for level, count in ((False, size[0]), (True, size[1])):
        for k in {*range(0, count, 10 if count > 20 else 5), count - 1}:
            inner = nodes[0:2, k + 1 : k + 3] if level else nodes[k + 1 : k + 3, 0:2]
            centre = inner.mean(axis=(0, 1))
            out = nodes[0, k + 1 : k + 3] if level else nodes[k + 1 : k + 3, 0]
            x, y = centre + 2.2 * (out.mean(axis=0) - centre)
            axes.text(x, y, str(k), fontsize=5.5, color=QUIET, ha="center", va="center")


def _mark(axes: Axes, nodes: Points, segment: Segment) -> None:
    """Draw a bar along a damaged segment."""
    row, column, length = segment.row + 1, segment.column + 1, segment.length + 1
    if segment.level:
        path = nodes[row : row + 2, column : column + length].mean(axis=0)
    else:
        path = nodes[row : row + length, column : column + 2].mean(axis=1)
    axes.plot(
        path[:, 0],
        path[:, 1],
        color=GRADE_COLOURS[segment.grade],
        linewidth=3.2,
        alpha=0.55,
        solid_capstyle="butt",
        zorder=2,
    )


def _table(axes: Axes, quality: PrintQuality) -> None:
    """List value, grade and limits of each parameter, and below what is measured besides."""
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    rest = _besides(quality)
    height = 1 / (len(quality.parameters) + 1.8 + 0.8 * len(rest))

    def put(x: float, y: float, text: str, size: float, colour: str, side: str = "left") -> None:
        axes.text(x, y, text, fontsize=size, color=colour, ha=side, va="center")

    y = 1 - height / 2
    for x, head in ((0.0, "parameter"), (0.53, "value"), (0.63, "grade")):
        put(x, y, head, 7, QUIET, "right" if x == 0.53 else "left")
    for k in range(4):
        put(0.79 + 0.07 * k, y, LETTERS[4 - k], 7, QUIET, "right")
    for parameter in quality.parameters:
        y -= height
        put(0.0, y, parameter.name, 9, INK)
        put(0.53, y, _value(parameter.name, parameter.value), 9, "black", "right")
        axes.text(
            0.575,
            y,
            f" {parameter.letter} ",
            fontsize=8.5,
            fontweight="bold",
            va="center",
            color="white",
            bbox={
                "facecolor": GRADE_COLOURS[parameter.grade],
                "edgecolor": "none",
                "boxstyle": "round,pad=0.2",
            },
        )
        put(0.69, y, f"{parameter.grade:.1f}", 9, "black", "right")
        for k, limit in enumerate(LIMITS.get(parameter.name, ())):
            sign = "\u2264" if parameter.name.endswith("nonuniformity") else "\u2265"
            text = f"{sign}.{limit * 100:02.0f}"
            put(0.79 + 0.07 * k, y, text, 7, QUIET, "right")
        if parameter.name not in LIMITS:
            remark = "A or F" if parameter.name == "decode" else "worst segment, below"
            put(0.74, y, remark, 7, QUIET)
    y -= 0.6 * height
    for name, value in rest:
        y -= 0.8 * height
        put(0.0, y, name, 7.5, QUIET)
        put(1.0, y, value, 7.5, "black", "right")


def _besides(quality: PrintQuality) -> list[tuple[str, str]]:
    across, down = quality.print_growth_horizontal, quality.print_growth_vertical
    counts = zip("ABCDF", quality.modulation_codewords, strict=True)
    rows = [
        ("print growth across / down, of a module (not graded)", f"{across:+.0%} / {down:+.0%}"),
        (
            "reflectance, highest / lowest / threshold",
            f"{quality.rmax:.0%} / {quality.rmin:.0%} / {quality.threshold:.0%}",
        ),
        ("codewords by modulation", "  ".join(f"{letter} {count}" for letter, count in counts)),
    ]
    if quality.errors:
        wrong = " + ".join(map(str, quality.errors))
        rows.append(("codewords wrong" + (", by block" if len(quality.errors) > 1 else ""), wrong))
    rows += [
        (f"print reflectance difference in {name} (at least 30 %)", f"{tone.difference:.0%}")
        for name, tone in quality.colours.items()
    ]
    return rows


def _segments(axes: Axes, quality: PrintQuality) -> None:
    """Show the grade of each segment of the fixed pattern as a bar; long lists show the worst."""
    shown = sorted(quality.segments, key=lambda segment: segment.grade)[:12]
    places = np.arange(len(shown))
    axes.barh(
        places,
        [segment.grade + 0.08 for segment in shown],
        color=[GRADE_COLOURS[segment.grade] for segment in shown],
        height=0.62,
    )
    axes.set_yticks(places, [segment.name for segment in shown], fontsize=6.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 6)  # room for the words behind a bar of grade A
    axes.set_xticks(range(5), ["F", "D", "C", "B", "A"], fontsize=7)
    for place, segment in enumerate(shown):
        axes.text(segment.grade + 0.15, place, _fault(segment), fontsize=6.5, va="center")
    axes.set_title(
        f"fixed pattern: {len(shown)} of {len(quality.segments)} segments, "
        f"average {quality.average_grade:.1f}",
        fontsize=8.5,
        loc="left",
        color=INK,
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _fault(segment: Segment) -> str:
    """Say what is wrong with a segment; a weak one has no wrong modules."""
    faults = []
    if segment.damaged > 0:
        faults.append(f"{segment.damaged:.0%} wrong")
    if segment.solid_damaged > 0:
        faults.append(f"{segment.solid_damaged:.0%} beside it")
    if segment.transition_ratio > 0:
        faults.append(f"transitions {segment.transition_ratio:.2f}")
    if not faults and segment.grade < 4:
        faults.append("weak modules")
    return ", ".join(faults)


def _modules(axes: Axes, quality: PrintQuality) -> None:
    """Show how far the modules lie from the threshold: two heaps, far apart in a good print."""
    rows, columns = quality.size
    inner = quality.reflectance[1 : rows + 1, 1 : columns + 1]
    bins = np.linspace(0, 1, 81).tolist()
    light = quality.modules if quality.inverted else ~quality.modules
    axes.hist(inner[~light], bins=bins, color=INK, label="dark modules")
    axes.hist(inner[light], bins=bins, color="#9db7d5", label="light modules")
    axes.axvline(
        quality.threshold,
        color=WRONG,
        linewidth=1,
        linestyle="--",
        label=f"threshold {quality.threshold:.2f}",
    )
    axes.set_yscale("log")
    axes.set_xlim(0, 1)
    axes.set_xlabel("reflectance of the modules through the aperture", fontsize=7.5)
    axes.set_ylabel("modules", fontsize=7.5)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6.5, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _value(name: str, value: float) -> str:
    if name == "decode":
        return "yes" if value else "no"
    if name.endswith("nonuniformity"):
        return f"{value:.3f}"
    if name in ("modulation", "reflectance margin"):
        return f"lowest {value:.0%}"
    return f"{value:.0%} wrong" if name == "fixed pattern damage" else f"{value:.0%}"


def _margins(quality: PrintQuality) -> npt.NDArray[np.float64]:
    """Return each module's distance from the threshold on its own side, quiet zone included."""
    dark = np.pad(quality.modules, 1) != quality.inverted
    away = (quality.reflectance - quality.threshold) * 2 / (quality.rmax - quality.rmin)
    return np.where(dark, -away, away)


def _nodes(quality: PrintQuality) -> Points:
    """Return the corners of the modules and the quiet zone, float64[rows + 3, columns + 3, 2]."""
    centres = quality.centres
    for axis in (0, 1):
        first, last = centres.take([0], axis), centres.take([-1], axis)
        step_in = centres.take([1], axis) - first
        step_out = last - centres.take([-2], axis)
        centres = np.concatenate(
            [first - 2 * step_in, first - step_in, centres, last + step_out, last + 2 * step_out],
            axis,
        )
        centres = (np.delete(centres, 0, axis) + np.delete(centres, -1, axis)) / 2
    return np.asarray(centres)
