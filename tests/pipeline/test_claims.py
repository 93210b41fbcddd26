"""Claims for open and spoiled pieces: evidence from the journal, filed once whatever crashes."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from imi.simdisk import PowerCut, SimDisk
from pipeline.claimfiles import ClaimFolder
from pipeline.claimform import SIGNED_AS, ClaimForm, Customer, FormUnreadable, kept_form
from pipeline.claims import (
    Chosen,
    Filing,
    Standing,
    choose,
    draft,
    file,
)
from pipeline.devices import HeadReport
from pipeline.psd import Psd
from pipeline.record import RECORD_BYTES, RecordType, digest
from pipeline.segments import segment_name
from pipeline.state import Outcome
from postage.decertification import read_calendar
from postage.indicium import unpack
from postage.money import Money
from postage.refunds import Accepted, Denied, Held, Proof, Reason, RefundPolicy, examine
from tests.pipeline.device import TODAY, check, imprinted, letter, new_device, setup

CUSTOMER = Customer(
    name="Example Mailers, Inc.",
    address=("1 Main Street", "Shelton CT 06484"),
    agreement="2026-0001",
    licensing_zip="94043",
)


class Memory:
    """A folder in memory that can lose power before or after it keeps."""

    def __init__(self) -> None:
        self.forms: dict[str, bytes] = {}
        self.cut: str = ""

    def holds(self, number: str) -> bool:
        return number in self.forms

    def claimed(self) -> dict[int, str]:
        return {
            line["record"]: number
            for number, form in self.forms.items()
            for line in json.loads(form)["form"]["lines"]
        }

    def keep(self, number: str, form: bytes) -> None:
        if self.cut == "before":
            raise PowerCut
        assert number not in self.forms, "a kept form is never written again"
        self.forms[number] = form
        if self.cut == "after":
            raise PowerCut


def with_open_pieces(disk: SimDisk) -> Psd:
    """Return a device with a misprint, an unprinted piece and one of unknown outcome.

    Their records are in this order; a fourth piece was printed and is settled.
    """
    psd = new_device(disk, **setup())
    psd.refill(Money(500_000), 1)
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.confirm(imprinted(psd).sequence, Outcome.MISPRINT)
    psd.confirm(imprinted(psd, letter(1_070, department=4)).sequence, Outcome.UNPRINTED)
    imprinted(psd)
    psd.close()
    return Psd.open(disk, **setup())


def drafted(psd: Psd, day: date = TODAY, **more: object) -> ClaimForm:
    form = draft(psd, CUSTOMER, day, **more)  # type: ignore[arg-type]
    assert form is not None
    return form


def claimed_records(psd: Psd) -> list[int]:
    return [
        record.reference
        for record in psd.records()
        if record.type == RecordType.CONFIRM and record.flags & 7 == Outcome.CLAIMED
    ]


def test_a_form_says_what_the_device_can_prove() -> None:
    disk = SimDisk()
    psd = with_open_pieces(disk)
    form = drafted(psd)
    found = [(line.key.piece_count, line.postage.mills, line.proof) for line in form.lines]
    assert found == [
        (2, 780, Proof.SPOILED),
        (3, 1_070, Proof.UNPRINTED),
        (4, 780, Proof.NOTHING),
    ]
    assert form.face == Money(2_630)
    assert (form.vendor_model, form.serial) == ("TST0", 7)
    assert form.lines[1].department == 4
    assert all(line.printed == line.accounted == TODAY for line in form.lines)


def test_the_evidence_is_that_of_the_journal() -> None:
    """The digest is of the 512 bytes on the disk; the payload is signed by the device's key."""
    disk = SimDisk()
    for line in drafted(with_open_pieces(disk)).lines:
        sealed = disk.pread(segment_name("a", 1), RECORD_BYTES, (line.sequence - 1) * RECORD_BYTES)
        assert digest(sealed) == line.record_digest
        indicium = unpack(line.payload, profile="imi-std/p1")
        assert check(indicium.signed, indicium.signature)
        assert indicium.piece_count == line.key.piece_count
        assert indicium.postage == line.postage


def test_a_piece_that_never_left_the_device_is_proven_by_head() -> None:
    """A power cut after both copies and before HEAD: the debit stands, and nobody has the piece."""
    proofs = set()
    for operation in range(6):  # A, B, their syncs, HEAD and its sync
        disk = SimDisk()
        psd = new_device(disk, **setup())
        psd.refill(Money(500_000), 1)
        disk.cut_at = disk.operations + operation
        with pytest.raises(PowerCut):
            psd.imprint(letter())
        form = draft(Psd.open(disk.durable_only(), **setup()), CUSTOMER, TODAY)
        proofs |= {line.proof for line in form.lines} if form else set()
    assert proofs == {Proof.UNRELEASED}


