"""What a refusal says: the thing, the amount and the limit."""

from collections.abc import Callable
from datetime import date

import pytest

from pipeline.authority import Refused
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.psdclock import Instant, TimePolicy
from pipeline.record import RecordType
from pipeline.state import Outcome
from postage.decertification import Calendar, Entry
from postage.money import Money
from tests.pipeline.device import NOON_US, TellClock, filled, imprinted, letter, register, setup

TOMORROW = date(2026, 7, 14)
DAY_US = 86_400_000_000
TOO_FAR = "the mailing date is too far ahead"
DECERTIFIED = "the device's model prints no such indicia any more"
ENDED = Calendar(
    [
        Entry(
            name="imi",
            family="imi",
            models=("*",),
            source="DMM 604.4",
            confidence="",
            print=date(2026, 7, 12),
        )
    ]
)


def with_pieces() -> Psd:
    """Return a device with pieces in records 6, which has a date, and 7, which has none."""
    psd = filled(window=3)
    imprinted(psd)
    imprinted(psd, letter(mailing_date=None))
    return psd


def failed() -> Psd:
    psd = filled()
    assert psd.fail("SHA-256 answers wrongly") is None
    return psd


def asked() -> Psd:
    """Return a device with request 2 for a refill of $1.00 under way."""
    psd = filled()
    assert psd.begin_refill(Money(1_000), 2) is None
    return psd


def redated() -> Psd:
    psd = with_pieces()
    assert isinstance(psd.redate(6, TOMORROW), Evidence)
    return psd


