"""What the scan history is asked and what it answers; the store itself is ``sorter.duplicates``.

Scans and sightings are made for every piece of a busy lane, and ``frozen=True`` would make them
five times dearer to make: 12 fields are set through ``object.__setattr__``. ``Final`` has mypy
refuse the same assignments, and as nobody changes them, they may be hashed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, Final, Protocol


class Series(IntEnum):
    """Which of a device's counts a number belongs to; the value is stored and never reused.

    Postage, redates and test imprints are numbered apart. A profile without a piece count is keyed
    by its ascending register, which every debit raises.
    """

    POSTAGE = 0
    REDATE = 1
    TEST = 2
    POSTAGE_BY_REGISTER = 3


@dataclass(slots=True, kw_only=True, unsafe_hash=True)
class Scan:
    """One genuine indicium in one picture. Only signature-valid payloads may be made into scans.

    The first four fields are the key, which names an imprint for ever; ``digest`` (8 bytes of
    SHA-256 over the whole payload) and ``ascending_mills`` its content. The rest says who saw it:
    ``piece_id`` is the same for all passes of one physical piece, "" where the sorter cannot tell
    pieces, and ``image_id`` that of the picture.
    """

    vendor_model: Final[str]
    serial: Final[int]
    series: Final[Series]
    count: Final[int]
    digest: Final[bytes]
    ascending_mills: Final[int]
    scanned_us: Final[int]
    site: Final[str]
    lane: Final[int]
    pass_number: Final[int]
    piece_id: Final[str]
    image_id: Final[str]


def moment_of(scan: Scan) -> str:
    """Return when a scan was taken as people read it, UTC; its microseconds beyond the calendar."""
    seconds, micros = divmod(scan.scanned_us, 1_000_000)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{scan.scanned_us} us"


def scan_as_row(scan: Scan) -> dict[str, Any]:
    """Return when and where a scan was taken, and of what, for people and programs."""
    return {
        "when": moment_of(scan),
        "site": scan.site,
        "lane": scan.lane,
        "piece": scan.piece_id,
        "image": scan.image_id,
        "ascending_mills": scan.ascending_mills,
    }


class Answer(Enum):
    """What the history says of a scan."""

    FIRST = "never seen"
    REPEAT = "the same picture again"
    RESCAN = "the same piece on another pass"
    DUPLICATE = "the same imprint on another piece"
    CLONE = "the same count with other content"


@dataclass(slots=True, unsafe_hash=True)
class Sighting:
    """The answer to one scan, and the scan that came first (the scan itself if it is the first)."""

    answer: Final[Answer]
    first: Final[Scan]


class ScanHistory(Protocol):
    """Every genuine indicium that was ever seen; what it has answered is durable."""

    def check_many(self, scans: Sequence[Scan]) -> list[Sighting]:
        """Return an answer for each scan, in order, once all of them are durable."""
        ...
