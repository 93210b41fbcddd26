"""An ad or slogan without postage: it cannot pass for any, and the meter is not asked."""

from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from rich.console import Console

from imi.running import feed
from imi.runopening import Run, open_run
from imicore import frames, imb
from imicore.datamatrix import encode
from imicore.graphic import from_text
from pipeline.errors import JobError
from pipeline.graphics import NotAGraphic, picture, slogan
from pipeline.job import Job, load_job
from pipeline.pieces import Reason
from postage.messages import Command

SAMPLE = Path(__file__).parent.parent.parent / "samples" / "jobs" / "slogan.toml"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("US POSTAGE", "POSTAGE"),
        ("U.S. Postage Paid", "POSTAGE"),
        ("First-Class Mail", "FIRST CLASS"),
        ("first class", "FIRST CLASS"),
        ("Permit No. 7", "PERMIT"),
        ("presorted", "PRESORTED"),
        ("u.s.p.s.", "USPS"),
        ("U.S. Mail", "US MAIL"),
    ],
)
def test_words_of_postage_are_refused(line: str, word: str) -> None:
    """domain.md 1.7: what stands inside an indicium stands nowhere else."""
    with pytest.raises(NotAGraphic, match=f"'sale' says .*{word.replace(' ', '.?')}"):
        slogan("sale", ("Come and see", line), 600)


@pytest.mark.parametrize("line", ["Mail early", "bonus mail for you", "Only $9.99", "Visit us"])
def test_words_of_ads_are_not(line: str) -> None:
    assert slogan("sale", (line, "mail order"), 600).raster.dots.any()


def printed(modules: np.ndarray, dots: int) -> np.ndarray:
    return np.pad(modules, 4).repeat(dots, 0).repeat(dots, 1)


