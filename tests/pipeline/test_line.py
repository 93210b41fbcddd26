"""The whole line on simulated devices: every stage, every divert, three different sightings."""

import errno
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from rich.console import Console

from imi.running import feed
from imi.runopening import Run, build_line, open_run
from imicore import frames
from pipeline.devices import Zone
from pipeline.disk import RealDisk
from pipeline.errors import PsdFault
from pipeline.inspector import Blank, Damaged, Inspector, Sighted
from pipeline.job import Job, load_job
from pipeline.line import judge
from pipeline.pieces import Diverted, Inspected, Printed, Reason
from pipeline.state import Open

pytestmark = pytest.mark.native
SAMPLES = Path(__file__).parent.parent.parent / "samples" / "jobs"


def small_job(count: int, **batch: object) -> Job:
    return Job.model_validate(
        {
            "name": "small",
            "date": "2026-07-13",
            "seed": 5,
            "department": [{"id": 1, "name": "one"}],
            "batch": [
                {
                    "name": "letters",
                    "count": count,
                    "department": 1,
                    "size": "number10",
                    "ounces": [0.3, 0.9],
                    **batch,
                }
            ],
        }
    )


def passed(job: Job, out: Path, **options: object) -> Run:
    run = open_run(job, out, fresh=False, limit=None)
    feed(run, Console(quiet=True), pictures=100)
    return run


def test_three_letters_of_780_leave_2340_and_497660(tmp_path: Path) -> None:
    """domain.md 9a, scenario 7: refill 500,000, three letters of 780."""
    run = passed(small_job(3), tmp_path)
    registers = run.meter.psd.registers
    assert run.tally.inspected == 3
    assert run.tally.mismatches == 0
    assert (registers.ascending.mills, registers.descending.mills) == (2_340, 497_660)
    assert (registers.control_total.mills, registers.piece_count) == (500_000, 3)
    assert run.meter.psd.open_pieces == []


def test_a_peer_reads_the_saved_pictures_and_agrees(tmp_path: Path) -> None:
    """zxing-cpp, an independent reader, finds the debited payload in every kept picture."""
    run = passed(small_job(4, stock="kraft"), tmp_path)
    rows = run.log.rows()
    assert [row.picture is not None for row in rows] == [True] * 4
    for row in rows:
        assert row.picture is not None
        found = zxingcpp.read_barcode(
            frames.load(tmp_path / row.picture), formats=zxingcpp.BarcodeFormat.DataMatrix
        )
        assert found is not None
        assert found.bytes.hex() == row.payload


@pytest.fixture(scope="module")
def bad_mail(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return passed(load_job(SAMPLES / "bad-mail.toml"), tmp_path_factory.mktemp("bad"))


def test_bad_mail_shows_every_divert_reason(bad_mail: Run) -> None:
    """But two: the meter is not empty yet, and its key is in a file, not in a token."""
    assert set(bad_mail.tally.diverted) == {*Reason} - {Reason.METER_REFUSED, Reason.NO_KEY}
    assert bad_mail.tally.mismatches == 1  # the swapped piece
    assert "another piece's indicium" in bad_mail.stopped


def test_what_left_the_belt_unpaid_moved_no_register(bad_mail: Run) -> None:
    """AR counts the paid pieces and nothing else; AR + DR = CT."""
    registers = bad_mail.meter.psd.registers
    paid = [row.postage_mills for row in bad_mail.log.rows() if row.postage_mills]
    assert registers.ascending.mills == sum(paid)
    assert registers.ascending + registers.descending == registers.control_total
    unpaid = {reason.value for reason in [*Reason][: [*Reason].index(Reason.HEAD_FAULT)]}
    assert all(row.sequence is None for row in bad_mail.log.rows() if row.outcome in unpaid)


def test_spoiled_pieces_are_open_with_the_evidence_that_the_machine_has(bad_mail: Run) -> None:
    """reliability.md 4.4: no column fired is proof; anything else stays with the operator."""
    outcome = {row.sequence: row.outcome for row in bad_mail.log.rows() if row.sequence}
    bad_mail.meter.psd.idle()
    for piece in bad_mail.meter.psd.open_pieces:
        unprinted = outcome[piece.sequence] == "head_fault"
        assert piece.why is (Open.UNPRINTED if unprinted else Open.MISPRINT)
        assert str(piece.amount) in piece.claim
    spoiled = {"head_fault", "misprint", "no_symbol", "damaged_symbol", "wrong_piece", "misplaced"}
    count = sum(row.outcome in spoiled for row in bad_mail.log.rows())
    assert len(bad_mail.meter.psd.open_pieces) == count


def test_the_line_goes_on_behind_the_piece_that_stopped_it(bad_mail: Run) -> None:
    """The next run feeds the next piece; the meter empties and refuses, and nothing is lost."""
    last = bad_mail.log.last_number()
    bad_mail.meter.psd.close()
    bad_mail.log.close()
    job = load_job(SAMPLES / "bad-mail.toml")
    run = passed(job, bad_mail.out)
    assert run.first == last + 1
    assert not run.stopped
    assert run.log.last_number() == job.count
    refused = [row.detail for row in run.log.rows() if row.outcome == "meter_refused"]
    assert any("descending register" in detail for detail in refused)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Printed, np.ndarray, Zone]:
    """Return a printed piece, the camera's picture of the next one, and the zone of both."""
    run = open_run(small_job(2), tmp_path_factory.mktemp("shown"), fresh=False, limit=None)
    passages = list(build_line(run).run())
    outcome = passages[0].outcome
    assert isinstance(outcome, Inspected)
    assert passages[1].frame is not None
    printed = outcome.printed
    # The world describes the piece under its camera: one more like them.
    run.world.stack(2, 2)
    run.world.feed()
    return printed, passages[1].frame, run.world.zone(printed.raster, printed.placement)


