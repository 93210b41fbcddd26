"""The page that lays two rate editions side by side: a plot a price ladder, and the changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from postage.money import Money
from postage.rate_editions import RateEdition
from postage.rate_tables import ANY_MILLIOUNCES, Ladder, ounces_text
from service.pages import render
from service.plots import Stair, stairs

TEMPLATE = Path(__file__).parent / "templates" / "rates.html.j2"
MILLIOUNCES_PER_POUND = 16_000


def write_page(path: Path, before: RateEdition, after: RateEdition) -> int:
    """Write the page of two editions, and return how many ladders it draws."""
    pairs = list(_pairs(before, after))
    heaviest = max(_end(ladder) for _, *both in pairs for ladder in both if ladder)
    unit = MILLIOUNCES_PER_POUND if heaviest > MILLIOUNCES_PER_POUND else 1000
    plot = stairs(
        {
            label: {
                edition.name: _stair(ladder, unit, heaviest)
                for edition, ladder in ((before, one), (after, two))
            }
            for label, one, two in pairs
        },
        labels=("pounds" if unit > 1000 else "ounces", "dollars"),
    )
    page = render(
        TEMPLATE,
        {
            "before": before,
            "after": after,
            "plot": plot,
            "tables": [_table(label, one, two) for label, one, two in pairs],
        },
    )
    path.write_text(page, encoding="utf-8")
    return sum(bool(ladder) for _, *both in pairs for ladder in both)


def _pairs(before: RateEdition, after: RateEdition) -> Iterator[tuple[str, Ladder, Ladder]]:
    """Yield each item with its ladders; items by zone are paired by zone, whatever their list."""
    sides = [
        {_label(edition, item): ladder for item, ladder in edition.prices.items()}
        for edition in (before, after)
    ]
    for label in dict.fromkeys([*max(sides, key=len), *min(sides, key=len)]):
        yield label, sides[0].get(label, Ladder()), sides[1].get(label, Ladder())


def _label(edition: RateEdition, item: str) -> str:
    name = item.removeprefix(edition.price_list.replace("-", "_")).strip("_")
    return name.replace("_", " ")


def _end(ladder: Ladder) -> int:
    """Return where a ladder ends in a plot; one that knows no weight needs no room for it."""
    end = ladder[-1].up_to_milliounces
    return MILLIOUNCES_PER_POUND if end >= ANY_MILLIOUNCES and len(ladder) == 1 else end


def _stair(ladder: Ladder, unit: int, heaviest: int) -> Stair:
    return [
        (
            price.over_milliounces / unit,
            min(price.up_to_milliounces, heaviest) / unit,
            price.amount.mills / 1000,
        )
        for price in ladder
    ]


def _table(label: str, before: Ladder, after: Ladder) -> dict[str, Any]:
    rows = []
    for limit in sorted({price.up_to_milliounces for price in (*before, *after)}):
        old, new = before.at(limit), after.at(limit)
        change = new.amount - old.amount if old and new else None
        rows.append(
            {
                "up_to": _weight(limit),
                "before": str(old.amount) if old else "not known",
                "after": str(new.amount) if new else "not known",
                "change": "" if change is None else f"{'+' if change > Money(0) else ''}{change}",
                "percent": f"{change.mills / old.amount.mills:+.1%}" if change and old else "",
                "confidence": " / ".join(
                    price.confidence if price else "-" for price in (old, new)
                ),
            }
        )
    return {"label": label, "rows": rows}


def _weight(milliounces: int) -> str:
    if milliounces % MILLIOUNCES_PER_POUND == 0 and milliounces > MILLIOUNCES_PER_POUND:
        return f"{milliounces // MILLIOUNCES_PER_POUND} lb"
    return f"{ounces_text(milliounces)} oz"
