"""A lane answers every piece exactly once: durable, on time or LATE, whatever it is given."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest

from imicore.frames import load
from postage.facts import PieceFacts
from postage.verdicts import Code, Reason, Verdict
from sorter.authenticity import Examined, Examiner
from sorter.errors import LaneError
from sorter.judged import Judged
from sorter.lane import Lane
from sorter.policy import TrustMode
from sorter.register import Register
from tests.imicore.c_programs import ROOT
from tests.sorter.lanes import GatedScans, verifier_on
from tests.sorter.mail import METER, facts

WAIT_S = 60  # far beyond what any of it takes


def reasons(verdict: Verdict) -> set[Reason]:
    return {one.reason for one in verdict.reasons}


def forged(count: int) -> bytes:
    payload = bytearray(METER.indicium(count))
    payload[-1] ^= 1
    return bytes(payload)


class FailingExaminer(Examiner):
    """Raises on any batch with the payload b"!"."""

    def examine(
        self, payloads: Sequence[bytes], register: Register, mode: TrustMode
    ) -> list[Examined]:
        if b"!" in payloads:
            raise RuntimeError("a planted mistake")
        return super().examine(payloads, register, mode)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_piece_has_its_own_verdict_in_order(threads: int) -> None:
    """Each third piece is forged, each tenth is a photocopy of the one before it."""
    pieces, expected = [], []
    for count in range(1, 201):
        payload, code = METER.indicium(count), Code.VALID
        if count % 3 == 0:
            payload, code = forged(count), Code.COUNTERFEIT
        pieces.append((payload, facts()))
        expected.append(code)
    copies = [(pieces[at][0], facts()) for at in range(0, 200, 10) if at % 3 != 2]
    with Lane(verifier_on(GatedScans()), threads=threads, deadline_s=None) as lane:
        first = list(lane.run(pieces))
        second = list(lane.run(copies))
    assert [one.verdict.code for one in first] == expected
    assert [one.facts for one in first] == [scan for _, scan in pieces]
    assert {one.verdict.code for one in second} == {Code.DUPLICATE}
    assert [one.number for one in first] == list(range(1, 201))
    assert lane.figures().codes == Counter([*expected, *[Code.DUPLICATE] * len(second)])
    assert all(one.found is one.verdict for one in first)


def test_of_copies_in_one_crowd_exactly_one_is_valid() -> None:
    payload = METER.indicium(9)
    with Lane(verifier_on(GatedScans()), threads=4, deadline_s=None) as lane:
        crowd = lane.run((payload, facts()) for _ in range(51))
        codes = Counter(one.verdict.code for one in crowd)
    assert codes == {Code.VALID: 1, Code.DUPLICATE: 50}


def test_no_answer_before_the_history_has_the_scan() -> None:
    history = GatedScans()
    with Lane(verifier_on(history), deadline_s=None) as lane:
        history.gate.clear()
        answer = lane.offer(METER.indicium(1), facts())
        assert answer is not None
        assert history.arrived.acquire(timeout=WAIT_S)
        assert not answer.done()
        assert not answer.cancel()
        history.gate.set()
        assert answer.result(WAIT_S).verdict.code is Code.VALID


def test_a_piece_is_late_at_its_deadline_and_its_scan_is_recorded() -> None:
    history, heard = GatedScans(), []
    with Lane(verifier_on(history), deadline_s=0.02, heard=heard.append) as lane:
        history.gate.clear()
        answer = lane.offer(METER.indicium(1), facts())
        assert answer is not None
        late = answer.result(WAIT_S)
        assert late.verdict.code is Code.LATE
        assert "20 ms" in late.verdict.reasons[0].text
        assert late.found is None
        assert late.took_ms >= 20
        assert not history.told
        history.gate.set()
        assert lane.drain(WAIT_S)
        copy = lane.offer(METER.indicium(1), facts(), deadline=float("inf"))
        assert copy is not None
        assert copy.result(WAIT_S).verdict.code is Code.DUPLICATE
        lane.drain()
    assert [(one.verdict.code, one.found and one.found.code) for one in heard] == [
        (Code.LATE, Code.VALID),
        (Code.DUPLICATE, Code.DUPLICATE),
    ]
    assert lane.figures().codes == {Code.LATE: 1, Code.DUPLICATE: 1}


def test_what_was_judged_after_the_deadline_is_late_by_the_lane_s_clock() -> None:
    """The clock is the caller's: here it only moves while the history is asked."""
    now = [100.0]

    class Slow(GatedScans):
        def check_many(self, scans: Sequence[Any]) -> list[Any]:
            now[0] += 0.091
            return super().check_many(scans)

    with Lane(verifier_on(Slow()), deadline_s=0.090, clock=lambda: now[0]) as lane:
        [one] = lane.run([(METER.indicium(1), facts())])
    assert one.verdict.code is Code.LATE
    assert one.took_ms == pytest.approx(91)
    assert lane.recent()[0].found is not None
    assert lane.recent()[0].found.code is Code.VALID


