"""Between the verifier and the scan history: which key an indicium has, what an answer means."""

import hashlib
from collections.abc import Iterable
from typing import Final

from postage.facts import PieceFacts
from postage.fields import PayloadType
from postage.verdicts import Finding, Reason
from sorter.authenticity import Examined
from sorter.scans import Answer, Scan, Series, Sighting, moment_of

DIGEST_BYTES: Final = 8
Told = Sighting | Finding
"""What the history says of a scan, or why it does not."""
_FIRST: Final = Answer.FIRST  # asked of every piece: a global is found faster than a member

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
    register, count = indicium.ascending, indicium.piece_count
    ascending = 0 if register is None else register.mills
    if count is None:
        assert register is not None, "every profile has a piece count or a register"
        count, series = ascending, Series.POSTAGE_BY_REGISTER
    else:
        series = _SERIES[indicium.payload_type]
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


def findings_of(told: Iterable[Told | None]) -> tuple[list[tuple[Finding, ...]], str]:
    """Return what the history says of each payload of a piece, and where one was seen before.

    None stands for a payload that it was not asked about.
    """
    seen: list[tuple[Finding, ...]] = []
    first_seen = ""
    for one in told:
        if one is None:
            seen.append(())
        elif isinstance(one, Finding):
            seen.append((one,))
        elif one.answer is _FIRST:
            seen.append(())
        else:
            found, where = _finding_of(one)
            seen.append((found,))
            first_seen = first_seen or where
    return seen, first_seen


def _finding_of(told: Sighting) -> tuple[Finding, str]:
    """Return what a later scan is, and where its imprint was first seen."""
    first = told.first
    place = f"site {first.site or '-'}, lane {first.lane}, piece {first.piece_id or '-'}"
    where = f"{moment_of(first)}, {place}"
    return Finding(_REASONS[told.answer], f"first seen {where}"), where
