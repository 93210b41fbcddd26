"""What a united log says, from its definition: over all scans of an imprint at once."""

from collections.abc import Iterable

from sorter.scanlog import Told
from sorter.scans import Answer, Scan

Finding = tuple[Scan, Answer, Answer, Scan]  # scan, what it was told, what it is, the first


def findings(sites: Iterable[Iterable[Told]]) -> set[Finding]:
    """Return every scan that one log of all sites would have told otherwise."""
    rows = [told for site in sites for told in site]
    found = set()
    for told in rows:
        same = [one for one in rows if one.key == told.key and one.answered is Answer.FIRST]
        first = min(
            (one.scan for one in same), key=lambda s: (s.scanned_us, s.site, s.lane, repr(s))
        )
        if told.scan == first:
            continue
        if told.scan.digest != first.digest:
            now = Answer.CLONE
        elif told.scan.piece_id and told.scan.piece_id == first.piece_id:
            now = Answer.RESCAN
        else:
            now = Answer.DUPLICATE
        paid = (Answer.FIRST, Answer.RESCAN)
        if now is not told.answered and not (now in paid and told.answered in paid):
            found.add((told.scan, told.answered, now, first))
    return found
