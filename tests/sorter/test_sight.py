"""What a frame shows: placement, contrast and symbol size at their limits, and hostile frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imicore import frames
from imicore.grade import PrintQuality
from imicore.reader import Reader
from postage.devices import Mode
from postage.verdicts import Code, Reason, Verdict
from sorter.errors import PolicyError
from sorter.policy import Policy
from sorter.sight import Eye, Frame, crop_of, print_quality, symbol_size_of
from tests.sorter.mail import METER, Device, facts, verifier
from tests.sorter.printed import printed

pytestmark = pytest.mark.native


def seen(frame: Frame, dpi: float, **policy: float) -> Verdict:
    rules = Policy(pixels_per_inch=dpi, **policy)  # type: ignore[arg-type]
    return verifier(policy=rules).verify(frame, facts())


def reasons(verdict: Verdict) -> set[Reason]:
    return {one.reason for one in verdict.reasons}


@pytest.mark.parametrize(("dpi", "shift"), [(200, 0.0), (200, 0.0021), (300, 0.0037), (600, 0.0)])
def test_placement_at_a_quarter_inch(dpi: int, shift: float) -> None:
    """DMM 604.4.3.3 (2015): 0.25 in from the right and the top edge; 0.24 in is too near."""
    payload = METER.indicium()
    well = printed(payload, dpi=dpi, right_in=0.25 + shift, top_in=0.25 + shift)
    assert reasons(seen(well, dpi)) & {Reason.RIGHT_MARGIN, Reason.TOP_MARGIN} == set()
    near = printed(payload, dpi=dpi, right_in=0.24 - shift, top_in=0.25)
    assert Reason.RIGHT_MARGIN in reasons(seen(near, dpi))
    assert Reason.TOP_MARGIN not in reasons(seen(near, dpi))
    high = printed(payload, dpi=dpi, right_in=0.25, top_in=0.24 - shift)
    assert Reason.TOP_MARGIN in reasons(seen(high, dpi))
    assert seen(high, dpi).code is Code.MISPLACED


def test_a_frame_without_edges_says_nothing_of_placement() -> None:
    frame = printed(METER.indicium(), right_in=0.24, top_in=0.24)
    frame[frame < 20] = 230  # no belt to be seen
    assert seen(frame, 300).code is not Code.MISPLACED


@pytest.mark.parametrize(
    ("ink", "is_low"),
    [(130, False), (153, False), (154, True), (156, True)],
    ids=["0.39", "0.302", "0.298", "0.29"],
)
def test_reflectance_differs_by_three_tenths(ink: int, is_low: bool) -> None:
    """Publication 25 ch. 10: print reflectance difference at least 30 %; paper is 230 of 255."""
    verdict = seen(printed(METER.indicium(), ink=ink), 300, min_grade=0.0)
    assert (Reason.LOW_REFLECTANCE in reasons(verdict)) == is_low, verdict
    assert verdict.code is (Code.POOR_PRINT if is_low else Code.VALID)


def test_red_and_green_are_both_measured() -> None:
    """Publication 25 ch. 10: in red and in green; a red ink fails in red light alone."""
    black, faint = printed(METER.indicium(), ink=20), printed(METER.indicium(), ink=190)
    verdict = seen(np.dstack([faint, black, black]), 300, min_grade=0.0)
    low = [str(one) for one in verdict.reasons if one.reason is Reason.LOW_REFLECTANCE]
    assert len(low) == 1
    assert "red 0." in low[0]


def test_a_good_print_has_its_grade_in_evidence_and_no_crop() -> None:
    verdict = seen(printed(METER.indicium()), 300)
    assert (verdict.code, verdict.reasons, verdict.evidence.crop) == (Code.VALID, (), b"")
    assert verdict.evidence.grade.startswith("4.0")


@pytest.mark.parametrize("size", [(44, 44), (48, 48), (52, 52)])
def test_a_symbol_of_another_size_is_not_canonical(size: tuple[int, int]) -> None:
    """Issue: a re-encoding in another symbol size is no second VALID; 109 bytes have 40 x 40."""
    payload = METER.indicium()
    verdict = seen(printed(payload, size=size), 300)
    assert verdict.code is Code.NON_CANONICAL
    assert Reason.OTHER_SYMBOL_SIZE in reasons(verdict)
    assert not verdict.paid
    sorter = verifier()
    assert sorter.verify(printed(payload, size=size), facts()).code is Code.NON_CANONICAL
    assert sorter.verify(printed(payload), facts()).code is Code.VALID  # the copy used up nothing


def test_scenario_19_symbol_sizes() -> None:
    """109, 112 and 113 bytes: 40, 40 and 44 modules; nothing holds what no indicium is."""
    sizes = [symbol_size_of(bytes(length)) for length in (109, 112, 113)]
    assert sizes == [(40, 40), (40, 40), (44, 44)]
    assert symbol_size_of(bytes(300)) is None


def test_what_is_wrong_comes_with_its_picture() -> None:
    """The crop is a PNG that reads again to the same payload."""
    frame = printed(METER.indicium(mills=490))
    verdict = verifier().verify(frame, facts())
    assert verdict.code is Code.SHORTPAID
    crop = frames.decode(verdict.evidence.crop)
    assert crop.shape[0] < frame.shape[0] // 2
    [reading] = Reader().read(crop)
    assert reading.payload == METER.indicium(mills=490)


def test_a_crop_ends_with_the_frame() -> None:
    frame = printed(METER.indicium(), right_in=0.3, top_in=0.3)
    [reading] = Eye().look(frame).readings
    whole = frames.decode(crop_of(frame, reading, 1_000))
    assert whole.shape == frame.shape


def test_two_indicia_on_a_piece_are_looked_for_before_it_is_accused() -> None:
    """DMM 604.4 (2015): the total postage affixed."""
    first, second = METER.indicium(count=1, mills=490), METER.indicium(count=2, mills=290)
    frame = np.vstack([printed(first, top_in=0.4), printed(second, top_in=0.4)])
    verdict = verifier().verify(frame, facts())
    assert (verdict.code, len(verdict.evidence.payloads)) == (Code.VALID, 2)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((0, 0), np.uint8),
        np.zeros((5, 0), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 40), np.float64),
        np.zeros((40, 40), np.uint16),
        np.zeros(40, np.uint8),
        np.zeros((2, 2, 3, 3), np.uint8),
        np.zeros((6, 40, 3), np.uint8)[::2, ::-1],
    ],
    ids=lambda frame: f"{frame.dtype}{list(frame.shape)}",
)
def test_a_frame_that_is_none_is_unreadable(frame: Frame) -> None:
    verdict = verifier(policy=Policy(pixels_per_inch=300)).verify(frame, facts())
    assert verdict.code is Code.UNREADABLE
    assert reasons(verdict) & {Reason.BAD_FRAME, Reason.NO_SYMBOL}


@given(st.integers(0, 2**32 - 1), st.sampled_from([(60, 60), (200, 300), (33, 700)]))
@settings(max_examples=15)
def test_noise_is_unreadable(seed: int, shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    assert verifier().verify(frame, facts()).code is Code.UNREADABLE


def test_a_symbol_at_the_edge_is_not_graded_and_not_refused_for_it() -> None:
    """Where the frame does not show enough of a print, nothing is said of it."""
    frame = printed(METER.indicium(), right_in=0.3, top_in=0.3)
    [reading] = Eye().look(frame).readings
    left, top = np.floor(reading.corners.min(axis=0)).astype(int)
    cut = np.ascontiguousarray(frame[top:, left:])
    [again] = Reader().read(cut)
    quality = print_quality(cut, again, Policy(pixels_per_inch=300))
    assert quality is None or isinstance(quality, PrintQuality)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_days_back", -1),
        ("max_days_ahead", 3_651),
        ("pixels_per_inch", float("nan")),
        ("edge_in", -0.01),
        ("min_grade", 4.1),
        ("min_reflectance_difference", 1.1),
        ("crop_margin_modules", True),
    ],
)
def test_policy_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(PolicyError, match=f"{name} is"):
        Policy(**{name: value})  # type: ignore[arg-type]


def test_a_void_specimen_is_specimen_off_a_picture_too() -> None:
    """Scenario 12: every such symbol, in production and in a rehearsal."""
    soft = Device(vendor="TST0")
    record = soft.record(mode=Mode.REHEARSAL)
    frame = printed(soft.indicium())
    assert verifier(record).verify(frame, facts()).code is Code.SPECIMEN
    practice = verifier(record, policy=Policy(mode="rehearsal")).verify(frame, facts())
    assert (practice.code, practice.is_rehearsal) == (Code.VALID, True)
