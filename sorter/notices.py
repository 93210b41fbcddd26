"""A verdict to the messages that go to providers: which accounts hear of it, and what is asked.

A pure function of verdict and facts, so that the same scan always gives the same bytes. Whatever a
sorter measured or a mailer wrote fits: a name too long for its field is cut and keeps a digest of
the whole, a number outside its field becomes the nearest inside.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from typing import Final

from postage.devices import device_number
from postage.discrepancy import (
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOADS,
    MAX_PROVIDER,
    MAX_REASONS,
    MAX_TEXT,
    Adjustment,
    Assessment,
    Claim,
    Discrepancy,
    Figures,
    Place,
    Proof,
    Reckoning,
    RootCause,
)
from postage.facts import Claimed, Measured, PieceFacts
from postage.mailpiece import Mailpiece
from postage.money import ZERO, Money
from postage.remedies import Remedy
from postage.verdicts import WORTHLESS, Account, Code, Evidence, Verdict

NOBODY: Final = Account(vendor_model="", serial=0, provider="", is_chargeable=False)
_COPIES: Final = frozenset({Code.DUPLICATE, Code.CLONE})
_UNPAID: Final = WORTHLESS | {Code.UNPAID, Code.STALE}
_SIZES: Final = ("length_thou", "height_thou", "thickness_thou")
_FIGURES: Final = ("weight_milliounces", *_SIZES)


def notices_of(
    verdict: Verdict, facts: PieceFacts, *, min_adjust: Money = ZERO
) -> list[Discrepancy]:
    """Return one message for each provider of the piece, one to nobody if it has none.

    Nothing where the verdict is no discrepancy. The missing amount is asked once, of the first
    chargeable account, and only where it reaches ``min_adjust`` and the rules allow to adjust.

    >>> from datetime import date
    >>> from postage.verdicts import Class2011, Class2015
    >>> short = Verdict(code=Code.SHORTPAID, class_2011=Class2011.SHORTPAID,
    ...     class_2015=Class2015.DISCREPANCY, reasons=(), shown=Money(780), paid=Money(780),
    ...     due=Money(1070), remedies=(Remedy.ADJUST,), evidence=Evidence(accounts=(
    ...     Account(vendor_model="TPB1", serial=7, provider="PB", is_chargeable=True),)))
    >>> [notice] = notices_of(short, PieceFacts(scanned_us=0, scanned_on=date(2026, 7, 13)))
    >>> notice.provider, notice.reckoning.adjust, notice.root_cause.name
    ('PB', Money(mills=290), 'CENSUS')
    """
    if not verdict.is_discrepancy:
        return []
    first: dict[str, Account] = {}
    for account in verdict.evidence.accounts or (NOBODY,):
        first.setdefault(account.provider, account)
    ask = verdict.deficiency
    if Remedy.ADJUST not in verdict.remedies or ask < min_adjust:
        ask = ZERO
    messages = []
    for account in first.values():
        asked = ask if account.is_chargeable else ZERO
        ask -= asked
        messages.append(_notice(verdict, facts, account, asked))
    return messages


def identity(facts: PieceFacts, payloads: Iterable[bytes]) -> bytes:
    """Return the id of a finding: SHA-256 of what names the piece, and of its payloads.

    The sorter's name of the piece is the same on every pass; where it has none, the picture's name
    says where it was taken. The order in which payloads were read does not count.
    """
    if facts.piece_id:
        names: list[object] = ["piece", facts.piece_id]
    else:
        names = ["picture", facts.site, facts.lane, facts.pass_number, facts.image_id]
        names += [] if facts.image_id else [facts.scanned_us]
    raw = [str(name).encode("utf-8", "surrogatepass") for name in names]
    return _digest([b"imi-discrepancy/1", *raw, *sorted(payloads)])


def _notice(verdict: Verdict, facts: PieceFacts, account: Account, asked: Money) -> Discrepancy:
    assert verdict.paid is not None, "a discrepancy is about an amount"
    id_ = identity(facts, verdict.evidence.payloads)
    adjustment, cause = _cause(verdict, facts)
    return Discrepancy(
        device=device_number(account.vendor_model, account.serial),
        nonce=int.from_bytes(id_[:8], "little"),
        id=id_,
        provider=_text(account.provider, MAX_PROVIDER),
        code=verdict.code,
        reasons=tuple(dict.fromkeys(one.reason for one in verdict.reasons))[:MAX_REASONS],
        adjustment=adjustment,
        root_cause=cause,
        remedies=verdict.remedies,
        reckoning=Reckoning(
            shown=None if verdict.shown is None else _amount(verdict.shown),
            paid=_amount(verdict.paid),
            due=verdict.due,
            adjust=asked,
        ),
        place=_place(facts),
        claimed=_claim(facts.claimed, verdict.evidence.accounts),
        measured=None if facts.measured is None else _assessment(facts.measured),
        proof=_proof(verdict.evidence),
        is_rehearsal=verdict.is_rehearsal,
    )


def _cause(verdict: Verdict, facts: PieceFacts) -> tuple[Adjustment, RootCause]:
    """Return the adjustment's kind and cause: a copy, nothing that counts, or other figures."""
    if verdict.code in _COPIES:
        return Adjustment.DUPLICATES, RootCause.DUPLICATES
    if verdict.code in _UNPAID:
        return Adjustment.UNMANIFESTED, RootCause.UNMANIFESTED
    claimed, measured = facts.claimed.piece, facts.measured
    if measured is not None:
        piece, slack = measured.piece, measured.weight_tolerance_milliounces
        said = _claim(facts.claimed, verdict.evidence.accounts).weight_tenths_oz
        if claimed is not None:
            said = claimed.weight_tenths_oz
        if said and not -slack <= said * 100 - piece.weight_milliounces < 100 + slack:
            return Adjustment.CENSUS, RootCause.WEIGHT
        if claimed is not None and any(
            abs(getattr(claimed, name) - getattr(piece, name)) > measured.size_tolerance_thou
            for name in _SIZES
        ):
            return Adjustment.CENSUS, RootCause.DIMENSIONAL
    return Adjustment.CENSUS, RootCause.CENSUS