def test_filing_marks_each_piece_and_keeps_the_signed_form() -> None:
    psd = with_open_pieces(SimDisk())
    form, kept = drafted(psd), Memory()
    filed = file(psd, form, kept, psd.sign_message)
    sequences = tuple(line.sequence for line in form.lines)
    assert filed == Filing(Standing.FILED, form.number, sequences)
    assert psd.open_pieces == []
    assert claimed_records(psd) == list(sequences)
    stored = json.loads(kept.forms[form.number])
    assert stored["form"] == form.as_mapping()
    assert check(form.signed_bytes(), bytes.fromhex(stored["signature"]))
    assert form.signed_bytes().startswith(SIGNED_AS)


def test_no_register_moves_when_a_claim_is_filed() -> None:
    psd = with_open_pieces(SimDisk())
    before = psd.registers
    file(psd, drafted(psd), Memory(), psd.sign_message)
    assert psd.registers == before


def test_a_claim_is_filed_once() -> None:
    psd = with_open_pieces(SimDisk())
    form, kept = drafted(psd), Memory()
    file(psd, form, kept, psd.sign_message)
    count = psd.last_sequence
    assert file(psd, form, kept, psd.sign_message).standing is Standing.REPEATED
    assert psd.last_sequence == count
    assert draft(psd, CUSTOMER, TODAY) is None


def test_a_piece_is_in_one_claim_only() -> None:
    """Two forms drafted over the same pieces: the second is refused, and nothing is kept of it."""
    psd = with_open_pieces(SimDisk())
    whole, kept = drafted(psd), Memory()
    part = drafted(psd, only=[whole.lines[0].sequence])
    assert part.number != whole.number
    assert file(psd, part, kept, psd.sign_message).standing is Standing.FILED
    refused = file(psd, whole, kept, psd.sign_message)
    assert refused == Filing(Standing.NOT_OPEN, whole.number, (whole.lines[0].sequence,))
    assert list(kept.forms) == [part.number]
    assert len(psd.open_pieces) == 2


def test_a_settled_piece_is_not_claimed() -> None:
    """The operator finds the piece after the draft: it was printed after all."""
    psd = with_open_pieces(SimDisk())
    form = drafted(psd)
    psd.confirm(form.lines[2].sequence, Outcome.PRINTED)
    assert file(psd, form, Memory(), psd.sign_message).standing is Standing.NOT_OPEN
    assert claimed_records(psd) == []


def test_the_number_is_of_the_pieces_and_not_of_the_day() -> None:
    psd = with_open_pieces(SimDisk())
    assert drafted(psd).number == drafted(psd, TODAY + timedelta(days=9)).number


def cut_cases() -> list[tuple[str, Callable[[SimDisk, Memory], None]]]:
    def at_operation(number: int) -> Callable[[SimDisk, Memory], None]:
        def arm(disk: SimDisk, _kept: Memory) -> None:
            disk.cut_at = disk.operations + number

        return arm

    def keeping(when: str) -> Callable[[SimDisk, Memory], None]:
        def arm(_disk: SimDisk, kept: Memory) -> None:
            kept.cut = when

        return arm

    found = [(f"operation {number}", at_operation(number)) for number in range(18)]
    return [*found, ("before keeping", keeping("before")), ("after keeping", keeping("after"))]


@pytest.mark.parametrize(("_name", "arm"), cut_cases())
def test_whatever_is_cut_off_is_finished_and_nothing_is_claimed_twice(
    _name: str, arm: Callable[[SimDisk, Memory], None]
) -> None:
    """Each of the 18 operations of three CLAIMED records, and both sides of keeping the form."""
    disk = SimDisk()
    psd = with_open_pieces(disk)
    form, kept = drafted(psd), Memory()
    arm(disk, kept)
    with pytest.raises(PowerCut):
        file(psd, form, kept, psd.sign_message)
    if not kept.cut:
        disk = disk.after_cut(Random(7), atom=512)
    else:
        psd.close()
        kept.cut = ""
    again = Psd.open(disk, **setup())
    assert kept.forms or not claimed_records(again), "a marked piece has its form"
    file(again, form, kept, again.sign_message)
    assert sorted(claimed_records(again)) == [line.sequence for line in form.lines]
    assert again.open_pieces == []
    assert list(kept.forms) == [form.number]


def test_a_head_that_fired_columns_contradicts_an_unprinted_piece() -> None:
    psd = with_open_pieces(SimDisk())
    unprinted = drafted(psd).lines[1].sequence
    proven = drafted(psd, heads={unprinted: HeadReport(0, 480)})
    assert proven.lines[1].head == HeadReport(0, 480)
    with pytest.raises(ValueError, match=f"record {unprinted} is open as UNPRINTED and the head"):
        draft(psd, CUSTOMER, TODAY, heads={unprinted: HeadReport(3, 480)})


def test_a_claim_is_for_open_pieces() -> None:
    psd = with_open_pieces(SimDisk())
    with pytest.raises(ValueError, match="record 1 is not open; 3 are"):
        draft(psd, CUSTOMER, TODAY, only=[1])
    assert draft(psd, CUSTOMER, TODAY, only=[]) is None