@pytest.mark.parametrize("dots_per_inch", [200, 300, 600])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_with_a_symbol_is_refused(dots_per_inch: int, inverted: bool) -> None:
    """As large as an indicium's, dark on light and light on dark."""
    symbol = printed(encode(b"no indicium at all").modules, dots_per_inch // 60)
    dots = np.zeros((dots_per_inch, 2 * dots_per_inch), bool)
    dots[10 : 10 + symbol.shape[0], 30 : 30 + symbol.shape[1]] = symbol
    with pytest.raises(NotAGraphic, match=r"'logo' holds a symbol \(datamatrix\)"):
        picture("logo", ~dots if inverted else dots, dots_per_inch)


def test_a_picture_with_an_intelligent_mail_barcode_is_refused() -> None:
    """65 bars, 22 to the inch, 1/7 in high (USPS-B-3200)."""
    bars = imb.encode("01234567094987654321", "01234567891")
    dots = np.zeros((200, 2000), bool)
    for place, bar in enumerate(bars):
        top = 0 if bar in "AF" else 28
        bottom = 86 if bar in "DF" else 58
        dots[50 + top : 50 + bottom, 60 + place * 27 : 60 + place * 27 + 12] = True
    with pytest.raises(NotAGraphic, match=r"holds a symbol \(imb\)"):
        picture("logo", dots, 600)


def test_a_picture_without_one_is_taken() -> None:
    text = from_text(["Autumn fair"], 300).dots
    assert (picture("logo", text, 300).raster.dots == text).all()


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of 12 envelopes with a slogan and 12 letters."""
    run = open_run(load_job(SAMPLE), tmp_path_factory.mktemp("fair"), fresh=False, limit=None)
    feed(run, Console(quiet=True), pictures=24)
    return run


def test_the_registers_know_the_letters_and_nothing_else(fair: Run) -> None:
    """12 letters of 780; the journal has no record for an envelope without postage."""
    registers = fair.meter.psd.registers
    assert (registers.piece_count, registers.ascending.mills) == (12, 12 * 780)
    assert (fair.tally.decorated, fair.tally.inspected, fair.tally.diverted) == (12, 12, {})
    assert fair.meter.psd.open_pieces == []


def test_the_list_has_them_with_the_graphic_s_name_and_no_money(fair: Run) -> None:
    rows = fair.log.rows()
    assert [row.outcome for row in rows] == ["graphic"] * 12 + ["inspected"] * 12
    for row in rows[:12]:
        assert (row.detail, row.postage_mills, row.sequence, row.payload) == (
            *("Autumn fair", None, None),
            None,
        )
        assert row.columns_fired == row.columns_wanted


def test_there_is_ink_left_of_the_place_of_postage_and_nowhere_near_it(fair: Run) -> None:
    """On the camera's frame: letters between 3.7 and 6.6 in from the right, bare paper beside."""
    row = fair.log.rows()[5]
    assert row.picture is not None
    frame = frames.load(fair.out / row.picture)
    dpi, margin = 203.7, 0.15

    def darkest(from_right_in: float, to_right_in: float) -> float:
        right = frame.shape[1] - margin * dpi
        columns = slice(int(right - to_right_in * dpi), int(right - from_right_in * dpi))
        return float(frame[int(0.5 * dpi) : int(1.4 * dpi), columns].min())

    assert darkest(3.7, 6.4) < 100
    assert darkest(0.3, 3.0) > 150
    assert zxingcpp.read_barcodes(frame) == []


def test_a_suspended_meter_does_not_mind(tmp_path: Path) -> None:
    job = load_job(SAMPLE)
    run = open_run(job, tmp_path, fresh=False, limit=14)
    run.provider.order(run.meter.psd.device_id, Command.SUSPEND)
    run.contact.meet()
    before = run.meter.psd.last_sequence
    feed(run, Console(quiet=True), pictures=0)
    assert run.tally.decorated == 12
    assert run.tally.diverted == {Reason.METER_REFUSED: 2}
    kinds = {record.type.name for record in map(_typed, run.meter.psd.records(before + 1))}
    assert "DEBIT" not in kinds


def _typed(record: object) -> object:
    from pipeline.record import Record, RecordType

    assert isinstance(record, Record)
    return record._replace(type=RecordType(record.type))


@pytest.mark.parametrize(("fault", "reason"), [("head_jam", "head_fault"), ("ink_out", "misprint")])
def test_a_head_that_stops_diverts_the_piece(tmp_path: Path, fault: str, reason: str) -> None:
    plain = load_job(SAMPLE).model_dump()
    plain["batch"][0]["faults"] = [{"piece": 2, "fault": fault}]
    run = open_run(Job.model_validate(plain), tmp_path, fresh=False, limit=3)
    feed(run, Console(quiet=True), pictures=0)
    assert run.tally.diverted == {reason: 1}
    assert run.tally.decorated == 2


def test_a_graphic_that_does_not_fit_is_diverted_by_name(tmp_path: Path) -> None:
    plain = load_job(SAMPLE).model_dump()
    plain["batch"][0]["size"] = "card"
    run = open_run(Job.model_validate(plain), tmp_path, fresh=False, limit=1)
    feed(run, Console(quiet=True), pictures=0)
    assert "beside the place of postage" in run.tally.diverts[0][2]


def test_a_job_names_what_is_wrong_with_its_graphics(tmp_path: Path) -> None:
    text = SAMPLE.read_text()
    job = tmp_path / "job.toml"
    for changed, said in (
        (text.replace('graphic = "Autumn fair"', 'graphic = "Spring"'), "prints graphic 'Spring'"),
        (text.replace("text = [", 'picture = "a.png"\ntext = ['), "has either text or a picture"),
        (text.replace('text = ["', 'text = [] # ["'), "has either text or a picture"),
    ):
        job.write_text(changed)
        with pytest.raises(JobError, match=said):
            load_job(job)


def test_a_picture_lies_beside_the_job_file(tmp_path: Path) -> None:
    frames.save(tmp_path / "fair.png", np.where(from_text(["Fair"], 600).dots, 0, 255).astype("u1"))
    job = tmp_path / "job.toml"
    text = SAMPLE.read_text().splitlines()
    job.write_text("\n".join('picture = "fair.png"' if "text = " in at else at for at in text))
    run = open_run(load_job(job), tmp_path / "out", fresh=False, limit=1)
    feed(run, Console(quiet=True), pictures=0)
    assert run.tally.decorated == 1
