"""Bad input of every kind that a meter is to refuse: what is done, and by what name it is refused.

Each case is given a sound device and its provider, and returns the name of the refusal and the
device as it goes on: the same, or opened again where the refusal was to open it.
"""

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from imi.simdisk import SimDisk
from pipeline.authority import Refused
from pipeline.csvtext import BadCsv
from pipeline.errors import BindingMismatch, PsdFault
from pipeline.link import Incident
from pipeline.office import NotEnrolled
from pipeline.psd import Psd
from pipeline.psdclock import HOUR_US
from pipeline.record import RECORD_BYTES, digest
from pipeline.roles import Denied
from pipeline.segments import segment_name
from pipeline.state import IncidentKind, Lock, Outcome
from pipeline.storage import SealBroken
from postage.envelope import open_envelope, seal
from postage.messages import AuditAck, Message, RefillTombstone, TimeAnswer
from tests.pipeline.device import imprinted, letter, new_device, setup
from tests.pipeline.device import sign as device_sign
from tests.pipeline.meeting import Meeting, provider_sign
from tests.pipeline.people import OTHER_PIN, PIN, WRONG, Premises, supervised

Deliver: TypeAlias = Callable[[bytes], bytes]
Met: TypeAlias = tuple[str, Psd]
Case: TypeAlias = Callable[[Meeting], Met]
CASES: dict[str, tuple[IncidentKind, str, Case]] = {}
"""By what is wrong: the kind of its record, the name of its refusal, and what is done."""

A, B = (segment_name(side, 1) for side in "ab")


def case(what: str, kind: IncidentKind, refusal: str) -> Callable[[Case], Case]:
    def note(done: Case) -> Case:
        CASES[what] = kind, refusal, done
        return done

    return note


def spoken(what: str, kind: IncidentKind, refusal: str, change: Callable[[bytes], bytes]) -> None:
    """Add the case of a first answer that is changed on its way."""

    def answer(meeting: Meeting) -> Met:
        meeting.tamper = lambda question, deliver: change(deliver(question))
        return breach_of(meeting), meeting.psd

    case(what, kind, refusal)(answer)


