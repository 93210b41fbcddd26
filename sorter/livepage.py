"""A lane as a page that people watch: the last pieces with their pictures, the counts, the pace."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from imicore.writers import grey_png
from postage.money import Money
from postage.verdictrows import verdict_as_row
from postage.verdicts import UNDECIDED, Code
from service.pages import render
from service.web import Site, site
from sorter.judged import Judged
from sorter.lane import Lane

TEMPLATES: Final = Path(__file__).with_name("templates")
REVIEW: Final = UNDECIDED | {Code.STALE, Code.MISPLACED, Code.POOR_PRINT, Code.OVERPAID}


MOST_STOPPED: Final = 10  # devices of the stop list on the page; /stoplist.json has them all

Rows = list[dict[str, Any]]


def live_page(
    lane: Lane,
    about: Callable[[], Mapping[str, str]],
    *,
    stop_list: Callable[[], Rows] = list,
    metrics: Callable[[], str] | None = None,
) -> Site:
    """Return the lane's site.

    ``about`` says what stands in its head: the register in force, mode, site. ``stop_list`` gives
    the rows of ``sorter.stoplist.as_rows``. Both are asked whenever a page is.
    """

    def page() -> str:
        return render(TEMPLATES / "lane.html.j2", {"about": about(), **values()})

    def fragment() -> str:
        return render(TEMPLATES / "pieces.html.j2", values())

    def values() -> dict[str, Any]:
        stopped = stop_list()
        more = len(stopped) - MOST_STOPPED
        return {**_values(lane), "stopped": stopped[:MOST_STOPPED], "more_stopped": max(more, 0)}

    def picture(number: int) -> bytes | None:
        return next((_png(one) for one in lane.recent() if one.number == number), None)

    def crop(number: int) -> bytes | None:
        crops = (one.verdict.evidence.crop for one in lane.recent() if one.number == number)
        return next(crops, None) or None

    def rows() -> Rows:
        return [_row(one) for one in lane.recent()]

    return site(
        "Sorter lane",
        pages={"/": page},
        live={"pieces": fragment},
        pictures={"pieces": picture, "crops": crop},
        data={"pieces": rows, "stoplist": stop_list},
        metrics=metrics,
    )


def tone(code: Code) -> str:
    """Return how a verdict looks: "good", "review" or "bad".

    >>> tone(Code.VALID), tone(Code.STALE), tone(Code.DUPLICATE)
    ('good', 'review', 'bad')
    """
    if code is Code.VALID:
        return "good"
    return "review" if code in REVIEW else "bad"


def _values(lane: Lane) -> dict[str, Any]:
    figures, pieces = lane.figures(), lane.recent()
    took = sorted(one.took_ms for one in pieces)
    return {
        "figures": figures,
        "codes": [
            {"code": code, "count": count, "tone": tone(code)}
            for code, count in sorted(figures.codes.items(), key=lambda item: item[0].number)
        ],
        "median_ms": f"{took[len(took) // 2]:.1f}" if took else "-",
        "pieces": [_shown(one) for one in pieces],
    }


def _shown(one: Judged) -> dict[str, Any]:
    verdict = one.verdict
    return {
        "number": one.number,
        "name": " ".join(filter(None, (one.facts.piece_id, one.facts.image_id))),
        "tone": tone(verdict.code),
        "code": verdict.code,
        "is_rehearsal": verdict.is_rehearsal,
        "shown": _amount(verdict.shown),
        "paid": _amount(verdict.paid),
        "due": _amount(verdict.due),
        "difference": _difference(verdict.difference_mills),
        "reasons": [str(reason) for reason in verdict.reasons],
        "remedies": ", ".join(remedy.value for remedy in verdict.remedies),
        "took_ms": f"{one.took_ms:.1f}",
        "has_picture": one.picture is not None,
        "has_crop": bool(verdict.evidence.crop),
    }


def _amount(amount: Money | None) -> str:
    return "-" if amount is None else str(amount)


def _difference(mills: int | None) -> str:
    if not mills:
        return ""
    return f"{'+' if mills > 0 else ''}{Money(mills)}"


def _row(one: Judged) -> dict[str, Any]:
    return {
        "number": one.number,
        "piece_id": one.facts.piece_id,
        "image_id": one.facts.image_id,
        "took_ms": one.took_ms,
        **verdict_as_row(one.verdict),
    }


def _png(one: Judged) -> bytes | None:
    return None if one.picture is None else grey_png(one.picture)
