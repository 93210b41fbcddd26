"""What became of one indicium's money: refund, cancellation and adjustment share one state machine.

An indicium is settled once (domain trap 29, reliability I17). Whoever keeps the states keeps one
row per indicium; `draft` and `advance` say what the row becomes, or why it stays.

    DRAFT -> FILED -> GRANTED | REFUSED | WITHDRAWN
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from postage.devices import device_key_id
from postage.money import ZERO, Money


class IndiciumKey(NamedTuple):
    """Which indicium: device and piece count, never bytes of a signature (domain trap 6)."""

    vendor_model: str
    serial: int
    piece_count: int

    def __str__(self) -> str:
        return f"{device_key_id(self.vendor_model, self.serial)} piece {self.piece_count}"


class Kind(StrEnum):
    """What is asked for the indicium."""

    REFUND = "refund"
    CANCELLATION = "cancellation"
    ADJUSTMENT = "adjustment"


class Status(StrEnum):
    """How far it is."""

    DRAFT = "draft"
    FILED = "filed"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Where one indicium's claim stands.

    `face` is the postage claimed for; `settled` what flows to the customer once granted, negative
    for an adjustment that the customer pays. `day` is that of the last step.
    """

    key: IndiciumKey
    kind: Kind
    claim: str
    status: Status
    face: Money
    day: date
    settled: Money = ZERO
    reason: str = ""

    def __str__(self) -> str:
        said = f"{self.kind} {self.claim} of {self.key} is {self.status} since {self.day}"
        return f"{said}: {self.reason}" if self.reason else said


@dataclass(frozen=True, slots=True)
class Conflict:
    """A step that changed nothing, because the indicium stands where it stands."""

    current: Settlement
    detail: str

    def __str__(self) -> str:
        return f"{self.detail}; {self.current}"


_MAY: Final = MappingProxyType(
    {
        Status.DRAFT: frozenset({Status.FILED}),
        Status.FILED: frozenset({Status.GRANTED, Status.REFUSED, Status.WITHDRAWN}),
        Status.GRANTED: frozenset[Status](),
        Status.REFUSED: frozenset[Status](),
        Status.WITHDRAWN: frozenset[Status](),
    }
)


def draft(
    current: Settlement | None, *, key: IndiciumKey, kind: Kind, claim: str, face: Money, day: date
) -> Settlement | Conflict:
    """Return the draft of a claim for an indicium whose row is `current` (None: it has none).

    A claim that was withdrawn leaves the indicium free; a granted or refused one never does. The
    same claim again is no conflict and changes nothing, so a message that comes twice is harmless.

    >>> key = IndiciumKey("TST0", 7, 12)
    >>> first = draft(None, key=key, kind=Kind.REFUND, claim="A", face=Money(780),
    ...     day=date(2026, 8, 1))
    >>> print(draft(first, key=key, kind=Kind.CANCELLATION, claim="B", face=Money(780),
    ...     day=date(2026, 8, 1)))
    a cancellation cannot begin; refund A of TST0-00000007 piece 12 is draft since 2026-08-01
    """
    if current is None or current.status is Status.WITHDRAWN:
        return Settlement(key=key, kind=kind, claim=claim, status=Status.DRAFT, face=face, day=day)
    if current.key != key:
        raise ValueError(f"the row is of {current.key}, not of {key}")
    if (current.kind, current.claim, current.face) == (kind, claim, face):
        return current
    return Conflict(current, f"a {kind} cannot begin")


def advance(
    current: Settlement, to: Status, day: date, *, settled: Money = ZERO, reason: str = ""
) -> Settlement | Conflict:
    """Return the row after one step; a step that was taken before changes nothing.

    Raises:
        ValueError: money with a step that grants nothing, a refusal without a reason, or a grant
            whose money does not fit its kind: a refund or cancellation pays $0.00 to the face
            value, an adjustment either way.

    >>> filed = advance(draft(None, key=IndiciumKey("TST0", 7, 12), kind=Kind.REFUND, claim="A",
    ...     face=Money(780), day=date(2026, 8, 1)), Status.FILED, date(2026, 8, 2))
    >>> granted = advance(filed, Status.GRANTED, date(2026, 8, 9), settled=Money(702))
    >>> print(advance(granted, Status.WITHDRAWN, date(2026, 8, 10)))
    granted cannot become withdrawn; refund A of TST0-00000007 piece 12 is granted since 2026-08-09
    """
    if to is Status.GRANTED:
        if current.kind is not Kind.ADJUSTMENT and not ZERO <= settled <= current.face:
            raise ValueError(f"a {current.kind} of {settled} for {current.face} of postage")
    elif settled:
        raise ValueError(f"{settled} with a step to {to}")
    if to is Status.REFUSED and not reason:
        raise ValueError("a refusal without a reason")
    if (current.status, current.settled, current.reason) == (to, settled, reason):
        return current
    if to not in _MAY[current.status]:
        return Conflict(current, f"{current.status} cannot become {to}")
    return replace(current, status=to, day=day, settled=settled, reason=reason)
