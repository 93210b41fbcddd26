"""Priority Mail Express that is short: contact the mailer, else collect on the way, else return.

The sequence is that of 76 FR no. 129 (2011-07-06, in force 2011-09-06), "Express Mail Shortpaid
Procedure". A piece found short at its origin is held and its mailer contacted. One whose mailer
cannot be contacted before dispatch, or that is found later, is endorsed "Postage Due", marked with
the total deficiency and delivered against it. What the addressee refuses is endorsed "Return to
Sender-Refused" and the sender pays on its return. To remail it takes a new label and new postage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

from postage.money import ZERO, Money

POSTAGE_DUE: Final = "Postage Due"
REFUSED: Final = "Return to Sender-Refused"


class Payer(StrEnum):
    """Who pays a deficiency."""

    MAILER = "mailer"
    ADDRESSEE = "addressee"
    SENDER = "sender"


class State(Enum):
    """Where a short piece stands, and who may pay for it there."""

    HELD = ("at its origin, to be dispatched when its mailer was contacted", Payer.MAILER)
    CORRECTED = ("corrected by its mailer, and dispatched", None)
    DUE = ("on its way, to be delivered against payment", Payer.ADDRESSEE)
    DELIVERED = ("delivered and paid", None)
    RETURNING = ("refused, and on its way back to its sender", Payer.SENDER)
    RETURNED = ("back with its sender, who paid", None)
    REMAILED = ("mailed again, as another piece", None)

    def __init__(self, meaning: str, payer: Payer | None) -> None:
        self.meaning = meaning
        self.payer = payer


class Event(Enum):
    """What may happen to a short piece."""

    PAID = "the total deficiency was paid"
    MAILER_NOT_REACHED = "the mailer cannot be contacted before dispatch"
    ADDRESSEE_REFUSED = "the addressee refuses to pay"
    REMAILED = "the sender mails it again under a new label"


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to, and the endorsement that it puts on the piece."""

    state: State
    endorsement: str = ""


SEQUENCE: Final[Mapping[tuple[State, Event], Step]] = MappingProxyType(
    {
        (State.HELD, Event.PAID): Step(State.CORRECTED),
        (State.HELD, Event.MAILER_NOT_REACHED): Step(State.DUE, POSTAGE_DUE),
        (State.DUE, Event.PAID): Step(State.DELIVERED),
        (State.DUE, Event.ADDRESSEE_REFUSED): Step(State.RETURNING, REFUSED),
        (State.RETURNING, Event.PAID): Step(State.RETURNED),
        (State.RETURNED, Event.REMAILED): Step(State.REMAILED),
    }
)
"""The whole procedure; what does not stand here does not happen."""


@dataclass(frozen=True, slots=True)
class NotPossible:
    """Why an event does not happen to a piece; nothing about the piece has changed."""

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortExpress:
    """One piece that is short: its label, the total deficiency of postage and fees, its state.

    ``endorsements`` are what the piece shows, in the order in which they were put on it.
    """

    label: str
    deficiency: Money
    state: State
    endorsements: tuple[str, ...] = ()

    @property
    def collectable(self) -> tuple[Payer, Money] | None:
        """Return who owes how much now; None where nobody does."""
        return (self.state.payer, self.deficiency) if self.state.payer else None

    @property
    def marking(self) -> str:
        """Return what is marked on the piece: its last endorsement, with the total due.

        >>> found_short("EI 1 US", Money(32_500), Money(49_800), is_dispatched=True).marking
        'Postage Due $17.30'
        """
        if not self.endorsements:
            return ""
        last = self.endorsements[-1]
        return f"{last} {self.deficiency}" if last == POSTAGE_DUE else last


def found_short(
    label: str, paid: Money, due: Money, *, is_dispatched: bool
) -> ShortExpress | NotPossible:
    """Return the piece that was found with ``paid`` of the ``due`` postage and fees on it.

    Found at its origin it is held; found in processing or at its destination, it is postage due.

    >>> found_short("EI 1 US", Money(32_500), Money(49_800), is_dispatched=False).collectable
    (<Payer.MAILER: 'mailer'>, Money(mills=17300))
    """
    if not ZERO <= paid < due:
        return NotPossible(f"{paid} of {due} is not short")
    piece = ShortExpress(label=label, deficiency=due - paid, state=State.HELD)
    if is_dispatched:
        # Nobody can contact the mailer of a dispatched piece before its dispatch.
        return step(piece, Event.MAILER_NOT_REACHED)
    return piece


def step(
    piece: ShortExpress, event: Event, *, amount: Money = ZERO, label: str = ""
) -> ShortExpress | NotPossible:
    """Return the piece after an event.

    ``amount`` is what was paid, or the new postage of a piece that is remailed; ``label`` its new
    label. Only the total deficiency pays a piece, and nothing of it pays for mailing it again:
    what is remailed short is ``found_short`` under its new label.

    >>> due = found_short("EI 1 US", Money(32_500), Money(49_800), is_dispatched=True)
    >>> step(due, Event.ADDRESSEE_REFUSED).marking
    'Return to Sender-Refused'
    >>> print(step(due, Event.PAID, amount=Money(17_000)))
    $17.00 was paid; the addressee owes $17.30
    """
    to = SEQUENCE.get((piece.state, event))
    if to is None:
        return NotPossible(f"{event.value}: a piece {piece.state.meaning}")
    if event is Event.PAID and amount != piece.deficiency:
        return NotPossible(f"{amount} was paid; the {piece.state.payer} owes {piece.deficiency}")
    if event is Event.REMAILED and (not label or label == piece.label):
        return NotPossible(f"remailing takes a new label, not {label!r}")
    if event is Event.REMAILED and amount <= ZERO:
        return NotPossible("remailing takes new postage and fees")
    added = (to.endorsement,) if to.endorsement else ()
    return replace(piece, state=to.state, endorsements=(*piece.endorsements, *added))
