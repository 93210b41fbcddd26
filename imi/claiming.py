"""`imi meter claims`: postage that was paid and not used, and the refund claimed for it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imi.claimpapers import facts_of, rulings_of, tell, write_claim
from imi.cli import refuse
from imi.frontoffice import At, Folder, FrontOffice, Json, Pin, UserNumber, allowed, front_office

if TYPE_CHECKING:
    from pipeline.claimfiles import ClaimFolder
    from pipeline.claimform import ClaimForm, Customer
    from pipeline.claims import Chosen

claims = typer.Typer(
    help="Refund claims: open and spoiled pieces, drafts, filed forms.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Records = Annotated[
    list[int] | None,
    typer.Option(
        "--record", help="Debit record to claim for; again for more; all proved ones when absent."
    ),
]
Licensee = Annotated[str, typer.Option(help="Who claims, as in the customer agreement.")]
Address = Annotated[list[str], typer.Option(help="A line of the address; again for more.")]
Agreement = Annotated[
    str | None, typer.Option(help="Number of the customer agreement; the meter's when absent.")
]
Outs = Annotated[
    list[Path] | None, typer.Option("--out", help="File to write, .json or .pdf; again for both.")
]
EXAMPLE = (
    "Example: imi meter claims {} out --user 1 --licensee 'Example Mailers, Inc.' "
    "--address '1 Main Street' --address 'Shelton CT 06484' --out claim.json --out claim.pdf. "
)
CODES = "Exit code 0 done, 1 not let in or nothing to claim, 2 bad usage."


@claims.command("list", epilog=f"Example: imi meter claims list out --user 1. {CODES}")
def list_claims(
    folder: Folder, user: UserNumber, pin: Pin, at: At = None, as_json: Json = False
) -> None:
    """Show what is paid and not used, what the refund rules make of it today, and filed claims."""
    from rich.console import Console
    from rich.table import Table

    with front_office(folder, at) as desk:
        _let_in(desk, user, pin)
        kept = _kept(folder)
        chosen = _choose(desk, folder, kept, _customer(desk, "", [], None), [])
        rulings = rulings_of(chosen)
        filed = [facts_of(_read(desk, kept, number)) for number in kept.numbers()]
    if as_json:
        waiting = [{**line.as_mapping(), "ruling": said} for line, said in rulings]
        typer.echo(json.dumps({"open": waiting, "filed": filed}, ensure_ascii=False))
        return
    table = Table("record", "piece", "printed", "postage", "state", "by the refund rules today")
    table.title = f"Paid and not used: {len(rulings)}"
    for line, said in rulings:
        cells = (line.sequence, line.key.piece_count, line.printed or "no date", line.postage)
        table.add_row(*map(str, cells), line.why.name, said)
    Console().print(table)
    for each in filed:
        typer.echo(f"claim {each['claim']} of {each['day']}: {each['face']}, {each['pieces']}")


@claims.command(epilog=EXAMPLE.format("draft") + CODES)
def draft(
    folder: Folder,
    user: UserNumber,
    pin: Pin,
    licensee: Licensee,
    address: Address,
    agreement: Agreement = None,
    record: Records = None,
    out: Outs = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Make a claim without filing it: its pieces, their evidence, and what it would come to."""
    _demand_kinds(out)
    with front_office(folder, at) as desk:
        _let_in(desk, user, pin)
        who = _customer(desk, licensee, address, agreement)
        chosen = _choose(desk, folder, _kept(folder), who, record or [])
        form = _demand_form(chosen)
        text = json.dumps({"form": form.as_mapping(), "signature": None}) + "\n"
        write_claim(out, form, text, is_draft=True)
    tell(chosen, form, "draft, not filed", as_json=as_json)


