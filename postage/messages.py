"""Every message between the three parties: what is asked, what may answer it.

The fields of a class, in order, are its field table; `postage.envelope` turns a message into bytes
under a signature and back. Every question carries a nonce and its answer repeats it, so an answer
to another question, however genuine, is known as such.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, Final

from postage.discrepancy import Discrepancy, DiscrepancyReceived
from postage.message_base import Message, Sender
from postage.message_layouts import (
    U64,
    Agreement,
    Amount,
    Choice,
    Digest,
    EditionName,
    EffectiveDay,
    RegisterSet,
    SealedRecords,
)

__all__ = [
    "ANSWERS",
    "NOTICES",
    "AuditAck",
    "AuditUpload",
    "Command",
    "DeclineReason",
    "Denial",
    "Denied",
    "Discrepancy",
    "DiscrepancyReceived",
    "Message",
    "Order",
    "OrderDone",
    "RateNotice",
    "RefillAck",
    "RefillCredit",
    "RefillDecline",
    "RefillPosted",
    "RefillRequest",
    "RefillSettled",
    "RefillTombstone",
    "RefillVoidRequest",
    "RegisterMeter",
    "Sender",
    "TimeAnswer",
    "TimeQuery",
]


class DeclineReason(IntEnum):
    """Why money does not move for a refill request, for good."""

    NO_FUNDS = 1
    AMOUNT_OUT_OF_RANGE = 2


class Denial(IntEnum):
    """Why the provider does not do what a message asks; nothing that was settled changes."""

    NOT_AUTHENTIC = 1  # no message, or not signed by the device that it names
    UNKNOWN_DEVICE = 2
    CONFLICT = 3  # a request id that was used with another amount or nonce
    DEVICE_LOCKED = 4  # the provider holds the device after an incident
    REGISTERS_BEHIND = 5  # registers below those uploaded: an old copy of the device
    HISTORY_DIFFERS = 6  # other records than those uploaded, or a broken hash chain
    RULE_BROKEN = 7  # a record that may not follow the one before it
    CONTROL_TOTAL_WRONG = 8  # neither what was paid nor what was paid less what is in transit
    GAP = 9  # records missing between those uploaded and those offered
    NOT_NEWEST = 10  # an older record than the device has spoken of: a late message, or an old copy


class Command(IntEnum):
    """What the provider orders a meter to do."""

    NOTHING = 0  # the queue is empty
    SUSPEND = 1
    RESUME = 2
    WITHDRAW = 3
    LOST = 4  # reported lost or stolen: as SUSPEND, and nothing lifts it but RESUME
    INSPECTED = 5  # the fault lock may go
    RELEASE_USER = 6  # `argument` is the user whose tries start anew
    ENROL = 7  # another first supervisor may be made, in the provider's session


@dataclass(frozen=True, slots=True, kw_only=True)
class _FromMeter(Message):
    SENDER: ClassVar[Sender] = Sender.METER


@dataclass(frozen=True, slots=True, kw_only=True)
class _FromProvider(Message):
    SENDER: ClassVar[Sender] = Sender.PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeQuery(_FromMeter):
    """Asks for the time; the answer is only as old as this nonce."""

    KIND: ClassVar[int] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAnswer(_FromProvider):
    """The provider's time, microseconds since 1970-01-01 UTC."""

    KIND: ClassVar[int] = 2

    server_us: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillRequest(_FromMeter):
    """Asks for postage, in the same bytes until it is settled.

    Sequence, digest and registers are those of the record that began the request.
    """

    KIND: ClassVar[int] = 3

    request: U64
    amount: Amount
    sequence: U64
    digest: Digest
    registers: RegisterSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillCredit(_FromProvider):
    """Money has moved for the request; the same bytes answer every repeat of it, for ever."""

    KIND: ClassVar[int] = 4

    request: U64
    amount: Amount
    before: Amount  # control total that the meter must have
    after: Amount
    server_us: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillDecline(_FromProvider):
    """Money never moves for the request: it is over."""

    KIND: ClassVar[int] = 5

    request: U64
    reason: Annotated[DeclineReason, Choice(DeclineReason)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillVoidRequest(_FromMeter):
    """Asks to end a request that the provider may or may not know; the nonce is the request's."""

    KIND: ClassVar[int] = 6

    request: U64
    amount: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillTombstone(_FromProvider):
    """The request is void: it was not posted and never will be."""

    KIND: ClassVar[int] = 7

    request: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillPosted(_FromProvider):
    """The request cannot be void: money has moved; ask for the credit."""

    KIND: ClassVar[int] = 8

    request: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillAck(_FromMeter):
    """The credit is in the registers; sequence and digest are of the newest record."""

    KIND: ClassVar[int] = 9

    request: U64
    sequence: U64
    digest: Digest
    registers: RegisterSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillSettled(_FromProvider):
    """The provider has moved the amount from in transit to the meter."""

    KIND: ClassVar[int] = 10

    request: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditUpload(_FromMeter):
    """Sealed journal records from `first` on; none of them asks how far the provider has them.

    Sequence, digest and registers are those of the newest record.
    """

    KIND: ClassVar[int] = 11

    first: U64
    records: SealedRecords
    sequence: U64
    digest: Digest
    registers: RegisterSet


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAck(_FromProvider):
    """The provider has every record up to `sequence`, whose digest this is; 0 has zeros."""

    KIND: ClassVar[int] = 12

    sequence: U64
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDone(_FromMeter):
    """The order of this number is done (0: none yet); asks for the next."""

    KIND: ClassVar[int] = 13

    order: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(_FromProvider):
    """An order in the device's queue; NOTHING has the number 0."""

    KIND: ClassVar[int] = 14

    order: U64
    command: Annotated[Command, Choice(Command)]
    argument: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMeter(_FromProvider):
    """An order: the customer agreement under which the meter works from now on."""

    KIND: ClassVar[int] = 15

    order: U64
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialiseMeter(_FromProvider):
    """An order: the certificate that the meter's key has, by its SHA-256; it leaves the factory."""

    KIND: ClassVar[int] = 18

    order: U64
    certificate: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RateNotice(_FromProvider):
    """An order: a rate edition, by the SHA-256 of its manifest, and its first day."""

    KIND: ClassVar[int] = 16

    order: U64
    edition: EditionName
    sha256: Digest
    effective: EffectiveDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied(_FromProvider):
    """The provider does nothing; what was asked may be asked again."""

    KIND: ClassVar[int] = 17

    reason: Annotated[Denial, Choice(Denial)]


_SETTLES = (RefillCredit, RefillDecline, RefillTombstone)
ANSWERS: Final[Mapping[type[Message], tuple[type[Message], ...]]] = MappingProxyType(
    {
        TimeQuery: (TimeAnswer, Denied),
        # Whatever settled a request answers it, however it is asked.
        RefillRequest: (*_SETTLES, Denied),
        RefillVoidRequest: (*_SETTLES, RefillPosted, Denied),
        RefillAck: (RefillSettled, Denied),
        AuditUpload: (AuditAck, Denied),
        OrderDone: (Order, InitialiseMeter, RegisterMeter, RateNotice, Denied),
    }
)
"""The messages of a meter, and what may answer each."""

NOTICES: Final[Mapping[type[Message], tuple[type[Message], ...]]] = MappingProxyType(
    {Discrepancy: (DiscrepancyReceived, Denied)}
)
"""The messages of the Postal Service to a provider, and what may answer each."""
