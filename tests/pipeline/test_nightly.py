"""Contacts that the meter attempts by itself, on a clock that a test moves."""

from itertools import pairwise

from pipeline.contact import Met
from pipeline.lifecycle import State
from pipeline.link import Incident, Unreachable
from pipeline.nightly import Nightly
from pipeline.psd import Psd
from pipeline.psdclock import HOUR_US, TimePolicy
from postage.contactrule import read_rules
from tests.pipeline.bad_input import Deliver
from tests.pipeline.device import setup
from tests.pipeline.meeting import Meeting

MINUTE_US = 60_000_000


def nightly(meeting: Meeting) -> Nightly:
    return Nightly(meeting.psd, meeting.contact.meet, lambda: meeting.clock().boottime_us)


def silent(question: bytes, deliver: Deliver) -> bytes:
    raise TimeoutError("no carrier")


def attempts(meeting: Meeting, at_night: Nightly, minutes: int) -> list[int]:
    """Return at which minutes of so many an attempt was made, asking every minute."""
    made = []
    for minute in range(minutes):
        if at_night.tick() is not None:
            made.append(minute)
        meeting.clock.psd_us += MINUTE_US
    return made


def test_a_day_after_a_contact_the_next_is_attempted() -> None:
    meeting = Meeting()
    assert isinstance(meeting.contact.meet(), Met)
    at_night = nightly(meeting)
    assert attempts(meeting, at_night, 3 * 24 * 60) == [24 * 60, 2 * 24 * 60]
    assert meeting.psd.state is State.EMPTY  # three days: without them it were locked


def test_a_failure_is_repeated_for_ever_and_changes_no_lock() -> None:
    """1, 5, 15 and from then on every 60 minutes; the 72 hours run as they would."""
    meeting = Meeting()
    meeting.contact.meet()
    due_us = meeting.psd.contact.due_us
    at_night = nightly(meeting)
    meeting.tamper = silent
    made = attempts(meeting, at_night, 100 * 60)
    day = 24 * 60
    assert made[:5] == [day, day + 1, day + 6, day + 21, day + 81]
    assert {after - before for before, after in pairwise(made[4:])} == {60}
    assert (meeting.psd.contact.due_us, meeting.psd.state) == (due_us, State.LOCKED_COMM)
    meeting.tamper = None
    meeting.clock.psd_us += HOUR_US
    assert isinstance(at_night.tick(), Met)
    assert at_night.tick() is None
    assert meeting.psd.state is State.EMPTY


def test_an_answer_not_to_be_believed_is_a_failure_too() -> None:
    meeting = Meeting()
    at_night = nightly(meeting)
    meeting.clock.psd_us += 24 * HOUR_US
    meeting.tamper = lambda question, deliver: b"502 Bad Gateway"
    assert isinstance(at_night.tick(), Incident)
    assert at_night.tick() is None


def test_a_strict_boot_attempts_at_once() -> None:
    meeting = Meeting(policy=TimePolicy())
    at_night = nightly(meeting)
    assert isinstance(at_night.tick(), Met)
    meeting.reopen()
    at_night = nightly(meeting)
    meeting.tamper = silent
    assert isinstance(at_night.tick(), Unreachable)
    meeting.clock.psd_us -= HOUR_US  # a clock set back makes no day without an attempt
    assert isinstance(at_night.tick(), Unreachable)
    meeting.tamper = None
    meeting.clock.psd_us += HOUR_US
    assert isinstance(at_night.tick(), Met)


def test_the_policy_or_the_end_of_the_keys_says_never() -> None:
    meeting = Meeting()
    meeting.clock.psd_us += 30 * 24 * HOUR_US
    assert meeting.psd.wants_contact
    meeting.psd.close()
    by_hand = setup(clock=meeting.clock, contact_rule=read_rules()["us-ibi"])
    psd = Psd.open(meeting.disk, **by_hand)
    assert not psd.wants_contact
    psd.close()
    psd = Psd.open(meeting.disk, **setup(clock=meeting.clock, zeroise=lambda: None))
    psd.zeroise()
    assert not psd.wants_contact
    assert Nightly(psd, meeting.contact.meet, lambda: 0).tick() is None
