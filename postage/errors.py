"""Every exception that postage raises. One root to catch.

What a caller meets every day is a value (``Unratable``, ``Refusal``); these are broken promises.
"""

from enum import Enum


class PostageError(Exception):
    """Root of everything postage raises on purpose."""


class BadAmount(PostageError, ValueError):
    """Text that is not an amount of whole mills."""


class BadMailpiece(PostageError, ValueError):
    """A size or weight that no mailpiece has, or finer than we count."""


class BadFacts(PostageError, ValueError):
    """What is said of a scan cannot be: a name, a type or a range."""


class BadPriceType(PostageError, ValueError):
    """A price type that the class does not have."""


class BadZone(PostageError, ValueError):
    """A zone that does not exist, or one given twice."""


class RegisterViolation(PostageError):
    """A movement or a record that breaks ascending + descending == control total, or a limit."""


class InsufficientPostage(RegisterViolation):
    """A debit above the descending register; nothing changed."""


class DeviceRecordError(PostageError, ValueError):
    """A device record that must not exist, such as a software device in production."""


class RateEditionError(PostageError):
    """A rate edition that is not what its manifest says, or cannot be read."""


class ZoneChartError(PostageError):
    """A zone chart that cannot be read, or that is none."""


class PolicyError(PostageError, ValueError):
    """A policy file that cannot be read, or a record in it that contradicts itself."""


class Fault(Enum):
    """Why a payload or a set of values is no indicium; the list is closed."""

    EMPTY = "no bytes"
    UNKNOWN_PROFILE = "no profile has this name"
    UNKNOWN_VERSION = "no profile has this version byte"
    VERSION_MISMATCH = "the version byte is another profile's"
    FOREIGN_VENDOR = "the vendor id says that the payload is of another profile"
    AMBIGUOUS = "more than one layout may fit; only a device record can tell"
    TRUNCATED = "shorter than any payload of the profile"
    PADDED = "longer than any payload of the profile"
    WRONG_LENGTH = "a length between those of the profile"
    BAD_ASCII = "not printable ASCII"
    BAD_DATE = "not a date of the calendar"
    NOT_ZERO = "reserved bytes that are not zero"
    FIELD_RANGE = "a value that the field cannot hold"
    FIELD_TYPE = "a value of another type than the field's"
    MISSING_FIELD = "a value is missing"
    UNKNOWN_FIELD = "the profile has no such field"
    CONTRADICTION = "two fields that cannot both be true"
    READ_ONLY_PROFILE = "the profile is only read"


class IndiciumFormatError(PostageError, ValueError):
    """Bytes or values that are no indicium; ``kind`` says why."""

    def __init__(self, kind: Fault, message: str) -> None:
        super().__init__(kind, message)  # both, or a process pool could not send it
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[1])


class MessageFault(Enum):
    """Why bytes or values are no message between meter and provider; the list is closed."""

    TRUNCATED = "shorter than its fields"
    PADDED = "bytes behind the last field"
    TOO_LONG = "longer than any message"
    UNKNOWN_MAGIC = "not a message of this protocol"
    UNKNOWN_VERSION = "a version of the protocol that is not known"
    UNKNOWN_KIND = "no message has this kind"
    WRONG_SENDER = "a kind of message that this side never sends"
    WRONG_LENGTH = "a field longer or shorter than it may be"
    FIELD_RANGE = "a number that the field cannot hold"
    FIELD_TYPE = "a value of another type than the field's"
    UNKNOWN_VALUE = "a value outside a closed list"
    BAD_TEXT = "not printable ASCII"
    BAD_DATE = "not a date of the calendar"
    CONTRADICTION = "fields that cannot all be true"
    BAD_SIGNATURE = "the signature is not the sender's"


class MessageFormatError(PostageError, ValueError):
    """Bytes or values that are no message; ``kind`` says why."""

    def __init__(self, kind: MessageFault, message: str) -> None:
        super().__init__(kind, message)  # both, as above
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[1])