def test_a_deadline_of_its_own_goes_before_the_lane_s() -> None:
    history = GatedScans()
    with Lane(verifier_on(history), deadline_s=None, clock=lambda: 5.0) as lane:
        history.gate.clear()
        patient = lane.offer(METER.indicium(1), facts())
        hasty = lane.offer(METER.indicium(2), facts(), deadline=4.0)
        assert patient is not None
        assert hasty is not None
        assert hasty.result(WAIT_S).verdict.code is Code.LATE
        assert not patient.done()
        history.gate.set()
        with pytest.raises(LaneError, match="NaN"):
            lane.offer(b"", facts(), deadline=float("nan"))


def test_a_full_lane_refuses_and_loses_nothing() -> None:
    history = GatedScans()
    with Lane(verifier_on(history), threads=1, room=3, deadline_s=None) as lane:
        history.gate.clear()
        taken = [lane.offer(METER.indicium(count), facts(), timeout_s=0) for count in (1, 2, 3)]
        assert lane.offer(METER.indicium(4), facts(), timeout_s=0) is None
        assert lane.offer(METER.indicium(4), facts(), timeout_s=0.001) is None
        figures = lane.figures()
        assert (figures.inside, figures.refused, figures.offered) == (3, 2, 3)
        history.gate.set()
        assert [one is not None and one.result(WAIT_S).verdict.code for one in taken] == [
            Code.VALID
        ] * 3
        assert lane.offer(METER.indicium(4), facts(), timeout_s=WAIT_S) is not None


def test_an_offer_waits_for_room() -> None:
    history = GatedScans()
    with Lane(verifier_on(history), threads=1, room=1, deadline_s=None) as lane:
        history.gate.clear()
        lane.offer(METER.indicium(1), facts())
        history.arrived.acquire()
        answers: list[Any] = []
        waiting = threading.Thread(
            target=lambda: answers.append(lane.offer(METER.indicium(2), facts()))
        )
        waiting.start()
        history.gate.set()
        waiting.join(WAIT_S)
        assert answers[0].result(WAIT_S).verdict.code is Code.VALID


def test_pieces_that_wait_share_one_commit() -> None:
    history = GatedScans()
    with Lane(verifier_on(history), threads=1, deadline_s=None) as lane:
        history.gate.clear()
        lane.offer(METER.indicium(1), facts())
        history.arrived.acquire()
        for count in range(2, 102):
            lane.offer(METER.indicium(count), facts())
        history.gate.set()
    assert history.batches == [1, 100]


def test_a_mistake_on_one_piece_costs_the_others_nothing() -> None:
    history = GatedScans()
    verifier = verifier_on(history, examiner=FailingExaminer())
    with Lane(verifier, threads=1, deadline_s=None) as lane:
        history.gate.clear()
        lane.offer(METER.indicium(1), facts())
        history.arrived.acquire()
        given = [METER.indicium(2), b"!", METER.indicium(3), forged(4)]
        answers = [lane.offer(one, facts()) for one in given]
        history.gate.set()
        verdicts = [one.result(WAIT_S).verdict for one in answers if one is not None]
    assert [one.code for one in verdicts] == [
        *(Code.VALID, Code.NOT_VERIFIABLE, Code.VALID, Code.COUNTERFEIT)
    ]
    assert reasons(verdicts[1]) == {Reason.FAILED}
    assert "RuntimeError: a planted mistake" in str(verdicts[1])
    assert lane.figures().failed == 1