def test_the_refund_rules_take_the_claim_as_it_is() -> None:
    """Scenario 17's dates on a claim made by the device: the sixtieth day and the next."""
    psd = with_open_pieces(SimDisk())
    policy, calendar = RefundPolicy(), read_calendar()
    last = TODAY + timedelta(days=60)
    in_time = examine(policy, calendar, drafted(psd, last).as_claim(), last)
    kinds = [type(outcome) for outcome in in_time.outcomes.values()]
    assert kinds == [Accepted, Accepted, Held]
    assert (in_time.face, in_time.charge, in_time.paid) == (Money(1850), Money(185), Money(1665))
    late = last + timedelta(days=1)
    too_late = examine(policy, calendar, drafted(psd, late).as_claim(), late)
    assert {type(outcome) for outcome in too_late.outcomes.values()} == {Denied}


def test_a_folder_keeps_forms_whole(tmp_path: Path) -> None:
    folder = ClaimFolder(tmp_path / "claims")
    number = "TST0-00000007-12-0123456789ab"
    assert not folder.holds(number)
    folder.keep(number, b"{}\n")
    assert folder.holds(number)
    assert [path.name for path in (tmp_path / "claims").iterdir()] == [f"{number}.json"]
    assert (tmp_path / "claims" / f"{number}.json").read_bytes() == b"{}\n"


@pytest.mark.parametrize("number", ["../x", "TST0-00000007-12-0123456789AB", ""])
def test_a_claim_number_names_no_other_file(tmp_path: Path, number: str) -> None:
    with pytest.raises(ValueError, match="is no claim number"):
        ClaimFolder(tmp_path).keep(number, b"")


def test_a_claim_of_a_real_device_goes_to_a_folder(tmp_path: Path) -> None:
    psd = with_open_pieces(SimDisk())
    form, folder = drafted(psd), ClaimFolder(tmp_path)
    assert file(psd, form, folder, psd.sign_message).standing is Standing.FILED
    assert json.loads((tmp_path / f"{form.number}.json").read_text())["form"]["pieces"] == 3


def chosen(psd: Psd, day: date, kept: Memory | None = None, **more: object) -> Chosen:
    policy, calendar = RefundPolicy(), read_calendar()
    return choose(psd, CUSTOMER, day, policy, calendar, kept or Memory(), **more)  # type: ignore[arg-type]


def test_what_may_be_on_paper_is_claimed_only_by_name() -> None:
    """The misprint and the unprinted piece are proved; the third may still be found and mailed."""
    psd = with_open_pieces(SimDisk())
    found = chosen(psd, TODAY)
    assert found.form is not None
    assert [line.proof for line in found.form.lines] == [Proof.SPOILED, Proof.UNPRINTED]
    ((line, why),) = found.left_out
    assert isinstance(why, Held)
    named = chosen(psd, TODAY, only=[line.sequence])
    assert named.form is not None
    assert [each.sequence for each in named.form.lines] == [line.sequence]


def test_on_the_61st_day_nothing_can_be_claimed() -> None:
    """domain.md 9a, 17: 60 days from the printed date, to the day."""
    psd = with_open_pieces(SimDisk())
    assert chosen(psd, TODAY + timedelta(days=60)).form is not None
    late = chosen(psd, TODAY + timedelta(days=61))
    assert late.form is None
    assert {why.reason for _, why in late.left_out if isinstance(why, Denied)} == {Reason.TOO_LATE}


def test_a_piece_of_a_kept_form_is_in_no_other_before_it_is_marked() -> None:
    """A cut after keeping the form and before the first mark: the piece is open, and claimed."""
    psd, kept = with_open_pieces(SimDisk()), Memory()
    form = drafted(psd)
    one = draft(psd, CUSTOMER, TODAY, only=[form.lines[0].sequence])
    assert one is not None
    kept.cut = "after"
    with pytest.raises(PowerCut):
        file(psd, one, kept, psd.sign_message)
    kept.cut = ""
    assert file(psd, form, kept, psd.sign_message) == Filing(
        Standing.NOT_OPEN, form.number, (form.lines[0].sequence,)
    )
    left = {line.sequence: why for line, why in chosen(psd, TODAY, kept).left_out}
    why = left[form.lines[0].sequence]
    assert isinstance(why, Denied)
    assert (why.reason, why.detail) == (Reason.SETTLED, f"claim {one.number}")
    assert file(psd, one, kept, psd.sign_message).standing is Standing.FINISHED


def test_a_kept_form_is_read_back_and_an_edit_is_found() -> None:
    psd, kept = with_open_pieces(SimDisk()), Memory()
    form = drafted(psd, heads={})
    file(psd, form, kept, psd.sign_message)
    (data,) = kept.forms.values()
    assert kept_form(data, check) == form
    for damaged, said in (
        (data.replace(b'"postage_mills":780', b'"postage_mills":990'), "not as this program"),
        (data.replace(b'"face_mills":2630', b'"face_mills":9630'), "not as this program"),
        (data.replace(b"Example Mailers", b"Another Mailer!"), "signature is not this device's"),
        (data[:-9], "no claim form"),
        (b"[]", "no claim form"),
    ):
        with pytest.raises(FormUnreadable, match=said):
            kept_form(damaged, check)
