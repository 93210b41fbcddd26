"""What `imi meter claims` says of a claim: on the terminal, as JSON, and in files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from imi.outfiles import Parts

if TYPE_CHECKING:
    from pipeline.claimform import ClaimForm, Line
    from pipeline.claims import Chosen


def rulings_of(chosen: "Chosen") -> list[tuple["Line", str]]:
    """Return every piece with what the refund rules make of it in words, by record."""
    from pipeline.claimfiles import ruling

    found = [(line, ruling(outcome)) for line, outcome in chosen.left_out]
    if chosen.form is not None and chosen.examined is not None:
        outcomes = chosen.examined.outcomes
        found += [(line, ruling(outcomes[line.key])) for line in chosen.form.lines]
    return sorted(found, key=lambda each: each[0].sequence)


def write_claim(
    out: list[Path] | None, form: "ClaimForm", text: str, *, is_draft: bool = False
) -> None:
    """Write a form to each file: `text` where its name ends in .json, pages where in .pdf."""
    from pipeline.claimfiles import write_claim_pdf
    from postage.decertification import read_calendar
    from postage.refunds import RefundPolicy

    for path in out or []:
        parts = Parts(path)
        try:
            if path.suffix == ".pdf":
                policy, calendar = RefundPolicy(), read_calendar()
                write_claim_pdf(form, parts.open, policy, calendar, is_draft=is_draft)
            else:
                with parts.open_text() as file:
                    file.write(text)
            parts.finish()
        finally:
            parts.discard()


def facts_of(form: "ClaimForm") -> dict[str, str]:
    """Return what a claim is in a few words."""
    count = len(form.lines)
    return {
        "claim": form.number,
        "day": form.day.isoformat(),
        "licensee": form.customer.name,
        "pieces": "1 piece" if count == 1 else f"{count} pieces",
        "face": str(form.face),
    }


def tell(chosen: "Chosen", form: "ClaimForm", standing: str, *, as_json: bool) -> None:
    """Print the claim, its money by the refund rules, and what was left out of it and why."""
    assert chosen.examined is not None
    examined = chosen.examined
    money = {"face": str(form.face), "charge": str(examined.charge), "refund": str(examined.paid)}
    taken = {line.sequence for line in form.lines}
    rulings = [(line.sequence, said) for line, said in rulings_of(chosen)]
    if as_json:
        found = {
            **facts_of(form),
            **money,
            "standing": standing,
            "claimed": [line.as_mapping() for line in form.lines],
            "left_out": {record: said for record, said in rulings if record not in taken},
        }
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo(f"claim {form.number}: {standing}")
    for record, said in rulings:
        typer.echo(f"  record {record}: {said}" + ("" if record in taken else " (left out)"))
    for name, amount in money.items():
        typer.echo(f"{name}: {amount}")