def test_a_batch_that_is_asked_twice_accuses_nobody() -> None:
    """The scans of a batch are durable when ``onward`` fails, so the second time they repeat."""
    calls: list[int] = []

    def onward(batch: Sequence[tuple[PieceFacts, Verdict]]) -> None:
        calls.append(len(batch))
        if len(batch) > 1:
            raise OSError("disk full")

    history = GatedScans()
    with Lane(verifier_on(history), threads=1, deadline_s=None, onward=onward) as lane:
        history.gate.clear()
        lane.offer(METER.indicium(1), facts())
        history.arrived.acquire()
        unnamed = [facts(piece_id="", image_id="") for _ in range(3)]
        answers = [lane.offer(METER.indicium(2 + at), one) for at, one in enumerate(unnamed)]
        history.gate.set()
        codes = [one.result(WAIT_S).verdict.code for one in answers if one is not None]
    assert calls == [1, 3, 1, 1, 1]
    assert codes == [Code.VALID] * 3


def test_nothing_is_answered_that_could_not_be_sent_onward() -> None:
    def onward(batch: Sequence[tuple[PieceFacts, Verdict]]) -> None:
        raise OSError("disk full")

    with Lane(verifier_on(GatedScans()), deadline_s=None, onward=onward) as lane:
        [one] = lane.run([(METER.indicium(1), facts())])
    assert one.verdict.code is Code.NOT_VERIFIABLE
    assert "disk full" in str(one.verdict)


def test_a_listener_that_raises_is_counted_and_nothing_else() -> None:
    def heard(one: Judged) -> None:
        raise ValueError("of the listener")

    with Lane(verifier_on(GatedScans()), deadline_s=None, heard=heard) as lane:
        codes = [one.verdict.code for one in lane.run((METER.indicium(n), facts()) for n in (1, 2))]
    assert codes == [Code.VALID] * 2
    assert lane.figures().failed == 2


@pytest.mark.parametrize(
    "given",
    [None, 7, "text", [None], [b"", 3], object(), np.zeros(0), np.zeros((0, 5), np.uint8),
     np.zeros((5, 5), np.float64), np.array([object()]), np.zeros((4, 4, 7), np.uint8),
     np.zeros((2, 2, 0), np.uint8), np.zeros((1, 1, 1, 1), np.uint8),
     np.broadcast_to(np.uint8(0), (100_000, 100_000)), b"\x80" * 100_000],
    ids=lambda given: type(given).__name__,
)  # fmt: skip
def test_any_piece_has_a_verdict(given: Any) -> None:
    with Lane(verifier_on(GatedScans()), deadline_s=None) as lane:
        bad, good = lane.run([(given, facts()), (METER.indicium(1), facts())])
    assert bad.verdict.code in (Code.UNREADABLE, Code.NOT_VERIFIABLE)
    assert good.verdict.code is Code.VALID


@pytest.mark.parametrize(
    "changes",
    [{"scanned_us": -(2**80)}, {"scanned_us": 2**80}, {"scanned_on": date.min},
     {"scanned_on": date.max}, {"zone": -9}, {"measured": "a letter"}, {"mail_class": "none"},
     {"claimed": None}, {"site": "\0", "lane": -1, "piece_id": "x" * 100_000},
     {"scanned_on": "2026-07-13"}],
    ids=str,
)  # fmt: skip
def test_any_facts_have_a_verdict(changes: dict[str, Any]) -> None:
    with Lane(verifier_on(GatedScans()), deadline_s=None) as lane:
        for payload in (METER.indicium(1), b"junk"):
            [one] = lane.run([(payload, facts(**changes))])
            assert one.verdict.code in Code
        [good] = lane.run([(METER.indicium(2), facts())])
    assert good.verdict.code is Code.VALID


def test_late_pieces_with_facts_that_cannot_be_priced_are_late_too() -> None:
    history = GatedScans()
    with Lane(verifier_on(history), threads=1, deadline_s=0.01) as lane:
        history.gate.clear()
        answer = lane.offer(METER.indicium(1), facts())
        broken = lane.offer(METER.indicium(2), facts(measured="a letter", mail_class=3))
        assert answer is not None
        assert broken is not None
        assert answer.result(WAIT_S).verdict.code is Code.LATE
        assert broken.result(WAIT_S).verdict.code is Code.LATE
        history.gate.set()