SAID: dict[str, tuple[Callable[[], Psd], Callable[[Psd], object], str]] = {
    "redate of what is no postage": (
        with_pieces,
        lambda psd: psd.redate(5, TOMORROW),
        "the piece takes no other date: record 5 is no postage",
    ),
    "redate of nothing": (
        with_pieces,
        lambda psd: psd.redate(0, TOMORROW),
        "the piece takes no other date: record 0 is no postage",
    ),
    "redate of what comes": (
        with_pieces,
        lambda psd: psd.redate(8, TOMORROW),
        "the piece takes no other date: record 8 is no postage",
    ),
    "redate twice": (
        redated,
        lambda psd: psd.redate(6, date(2026, 7, 15)),
        "the piece takes no other date: record 6 was redated before",
    ),
    "redate of no date": (
        with_pieces,
        lambda psd: psd.redate(7, TOMORROW),
        "the piece takes no other date: 2026-07-14 is not after no date, which is printed",
    ),
    "redate to the same day": (
        with_pieces,
        lambda psd: psd.redate(6, date(2026, 7, 13)),
        "the piece takes no other date: 2026-07-13 is not after 2026-07-13, which is printed",
    ),
    "redate too far ahead": (
        with_pieces,
        lambda psd: psd.redate(6, date(2026, 8, 13)),
        f"{TOO_FAR}: 2026-08-13 is 31 days ahead of 2026-07-13; the limit is 30",
    ),
    "withdrawal with a refill under way": (
        asked,
        lambda psd: psd.withdraw(),
        "another refill is outstanding: request 2 for $1.00",
    ),
    "acknowledgement of what is not there": (
        filled,
        lambda psd: psd.acknowledge(6),
        "the acknowledgement is of other records than these: 6; 0 to 5 can be",
    ),
    "imprint after a failed self-test": (
        failed,
        lambda psd: psd.imprint(letter()),
        "the device is in FAULT: no IMPRINT when FAULT",
    ),
    "decertified model": (
        lambda: filled(calendar=ENDED, model="DM Infinity"),
        lambda psd: psd.imprint(letter()),
        f"{DECERTIFIED}: model DM Infinity, decertified for print since 2026-07-13: DMM 604.4",
    ),
    "decertified model without a name": (
        lambda: filled(calendar=ENDED),
        lambda psd: psd.imprint(letter()),
        f"{DECERTIFIED}: model unnamed, decertified for print since 2026-07-13: DMM 604.4",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_a_refusal_names_the_thing_the_amount_and_the_limit(name: str) -> None:
    make, ask, words = SAID[name]
    psd = make()
    before, last = psd.registers, psd.last_sequence
    answer = ask(psd)
    assert isinstance(answer, Refused)
    assert str(answer) == words
    assert psd.registers == before
    noted = {record.type for record in psd.records(last + 1)}
    assert noted <= {RecordType.INCIDENT}, "a refusal leaves at most a note of itself"


@pytest.mark.parametrize(
    ("days", "words"),
    [(60, None), (61, "the piece takes no other date: the piece is 61 days old; 60 is the limit")],
)
def test_a_piece_takes_a_redate_for_60_days(days: int, words: str | None) -> None:
    """It is old mail by then, and its refund window over; the last day counts."""
    clock = TellClock()
    psd = filled(clock=clock)
    piece = imprinted(psd)
    clock.psd_us += days * DAY_US
    psd.acknowledge(psd.last_sequence)
    answer = psd.redate(piece.sequence, date(2026, 9, 13))
    assert (str(answer) if isinstance(answer, Refused) else None) == words


def test_a_server_behind_the_floor_is_told_both_times() -> None:
    psd = filled()
    floor_us = psd._journal.state.floor_us
    told = floor_us - 300_000_001
    assert str(psd.anchor_time(told, 0, 1)) == (
        f"the server's time is behind the greatest time recorded: {told} us is before {floor_us} us"
    )


def test_a_boot_without_the_time_names_itself() -> None:
    disk = filled()._journal._disk.fork()
    psd = Psd.open(disk, **setup(time=TimePolicy()))
    assert str(psd.imprint(letter())) == (
        "nobody has told this boot the time: boot 2 needs a contact"
    )


def test_a_boottime_that_ran_back_is_named() -> None:
    readings = [Instant(NOON_US, 5_000_000)]
    psd = filled(clock=lambda: readings[-1])
    readings.append(Instant(NOON_US, 4_999_999))
    assert str(psd.imprint(letter())) == (
        "the clock is behind the greatest time recorded: CLOCK_BOOTTIME ran back within a boot"
    )


def test_a_fault_says_its_cause() -> None:
    psd = filled(sign=lambda message: bytes(64))
    with pytest.raises(Exception, match="64 bytes over a message of") as caught:
        psd.imprint(letter())
    assert str(psd.imprint(letter())) == f"the device is in FAULT: {caught.value}"


BROKEN: dict[str, tuple[Callable[[], Psd], Callable[[Psd], object], str]] = {
    "agreement": (
        filled,
        lambda psd: register(psd, bytes(201)),
        "RegisterMeter agreement has 201 units; it holds 200",
    ),
    "unlock": (
        filled,
        lambda psd: psd.unlock(7),
        "a contact lifts COMM, and nothing else does",
    ),
    "zeroise": (
        filled,
        lambda psd: psd.zeroise(),
        "the setup names no way to destroy the keys",
    ),
    "another refill": (
        asked,
        lambda psd: psd.void_refill(3),
        "refill request 3 was never begun",
    ),
    "no refill": (
        filled,
        lambda psd: psd.apply_refill(Money(1_000), 2),
        "refill request 2 was never begun",
    ),
    "message": (
        filled,
        lambda psd: psd.sign_message(b"IMIX and so on"),
        "a message begins with b'IMIM', not b'IMIX'",
    ),
    "outcome of nothing": (
        filled,
        lambda psd: psd.confirm(3, Outcome.PRINTED),
        "record 3 is neither in flight nor open",
    ),
    "claim in flight": (
        with_pieces,
        lambda psd: psd.confirm(6, Outcome.CLAIMED),
        "piece of record 6 is in flight; nothing to claim yet",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_named_and_writes_nothing(name: str) -> None:
    make, call, words = BROKEN[name]
    psd = make()
    head = psd.head
    with pytest.raises(ValueError) as caught:
        call(psd)
    assert str(caught.value) == words
    assert psd.head == head
