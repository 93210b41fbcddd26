r"""The lines between a sorter's controller and the lane's daemon, ASCII, one for each piece.

    T,<piece>,payload=[<hex>[+<hex>...]][,<fact>=<value>...]\r\n
    T,<piece>,slot=<number>:<sequence>[,<fact>=<value>...]\r\n
    R,<piece>,<number>,<code>,<due>,<paid>,<difference>,<grade>,<ms>,<mode>\r\n
    E,<piece>,<word>,<text>\r\n

``piece`` is the controller's name for the piece, 1 to 64 printable characters without a comma, and
becomes its ``piece_id``. A piece on which the controller's reader found nothing has an empty
payload. Facts are those of ``postage.factrows``. In an answer ``number`` is
``Code.number``, which never changes meaning; amounts are mills, empty where nobody can say;
``difference`` is paid less due; ``ms`` is the time from line to verdict; ``mode`` is production or
REHEARSAL. Answers come in the order of requests.
"""

import re
from dataclasses import dataclass
from typing import Final

from postage.errors import BadFacts
from postage.factrows import row_from_text
from postage.money import Money
from sorter.errors import RequestError
from sorter.judged import Judged
from sorter.scanlines import MOST_PAYLOADS

MAX_LINE: Final = 8_192  # bytes; four payloads in hex with every fact have half of it
MAX_TEXT: Final = 200
_PIECE: Final = re.compile(r"[!-+\--~]([ -+\--~]{0,62}[!-+\--~])?", re.ASCII)
_SLOT: Final = re.compile(r"([0-9]{1,9}):([0-9]{1,20})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One line, parsed: payloads, or a slot of the ring and its sequence; and a row of facts."""

    piece: str
    payloads: tuple[bytes, ...] = ()
    slot: tuple[int, int] | None = None
    row: dict[str, int | str | bool]


def parse(line: bytes) -> Request:
    r"""Return the request in a line, with or without its end.

    Raises:
        RequestError: SYNTAX or FACTS, for any other bytes.

    >>> parse(b"T,piece 7,payload=00ff,lane=3\r\n").payloads
    (b'\x00\xff',)
    """
    try:
        text = line.decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError:
        raise RequestError("SYNTAX", "a request is ASCII") from None
    kind, _, rest = text.partition(",")
    piece, _, rest = rest.partition(",")
    if kind != "T":
        raise RequestError("SYNTAX", "a request begins with T,")
    if not _PIECE.fullmatch(piece):
        raise RequestError("SYNTAX", "a piece has 1 to 64 printable characters and no comma")
    first, *others = rest.split(",")
    name, _, value = first.partition("=")
    if name == "payload":
        return Request(piece=piece, payloads=_payloads(value, piece), row=_row(others, piece))
    if name == "slot" and (match := _SLOT.fullmatch(value)):
        slot = (int(match[1]), int(match[2]))
        return Request(piece=piece, slot=slot, row=_row(others, piece))
    raise RequestError("SYNTAX", "payload=<hex> or slot=<number>:<sequence> comes next", piece)


def answer(piece: str, judged: Judged) -> bytes:
    """Return the line that answers a request."""
    verdict = judged.verdict
    difference = verdict.difference_mills
    fields = (
        "R", piece, str(verdict.code.number), verdict.code.value, _mills(verdict.due),
        _mills(verdict.paid), "" if difference is None else str(difference),
        verdict.evidence.grade.replace(",", ";"), f"{judged.took_ms:.3f}",
        "REHEARSAL" if verdict.is_rehearsal else "production",
    )  # fmt: skip
    return _line(fields)


def refusal(error: RequestError) -> bytes:
    r"""Return the line that refuses a request.

    >>> refusal(RequestError("SYNTAX", "a request is ASCII"))
    b'E,,SYNTAX,a request is ASCII\r\n'
    """
    return _line(("E", error.piece, error.word, str(error).replace(",", ";")[:MAX_TEXT]))


def _line(fields: tuple[str, ...]) -> bytes:
    text = ",".join(fields)
    return re.sub(rb"[^ -~]", b"?", text.encode("ascii", "replace")) + b"\r\n"


def _payloads(text: str, piece: str) -> tuple[bytes, ...]:
    parts = text.split("+") if text else []
    if len(parts) > MOST_PAYLOADS:
        raise RequestError("SYNTAX", f"{len(parts)} payloads; {MOST_PAYLOADS} at most", piece)
    if not all(re.fullmatch(r"([0-9A-Fa-f]{2})+", part, re.ASCII) for part in parts):
        raise RequestError("SYNTAX", "a payload is pairs of hex digits", piece)
    return tuple(bytes.fromhex(part) for part in parts)


def _row(parts: list[str], piece: str) -> dict[str, int | str | bool]:
    texts: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or name in texts:
            why = "stands twice" if name in texts else "has no value"
            raise RequestError("FACTS", f"{name or 'nothing'} {why}", piece)
        texts[name] = value
    if "piece_id" in texts:
        raise RequestError("FACTS", "the piece is named in front", piece)
    try:
        return row_from_text(texts)
    except BadFacts as error:
        raise RequestError("FACTS", str(error), piece) from None


def _mills(amount: Money | None) -> str:
    return "" if amount is None else str(amount.mills)