@claims.command(epilog=EXAMPLE.format("file") + CODES)
def file(
    folder: Folder,
    user: UserNumber,
    pin: Pin,
    licensee: Licensee,
    address: Address,
    agreement: Agreement = None,
    record: Records = None,
    out: Outs = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """File a claim, once for each piece: signed by the device, kept, and told to the provider.

    Pieces that may be on paper are claimed only where --record names them. A claim that was cut
    off is finished first.
    """
    from pipeline.roles import Action

    _demand_kinds(out)
    with front_office(folder, at) as desk:
        supervision, kept = desk.login(user, pin), _kept(folder)
        allowed(desk.office.sessions.denial(supervision.session, Action.CLAIM_REFUND))
        still_open = {piece.sequence for piece in desk.meter.psd.open_pieces}
        for number in sorted({n for piece, n in kept.claimed().items() if piece in still_open}):
            allowed(supervision.claim_refund(_read(desk, kept, number), kept))
            typer.echo(f"claim {number} was cut off; it is filed now", err=True)
        who = _customer(desk, licensee, address, agreement)
        chosen = _choose(desk, folder, kept, who, record or [])
        form = _demand_form(chosen)
        filing = allowed(supervision.claim_refund(form, kept))
        desk.contact.meet()  # a provider that is not reached now hears of it at the next contact
        write_claim(out, form, kept.read(form.number).decode("ascii"))
    tell(chosen, form, filing.standing.value, as_json=as_json)


@claims.command(
    epilog="Example: imi meter claims show out TST0-00001042-14-0123456789ab --user 1 "
    "--out claim.pdf. Exit code 0 done, 1 not let in, 2 no such claim."
)
def show(
    folder: Folder,
    number: Annotated[str, typer.Argument(help="Number of the claim.")],
    user: UserNumber,
    pin: Pin,
    out: Outs = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show a filed claim, its signature checked; write it to files again."""
    _demand_kinds(out)
    with front_office(folder, at) as desk:
        _let_in(desk, user, pin)
        kept = _kept(folder)
        if number not in kept.numbers():
            raise ValueError(f"no claim {number!r} was filed; {len(kept.numbers())} were")
        form = _read(desk, kept, number)
        write_claim(out, form, kept.read(number).decode("ascii"))
    if as_json:
        typer.echo(json.dumps(form.as_mapping(), ensure_ascii=False))
        return
    for name, value in facts_of(form).items():
        typer.echo(f"{name}: {value}")
    for line in form.lines:
        typer.echo(f"record {line.sequence}: {line.postage}, {line.proof.value}")


def _let_in(desk: FrontOffice, user: int, pin: str) -> None:
    from pipeline.roles import Action

    session = desk.session(user, pin)
    allowed(desk.office.sessions.denial(session, Action.READ_USAGE))


def _kept(folder: Path) -> "ClaimFolder":
    from pipeline.claimfiles import ClaimFolder

    return ClaimFolder(folder / "claims")


def _read(desk: FrontOffice, kept: "ClaimFolder", number: str) -> "ClaimForm":
    from pipeline.claimform import kept_form

    return kept_form(kept.read(number), desk.meter.setup["check"])


def _customer(
    desk: FrontOffice, name: str, address: list[str], agreement: str | None
) -> "Customer":
    from pipeline.claimform import Customer

    device = desk.meter.record
    return Customer(
        name=name,
        address=tuple(address),
        agreement=agreement or f"software meter {device.key_id}",
        licensing_zip=device.licensing_zip,
    )


def _choose(
    desk: FrontOffice, folder: Path, kept: "ClaimFolder", who: "Customer", records: list[int]
) -> "Chosen":
    """Return what can be claimed today; a named record of an earlier claim ends with exit 1."""
    from pipeline.claims import choose
    from pipeline.days import day_of
    from pipeline.piecelog import PieceLog
    from postage.decertification import read_calendar
    from postage.refunds import RefundPolicy

    claimed = kept.claimed()
    for record in records:
        if record in claimed:
            typer.echo(f"imi: record {record} is in claim {claimed[record]} already", err=True)
            raise typer.Exit(1)
    heads = {}
    if (path := folder / "pieces.sqlite").exists():
        log = PieceLog(path)
        heads = log.heads()
        log.close()
    psd, zone = desk.meter.psd, desk.meter.setup["zone"]
    return choose(
        psd,
        who,
        day_of(psd.now_us, zone),
        RefundPolicy(),
        read_calendar(),
        kept,
        heads=heads,
        only=records,
    )


def _demand_form(chosen: "Chosen") -> "ClaimForm":
    if chosen.form is None:
        typer.echo("imi: nothing can be claimed today", err=True)
        for line, said in rulings_of(chosen):
            typer.echo(f"imi: record {line.sequence}: {said}", err=True)
        raise typer.Exit(1)
    return chosen.form


def _demand_kinds(out: list[Path] | None) -> None:
    for path in out or []:
        if path.suffix not in (".json", ".pdf"):
            raise refuse(f"{path} is neither .json nor .pdf")