def refusal_of(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return answer.reason.name


def breach_of(meeting: Meeting) -> str:
    result = meeting.contact.meet()
    assert isinstance(result, Incident), result
    return result.breach.name


def while_it_holds(meeting: Meeting, name: str, data: bytes) -> Met:
    """Open the device while a file begins with other bytes, then again with its own."""
    meeting.psd.close()
    own = meeting.disk.pread(name, len(data), 0)
    meeting.disk.poke(name, 0, data)
    with pytest.raises(PsdFault) as caught:
        Psd.open(meeting.disk, **meeting.setup)
    meeting.disk.poke(name, 0, own)
    meeting.restart(meeting.disk)
    return caught.value.cause.name, meeting.psd


def while_the_disk_fails(meeting: Meeting, operation: int, number: int) -> Met:
    """Let one operation of an imprint fail, then open the device again."""
    disk = meeting.disk
    disk.fail_at, disk.fail_errno = disk.operations + operation, number
    with pytest.raises(PsdFault) as caught:
        imprinted(meeting.psd)
    assert refusal_of(meeting.psd.imprint(letter())) == "FAULT"
    disk.fail_at = None
    meeting.reopen()
    return caught.value.cause.name, meeting.psd


def changed(change: Callable[[Message], Message]) -> Callable[[bytes], bytes]:
    return lambda data: seal(change(open_envelope(data, lambda m, s: True)), provider_sign)


@case("wrong state", IncidentKind.WRONG_STATE, "SUSPENDED")
def _(meeting: Meeting) -> Met:
    meeting.psd.lock(Lock.SUSPENDED)
    return refusal_of(meeting.psd.imprint(letter())), meeting.psd


@case("wrong PIN", IncidentKind.WRONG_PIN, "WRONG_PIN")
def _(_: Meeting) -> Met:
    premises = Premises()
    denied = supervised(premises).office.login(1, WRONG)
    assert isinstance(denied, Denied)
    return denied.denial.name, premises.psd


@case("a clock set back under a running device", IncidentKind.CLOCK_WRONG, "CLOCK_BEHIND")
def _(meeting: Meeting) -> Met:
    meeting.clock.psd_us -= 24 * HOUR_US
    return refusal_of(meeting.psd.imprint(letter())), meeting.psd


def _booted(hours: int) -> Case:
    def boot(meeting: Meeting) -> Met:
        meeting.clock.psd_us += hours * HOUR_US
        meeting.reopen()
        return meeting.psd.state.name, meeting.psd

    return boot


for _hours, _when in ((-24, "set back"), (73, "set forward")):
    case(f"a clock {_when} before a start", IncidentKind.CLOCK_WRONG, "LOCKED_COMM")(
        _booted(_hours)
    )


@case("a restored folder", IncidentKind.RESTORED_FOLDER, "DENIED")
def _(meeting: Meeting) -> Met:
    old = meeting.disk.fork()
    imprinted(meeting.psd)
    meeting.contact.meet()
    meeting.reopen(old)  # whoever did it wants the postage back
    return breach_of(meeting), meeting.psd


@case("a restored folder of accounts", IncidentKind.RESTORED_FOLDER, "NotEnrolled")
def _(_: Meeting) -> Met:
    premises = Premises()
    ada = supervised(premises)
    old = premises.files.fork()
    assert ada.change_own_pin(PIN, OTHER_PIN) is None
    premises.files = old
    with pytest.raises(NotEnrolled, match="older than the journal"):
        premises.restart().login(1, PIN)
    return "NotEnrolled", premises.psd


@case("a cloned folder", IncidentKind.CLONED_FOLDER, "HISTORY_DIFFERS")
def _(meeting: Meeting) -> Met:
    clone = meeting.disk.fork()
    meeting.contact.meet()
    meeting.reopen(clone)
    for _ in range(3):  # it has a life of its own, and more records by now
        meeting.psd.confirm(imprinted(meeting.psd).sequence, Outcome.CONFIRMED)
    return breach_of(meeting), meeting.psd


@case("another device's files", IncidentKind.CLONED_FOLDER, "MIXED_DIRECTORIES")
def _(meeting: Meeting) -> Met:
    other = SimDisk()
    new_device(other, **setup(serial=8)).close()
    return while_it_holds(meeting, A, other.pread(A, 3 * RECORD_BYTES, 0))


@case("another customer's setup", IncidentKind.CLONED_FOLDER, "BindingMismatch")
def _(meeting: Meeting) -> Met:
    meeting.psd.close()
    with pytest.raises(BindingMismatch):
        Psd.open(meeting.disk, **meeting.setup | {"licensing_zip": "10001"})
    meeting.restart(meeting.disk)
    return "BindingMismatch", meeting.psd


@case("half-written files", IncidentKind.DAMAGED_FILE, "BOTH_COPIES_BAD")
def _(meeting: Meeting) -> Met:
    meeting.disk.poke(B, 0, bytes(100))
    return while_it_holds(meeting, A, bytes(300))


@case("one half-written file", IncidentKind.DAMAGED_FILE, "repaired")
def _(meeting: Meeting) -> Met:
    """Nothing is refused but the file's bytes: the other copy has them."""
    meeting.psd.close()
    meeting.disk.poke(B, 0, bytes(100))
    meeting.restart(meeting.disk)
    return "repaired", meeting.psd


@case("a half-written file of accounts", IncidentKind.DAMAGED_FILE, "SealBroken")
def _(_: Meeting) -> Met:
    premises = Premises()
    supervised(premises)
    premises.files.poke("accounts", 0, bytes(40))
    with pytest.raises(SealBroken):
        premises.restart()
    return "SealBroken", premises.psd


@case("a full disk", IncidentKind.DISK_FULL, "IO_ERROR")
def _(meeting: Meeting) -> Met:
    return while_the_disk_fails(meeting, 0, errno.ENOSPC)


@case("a failing sync", IncidentKind.DISK_FAILED, "IO_ERROR")
def _(meeting: Meeting) -> Met:
    return while_the_disk_fails(meeting, 2, errno.EIO)


@case("a hostile CSV file", IncidentKind.HOSTILE_CSV, "BadCsv")
def _(_: Meeting) -> Met:
    premises = Premises()
    ada = supervised(premises)
    with pytest.raises(BadCsv):
        ada.import_accounts(b"number,name,budget,period,active\n7,\"=cmd|' /C calc'!A0,,,yes\n")
    return "BadCsv", premises.psd


@case("a key that signs wrong", IncidentKind.KEY_FAILED, "SIGNATURE_WRONG")
def _(meeting: Meeting) -> Met:
    meeting.psd.close()
    psd = Psd.open(meeting.disk, **meeting.setup | {"sign": lambda message: bytes(64)})
    with pytest.raises(PsdFault) as caught:
        psd.imprint(letter())
    psd.close()
    meeting.restart(meeting.disk)
    return caught.value.cause.name, meeting.psd


@case("a message out of order", IncidentKind.LATE, "LATE")
def _(meeting: Meeting) -> Met:
    late: list[bytes] = []

    def hold(question: bytes, deliver: Deliver) -> bytes:
        late.append(deliver(question))
        raise TimeoutError("no answer")

    meeting.tamper = hold
    meeting.contact.meet()
    meeting.tamper = lambda question, deliver: late[0]
    return breach_of(meeting), meeting.psd


@case("a duplicated message", IncidentKind.REPEATED, "REPEATED")
def _(meeting: Meeting) -> Met:
    first: list[bytes] = []

    def repeat(question: bytes, deliver: Deliver) -> bytes:
        first.append(deliver(question))
        return first[0]

    meeting.tamper = repeat
    return breach_of(meeting), meeting.psd


@case("an answer that took a minute", IncidentKind.SLOW, "SLOW")
def _(meeting: Meeting) -> Met:
    def wait(question: bytes, deliver: Deliver) -> bytes:
        meeting.clock.psd_us += 61_000_000
        return deliver(question)

    meeting.tamper = wait
    return breach_of(meeting), meeting.psd


@case("an answer that cannot be true", IncidentKind.CONTRADICTION, "CONTRADICTION")
def _(meeting: Meeting) -> Met:
    """A provider that has less after an upload than before it."""
    meeting.contact.meet()
    [first] = meeting.psd.sealed_records(1, 1)

    def forget(message: Message) -> Message:
        is_ack = isinstance(message, AuditAck)
        return replace(message, sequence=1, digest=digest(first)) if is_ack else message

    meeting.tamper = lambda question, deliver: changed(forget)(deliver(question))
    return breach_of(meeting), meeting.psd


@case("a provider that denies", IncidentKind.DENIED, "DENIED")
def _(meeting: Meeting) -> Met:
    meeting.provider.accounts.clear()
    return breach_of(meeting), meeting.psd


def _by_the_meter(data: bytes) -> bytes:
    return data[:-64] + device_sign(data[:-64])


def _without_a_kind(message: Message) -> Message:
    return RefillTombstone(device=message.device, nonce=message.nonce, request=1)


def _an_hour_ago(message: Message) -> Message:
    assert isinstance(message, TimeAnswer)
    return replace(message, server_us=message.server_us - HOUR_US)


spoken("a forged message", IncidentKind.FORGED, "FORGED", _by_the_meter)
spoken("no message", IncidentKind.MALFORMED, "MALFORMED", lambda data: b"502 Bad Gateway")
spoken("a stale message", IncidentKind.STALE, "STALE", changed(lambda told: replace(told, nonce=1)))
spoken(
    "another device's message",
    IncidentKind.FOREIGN,
    "FOREIGN",
    changed(lambda told: replace(told, device=1)),
)
spoken(
    "another kind of message",
    IncidentKind.OUT_OF_PLACE,
    "OUT_OF_PLACE",
    changed(_without_a_kind),
)
spoken("an hour ago", IncidentKind.TIME_WRONG, "TIME_WRONG", changed(_an_hour_ago))
