"""`imi verify`: the verdict on payloads or pictures, one piece an argument."""

import base64
import binascii
import hashlib
import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import typer

from imi.rating import FLAGS, NOT_FLAGS
from imicore import frames
from postage.errors import BadMailpiece
from postage.facts import Claimed, Measured, PieceFacts
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.rates import RateBook
from postage.verdictrows import verdict_as_row
from postage.verdicts import Code, Verdict
from sorter.duplicates import DuplicateStore
from sorter.errors import SorterError
from sorter.onward import Onward
from sorter.policy import Policy, TrustMode
from sorter.registerfiles import read_authority
from sorter.trust import Trust, authority, load_register
from sorter.verifier import Given, Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What is known of every piece, and where verdicts go."""

    register: Path
    authority: Path
    mode: TrustMode = "production"
    weight: str = ""
    size: str = ""
    flags: tuple[str, ...] = ()
    mail_class: MailClass = MailClass.FIRST_CLASS
    zone: int | None = None
    destination: str = ""
    day: str | None = None
    dpi: float = 0.0
    history: str | None = None
    outbox: Path | None = None
    out: Path | None = None


def verify_all(given: list[str], options: VerifyOptions, *, as_json: bool) -> int:
    """Print the verdict on each piece; return 0 where all are VALID, else 1.

    Raises:
        SorterError, PostageError, ImiError, OSError, ValueError: an argument cannot be used;
            nothing was judged.
    """
    now = datetime.now(UTC)
    today = now.astimezone().date() if options.day is None else date.fromisoformat(options.day)
    measured = _measured(options)
    pieces: list[tuple[Given, PieceFacts]] = []
    for number, one in enumerate(given, start=1):
        what, name = _read(one)
        # The same file is the same picture; bytes that are given twice are on two pieces.
        image_id = name or f"{now.isoformat()} {number}"
        pieces.append(
            (
                what,
                PieceFacts(
                    scanned_us=int(now.timestamp() * 1e6) + number,
                    scanned_on=today,
                    image_id=image_id,
                    mail_class=options.mail_class,
                    zone=options.zone,
                    measured=measured,
                    claimed=Claimed(destination_zip=options.destination),
                ),
            )
        )
    with ExitStack() as stack:
        register = load_register(options.register, authority(read_authority(options.authority)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        history = DuplicateStore.at(options.history or folder / "scans.db")
        stack.callback(history.close)
        policy = Policy(mode=options.mode, pixels_per_inch=options.dpi)
        verifier = Verifier(Trust(register), history, RateBook.load(), policy)
        verdicts = verifier.verify_many(pieces)
        if options.outbox is not None:
            onward = Onward.in_file(options.outbox)
            stack.callback(onward.close)
            onward([(one, found) for (_, one), found in zip(pieces, verdicts, strict=True)])
    for number, (one, verdict) in enumerate(zip(given, verdicts, strict=True), start=1):
        picture = _keep_crop(verdict, one, number, options.out)
        _say(one, verdict, picture, as_json=as_json)
    return 0 if all(verdict.code is Code.VALID for verdict in verdicts) else 1


def _read(one: str) -> tuple[Given, str]:
    """Return a frame and its name for a file, else the payload that the text is."""
    path = Path(one)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a payload is too long for a name, or has a zero byte
        is_file = False
    if is_file:
        return frames.load(path), hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        return bytes.fromhex(one), ""
    except ValueError:
        pass
    try:
        return base64.b64decode(one, validate=True), ""
    except (binascii.Error, ValueError):
        raise SorterError(f"{one[:60]!r} is no file, and no payload in hex or base64") from None


def _measured(options: VerifyOptions) -> Measured | None:
    if not options.size and not options.weight and not options.flags:
        return None
    sides = options.size.lower().split("x")
    if len(sides) != 3 or not options.weight:
        raise BadMailpiece(
            "a measured piece has --size LENGTHxHEIGHTxTHICKNESS in inches and --weight in ounces"
        )
    flags: dict[str, bool] = {}
    for flag in options.flags:
        if flag not in FLAGS and flag not in NOT_FLAGS:
            known = ", ".join([*FLAGS, *NOT_FLAGS])
            raise BadMailpiece(f"{flag!r} is no flag of a piece; {known} are")
        flags[FLAGS.get(flag) or NOT_FLAGS[flag]] = flag in FLAGS
    return Measured(piece=Mailpiece.inches(*sides, ounces=options.weight, **flags))


def _keep_crop(verdict: Verdict, one: str, number: int, out: Path | None) -> str:
    """Write the picture of a verdict's evidence, if it has one; return its file's name."""
    if out is None or not verdict.evidence.crop:
        return ""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{number:04d}-{Path(one).stem}-{verdict.code}.png"
    path.write_bytes(verdict.evidence.crop)
    return str(path)


def _say(one: str, verdict: Verdict, picture: str, *, as_json: bool) -> None:
    if as_json:
        row: dict[str, Any] = {"piece": one, **verdict_as_row(verdict), "picture": picture}
        typer.echo(json.dumps(row))
        return
    rehearsal = "REHEARSAL " if verdict.is_rehearsal else ""
    short = one if len(one) <= 60 else f"{one[:57]}..."
    amounts = ("shown", verdict.shown), ("paid", verdict.paid), ("due", verdict.due)
    said = ", ".join(f"{name} {'unknown' if of is None else of}" for name, of in amounts)
    typer.echo(f"{short}: {rehearsal}{verdict.code}; {said}")
    for finding in verdict.reasons:
        typer.echo(f"  {finding.reason.code}: {finding}")
    typer.echo(f"  2011: {verdict.class_2011}; 2015: {verdict.class_2015}")
    typer.echo(f"  remedy: {'; '.join(verdict.remedies)}")
    if picture:
        typer.echo(f"  evidence: {picture}")
