"""What the journal's records add up to: registers, stage, budgets, refills, open pieces, locks.

The same records give the same state, on a running device, at recovery and in an audit: how one
changes it is for `pipeline.fold` to say, which may follow for `pipeline.rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from pipeline.record import FIRST_PREVIOUS, Record, RecordType

MAX_CONTROL_TOTAL: Final = 2**40 - 1  # mills; five bytes hold a register in the indicium
MAX_PIECE_COUNT: Final = 2**32 - 1
MAX_WINDOW: Final = 3
DAY_US: Final = 86_400_000_000
MAX_INCIDENT_BYTES: Final = 160
REDATE_DAYS: Final = 60  # a piece is old mail by then, and its refund window over

# Bits of Record.flags. An outcome takes three bits for each piece in flight, the oldest lowest.
OUTCOME_BITS: Final = 3
FLAG_TEST: Final = 1 << 9  # DEBIT of nothing: a VOID imprint
FLAG_UNRELEASED: Final = 1 << 10  # BOOT: the record before it never left the device
FLAG_REDATE: Final = 1 << 11  # DEBIT of nothing: another date for the piece of record `reference`
FLAG_TIME_KNOWN: Final = 1 << 11  # BOOT: its PSD time comes from a clock that is trusted
WINDOW_SHIFT: Final = 12  # BOOT: pieces that may be in flight, two bits
FLAG_KEYED: Final = 1 << 14  # DEBIT: the amount was keyed in, no rate stands behind it
FLAG_TIME_ASSUMED: Final = 1 << 14  # BOOT: its PSD time is the floor, and may run (grace)
OUTCOMES: Final = (1 << OUTCOME_BITS * MAX_WINDOW) - 1
DAY_SHIFT: Final = 16  # DEBIT: accounting day, days since 1970-01-01 in the licensed zone


class Outcome(IntEnum):
    """What became of a released piece."""

    PRINTED = 1  # the head fired
    CONFIRMED = 2  # the exit camera read the same count
    MISPRINT = 3  # partly on paper: the operator keeps it for the claim
    UNPRINTED = 4  # the head fired no column: claim with machine evidence
    CLAIMED = 5  # a refund claim was filed; leaves the list of open pieces


class Open(IntEnum):
    """Why a debited piece, no longer in flight, is not settled."""

    OPEN_UNRELEASED = 1  # HEAD proves that it never left the device
    OPEN_UNKNOWN = 2  # may be on paper
    MISPRINT = 3
    UNPRINTED = 4


class Stage(IntEnum):
    """How far the device has come; it never goes back."""

    MANUFACTURED = 0
    INITIALIZED = 1  # it has a key and a certificate
    REGISTERED = 2  # a customer has it, at a licensed place
    WITHDRAWN = 3


class Lock(IntFlag):
    """Independent locks: one being lifted leaves the others."""

    COMM = 1  # lifted by a contact alone
    SUSPENDED = 2  # set and lifted by the provider
    FAULT = 4  # a self-test failed; lifted by the provider's inspection


class Try(IntEnum):
    """What a TRY record says of a user's PIN."""

    ATTEMPT = 1  # written before the comparison
    SUCCESS = 2
    RELEASE = 3  # a supervisor or the provider starts the count anew


class IncidentKind(IntEnum):
    """What an INCIDENT record is about; the numbers are on disk for ever."""

    WRONG_STATE = 1  # a service that the device's state does not offer
    WRONG_PIN = 2
    CLOCK_WRONG = 3  # ran back within a boot, or lies where no trusted clock can
    RESTORED_FOLDER = 4  # an old copy: someone has heard of records that are not here
    CLONED_FOLDER = 5  # another device's files, or two histories of one device
    DAMAGED_FILE = 6  # half written, edited or gone
    DISK_FULL = 7
    DISK_FAILED = 8  # it refused to read, write or sync, or gave back something else
    HOSTILE_CSV = 9
    KEY_FAILED = 10  # no signature, or a wrong one
    # What came over the link and was not believed; the rest of `pipeline.link.Breach` is above.
    FORGED = 16
    MALFORMED = 17
    FOREIGN = 18
    STALE = 19
    LATE = 20  # reordered: the answer to an earlier question
    REPEATED = 21
    OUT_OF_PLACE = 22
    SLOW = 23
    TIME_WRONG = 24
    CONTRADICTION = 25
    DENIED = 26


class Tries(NamedTuple):
    """Attempts since the last success or release, and the PSD time of the last."""

    failures: int
    last_us: int


