"""What is known of a piece beside its indicium: what the mailer claims, what the sorter measured.

Sizes are thousandths of an inch, weights thousandths of an ounce, times microseconds since
1970-01-01 UTC.
"""

from dataclasses import dataclass, field
from datetime import date

from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A piece as a sorter weighed and measured it, with how far each figure may be off.

    What a belt cannot see (closures, rigidity) is in the flags of ``piece``, as an operator or a
    manifest says. The tolerances are to both sides: an amount is wrong only when no piece within
    them costs it.
    """

    piece: Mailpiece
    weight_tolerance_milliounces: int = 0
    size_tolerance_thou: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A piece as its mailer describes it, in the indicium or a manifest; None: not said."""

    rate_category: int | None = None
    weight_tenths_oz: int | None = None
    destination_zip: str = ""
    piece: Mailpiece | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceFacts:
    """One scan of one piece: when, where, which class, what was measured and claimed.

    ``piece_id`` is the sorter's name of the physical piece and stays the same over passes, where
    the sorter can tell; ``image_id`` is that of this picture. ``scanned_on`` is the local date.
    ``at_induction`` says that the mailer stands at the counter; ``at_origin`` that the piece has
    not been dispatched; ``has_return_address`` is False where somebody looked and found none.
    """

    scanned_us: int
    scanned_on: date
    site: str = ""
    lane: int = 0
    pass_number: int = 1
    piece_id: str = ""
    image_id: str = ""
    mail_class: MailClass = MailClass.FIRST_CLASS
    zone: int | None = None
    measured: Measured | None = None
    claimed: Claimed = field(default_factory=Claimed)
    at_induction: bool = False
    at_origin: bool = False
    has_return_address: bool = True
