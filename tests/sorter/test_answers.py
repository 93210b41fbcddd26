"""An answer is given once, by whoever comes first; the watch tells of each deadline, then."""

import threading
import time
from dataclasses import dataclass

import pytest

from postage.verdicts import Code, Finding, Reason
from sorter.answers import Answer, Desk
from sorter.judged import Judged, undecided
from sorter.lane import Lane
from sorter.watch import Watch
from tests.sorter.lanes import GatedScans, verifier_on
from tests.sorter.mail import METER, facts

WAIT_S = 60


def judged(reason: Reason) -> Judged:
    verdict = undecided(Finding(reason))
    return Judged(number=1, facts=facts(), verdict=verdict, found=verdict, took_ms=1.0)


def test_whoever_comes_first_answers() -> None:
    desk, heard = Desk(), []
    one, other = Answer(desk), Answer(desk)
    one.add_done_callback(heard.append)
    late, failed = judged(Reason.DEADLINE_PASSED), judged(Reason.FAILED)
    assert desk.give([one], [late]) == [late]
    assert desk.give([one, other], [failed, failed]) == [late, failed]
    assert one.result() is late
    assert heard == [one]
    assert desk.figures() == ({Code.LATE: 1, Code.NOT_VERIFIABLE: 1}, 0)


def test_of_many_givers_one_is_believed() -> None:
    desk, heard = Desk(), []
    answers = [Answer(desk) for _ in range(200)]
    for one in answers:
        one.add_done_callback(heard.append)
    start = threading.Barrier(4)

    def give(mine: Judged) -> None:
        start.wait()
        for one in answers:
            desk.give([one], [mine])

    givers = [threading.Thread(target=give, args=(judged(Reason.FAILED),)) for _ in range(4)]
    for giver in givers:
        giver.start()
    for giver in givers:
        giver.join(WAIT_S)
    assert set(heard) == set(answers)
    assert len(heard) == 200
    assert desk.figures()[0] == {Code.NOT_VERIFIABLE: 200}


def test_an_answer_is_waited_for_as_long_as_said() -> None:
    desk = Desk()
    answer = Answer(desk)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.001 s"):
        answer.result(0.001)
    found: list[Judged] = []
    waiting = threading.Thread(target=lambda: found.append(answer.result(WAIT_S)))
    waiting.start()
    assert not answer.done()
    desk.give([answer], [judged(Reason.FAILED)])
    waiting.join(WAIT_S)
    assert found == [answer.result()]
    assert answer.done()


def test_callbacks_are_called_once_and_what_they_raise_is_counted() -> None:
    desk, called = Desk(), []
    answer = Answer(desk)

    def refuse(_: Answer) -> None:
        raise ValueError("of the callback")

    for call in (called.append, refuse, called.append):
        answer.add_done_callback(call)
    desk.give([answer], [judged(Reason.FAILED)])
    assert called == [answer, answer]
    answer.add_done_callback(called.append)
    answer.add_done_callback(refuse)
    assert called == [answer] * 3
    assert desk.figures()[1] == 2


def test_a_slow_callback_holds_up_no_other_answer_of_its_batch() -> None:
    history, go_on = GatedScans(), threading.Event()
    with Lane(verifier_on(history), threads=1, deadline_s=None) as lane:
        history.gate.clear()
        lane.offer(METER.indicium(1), facts())
        history.arrived.acquire()  # the next two are one batch
        slow, other = [lane.offer(METER.indicium(count), facts()) for count in (2, 3)]
        assert slow is not None
        assert other is not None
        slow.add_done_callback(lambda _: go_on.wait(WAIT_S))
        history.gate.set()
        assert other.result(WAIT_S).verdict.code is Code.VALID
        assert lane.figures().inside == 2  # the batch is not let go yet
        go_on.set()


@dataclass(eq=False)
class Timed:
    name: str
    deadline: float


def test_deadlines_are_told_in_order_but_not_of_what_was_removed() -> None:
    now, told = [0.0], []
    is_busy, go_on, all_told = threading.Event(), threading.Event(), threading.Event()

    def tell(one: Timed) -> None:
        told.append(one.name)
        is_busy.set()
        assert go_on.wait(WAIT_S)
        if one.name == "later":
            all_told.set()

    watch = Watch(tell, lambda: now[0])
    watch.add(Timed("first", 0))
    assert is_busy.wait(WAIT_S)
    later, sooner = Timed("later", 20), Timed("sooner", 10)
    gone, never = Timed("gone", 15), Timed("never", float("inf"))
    for one in (later, gone, sooner, never):
        watch.add(one)
    watch.remove([gone, never])
    now[0] = 1e9
    go_on.set()
    assert all_told.wait(WAIT_S)
    watch.close()
    assert told == ["first", "sooner", "later"]


def test_nothing_is_told_before_its_deadline() -> None:
    told: list[float] = []
    is_told = threading.Event()
    watch = Watch(lambda _: (told.append(time.monotonic()), is_told.set()), time.monotonic)
    deadline = time.monotonic() + 0.03
    watch.add(Timed("far", deadline + 3000))
    watch.add(Timed("near", deadline))  # wakes a watch that sleeps for longer
    assert is_told.wait(WAIT_S)
    watch.close()
    [at] = told
    assert at >= deadline