def test_closing_judges_what_is_inside_and_takes_no_more() -> None:
    history = GatedScans()
    lane = Lane(verifier_on(history), threads=1, room=4, deadline_s=None)
    history.gate.clear()
    answers = [lane.offer(METER.indicium(count), facts()) for count in (1, 2, 3, 4)]
    refused: list[str] = []

    def offer_more() -> None:
        try:
            lane.offer(METER.indicium(5), facts())
        except LaneError as error:
            refused.append(str(error))

    waiting, closing = threading.Thread(target=offer_more), threading.Thread(target=lane.close)
    waiting.start()
    closing.start()
    waiting.join(WAIT_S)
    assert refused == ["the lane is closed"]
    history.gate.set()
    closing.join(WAIT_S)
    assert all(one is not None and one.result(0).verdict.code is Code.VALID for one in answers)
    with pytest.raises(LaneError, match="closed"):
        lane.offer(b"", facts())
    lane.close()  # twice does no harm


def test_frames_are_read_and_the_last_are_kept_for_people() -> None:
    frame = load(ROOT / "docs" / "images" / "mailpiece.png")
    blank = np.full((825, 1900), 255, np.uint8)
    with Lane(verifier_on(GatedScans()), deadline_s=None, recent=2) as lane:
        codes = [
            one.verdict.code
            for one in lane.run([(b"", facts()), (frame, facts()), (blank, facts())])
        ]
        newest, older = lane.recent()
    assert codes == [Code.UNREADABLE, Code.SPECIMEN, Code.UNREADABLE]
    assert {newest.verdict.code, older.verdict.code} <= set(codes)
    pictures = [one.picture for one in (newest, older) if one.picture is not None]
    assert pictures
    assert all(one.dtype == np.uint8 and one.shape[1] <= 480 for one in pictures)
    assert lane.recent(1)[0] is newest


@pytest.mark.parametrize(
    "changes", [{"threads": 0}, {"threads": 65}, {"room": 0}, {"recent": 0}, {"deadline_s": 0},
                {"deadline_s": -1.0}, {"deadline_s": float("nan")}, {"deadline_s": 1e9}]
)  # fmt: skip
def test_a_lane_that_cannot_work_is_refused(changes: dict[str, Any]) -> None:
    [name] = changes
    with pytest.raises(LaneError, match=name.removesuffix("_s")):
        Lane(verifier_on(GatedScans()), **changes)


def test_many_feeders_and_deadlines_in_the_middle_of_work() -> None:
    """Eight threads offer pieces whose deadlines fall before, while and after they are judged."""
    history, heard = GatedScans(), []
    answers: list[tuple[int, Any]] = []

    def feed(feeder: int) -> None:
        rng = np.random.default_rng(feeder)
        for count in range(40):
            deadline = time.monotonic() + float(rng.choice([-1, 0.0005, 0.003, 0.02, 60]))
            number = feeder * 1000 + count
            answer = lane.offer(METER.indicium(number), facts(), deadline=deadline)
            answers.append((number, answer))

    with Lane(verifier_on(history), threads=3, room=20, heard=heard.append, recent=7) as lane:
        feeders = [threading.Thread(target=feed, args=(at,)) for at in range(1, 9)]
        for one in feeders:
            one.start()
        for one in feeders:
            one.join(WAIT_S)
        assert lane.drain(WAIT_S)
    judged = [answer.result(0) for _, answer in answers]
    assert len(judged) == len({one.number for one in judged}) == 320
    assert {one.verdict.code for one in judged} == {Code.VALID, Code.LATE}
    figures = lane.figures()
    assert figures.codes == Counter(one.verdict.code for one in judged)
    assert (figures.inside, figures.failed, figures.offered) == (0, 0, 320)
    assert sorted(one.number for one in heard) == list(range(1, 321))
    assert {one.found and one.found.code for one in heard} == {Code.VALID}
    by_number = {one.number: one.verdict.code for one in judged}
    assert all(one.verdict.code is by_number[one.number] for one in heard)
    assert sum(history.batches) == 320
