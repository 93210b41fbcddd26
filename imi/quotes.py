"""A quote as plain data for `--json`, and as the table that explains it."""

from typing import Any

from rich.console import Console
from rich.table import Table

from postage.rates import Quote, Unratable


def told(answer: Quote | Unratable) -> dict[str, Any]:
    """Return an answer of the rate book as plain data."""
    if isinstance(answer, Unratable):
        return {"postage_mills": None, "why": answer.why.name, "reason": answer.reason}
    found = answer.classification
    return {
        "postage_mills": answer.postage.mills,
        "edition": answer.edition,
        "mail_class": answer.mail_class.value,
        "price_type": answer.price_type,
        "category": int(answer.category),
        "category_name": answer.category.name,
        "shape": answer.shape.value,
        "nonmachinable": [criterion.value for criterion in found.nonmachinable],
        "not_smaller": list(found.reasons),
        "weight_ounces": found.piece.weight_milliounces / 1000,
        "charged_ounces": answer.charged_milliounces / 1000,
        "room": answer.room,
        "zone": answer.zone,
        "steps": [
            {
                "text": step.text,
                "mills": step.amount.mills,
                "confidence": step.confidence,
                "source": step.source,
            }
            for step in answer.steps
        ],
    }


def show(quote: Quote, said: dict[str, Any]) -> None:
    """Print what was rated as what, and how it adds up."""
    facts = Table(show_header=False, box=None)
    rows = {
        "shape": f"{said['shape']}; {'; '.join(said['not_smaller']) or 'the smallest there is'}",
        "nonmachinable": "; ".join(said["nonmachinable"]),
        "class": f"{quote.mail_class}, {quote.price_type}; category {said['category']} "
        f"{said['category_name']}",
        "weight": f"{said['weight_ounces']:g} oz, charged as {said['charged_ounces']:g} oz",
        "room": quote.room or "",
        "zone": "" if quote.zone is None else str(quote.zone),
        "edition": quote.edition,
    }
    for name, value in rows.items():
        if value:
            facts.add_row(name, value)
    steps = Table("step", "amount", "confidence", "source", show_footer=True)
    for step in quote.steps:
        steps.add_row(step.text, str(step.amount), step.confidence, step.source)
    steps.columns[0].footer, steps.columns[1].footer = "postage", str(quote.postage)
    console = Console()
    console.print(facts)
    console.print(steps)
