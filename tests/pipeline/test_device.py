"""What a device is where its setup leaves things open, and what it writes without the time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imi.simdisk import PowerCut, SimDisk
from pipeline.authority import Limits, Reason, Refused
from pipeline.enrolment import commission
from pipeline.journal import SEGMENT_RECORDS
from pipeline.psd import Psd
from pipeline.psdclock import HOUR_US, Instant, TimePolicy
from pipeline.record import RECORD_BYTES, RecordType
from pipeline.state import FLAG_UNRELEASED, IncidentKind, Lock, Outcome
from postage.contactrule import read_rules
from postage.indicium import unpack
from postage.money import Money
from tests.pipeline.device import (
    NOON_US,
    TellClock,
    filled,
    imprinted,
    letter,
    provider_sign,
    setup,
)

OPEN = ("time", "segment_records", "pair_check_every")  # what the test device's setup may leave out


def bare() -> tuple[SimDisk, dict[str, Any]]:
    disk = SimDisk()
    told = {name: value for name, value in setup().items() if name not in OPEN}
    commission(Psd.create(disk, **told), provider_sign, b"certificate", b"agreement")
    return disk, told


def test_what_a_setup_leaves_open_is_strict_and_long() -> None:
    """No clock is believed, one piece at a time, 72 hours; 8 MiB a copy, every 256th read back."""
    disk, told = bare()
    for side in "ab":
        assert disk.size(f"{side}/{1:016d}") == SEGMENT_RECORDS * RECORD_BYTES == 8 << 20
    psd = Psd.open(disk.fork(), **told)
    answer = psd.test_imprint()
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.TIME_UNKNOWN
    assert psd._journal._segment_records == SEGMENT_RECORDS
    assert psd._journal._pair_check_every == 256
    assert psd._journal.state.window == 1
    assert psd._limits == Limits()
    assert psd._rule == read_rules()["us-imi"]


def test_what_a_setup_says_is_taken() -> None:
    limits, rule = Limits(max_advance_days=1), read_rules()["us-imi-when-metered"]
    psd = filled(segment_records=32, pair_check_every=5, window=3, limits=limits, contact_rule=rule)
    journal = psd._journal
    assert journal._end - journal._base == 32
    assert (journal._segment_records, journal._pair_check_every) == (32, 5)
    assert (journal.state.window, psd._limits, psd._rule) == (3, limits, rule)
    assert journal.state.binding == b"imi-std/p1 94043"


def test_a_rule_by_the_calendar_counts_in_the_licensed_zone() -> None:
    """The German rule locks on the 8th of the next month, which begins there and not in UTC."""
    psd = filled(contact_rule=read_rules()["de"])
    eighth = datetime(2026, 8, 8, tzinfo=ZoneInfo("America/Los_Angeles"))
    assert psd.contact.due_us == int(eighth.timestamp()) * 1_000_000 - 1


def test_a_lock_found_by_time_is_made_durable_once() -> None:
    clock = TellClock()
    psd = filled(clock=clock)
    clock.psd_us += 73 * HOUR_US
    before = psd.last_sequence
    for _ in range(2):
        assert isinstance(psd.imprint(letter()), Refused)
    lock, *noted = psd.records(before + 1)
    assert (lock.type, lock.reference) == (RecordType.LOCK, Lock.COMM)
    assert {record.type for record in noted} <= {RecordType.INCIDENT}


def test_a_record_without_the_time_stands_at_the_floor_and_says_boottime() -> None:
    """reliability.md 4.7: what the clock said is for the provider to judge."""
    disk = filled()._journal._disk.fork()
    reading = Instant(NOON_US + HOUR_US, 77)
    psd = Psd.open(disk, **setup(time=TimePolicy(), clock=lambda: reading))
    floor_us = psd.now_us
    assert floor_us < reading.psd_us
    assert psd.lock(Lock.SUSPENDED) is None
    [record] = psd.records(psd.last_sequence)
    assert (record.psd_us, record.boottime_us) == (floor_us, 77)


def test_a_boot_says_how_many_copies_it_repaired() -> None:
    """reliability.md 4.3, row 4."""
    disk = filled()._journal._disk.fork()
    for sequence in (1, 3):
        disk.poke(f"a/{1:016d}", (sequence - 1) * RECORD_BYTES, bytes(RECORD_BYTES))
    psd = Psd.open(disk, **setup())
    boot, damage = psd.records(psd.last_sequence - 1)
    assert (boot.type, boot.amount) == (RecordType.BOOT, 2)
    assert (damage.type, damage.reference) == (RecordType.INCIDENT, IncidentKind.DAMAGED_FILE)


def test_a_boot_says_that_the_record_before_it_was_never_released() -> None:
    """reliability.md 4.3, row 2: power fails after both copies are durable, before HEAD is."""
    psd = filled()
    disk = psd._journal._disk
    disk.operations, disk.cut_at = 0, 4
    with pytest.raises(PowerCut):
        psd.imprint(letter())
    for crashed, is_unreleased in ((disk.durable_only(), True), (filled()._journal._disk, False)):
        psd = Psd.open(crashed.fork(), **setup())
        [boot] = psd.records(psd.last_sequence)
        assert bool(boot.flags & FLAG_UNRELEASED) is is_unreleased


@pytest.mark.parametrize(("given", "printed"), [({}, 0), ({"firmware_id": 0x123456}, 0x123456)])
def test_the_firmware_that_prints_is_named(given: dict[str, int], printed: int) -> None:
    evidence = imprinted(filled(profile="imi-max/p1", **given))
    assert unpack(evidence.payload, profile="imi-max/p1").values["firmware_id"] == printed


def test_an_open_piece_names_its_device_and_record() -> None:
    psd = filled()
    evidence = imprinted(psd, letter(department=8))
    psd.confirm(evidence.sequence, Outcome.MISPRINT)
    psd.idle()
    [piece] = psd.open_pieces
    assert (piece.device, piece.sequence, piece.piece_count) == ("TST0 7", evidence.sequence, 1)
    assert (piece.amount, piece.department) == (Money(780), 8)


def test_a_disk_that_needed_three_repairs_a_day_needs_no_service_yet() -> None:
    """reliability.md 4.3, row 4: more than three mean that it is failing."""
    psd = filled()
    for repairs, needs_service in ((3, False), (4, True)):
        psd._journal.state.repairs = repairs
        assert psd.needs_service is needs_service
