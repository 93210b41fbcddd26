"""Bad input is refused by name and has its record; nobody moves a register or fills the journal."""

import errno

import pytest

from imi.simdisk import SimDisk
from pipeline.errors import PsdFault
from pipeline.faultnote import NOTE
from pipeline.incidents import INTERVAL_US, canonical
from pipeline.link import Breach, Incident
from pipeline.psd import Psd
from pipeline.record import Record, RecordType
from pipeline.recordwords import words
from pipeline.state import MAX_INCIDENT_BYTES, DeviceState, IncidentKind, Lock
from postage.messages import Denial
from postage.money import Money
from tests.pipeline.bad_input import CASES
from tests.pipeline.device import TellClock, imprinted, letter, new_device, setup
from tests.pipeline.meeting import Meeting

FORGED = 100_000


def incidents(psd: Psd) -> list[Record]:
    return [record for record in psd.records() if record.type == RecordType.INCIDENT]


def counts(psd: Psd) -> list[tuple[IncidentKind, int]]:
    return [(IncidentKind(each.reference), each.amount) for each in incidents(psd)]


@pytest.mark.parametrize("what", CASES)
def test_bad_input_is_refused_by_name_and_has_its_record(what: str) -> None:
    """The list of the meter's bad input, item by item; the registers are those before."""
    kind, refusal, done = CASES[what]
    meeting = Meeting()
    meeting.contact.refill(Money(500_000))
    refused, psd = done(meeting)
    assert refused == refusal
    assert [IncidentKind(each.reference) for each in incidents(psd)] == [kind]
    [record] = incidents(psd)
    assert words(record).startswith("refused: ")
    before = next(psd.records(record.sequence - 1, record.sequence - 1))
    assert record[6:10] == before[6:10]
    registers = psd.registers
    assert registers.descending == registers.control_total - registers.ascending
    assert registers.control_total == Money(500_000)


def test_every_kind_has_a_case_and_every_breach_a_kind() -> None:
    assert {kind for kind, _, _ in CASES.values()} == {*IncidentKind}
    breaches = {Incident(breach, "TimeQuery", "").kind for breach in Breach}
    local = {kind for kind in IncidentKind if kind < IncidentKind.FORGED}
    copies = {IncidentKind.RESTORED_FOLDER, IncidentKind.CLONED_FOLDER}
    assert breaches == {*IncidentKind} - local | copies
    for denial, kind in {
        Denial.NOT_NEWEST: IncidentKind.RESTORED_FOLDER,
        Denial.REGISTERS_BEHIND: IncidentKind.RESTORED_FOLDER,
        Denial.HISTORY_DIFFERS: IncidentKind.CLONED_FOLDER,
        Denial.UNKNOWN_DEVICE: IncidentKind.DENIED,
    }.items():
        assert Incident(Breach.DENIED, "AuditUpload", "", denial).kind is kind


def test_a_hundred_thousand_forged_messages_are_two_records() -> None:
    """The first at once, the others counted; memory and journal stay as small as they were."""
    meeting = Meeting(tamper=lambda question, deliver: bytes(100))
    meeting.clock.step_us = 1  # all of them within the hour
    sequence = meeting.psd.last_sequence
    for _ in range(FORGED):
        assert isinstance(meeting.contact.meet(), Incident)
    assert meeting.psd.last_sequence == sequence + 1
    assert len(meeting.contact.incidents) == 256
    meeting.reopen()
    assert counts(meeting.psd) == [(IncidentKind.FORGED, 1), (IncidentKind.FORGED, FORGED - 1)]


def test_the_next_hour_has_its_own_record() -> None:
    clock = TellClock()
    psd = new_device(SimDisk(), **setup(clock=clock))
    for text in ("first", "second", "third"):
        psd.note_incident(IncidentKind.HOSTILE_CSV, text)
    clock.psd_us += INTERVAL_US
    psd.idle()
    psd.note_incident(IncidentKind.WRONG_PIN, "another kind waits for nobody")
    said = [(each.amount, each.payload) for each in incidents(psd)]
    assert said == [(1, b"first"), (2, b"third"), (1, b"another kind waits for nobody")]


def test_a_text_is_cut_and_made_harmless() -> None:
    psd = new_device(SimDisk(), **setup())
    psd.note_incident(IncidentKind.FORGED, "\x1b]0;you\n" + "ü" * 1_000)
    [record] = incidents(psd)
    assert len(record.payload) == MAX_INCIDENT_BYTES
    assert record.payload.startswith(b"?]0;you?????")
    assert canonical("") == b""


