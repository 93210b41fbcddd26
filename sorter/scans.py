"""What the scan history is asked and what it answers; the store itself is ``sorter.duplicates``."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Protocol


class Series(IntEnum):
    """Which of a device's counts a number belongs to; the value is stored and never reused.

    Postage, redates and test imprints are numbered apart. A profile without a piece count is keyed
    by its ascending register, which every debit raises.
    """

    POSTAGE = 0
    REDATE = 1
    TEST = 2
    POSTAGE_BY_REGISTER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One genuine indicium in one picture. Only signature-valid payloads may be made into scans.

    The first four fields are the key, which names an imprint for ever; ``digest`` (8 bytes of
    SHA-256 over the whole payload) and ``ascending_mills`` its content. The rest says who saw it:
    ``piece_id`` is the same for all passes of one physical piece, "" where the sorter cannot tell
    pieces, and ``image_id`` that of the picture.
    """

    vendor_model: str
    serial: int
    series: Series
    count: int
    digest: bytes
    ascending_mills: int
    scanned_us: int
    site: str
    lane: int
    pass_number: int
    piece_id: str
    image_id: str


class Answer(Enum):
    """What the history says of a scan."""

    FIRST = "never seen"
    REPEAT = "the same picture again"
    RESCAN = "the same piece on another pass"
    DUPLICATE = "the same imprint on another piece"
    CLONE = "the same count with other content"


@dataclass(frozen=True, slots=True)
class Sighting:
    """The answer to one scan, and the scan that came first (the scan itself if it is the first)."""

    answer: Answer
    first: Scan


class ScanHistory(Protocol):
    """Every genuine indicium that was ever seen; what it has answered is durable."""

    def check_many(self, scans: Sequence[Scan]) -> list[Sighting]:
        """Return an answer for each scan, in order, once all of them are durable."""
        ...
