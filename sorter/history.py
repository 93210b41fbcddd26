"""Between the verifier and the scan history: which key an indicium has, what an answer means."""

import hashlib
from datetime import UTC, datetime
from typing import Final

from postage.facts import PieceFacts
from postage.fields import PayloadType
from postage.verdicts import Finding, Reason
from sorter.authenticity import Examined
from sorter.scans import Answer, Scan, Series, Sighting

DIGEST_BYTES: Final = 8

_SERIES: Final = {
    PayloadType.POSTAGE: Series.POSTAGE,
    PayloadType.REDATE: Series.REDATE,
    PayloadType.TEST: Series.TEST,
}
_REASONS: Final = {
    Answer.REPEAT: Reason.REPEATED,
    Answer.RESCAN: Reason.RESCANNED,
    Answer.DUPLICATE: Reason.SEEN_BEFORE,
    Answer.CLONE: Reason.SAME_COUNT_OTHER_CONTENT,
}


def scan_of(one: Examined, facts: PieceFacts) -> Scan:
    """Return the scan of a genuine payload."""
    assert one.is_genuine, "only what a device signed may enter the history"
    indicium = one.indicium
    assert indicium is not None
    ascending = indicium.ascending.mills if indicium.ascending is not None else 0
    count, series = indicium.piece_count, _SERIES[indicium.payload_type]
    if count is None:
        assert indicium.ascending is not None, "every profile has a piece count or a register"
        count, series = ascending, Series.POSTAGE_BY_REGISTER
    return Scan(
        vendor_model=indicium.vendor_model,
        serial=indicium.device_serial,
        series=series,
        count=count,
        digest=hashlib.sha256(one.payload).digest()[:DIGEST_BYTES],
        ascending_mills=ascending,
        scanned_us=facts.scanned_us,
        site=facts.site,
        lane=facts.lane,
        pass_number=facts.pass_number,
        piece_id=facts.piece_id,
        image_id=facts.image_id,
    )


def finding_of(sighting: Sighting) -> tuple[tuple[Finding, ...], str]:
    """Return what a sighting means for the verdict, and where the imprint was seen first."""
    if sighting.answer is Answer.FIRST:
        return (), ""
    first = sighting.first
    seconds, micros = divmod(first.scanned_us, 1_000_000)
    try:
        when = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).isoformat()
    except (OverflowError, ValueError, OSError):  # a clock beyond the calendar
        when = f"{first.scanned_us} us"
    where = f"{when}, site {first.site or '-'}, lane {first.lane}, piece {first.piece_id or '-'}"
    return (Finding(_REASONS[sighting.answer], f"first seen {where}"),), where
