"""What the Postal Service says of one mailpiece: a code, two legal classes, and every reason.

Each reason argues for one code, and a verdict has the first code, in the order of ``Code``, that
any of its reasons argues for. Two regulations define what is wrong with a price, and both are
kept: revenue deficiency (76 FR no. 129, effective 2011-09-06) and discrepancy (DMM 604.4,
effective 2015-09-13).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from postage.devices import device_key_id
from postage.money import ZERO, Money
from postage.remedies import Remedy


class Code(StrEnum):
    """The verdict in one word, gravest first; the order is part of the interface."""

    LATE = "LATE"
    UNREADABLE = "UNREADABLE"
    NOT_VERIFIABLE = "NOT_VERIFIABLE"
    SPECIMEN = "SPECIMEN"
    COUNTERFEIT = "COUNTERFEIT"
    NON_CANONICAL = "NON_CANONICAL"
    CLONE = "CLONE"
    DUPLICATE = "DUPLICATE"
    DECERTIFIED = "DECERTIFIED"
    STALE = "STALE"
    UNPAID = "UNPAID"
    SHORTPAID = "SHORTPAID"
    OVERPAID = "OVERPAID"
    MISPLACED = "MISPLACED"
    POOR_PRINT = "POOR_PRINT"
    VALID = "VALID"

    @property
    def number(self) -> int:
        """Return the code as an integer that never changes meaning: 1 LATE to 16 VALID."""
        return _NUMBERS[self]


_NUMBERS = {code: number for number, code in enumerate(Code, start=1)}
UNDECIDED = frozenset({Code.LATE, Code.UNREADABLE, Code.NOT_VERIFIABLE})
"""Codes that do not say whether anything was paid."""
WORTHLESS = frozenset(
    {
        Code.SPECIMEN,
        Code.COUNTERFEIT,
        Code.NON_CANONICAL,
        Code.CLONE,
        Code.DUPLICATE,
        Code.DECERTIFIED,
    }
)
"""Codes under which an indicium counts as nothing paid, whatever it shows."""


class Class2011(StrEnum):
    """The 2011 rule: deficient or not, and whether anything valid was affixed."""

    SUFFICIENT = "sufficient"
    SHORTPAID = "shortpaid"
    UNPAID = "unpaid"
    UNDETERMINED = "undetermined"


class Class2015(StrEnum):
    """The 2015 rule: the total affixed equals what is required, or it does not."""

    EQUAL = "equal"
    DISCREPANCY = "discrepancy"
    UNDETERMINED = "undetermined"


class Reason(Enum):
    """Everything that may be found about a piece, with the code that it argues for.

    Those for VALID change no verdict; they are told because somebody will ask.
    """

    DEADLINE_PASSED = (Code.LATE, "the answer came after the deadline")
    NO_SYMBOL = (Code.UNREADABLE, "no symbol was read")
    BAD_FRAME = (Code.UNREADABLE, "the frame is no picture that can be read")
    NOT_AN_INDICIUM = (Code.UNREADABLE, "what was read is no indicium")
    UNKNOWN_DEVICE = (Code.NOT_VERIFIABLE, "the register does not list the device")
    NO_KEY = (Code.NOT_VERIFIABLE, "the register has no key of the device")
    BAD_FACTS = (Code.NOT_VERIFIABLE, "what the sorter measured cannot be used")
    NO_HISTORY = (Code.NOT_VERIFIABLE, "the scan history does not answer")
    FAILED = (Code.NOT_VERIFIABLE, "the verifier failed on the piece")
    TEST_IMPRINT = (Code.SPECIMEN, "a test imprint")
    SPECIMEN_DEVICE = (Code.SPECIMEN, "a specimen device")
    REHEARSAL_DEVICE = (Code.SPECIMEN, "a rehearsal device outside a rehearsal")
    SOFTWARE_DEVICE = (Code.SPECIMEN, "a software device, whose indicia are never postage")
    SIGNATURE_MISMATCH = (Code.COUNTERFEIT, "the signature is not the device's")
    R_ZERO = (Code.COUNTERFEIT, "r of the signature is 0")
    S_ZERO = (Code.COUNTERFEIT, "s of the signature is 0")
    R_OUT_OF_RANGE = (Code.COUNTERFEIT, "r of the signature is not below the group order")
    S_OUT_OF_RANGE = (Code.COUNTERFEIT, "s of the signature is not below the group order")
    DER_SIGNATURE = (Code.COUNTERFEIT, "the signature is DER, not raw r and s")
    SIGNATURE_LENGTH = (Code.COUNTERFEIT, "the signature has the wrong length")
    TRUNCATED = (Code.COUNTERFEIT, "the payload is cut")
    PADDED = (Code.COUNTERFEIT, "bytes follow the payload, and its signature is not the device's")
    BAD_FIELD = (Code.COUNTERFEIT, "a field that no device writes")
    HIGH_S = (Code.NON_CANONICAL, "the twin (n - s) of a genuine signature")
    TRAILING_BYTES = (Code.NON_CANONICAL, "bytes follow a genuine payload")
    SIGNED_NONSENSE = (Code.NON_CANONICAL, "genuinely signed, with a field that means nothing")
    OTHER_SYMBOL_SIZE = (Code.NON_CANONICAL, "a symbol of another size than the payload's")
    SAME_COUNT_OTHER_CONTENT = (Code.CLONE, "the device signed this piece count twice")
    SEEN_BEFORE = (Code.DUPLICATE, "the indicium was on another piece")
    MODEL_DECERTIFIED = (Code.DECERTIFIED, "the model is decertified")
    DEVICE_STOLEN = (Code.DECERTIFIED, "the device is stolen")
    DEVICE_LOST = (Code.DECERTIFIED, "the device is lost")
    DEVICE_SUSPENDED = (Code.DECERTIFIED, "the device is suspended")
    DEVICE_WITHDRAWN = (Code.DECERTIFIED, "the device is withdrawn")
    DEVICE_REVOKED = (Code.DECERTIFIED, "the device is revoked")
    OUTSIDE_VALIDITY = (Code.DECERTIFIED, "the date is outside the device's validity")
    UNAUTHORISED_PROVIDER = (Code.DECERTIFIED, "the provider is not authorised")
    DATE_PAST = (Code.STALE, "the date lies too far back")
    DATE_AHEAD = (Code.STALE, "the date lies too far ahead")
    NOTHING_AFFIXED = (Code.UNPAID, "no valid postage was affixed")
    REDATE_ALONE = (Code.UNPAID, "a redate imprint without the indicium that it redates")
    CLASS_EXCLUDED = (Code.UNPAID, "a class that no indicium pays for")
    LESS_THAN_DUE = (Code.SHORTPAID, "less than is due")
    MORE_THAN_DUE = (Code.OVERPAID, "more than is due")
    RIGHT_MARGIN = (Code.MISPLACED, "too near the right edge")
    TOP_MARGIN = (Code.MISPLACED, "too near the top edge")
    LOW_GRADE = (Code.POOR_PRINT, "the print grade is too low")
    LOW_REFLECTANCE = (Code.POOR_PRINT, "print and paper reflect too much alike")
    UNDATED = (Code.VALID, "an undated indicium, as prepaid reply mail has it")
    REDATED = (Code.VALID, "redated by a companion imprint")
    RESCANNED = (Code.VALID, "the same piece on another pass")
    REPEATED = (Code.VALID, "the same image again")
    CLAIM_DIFFERS = (Code.VALID, "measured otherwise than claimed")
    DUE_UNKNOWN = (Code.VALID, "the postage due cannot be said")
    REGISTER_STALE = (Code.VALID, "the device register is past its date")

    def __init__(self, code: Code, meaning: str) -> None:
        self.code = code
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason, with the amounts and limits of this piece."""

    reason: Reason
    text: str = ""

    def __str__(self) -> str:
        return f"{self.reason.meaning}: {self.text}" if self.text else self.reason.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A registered device that an indicium of the piece names, with its provider.

    ``is_chargeable``: the device signed the indicium, so that a missing amount may be adjusted in
    its account. Anybody can print the name of a device. The claims are those of the indicium.
    """

    vendor_model: str
    serial: int
    provider: str
    is_chargeable: bool
    rate_category: int | None = None
    weight_tenths_oz: int | None = None

    @property
    def device(self) -> str:
        """Return the device's name, as its key has it."""
        return device_key_id(self.vendor_model, self.serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a clerk needs to check a verdict without the sorter.

    ``crop`` is a PNG of the symbol and its surroundings, empty where only bytes were given. The
    names of rate edition, register and first sighting say what was true when the piece was seen.
    ``accounts`` are those of the devices.
    """

    payloads: tuple[bytes, ...] = ()
    crop: bytes = b""
    accounts: tuple[Account, ...] = ()
    register: str = ""
    edition: str = ""
    first_seen: str = ""
    grade: str = ""

    @property
    def device(self) -> str:
        """Return the name of the first account's device, "" where no registered one is named."""
        return self.accounts[0].device if self.accounts else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One piece, judged: `sorter.judge` sees to it that no field contradicts another.

    ``shown`` is what its indicia claim, ``paid`` what of it counts, ``due`` what the piece costs;
    None where nobody can say. ``difference`` is paid less due: below 0 postage is owed.
    ``is_rehearsal`` marks a verdict that trusted rehearsal devices.
    """

    code: Code
    class_2011: Class2011
    class_2015: Class2015
    reasons: tuple[Finding, ...]
    shown: Money | None
    paid: Money | None
    due: Money | None
    remedies: tuple[Remedy, ...]
    evidence: Evidence = field(default_factory=Evidence)
    is_rehearsal: bool = False

    @property
    def difference_mills(self) -> int | None:
        """Return paid less due in mills, None where either is unknown."""
        if self.paid is None or self.due is None:
            return None
        return self.paid.mills - self.due.mills

    @property
    def deficiency(self) -> Money:
        """Return what is still owed; nothing where it is not known."""
        return Money(max(0, -(self.difference_mills or 0)))

    @property
    def is_discrepancy(self) -> bool:
        """Return whether the provider must hear of it (DMM 604.4, 2015)."""
        return self.class_2015 is Class2015.DISCREPANCY

    def __str__(self) -> str:
        rehearsal = "REHEARSAL " if self.is_rehearsal else ""
        return f"{rehearsal}{self.code}: " + ("; ".join(map(str, self.reasons)) or "nothing found")


def code_of(findings: Iterable[Finding]) -> Code:
    """Return the first code that any finding argues for.

    >>> code_of([Finding(Reason.LESS_THAN_DUE), Finding(Reason.SEEN_BEFORE)])
    <Code.DUPLICATE: 'DUPLICATE'>
    >>> code_of([])
    <Code.VALID: 'VALID'>
    """
    codes = [one.reason.code for one in findings]
    return min(codes, key=_NUMBERS.__getitem__) if codes else Code.VALID


def classes_of(paid: Money | None, due: Money | None) -> tuple[Class2011, Class2015]:
    """Return both legal classes of what was validly paid against what is due.

    Nothing valid is unpaid even where the price is unknown; the 2015 rule counts it, and zero, as
    a discrepancy (domain 3.2). More than is due is no deficiency and yet a discrepancy.

    >>> classes_of(Money(1070), Money(780))
    (<Class2011.SUFFICIENT: 'sufficient'>, <Class2015.DISCREPANCY: 'discrepancy'>)
    """
    if paid is None or (due is None and paid):
        return Class2011.UNDETERMINED, Class2015.UNDETERMINED
    if not paid and due != ZERO:
        return Class2011.UNPAID, Class2015.DISCREPANCY
    assert due is not None
    if paid < due:
        return Class2011.SHORTPAID, Class2015.DISCREPANCY
    return Class2011.SUFFICIENT, Class2015.EQUAL if paid == due else Class2015.DISCREPANCY