class PendingRefill(NamedTuple):
    """The one refill that may be under way; record `sequence` holds what was asked."""

    request_id: int
    mills: int
    nonce: int = 0
    sequence: int = 0


class Anchor(NamedTuple):
    """A moment of which the PSD time is known, in the boot that is running."""

    psd_us: int
    boottime_us: int


@dataclass(slots=True)
class Department:
    """Charges in mills. `allowance` counts from the last BUDGET record; None is unlimited."""

    charged: int = 0
    charged_since_budget: int = 0
    allowance: int | None = None

    @property
    def left(self) -> int | None:
        """Return what may still be charged, None where nothing limits it."""
        return None if self.allowance is None else self.allowance - self.charged_since_budget


@dataclass(slots=True)
class DeviceState:
    """The fold of records 1 to `sequence`."""

    window: int = 1
    sequence: int = 0
    boot: int = 0
    floor_us: int = 0  # greatest PSD time ever recorded: time never goes below it
    ascending: int = 0
    descending: int = 0
    control_total: int = 0
    piece_count: int = 0
    tests: int = 0  # VOID imprints, which count by themselves, as redates do
    redates: int = 0
    previous: bytes = FIRST_PREVIOUS
    binding: bytes = b""  # what the device is bound to: profile and licensing ZIP
    stage: int = Stage.MANUFACTURED
    zeroised: bool = False  # the latch; whether the keys are gone is for the key store to say
    locks: int = 0
    rate_version: int = 0
    anchor: Anchor | None = None  # None: nobody has told this boot the time
    assumed_boots: int = 0  # in a row whose time was assumed
    unmet: bool = False  # a strict boot before its first contact: the folder may be an old copy
    last_contact_us: int = 0
    acknowledged: int = 0  # the provider has the records up to this one
    unsent_us: int = 0  # PSD time of the first debit since all was acknowledged; 0: none
    repairs: int = 0  # copies repaired on `repair_day`
    repair_day: int = 0
    pending_refill: PendingRefill | None = None
    refills: dict[int, int] = field(default_factory=dict)  # applied, for ever
    voided: set[int] = field(default_factory=set)  # requests that came to nothing, for ever
    departments: dict[int, Department] = field(default_factory=dict)
    tries: dict[int, Tries] = field(default_factory=dict)  # by user; none after a success
    redated: dict[int, int] = field(default_factory=dict)  # day of the redate by piece's record
    flight: list[int] = field(default_factory=list)  # released in this boot, no outcome yet
    open: dict[int, Open] = field(default_factory=dict)  # by sequence
    checkpoint: tuple[int, int] | None = None  # index and total of an unfinished run

    def after(self, kind: RecordType, amount: int) -> tuple[int, int, int, int]:
        """Return AR, DR, CT (mills) and piece count as they are after an event.

        >>> DeviceState(descending=1000, control_total=1000).after(RecordType.DEBIT, 740)
        (740, 260, 1000, 1)
        """
        if kind is RecordType.DEBIT:
            return (
                self.ascending + amount,
                self.descending - amount,
                self.control_total,
                self.piece_count + (amount > 0),
            )
        if kind is RecordType.REFILL_APPLY or kind is RecordType.WITHDRAW:
            credit = amount if kind is RecordType.REFILL_APPLY else -amount
            return (
                self.ascending,
                self.descending + credit,
                self.control_total + credit,
                self.piece_count,
            )
        return self.ascending, self.descending, self.control_total, self.piece_count


def closes_one(record: Record) -> bool:
    """Return whether a record tells the outcome of one piece that it names."""
    return record.type == RecordType.CONFIRM and record.reference != 0


@cache  # 512 arguments, one or two of them at every record
def outcome_places(told: int) -> Mapping[int, int]:
    """Return the outcomes in a record's lowest nine flags, by place in the flight, the oldest 0.

    >>> dict(outcome_places(0b010_000_001))
    {0: 1, 2: 2}
    """
    found = ((place, told >> OUTCOME_BITS * place & 7) for place in range(MAX_WINDOW))
    return MappingProxyType({place: outcome for place, outcome in found if outcome})


def outcome_flags(flight: list[int], told: dict[int, Outcome]) -> int:
    """Return the flags that carry outcomes told by sequence, for pieces in flight.

    >>> outcome_flags([7, 9], {9: Outcome.CONFIRMED})
    16
    """
    if not told:
        return 0
    return sum(
        told[sequence] << OUTCOME_BITS * place
        for place, sequence in enumerate(flight)
        if sequence in told
    )