def test_another_piece_is_told_by_its_payload(shown: tuple[Printed, np.ndarray, Zone]) -> None:
    printed, other, zone = shown
    sighting = Inspector().inspect(other, zone)
    assert isinstance(sighting, Sighted)
    outcome = judge(printed, sighting)
    assert isinstance(outcome, Diverted)
    assert outcome.reason is Reason.WRONG_PIECE


def test_a_blank_envelope_is_blank(shown: tuple[Printed, np.ndarray, Zone]) -> None:
    printed, other, zone = shown
    blank = np.full_like(other, 210)
    sighting = Inspector().inspect(blank, zone)
    assert isinstance(sighting, Blank)
    outcome = judge(printed, sighting)
    assert isinstance(outcome, Diverted)
    assert outcome.reason is Reason.NO_SYMBOL


def test_a_symbol_past_correction_is_damaged(shown: tuple[Printed, np.ndarray, Zone]) -> None:
    printed, other, zone = shown
    sighting = Inspector().inspect(other, zone)
    assert isinstance(sighting, Sighted)
    ruined = other.copy()
    x0, y0 = (int(v) for v in sighting.corners.min(axis=0))
    x1, y1 = (int(v) for v in sighting.corners.max(axis=0))
    ruined[y0 + (y1 - y0) // 4 : y1 - (y1 - y0) // 4, x0:x1] = 120
    found = Inspector().inspect(ruined, zone)
    assert isinstance(found, Damaged)
    outcome = judge(printed, found)
    assert isinstance(outcome, Diverted)
    assert outcome.reason is Reason.DAMAGED_SYMBOL


def test_a_full_disk_stops_the_line_before_anything_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fired whose debit is not durable; after the disk has room, the line goes on."""
    run = open_run(small_job(6), tmp_path, fresh=False, limit=None)
    fired = []
    fire, write = run.world.fire, RealDisk.pwrite
    monkeypatch.setattr(
        run.world, "fire", lambda *given: fired.append(given[0].number) or fire(*given)
    )

    def full(disk: RealDisk, name: str, data: bytes, offset: int) -> None:
        if len(fired) >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(disk, name, data, offset)

    with monkeypatch.context() as disk:
        disk.setattr(RealDisk, "pwrite", full)
        with pytest.raises(PsdFault, match="No space left"):
            feed(run, Console(quiet=True), pictures=0)
    assert run.meter.psd.state.value == "FAULT"
    run.meter.psd.close()
    run.log.close()
    assert fired == [1, 2, 3]

    again = passed(small_job(6), tmp_path)
    registers = again.meter.psd.registers
    assert again.log.last_number() == 6
    assert registers.ascending + registers.descending == registers.control_total
    assert registers.piece_count == len([row for row in again.log.rows() if row.sequence])
