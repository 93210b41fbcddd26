"""The facts of a scan as one flat mapping of names to text and numbers, for files and sockets."""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any, Final

from postage.errors import BadFacts, BadMailpiece
from postage.facts import Claimed, Measured, PieceFacts
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece

_PLAIN: Final = {
    "scanned_us": int,
    "site": str,
    "lane": int,
    "pass_number": int,
    "piece_id": str,
    "image_id": str,
    "zone": int,
    "at_induction": bool,
    "at_origin": bool,
    "has_return_address": bool,
}
_CLAIMED: Final = {"rate_category": int, "weight_tenths_oz": int, "destination_zip": str}
_TOLERANCES: Final = {"weight_tolerance_milliounces": int, "size_tolerance_thou": int}
_PIECE: Final = {at.name: bool if at.type is bool else int for at in fields(Mailpiece)}
_DEFAULTS: Final = {
    at.name: at.default for of in (PieceFacts, Claimed, Measured, Mailpiece) for at in fields(of)
}
_TEXTS: Final = {"scanned_on": str, "mail_class": str}
_GROUPS: Final[tuple[Mapping[str, type], ...]] = (_PLAIN, _CLAIMED, _TOLERANCES, _PIECE, _TEXTS)
_TYPES: Final = {name: kind for group in _GROUPS for name, kind in group.items()}
_PLACES: Final = {name: at for at, group in enumerate(_GROUPS) for name in group}
NAMES: Final = frozenset(_TYPES)
_NEEDED: Final = frozenset({"length_thou", "height_thou", "thickness_thou", "weight_milliounces"})
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
MAX_TEXT: Final = 200


def facts_as_row(facts: PieceFacts) -> dict[str, int | str | bool]:
    """Return the facts as a row; what has its default value is left out.

    >>> row = facts_as_row(PieceFacts(scanned_us=7, scanned_on=date(2026, 7, 13), lane=2))
    >>> row
    {'scanned_us': 7, 'lane': 2, 'scanned_on': '2026-07-13'}
    >>> facts_from_row(row).lane
    2
    """
    row: dict[str, int | str | bool] = {}
    sources: list[tuple[object, Mapping[str, type]]] = [
        (facts, _PLAIN),
        (facts.claimed, _CLAIMED),
    ]
    if facts.measured is not None:
        sources += [(facts.measured, _TOLERANCES), (facts.measured.piece, _PIECE)]
    for source, names in sources:
        for name in names:
            if (value := getattr(source, name)) != _DEFAULTS[name]:
                row[name] = value
    row["scanned_on"] = facts.scanned_on.isoformat()
    if facts.mail_class is not MailClass.FIRST_CLASS:
        row["mail_class"] = facts.mail_class.value
    return row


def facts_from_row(row: Mapping[str, Any]) -> PieceFacts:
    """Return the facts that a row says.

    A piece is measured where all of length, height, thickness and weight are given. Without
    ``scanned_on`` the date is that of ``scanned_us`` in UTC.

    Raises:
        BadFacts: a name or value that no facts have; the message names it.
    """
    plain, claimed, tolerances, piece, texts = _typed(row)
    if "scanned_us" not in plain:
        raise BadFacts("facts need scanned_us")
    try:
        return PieceFacts(
            **plain,
            scanned_on=_day(texts.get("scanned_on"), plain["scanned_us"]),
            mail_class=MailClass(texts.get("mail_class", MailClass.FIRST_CLASS)),
            measured=_measured(piece, tolerances) if piece else None,
            claimed=Claimed(**claimed),
        )
    except ValueError as error:
        raise BadFacts(str(error)) from None


def row_from_text(texts: Mapping[str, str]) -> dict[str, int | str | bool]:
    """Return a row whose values were written as text; a truth is 0 or 1.

    Raises:
        BadFacts: a name that no facts have, or a value that is not of its type.

    >>> row_from_text({"lane": "2", "is_rigid": "1", "site": "SFO"})
    {'lane': 2, 'is_rigid': True, 'site': 'SFO'}
    """
    row: dict[str, int | str | bool] = {}
    for name, text in texts.items():
        kind = _TYPES.get(name)
        if kind is None:
            raise BadFacts(f"facts have no {name[:MAX_TEXT]}")
        if kind is str:
            row[name] = text
        elif not _INTEGER.fullmatch(text) or (kind is bool and text not in ("0", "1")):
            what = "0 or 1" if kind is bool else "a whole number"
            raise BadFacts(f"{name} is {what}, not {text[:MAX_TEXT]!r}")
        else:
            row[name] = kind(int(text))
    return row


def _measured(piece: Mapping[str, Any], tolerances: Mapping[str, int]) -> Measured | None:
    if not piece.keys() >= _NEEDED:
        if not _NEEDED & piece.keys():
            return None
        raise BadFacts(f"a measured piece needs {', '.join(sorted(_NEEDED - piece.keys()))}")
    if any(value < 0 for value in tolerances.values()):
        raise BadFacts("a tolerance is not below 0")
    try:
        return Measured(piece=Mailpiece(**piece), **tolerances)
    except BadMailpiece as error:
        raise BadFacts(str(error)) from None


def _typed(row: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the values of each group of names, each of its type and within its limit."""
    if not row.keys() <= NAMES:
        raise BadFacts(f"facts have no {', '.join(sorted(row.keys() - NAMES))[:MAX_TEXT]}")
    found: tuple[dict[str, Any], ...] = ({}, {}, {}, {}, {})
    for name, value in row.items():
        kind = _TYPES[name]
        if type(value) is not kind:
            raise BadFacts(f"{name} is {kind.__name__}, not {type(value).__name__}")
        if isinstance(value, str):
            if len(value) > MAX_TEXT:
                raise BadFacts(f"{name} has {len(value)} characters; the limit is {MAX_TEXT}")
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise BadFacts(f"{name} is outside 64 bits")
        found[_PLACES[name]][name] = value
    return found


def _day(text: str | None, scanned_us: int) -> date:
    if text is not None:
        return date.fromisoformat(text)
    try:
        return datetime.fromtimestamp(scanned_us // 1_000_000, UTC).date()
    except (OverflowError, OSError):
        raise BadFacts(f"scanned_us {scanned_us} is no day of the calendar") from None
