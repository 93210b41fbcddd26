"""What Prometheus is told is what the lane did."""

from datetime import timedelta

from sorter.lane import Lane
from sorter.lanemetrics import LaneMetrics
from sorter.trust import Trust
from tests.sorter.lanes import GatedScans, verifier_on
from tests.sorter.mail import METER, TODAY, facts, register


def values(text: str) -> dict[str, float]:
    pairs = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs}


def test_answers_times_room_and_register() -> None:
    trust, today = Trust(register()), [TODAY]
    metrics = LaneMetrics(trust, lambda: today[0])
    now = [0.0]
    history = GatedScans()
    lane = Lane(
        verifier_on(history), threads=1, room=7, deadline_s=None, heard=metrics.heard,
        clock=lambda: now[0],
    )  # fmt: skip
    metrics.watch(lane)
    stopped = ["one device"]
    metrics.watch_stop_list(lambda: len(stopped))
    with lane:
        list(lane.run((METER.indicium(count), facts()) for count in (1, 2, 2)))
        assert lane.drain(60)
        shown = values(metrics.text())
    assert shown['imi_lane_answers_total{code="VALID"}'] == 2
    assert shown['imi_lane_answers_total{code="DUPLICATE"}'] == 1
    assert (shown["imi_lane_offered_total"], shown["imi_lane_inside"]) == (3, 0)
    assert (shown["imi_lane_room"], shown["imi_lane_refused_total"]) == (7, 0)
    assert shown["imi_lane_answer_seconds_count"] == 3
    assert shown['imi_lane_answer_seconds_bucket{le="0.001"}'] == 3
    assert (shown["imi_lane_register_number"], shown["imi_lane_register_age_days"]) == (1, 12)
    assert shown["imi_lane_stop_list_devices"] == 1
    stopped.append("another")
    trust.replace(register(number=2, issued=TODAY))
    today[0] = register().expires + timedelta(days=1)
    shown = values(metrics.text())
    assert (shown["imi_lane_register_number"], shown["imi_lane_register_left_days"]) == (2, -1)
    assert shown["imi_lane_stop_list_devices"] == 2