def _place(facts: PieceFacts) -> Place:
    return Place(
        scanned_us=_number(facts.scanned_us),
        scanned_on=facts.scanned_on,
        site=_text(facts.site),
        lane=_number(facts.lane),
        pass_number=_number(facts.pass_number),
        piece_id=_text(facts.piece_id),
        image_id=_text(facts.image_id),
        mail_class=facts.mail_class,
        zone=None if facts.zone is None else _number(facts.zone),
    )


def _claim(claimed: Claimed, accounts: Iterable[Account]) -> Claim:
    """Return what the mailer says, in a manifest before the first indicium that says it."""
    category, weight = claimed.rate_category, claimed.weight_tenths_oz
    for account in accounts:
        category = account.rate_category if category is None else category
        weight = account.weight_tenths_oz if weight is None else weight
    return Claim(
        rate_category=None if category is None else _number(category, 0, 2**32 - 1),
        weight_tenths_oz=None if weight is None else _number(weight, 0, 2**32 - 1),
        destination_zip=_text(claimed.destination_zip, 12),
        figures=None if claimed.piece is None else _figures(claimed.piece),
    )


def _assessment(measured: Measured) -> Assessment:
    return Assessment(
        figures=_figures(measured.piece),
        weight_tolerance_milliounces=_number(measured.weight_tolerance_milliounces, 0, 2**32 - 1),
        size_tolerance_thou=_number(measured.size_tolerance_thou, 0, 2**32 - 1),
    )


def _figures(piece: Mailpiece) -> Figures:
    plain = {at.name: at.default for at in fields(Mailpiece) if isinstance(at.default, bool)}
    odd = [name for name, usual in plain.items() if getattr(piece, name) != usual]
    marks = [f"not {name}" if plain[name] else name for name in odd]
    return Figures(
        **{name: getattr(piece, name) for name in _FIGURES}, marks=_text(", ".join(marks), 300)
    )


def _proof(evidence: Evidence) -> Proof:
    told = [payload for payload in evidence.payloads if len(payload) <= MAX_PAYLOAD_BYTES]
    return Proof(
        digest=_digest(evidence.payloads),
        payloads=tuple(told[:MAX_PAYLOADS]),
        crop=hashlib.sha256(evidence.crop).digest() if evidence.crop else None,
        register=_text(evidence.register),
        edition=_text(evidence.edition),
        first_seen=_text(evidence.first_seen),
        grade=_text(evidence.grade),
    )


def _digest(parts: Iterable[bytes]) -> bytes:
    """Return SHA-256 over parts, each behind its length, so that no two lists are alike."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.digest()


def _text(text: str, longest: int = MAX_TEXT) -> str:
    """Return printable ASCII of at most so many characters; what is cut keeps its digest."""
    plain = "".join(
        each if " " <= each <= "~" else each.encode("unicode_escape").decode() for each in text
    )
    if len(plain) <= longest:
        return plain
    whole = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{plain[: longest - 11]}~{whole}"


def _amount(money: Money) -> Money:
    # A thousand forged indicia on one piece show more than any field of money holds.
    return Money(_number(money.mills, 0, 2**40 - 1))


def _number(value: int, least: int = -(2**63), most: int = 2**63 - 1) -> int:
    return max(least, min(most, value))
