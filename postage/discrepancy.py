"""One piece whose postage is not what it costs, as the Postal Service tells the device's provider.

The names of adjustments and root causes are those of the USPS API's model of adjustments
(domain.md 3.2), so that a provider can hand them on unchanged.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from postage.errors import MessageFault, MessageFormatError
from postage.mailclass import MailClass
from postage.message_base import Message, Sender
from postage.message_layouts import Counted, Day, Digest, Fixed, Mills, Text, Uint
from postage.message_parts import Maybe, Name, Record, Several, Sint, Truth
from postage.money import ZERO, Money
from postage.remedies import Remedy
from postage.verdicts import Class2011, Class2015, Code, Reason, classes_of

MAX_PAYLOADS: Final = 4
MAX_PAYLOAD_BYTES: Final = 300
"""Beyond every profile; a longer payload is told by the digest alone."""
MAX_REASONS: Final = 32
MAX_TEXT: Final = 120
MAX_PROVIDER: Final = 40


class Adjustment(StrEnum):
    """The kind of adjustment that a discrepancy leads to."""

    CENSUS = "CENSUS"
    DUPLICATES = "DUPLICATES"
    UNMANIFESTED = "UNMANIFESTED"


class RootCause(StrEnum):
    """Why a piece pays another amount than it costs."""

    CENSUS = "CENSUS"
    WEIGHT = "WEIGHT"
    DIMENSIONAL = "DIMENSIONAL"
    PACKAGING = "PACKAGING"
    ZONE = "ZONE"
    MISSHIPPED = "MISSHIPPED"
    DESTINATION_ENTRY = "DESTINATION_ENTRY"
    UNMANIFESTED = "UNMANIFESTED"
    DUPLICATES = "DUPLICATES"


_Label = Annotated[str, Text(MAX_TEXT, shortest=0)]
_Count = Annotated[int, Uint(4)]
_MaybeAmount = Annotated[Money | None, Maybe(Mills())]
_Big = Annotated[int, Sint(8)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Weight and sizes of a piece; ``marks`` names what else describes it, such as "is_rigid"."""

    weight_milliounces: _Count
    length_thou: _Count
    height_thou: _Count
    thickness_thou: _Count
    marks: Annotated[str, Text(300, shortest=0)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the mailer says of the piece, in its indicium or a manifest; absent: not said."""

    rate_category: Annotated[int | None, Maybe(Uint(4))] = None
    weight_tenths_oz: Annotated[int | None, Maybe(Uint(4))] = None
    destination_zip: Annotated[str, Text(12, shortest=0)] = ""
    figures: Annotated[Figures | None, Maybe(Record(Figures))] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the sorter measured, and by how much each figure may be off."""

    figures: Annotated[Figures, Record(Figures)]
    weight_tolerance_milliounces: _Count = 0
    size_tolerance_thou: _Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """The amounts: what the indicia show, what of it counts, what is due, what is asked.

    ``adjust`` is asked of the account of the message's device, and never more than is missing.

    Raises:
        MessageFormatError: the amounts are no discrepancy, or more is asked than is missing.

    >>> Reckoning(paid=Money(780), due=Money(1070), adjust=Money(290)).class_2011
    <Class2011.SHORTPAID: 'shortpaid'>
    """

    shown: _MaybeAmount = None
    paid: Annotated[Money, Mills()]
    due: _MaybeAmount
    adjust: Annotated[Money, Mills()] = ZERO

    def __post_init__(self) -> None:
        if self.class_2015 is not Class2015.DISCREPANCY:
            raise MessageFormatError(
                MessageFault.CONTRADICTION, f"{self.paid} paid of {self.due} is no discrepancy"
            )
        if self.adjust > self.deficiency:
            raise MessageFormatError(
                MessageFault.CONTRADICTION,
                f"{self.adjust} is asked; {self.deficiency} is missing",
            )

    @property
    def difference_mills(self) -> int | None:
        """Return paid less due in mills, None where what is due is not known."""
        return None if self.due is None else self.paid.mills - self.due.mills

    @property
    def deficiency(self) -> Money:
        """Return what is missing; nothing where it is not known."""
        return Money(max(0, -(self.difference_mills or 0)))

    @property
    def class_2011(self) -> Class2011:
        """Return the class of the 2011 rule."""
        return classes_of(self.paid, self.due)[0]

    @property
    def class_2015(self) -> Class2015:
        """Return the class of the 2015 rule."""
        return classes_of(self.paid, self.due)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """When and where the piece was scanned, and as which class of mail."""

    scanned_us: _Big
    scanned_on: Annotated[date, Day()]
    site: _Label = ""
    lane: _Big = 0
    pass_number: _Big = 1
    piece_id: _Label = ""
    image_id: _Label = ""
    mail_class: Annotated[MailClass, Name(MailClass)] = MailClass.FIRST_CLASS
    zone: Annotated[int | None, Maybe(Sint(8))] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the finding rests on.

    ``digest`` is the SHA-256 over all payloads, each behind its length; ``crop`` that of the
    picture, absent where there was none. The rest are the names of what was believed.
    """

    digest: Digest
    payloads: Annotated[
        tuple[bytes, ...], Several(Counted(1, MAX_PAYLOAD_BYTES), MAX_PAYLOADS)
    ] = ()
    crop: Annotated[bytes | None, Maybe(Fixed(32))] = None
    register: _Label = ""
    edition: _Label = ""
    first_seen: _Label = ""
    grade: _Label = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy(Message):
    """Tells a provider of one piece with a discrepancy (DMM 604.4, effective 2015-09-13).

    ``id`` follows from the piece and its payloads, and the nonce from the id: the same finding has
    the same id for ever, and a provider that has it answers again and books nothing. ``device`` is
    the one that the piece names; only a device that signed the piece is asked to ``adjust``. An
    empty ``provider`` is nobody's: the message is kept and never sent.
    """

    KIND: ClassVar[int] = 32
    SENDER: ClassVar[Sender] = Sender.POSTAL_SERVICE

    id: Digest
    provider: Annotated[str, Text(MAX_PROVIDER, shortest=0)]
    code: Annotated[Code, Name(Code)]
    reasons: Annotated[tuple[Reason, ...], Several(Name(Reason), MAX_REASONS)]
    adjustment: Annotated[Adjustment, Name(Adjustment)]
    root_cause: Annotated[RootCause, Name(RootCause)]
    remedies: Annotated[tuple[Remedy, ...], Several(Name(Remedy), len(Remedy))]
    reckoning: Annotated[Reckoning, Record(Reckoning)]
    place: Annotated[Place, Record(Place)]
    claimed: Annotated[Claim, Record(Claim)]
    measured: Annotated[Assessment | None, Maybe(Record(Assessment))]
    proof: Annotated[Proof, Record(Proof)]
    is_rehearsal: Annotated[bool, Truth()]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyReceived(Message):
    """The provider has the discrepancy of this id, durably; it answers every repeat."""

    KIND: ClassVar[int] = 33
    SENDER: ClassVar[Sender] = Sender.PROVIDER

    id: Digest
