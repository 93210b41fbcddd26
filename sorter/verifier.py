"""Is this piece paid, and if not, by how much and why: the whole answer for one piece or a batch.

A frame is read, every payload examined against the register, the scan history asked, the price
found, and all of it judged. Nothing that a camera or a mailer can send raises: the answer is
always a verdict.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import numpy as np

from imicore.reader import Reading
from postage.decertification import Calendar, read_calendar
from postage.facts import PieceFacts
from postage.rates import RateBook
from postage.verdicts import Code, Finding, Reason, Verdict
from sorter.authenticity import Examined, Examiner
from sorter.errors import SorterError
from sorter.history import Told, findings_of, scan_of
from sorter.judge import Case, Court, judge
from sorter.policy import Policy
from sorter.pricing import remembering
from sorter.register import Register
from sorter.scans import Scan, ScanHistory
from sorter.sight import (
    Eye,
    Frame,
    Seen,
    crop_of,
    placement_findings,
    print_quality,
    quality_findings,
    size_findings,
)
from sorter.trust import Trust

Given = Frame | bytes | Sequence[bytes] | Finding
"""A frame (uint8[H, W] or [H, W, 3]), one payload, all payloads read off one piece, or why there
is neither."""

NO_PICTURE: Final = Seen((), ())
# A piece whose amount is wrong may carry a second indicium, or the companion of a redate.
LOOK_AGAIN: Final = frozenset({Code.UNPAID, Code.SHORTPAID, Code.STALE})


@dataclass(slots=True)
class _Piece:
    """A piece on its way through a batch."""

    facts: PieceFacts
    frame: Frame | None
    seen: Seen
    payloads: tuple[bytes, ...]


class Verifier:
    """Judges pieces. Thread-safe; natives run without the GIL, so threads share the work.

    Args:
        trust: whose register is believed; it may be replaced while pieces run.
        duplicates: the scan history; a genuine indicium is durable in it before its verdict is out.
        rates: the editions that price a piece on its mailing date.
        policy: mode, date window, print quality, placement.
        calendar: decertification of models; by default the one that comes with us.
        examiner, eye: what looks at payloads and at frames; by default our own.
    """

    def __init__(
        self,
        trust: Trust,
        duplicates: ScanHistory,
        rates: RateBook,
        policy: Policy | None = None,
        *,
        calendar: Calendar | None = None,
        examiner: Examiner | None = None,
        eye: Eye | None = None,
    ) -> None:
        self._trust = trust
        self._duplicates = duplicates
        self._policy = policy or Policy()
        self._calendar = calendar or read_calendar()
        self._examiner = examiner or Examiner()
        self._eye = eye or Eye()
        self._price = remembering(rates)
        self._held = self._court_of(trust.register)

    def verify(self, frame_or_payload: Given, piece_facts: PieceFacts) -> Verdict:
        """Return the verdict on one piece; ``verify_many`` is faster for more."""
        [verdict] = self.verify_many([(frame_or_payload, piece_facts)])
        return verdict

    def verify_many(self, pieces: Iterable[tuple[Given, PieceFacts]]) -> list[Verdict]:
        """Return a verdict for each piece, in order, all by one register.

        The scan history is written once for the whole batch. A piece from a frame whose amount is
        wrong is looked at again for further indicia before it is accused.
        """
        court = self._court()
        batch = [self._sighted(given, facts) for given, facts in pieces]
        verdicts = self._judged(batch, court)
        again = [at for at, one in enumerate(batch) if self._looks_again(one, verdicts[at])]
        if again:
            second = self._judged([batch[at] for at in again], court)
            for at, verdict in zip(again, second, strict=True):
                verdicts[at] = verdict
        return verdicts

    def _court(self) -> Court:
        """Return the court by the register in force: the last one until the register changes."""
        register, held = self._trust.register, self._held
        if held.register is not register:
            held = self._held = self._court_of(register)
        return held

    def _court_of(self, register: Register) -> Court:
        return Court(register, self._policy, self._calendar, self._price)

    def _sighted(self, given: Given, facts: PieceFacts) -> _Piece:
        if isinstance(given, bytes):
            return _Piece(facts, None, NO_PICTURE, (given,))
        if isinstance(given, np.ndarray):
            seen = self._eye.look(given)
            return _Piece(facts, given, seen, tuple(one.payload for one in seen.readings))
        if isinstance(given, Finding):
            return _Piece(facts, None, Seen((), (given,)), ())
        payloads = tuple(given)
        none = () if payloads else (Finding(Reason.NO_SYMBOL, "no payload was given"),)
        return _Piece(facts, None, Seen((), none), payloads)

    def _looks_again(self, piece: _Piece, verdict: Verdict) -> bool:
        """Look for further indicia in a piece's frame; return whether there are any."""
        if piece.frame is None or verdict.code not in LOOK_AGAIN:
            return False
        seen = self._eye.look(piece.frame, thoroughly=True)
        payloads = tuple(one.payload for one in seen.readings)
        if set(payloads) <= set(piece.payloads):
            return False
        piece.seen, piece.payloads = seen, payloads
        return True

    def _judged(self, batch: Sequence[_Piece], court: Court) -> list[Verdict]:
        flat = [payload for piece in batch for payload in piece.payloads]
        examined = iter(self._examiner.examine(flat, court.register, court.policy.mode))
        groups = [list(islice(examined, len(piece.payloads))) for piece in batch]
        groups = [
            self._sized(piece, group) if piece.seen.readings else group
            for piece, group in zip(batch, groups, strict=True)
        ]
        asked: list[Scan] = [
            scan_of(one, piece.facts)
            for piece, group in zip(batch, groups, strict=True)
            for one in group
            if one.is_genuine
        ]
        told = iter(self._asked(asked))
        return [
            self._verdict(piece, group, told, court)
            for piece, group in zip(batch, groups, strict=True)
        ]

    def _asked(self, scans: Sequence[Scan]) -> Sequence[Told]:
        """Return what the history says of each scan, or of all why it does not answer."""
        if not scans:
            return ()
        try:
            return self._duplicates.check_many(scans)
        except SorterError as error:
            return [Finding(Reason.NO_HISTORY, str(error))] * len(scans)

    def _sized(self, piece: _Piece, group: list[Examined]) -> list[Examined]:
        """Return the payloads of a frame, those in a symbol of the wrong size not genuine."""
        sized = []
        for one, reading in zip(group, piece.seen.readings, strict=True):
            wrong = tuple(size_findings(reading)) if one.is_genuine else ()
            findings = one.findings + wrong
            sized.append(one._replace(findings=findings, is_genuine=False) if wrong else one)
        return sized

    def _verdict(
        self,
        piece: _Piece,
        group: list[Examined],
        told: Iterator[Told],
        court: Court,
    ) -> Verdict:
        seen, first_seen = findings_of([next(told) if one.is_genuine else None for one in group])
        case = Case(
            facts=piece.facts,
            examined=group,
            seen=seen,
            picture=piece.seen.findings,
            first_seen=first_seen,
        )
        if piece.frame is not None and self._policy.pixels_per_inch:
            self._look_closely(case, piece.frame, piece.seen.readings)
        verdict = judge(case, court)
        if verdict.code is Code.VALID or piece.frame is None or not piece.seen.readings:
            return verdict
        crop = crop_of(piece.frame, piece.seen.readings[0], self._policy.crop_margin_modules)
        return replace(verdict, evidence=replace(verdict.evidence, crop=crop))

    def _look_closely(self, case: Case, frame: Frame, readings: Sequence[Reading]) -> None:
        """Add what the picture shows of placement and print."""
        findings = list(case.picture)
        for one, reading in zip(case.examined, readings, strict=True):
            if one.is_genuine:
                findings += placement_findings(frame, reading, self._policy)
                quality = print_quality(frame, reading, self._policy)
                if quality is not None:
                    case.grade = case.grade or quality.text
                    findings += quality_findings(quality, self._policy)
        case.picture = tuple(findings)
