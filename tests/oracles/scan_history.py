"""The scan history as its definition reads: a list of scans, searched from the start."""

from collections.abc import Sequence

from sorter.scans import Answer, Scan, Sighting


class ListedScans:
    """Every scan ever asked about, in order of asking."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []

    def check_many(self, scans: Sequence[Scan]) -> list[Sighting]:
        """Return an answer for each scan, by looking at all before it."""
        return [self._check(scan) for scan in scans]

    def _check(self, scan: Scan) -> Sighting:
        before = [one for one in self.scans if _key(one) == _key(scan)]
        self.scans.append(scan)
        if not before:
            return Sighting(Answer.FIRST, scan)
        others = [one for one in before if one.digest != scan.digest]
        if others:
            return Sighting(Answer.CLONE, others[0])
        first = before[0]
        same_piece = [one for one in before if _is_same_piece(one, scan)]
        if not same_piece:
            return Sighting(Answer.DUPLICATE, first)
        if same_piece[0] is not first:
            return Sighting(Answer.DUPLICATE, first)  # a copy stays a copy on its second pass
        repeated = any(
            (one.site, one.lane, one.pass_number, one.image_id)
            == (scan.site, scan.lane, scan.pass_number, scan.image_id)
            for one in before
        )
        return Sighting(Answer.REPEAT if repeated else Answer.RESCAN, first)


def _key(scan: Scan) -> tuple[str, int, int, int]:
    return scan.vendor_model, scan.serial, scan.series, scan.count


def _is_same_piece(one: Scan, other: Scan) -> bool:
    same_picture = (one.site, one.lane, one.pass_number, one.image_id) == (
        *(other.site, other.lane, other.pass_number, other.image_id),
    )
    if other.piece_id or one.piece_id:
        return one.piece_id == other.piece_id
    return bool(other.image_id) and same_picture
