"""The degraded-mail suite: the same picture whenever asked, of the stated size and truth."""

import numpy as np
import pytest

from imi.mailpictures import CLASSES, DEFECTS, BadPicture, degraded, degraded_suite


@pytest.mark.parametrize("name", ["clean", "noise", "nozzle", "mixed"])
def test_a_picture_is_a_function_of_class_level_and_seed(name: str) -> None:
    """Asked twice, with others between, it is the same; another seed or level is another."""
    level = 0 if name == "clean" else 3
    first = degraded(name, level, 5).picture.frame
    degraded("blur", 1, 6)
    assert np.array_equal(first, degraded(name, level, 5).picture.frame)
    assert not np.array_equal(first, degraded(name, level, 8).picture.frame)
    if level:
        assert not np.array_equal(first, degraded(name, 4, 5).picture.frame)


@pytest.mark.parametrize(
    ("seed", "side", "payload_bytes"), [(0, 36, 78), (1, 40, 90), (2, 44, 130), (3, 36, 78)]
)
def test_symbol_and_payload_go_with_the_seed(seed: int, side: int, payload_bytes: int) -> None:
    """peers.md 3: 36x36, 40x40, 44x44 by seed modulo 3, 78, 90, 130 bytes."""
    made = degraded("blur", 1, seed)
    assert made.modules == (side, side)
    assert len(made.payload) == payload_bytes
    assert made.payload == degraded("mixed", 5, seed).payload


@pytest.mark.parametrize(("dpi", "size"), [(200, (825, 1900)), (300, (1238, 2850))])
def test_a_module_is_half_a_millimetre_at_both_resolutions(dpi: int, size: tuple[int, int]) -> None:
    """To 1.2 %, the scale error of a camera; the lower left corner comes first."""
    made = degraded("clean", 0, 4, dpi)
    corner, up, _, right = made.picture.corners
    assert made.picture.frame.shape == size
    for end in (up, right):
        pitch = np.linalg.norm(end - corner) / 40
        assert pitch == pytest.approx(0.5 / 25.4 * dpi, rel=0.013)


def test_the_suite_has_24_classes_at_5_levels_and_clean_mail() -> None:
    assert set(CLASSES) == {*DEFECTS, "mixed"}
    assert len(CLASSES) == 24
    named = [(name, level) for name, level, _, _ in degraded_suite([0], ["clean", "show", "kraft"])]
    assert named == [
        ("clean", 0),
        *((n, level) for n in ("show", "kraft") for level in range(1, 6)),
    ]


def test_mixed_mail_has_several_defects_at_its_level() -> None:
    for seed in range(4):
        defects = degraded("mixed", 2, seed).defects
        assert len({name for name, _, _ in defects}) == 3
        assert {level for _, level, _ in defects} == {2}


def test_a_level_between_two_has_an_amount_between_theirs() -> None:
    made = degraded("blur", 2.5, 0)
    assert made.defects == (("blur", 2.5, pytest.approx((0.25 + 0.35) / 2)),)
    assert not np.array_equal(made.picture.frame, degraded("blur", 2, 0).picture.frame)


def test_what_is_printed_is_where_the_truth_says() -> None:
    """The solid L is dark along its two legs, half a module inside the true corners."""
    for seed in range(3):
        made = degraded("clean", 0, seed)
        side = made.modules[0]
        corner, up, _, right = made.picture.corners
        for leg, across in ((up - corner, right - corner), (right - corner, up - corner)):
            steps = np.arange(0.5, side)[:, None] / side
            points = corner + steps * leg + across * 0.5 / side
            x, y = np.floor(points).astype(int).T
            assert made.picture.frame[y, x].max() < 100, seed


@pytest.mark.parametrize(
    ("name", "level", "seed", "dpi", "message"),
    [
        ("rust", 1, 0, 200, "no class 'rust'; there are clean, blur, contrast"),
        ("blur", 6, 0, 200, "level is 6 ; the range is 1 to 5"),
        ("clean", 1, 0, 200, "level of clean mail is 1 ; the range is 0 to 0"),
        ("blur", 1, -1, 200, "seed is -1 "),
        ("blur", 1, 0, 1200, "camera resolution is 1200 pixels per inch; the range is 100 to 400"),
    ],
)
def test_what_the_suite_has_not_is_named(
    name: str, level: int, seed: int, dpi: int, message: str
) -> None:
    with pytest.raises(BadPicture) as caught:
        degraded(name, level, seed, dpi)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["skew", "stretch", "perspective"])
def test_bent_mail_keeps_frame_and_symbol(name: str) -> None:
    """peers.md 3: every frame is 1900x825 px; a skewed piece turns about its symbol."""
    for seed in range(4):
        made = degraded(name, 5, seed)
        corners = made.picture.corners
        assert made.picture.frame.shape == (825, 1900)
        assert (corners > 8).all(), seed
        assert (corners < (1892, 817)).all(), seed
        x, y, width, height = made.picture.zone
        assert (corners >= (x, y)).all()
        assert (corners <= (x + width, y + height)).all()


@pytest.mark.parametrize(("level", "degrees"), [(1, 2), (2, 4), (3, 6), (4, 8), (5, 10)])
def test_skewed_mail_is_turned_by_just_its_degrees(level: int, degrees: float) -> None:
    turns = []
    for seed in range(6):
        corner, _, _, right = degraded("skew", level, seed).picture.corners
        turns.append(np.degrees(np.arctan2(*(right - corner)[::-1])))
    assert np.abs(turns) == pytest.approx(degrees, abs=0.01)
    assert min(turns) < 0 < max(turns)
