"""The load cell: how well a trace becomes a weight, and when it must not."""

import numpy as np
import pytest

from imi.loadcell import SAMPLES_PER_SECOND
from imi.world import World
from pipeline.job import Job
from pipeline.pieces import Fed
from pipeline.scale import Unsettled, Weight, settle, straddles_step


def world(**fault: object) -> World:
    job = Job.model_validate(
        {
            "name": "scale",
            "date": "2026-07-13",
            "department": [{"id": 1, "name": "one"}],
            "batch": [
                {
                    "name": "b",
                    "count": 400,
                    "department": 1,
                    "size": "number10",
                    "ounces": [0.3, 3.4],
                    **fault,
                }
            ],
        }
    )
    return World(job)


def test_transit_weight_is_within_a_hundredth_of_an_ounce() -> None:
    """Belt tones, ringing and 0.5 g of noise: bias below 1 moz, worst below 10 moz (0.28 g)."""
    belt, errors = world(), []
    while isinstance(fed := belt.feed(), Fed):
        weight = settle(belt.transit(fed), SAMPLES_PER_SECOND)
        assert isinstance(weight, Weight)
        assert belt._piece is not None
        errors.append(weight.milliounces - belt._piece.ounces * 1000)
    assert len(errors) == 400
    assert abs(float(np.mean(errors))) < 1
    assert float(np.abs(errors).max()) < 10


def test_a_bouncing_piece_never_settles() -> None:
    belt = world(faults=[{"piece": n, "fault": "bouncing"} for n in range(1, 41)])
    for _ in range(40):
        fed = belt.feed()
        assert isinstance(fed, Fed)
        assert isinstance(settle(belt.hold(fed), SAMPLES_PER_SECOND), Unsettled)


@pytest.mark.parametrize(
    "trace", [np.array([]), np.full(80, 1.0), np.full(500, np.nan), np.full(500, np.inf)]
)
def test_too_short_or_broken_traces_are_unsettled(trace: np.ndarray) -> None:
    assert isinstance(settle(trace, SAMPLES_PER_SECOND), Unsettled)


@pytest.mark.parametrize(
    ("milliounces", "error", "near"),
    [(1000, 1, True), (999, 2, True), (998, 2, False), (1003, 2, False), (3500, 1, True),
     (500, 30, False)],
)  # fmt: skip
def test_a_price_step_inside_the_error_band_asks_for_a_second_weighing(
    milliounces: int, error: int, near: bool
) -> None:
    """US6759602's idea: stop and weigh again only where the price could change."""
    assert straddles_step(Weight(milliounces, error)) is near
