"""Usage for people and programs: JSON, CSV and plots of the lines that `pipeline.usage` gives."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from pipeline.accounts import Book
from pipeline.accounts_csv import dollars
from pipeline.budgets import WARN_PERCENT, Standing
from pipeline.csvtext import write_csv
from pipeline.days import Span
from pipeline.usage import Axis, Counts, Line, Usage, gaps, total
from postage.money import MILLS_PER_DOLLAR

COUNTS: Final = ("pieces", "postage", "tests", "redates", "misprints", "claims", "claimed")
LAYERS: Final = 7  # departments in a stack; the rest are one layer
BARS: Final = 40
OTHERS: Final = "all others"


def plain(lines: Iterable[Line], book: Book) -> list[dict[str, Any]]:
    """Return lines as plain data: amounts in dollars as text, exact to the mill.

    >>> plain([Line(None, 7, None, Counts(pieces=1))], Book())[0]["department_name"]
    'department 7'
    """
    return [{**_axes(line, book), **_counts(line.counts)} for line in lines]


def usage_json(usage: Usage, lines: Sequence[Line], book: Book) -> str:
    """Return the lines with their sum and the registers that prove it."""
    report = {
        "records": {"first": usage.first, "last": usage.last},
        "ascending": {
            "baseline": dollars(usage.baseline),
            "last": dollars(usage.ascending),
            "rise": dollars(usage.ascending - usage.baseline),
        },
        "lines": plain(lines, book),
        "total": _counts(total(lines)),
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def usage_csv(lines: Sequence[Line], axes: Sequence[Axis], book: Book) -> bytes:
    """Return the lines as a CSV file whose cells no spreadsheet runs; the header stands always."""
    names = [name for axis in Axis if axis in axes for name in _COLUMNS[axis]]
    rows = [[row[name] for name in (*names, *COUNTS)] for row in plain(lines, book)]
    return write_csv([(*names, *COUNTS), *rows])


def usage_plot(
    usage: Usage,
    span: Span,
    book: Book,
    *,
    first_day: date = date.min,
    last_day: date = date.max,
) -> str:
    """Return stacked bars of postage by period and department, as SVG text.

    The seven departments that spent most have their own layer. Empty periods are drawn.
    """
    from service.plots import stacked

    axes = [Axis.PERIOD, Axis.DEPARTMENT]
    lines = usage.lines(axes, span, first_day=first_day, last_day=last_day)
    mills: dict[int, int] = {}
    for line in lines:
        assert line.department is not None
        mills[line.department] = mills.get(line.department, 0) + line.counts.postage.mills
    most = sorted(mills, key=lambda number: (-mills[number], number))
    own = most if len(most) <= LAYERS + 1 else most[:LAYERS]
    names = {number: _label(number, book) if number in own else OTHERS for number in most}
    periods = [*gaps((line.period for line in lines if line.period), span)]
    place = {period: index for index, period in enumerate(periods)}
    layers: dict[str, list[float]] = {names[number]: [0.0] * len(periods) for number in most}
    for line in lines:
        assert line.department is not None
        assert line.period is not None
        spent = line.counts.postage.mills / MILLS_PER_DOLLAR  # for the eye; sums are exact above
        layers[names[line.department]][place[line.period]] += spent
    title = f"Postage by {span.value} and department"
    return stacked([period.label for period in periods], layers, unit="dollars", title=title)


def budget_plot(standings: Sequence[Standing], warn_percent: Sequence[int] = WARN_PERCENT) -> str:
    """Return a bar for each budget, filled to what was spent, with the warning lines, as SVG.

    The 40 that are fullest, in order of their number.
    """
    from service.plots import filled

    fullest = sorted(standings, key=lambda each: -each.percent)[:BARS]
    values = {
        f"{each.account.number} {each.account.name}": (
            float(each.percent),
            f"{each.spent} of {each.account.budget}",
        )
        for each in sorted(fullest, key=lambda each: each.account.number)
    }
    return filled(values, marks=[float(share) for share in warn_percent], title="Budgets")


def _label(number: int, book: Book) -> str:
    """Return what tells a department from another of the same name."""
    known = book.accounts.get(number)
    return f"{number} {known.name}" if known else book.name(number)


_COLUMNS: Final = {
    Axis.PERIOD: ("period",),
    Axis.DEPARTMENT: ("department", "department_name"),
    Axis.OPERATOR: ("operator", "operator_name"),
}


def _axes(line: Line, book: Book) -> dict[str, Any]:
    axes: dict[str, Any] = {}
    if line.period is not None:
        axes["period"] = line.period.label
    if line.department is not None:
        axes |= {"department": line.department, "department_name": book.name(line.department)}
    if line.operator is not None:
        user = book.users.get(line.operator)
        axes |= {"operator": line.operator, "operator_name": user.name if user else ""}
    return axes


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "pieces": counts.pieces,
        "postage": dollars(counts.postage),
        "tests": counts.tests,
        "redates": counts.redates,
        "misprints": counts.misprints,
        "claims": counts.claims,
        "claimed": dollars(counts.claimed),
    }