def test_an_incident_never_makes_a_full_disk_a_fault() -> None:
    """It waits for a segment that a record of worth makes; the device prints on till then."""
    disk, clock = SimDisk(), TellClock()
    psd = new_device(disk, **setup(clock=clock))
    psd.refill(Money(500_000), 1)
    while psd._journal.has_room:
        psd.set_budget(9, Money(1_000))
    disk.fail_at, disk.fail_errno = disk.operations, errno.ENOSPC
    sequence = psd.last_sequence
    for _ in range(3):
        psd.note_incident(IncidentKind.FORGED, "no room")
    assert (psd.last_sequence, psd._journal.fault) == (sequence, None)
    disk.fail_at = None
    imprinted(psd)
    assert psd._journal.has_room
    psd.note_incident(IncidentKind.FORGED, "room")
    assert counts(psd) == [(IncidentKind.FORGED, 4)]


def test_a_full_disk_is_noted_by_the_first_start_that_can_write() -> None:
    disk = SimDisk()
    psd = new_device(disk, **setup())
    while psd._journal.has_room:
        psd.set_budget(9, Money(1_000))
    disk.fail_at, disk.fail_errno = disk.operations, errno.ENOSPC
    with pytest.raises(PsdFault, match="No space left"):
        psd.set_budget(9, Money(1_000))
    psd.note_incident(IncidentKind.FORGED, "a device that stopped writes nothing")
    psd.close()
    disk.fail_at = None
    still_full = Psd.open(disk, **setup())  # its BOOT has the place that is kept for it
    assert not still_full._journal.has_room
    assert incidents(still_full) == []
    still_full._journal.prepare()
    still_full.idle()
    assert counts(still_full) == [(IncidentKind.DISK_FULL, 1)]
    assert b"No space left" in incidents(still_full)[0].payload
    still_full.close()
    again = Psd.open(disk, **setup())  # the note was still there: once more, and that is all
    again.close()
    last = Psd.open(disk, **setup())
    assert counts(last) == [(IncidentKind.DISK_FULL, 1)] * 2


def test_a_note_that_cannot_be_kept_or_was_changed_is_none() -> None:
    disk = SimDisk()
    psd = new_device(disk, **setup())
    psd.close()
    disk.poke(NOTE, 0, bytes(range(256)) * 2)
    again = Psd.open(disk, **setup())
    assert incidents(again) == []
    again.close()
    assert disk.image()[NOTE] == bytes(512)


def test_a_zeroised_device_writes_no_incident() -> None:
    psd = new_device(SimDisk(), **setup(zeroise=lambda: None))
    psd.zeroise()
    head = psd.head
    psd.imprint(letter())
    psd.note_incident(IncidentKind.FORGED, "after the last record")
    psd.close()
    assert psd.head == head


def test_a_disk_that_fails_under_an_incident_is_a_fault_as_under_any_record() -> None:
    disk = SimDisk()
    psd = new_device(disk, **setup())
    psd.lock(Lock.SUSPENDED)
    disk.fail_at = disk.operations
    with pytest.raises(PsdFault):
        psd.imprint(letter())


def test_incidents_are_uploaded_as_every_record() -> None:
    meeting = Meeting(tamper=lambda question, deliver: bytes(100))
    meeting.contact.meet()
    meeting.tamper = None
    meeting.contact.meet()
    shadow = meeting.account.shadow
    assert shadow.mark >= incidents(meeting.psd)[0].sequence
    assert isinstance(shadow.state, DeviceState)


def test_a_note_that_cannot_be_made_is_a_fault_of_the_disk() -> None:
    """A creation that was cut short of the note; the next start makes it."""
    sound = SimDisk()
    new_device(sound, **setup()).close()
    del sound._files[NOTE], sound._named[NOTE]
    said = []
    for operation in range(40):
        disk = sound.fork()
        disk.fail_at = operation
        try:
            Psd.open(disk, **setup())
        except PsdFault as fault:
            said.append(fault.detail.split(":")[0])
        if "the note of faults" in said:
            break
    disk.fail_at = None
    Psd.open(disk, **setup()).close()
    assert disk.image()[NOTE] == bytes(512)
