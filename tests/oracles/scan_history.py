"""The scan history as its definition reads: a list of scans, searched from the start."""

from collections.abc import Sequence

from sorter.scans import Answer, Scan, Sighting


class ListedScans:
    """Every scan ever asked about with its answer, in order of asking."""

    def __init__(self) -> None:
        self.told: list[tuple[Scan, Answer]] = []

    def check_many(self, scans: Sequence[Scan]) -> list[Sighting]:
        """Return an answer for each scan, by looking at all before it."""
        return [self._check(scan) for scan in scans]

    def _check(self, scan: Scan) -> Sighting:
        before = [(one, answer) for one, answer in self.told if _key(one) == _key(scan)]
        first = before[0][0] if before else scan
        answer = self._answer(scan, before)
        self.told.append((scan, answer))
        return Sighting(answer, first)

    def _answer(self, scan: Scan, before: list[tuple[Scan, Answer]]) -> Answer:
        if not before:
            return Answer.FIRST
        for one, answer in before:  # asked again after a crash: the same again
            if one.digest == scan.digest and scan.image_id and _picture(one) == _picture(scan):
                paid = answer in (Answer.FIRST, Answer.RESCAN, Answer.REPEAT)
                return Answer.REPEAT if paid else answer
        first, _ = before[0]
        if scan.digest != first.digest:
            return Answer.CLONE
        if scan.piece_id and scan.piece_id == first.piece_id:
            return Answer.RESCAN
        return Answer.DUPLICATE  # a copy stays one on its second pass


def _key(scan: Scan) -> tuple[str, int, int, int]:
    return scan.vendor_model, scan.serial, scan.series, scan.count


def _picture(scan: Scan) -> tuple[str, int, int, str]:
    return scan.site, scan.lane, scan.pass_number, scan.image_id
