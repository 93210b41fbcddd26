"""Usage: a fold of the journal whose sums are the register's, whatever was cut, told or claimed."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imi.simdisk import SimDisk
from pipeline.accounts import Account, Book, Budget, Period, User
from pipeline.budgets import standing
from pipeline.days import Span, first_of_day
from pipeline.imprint import Evidence
from pipeline.lifecycle import Role
from pipeline.psd import Psd
from pipeline.record import Record
from pipeline.state import Outcome
from pipeline.usage import Axis, Counts, Usage, UsageMismatch, gaps, total, usage_since
from pipeline.usage_report import COUNTS, budget_plot, usage_csv, usage_json, usage_plot
from postage.money import ZERO, Money
from tests.pipeline.device import NOON_US, TODAY, TellClock, letter, new_device, setup
from tests.pipeline.people import ZONE

DAY_US = 86_400_000_000
BOOK = Book(
    accounts={7: Account(7, "=Mail room"), 8: Account(8, "Sales")},
    users={20: User(20, "Ben", Role.OPERATOR)},
)


class Worked(NamedTuple):
    """A device that worked, and what it did, kept beside it."""

    psd: Psd
    cells: dict[tuple[date, int, int], Counter[str]]


def work(seed: int, days: int = 3, pieces: int = 60, *, window: int = 1) -> Worked:
    """Let a device print, test, spoil, redate and claim for some days, restarting at times."""
    rng, disk, clock = Random(seed), SimDisk(), TellClock(NOON_US)
    setting = setup(clock=clock, window=window, pair_check_every=0)
    psd = new_device(disk, **setting)
    psd.refill(Money(900_000), 1)
    done: dict[tuple[date, int, int], Counter[str]] = {}
    where: dict[int, tuple[date, int, int]] = {}
    amounts: dict[int, int] = {}
    for turn in range(days * pieces):
        day = TODAY + timedelta(days=turn // pieces)
        clock.psd_us = max(clock.psd_us, NOON_US + turn // pieces * DAY_US)
        if turn % pieces == 0 or rng.random() < 0.05:
            psd.close()
            psd = Psd.open(disk, **setting)
            psd.acknowledge(psd.last_sequence)
        for piece in [each for each in psd.open_pieces if rng.random() < 0.3]:
            psd.confirm(piece.sequence, Outcome.CLAIMED)
            done[where[piece.sequence]].update(claims=1, claimed=amounts[piece.sequence])
        if rng.random() < 0.1:
            assert isinstance(psd.test_imprint(), Evidence)
            done.setdefault((day, 0, 0), Counter())["tests"] += 1
        key = (day, rng.choice((0, 7, 8)), rng.choice((0, 20)))
        request = letter(rng.randint(1, 3_000), day, key[1], operator=key[2])
        evidence = psd.imprint(request)
        if not isinstance(evidence, Evidence):  # the window is full
            psd.close()
            psd = Psd.open(disk, **setting)
            continue
        where[evidence.sequence] = key
        amounts[evidence.sequence] = request.postage.mills
        done.setdefault(key, Counter()).update(pieces=1, postage=request.postage.mills)
        if rng.random() < 0.9:
            outcome = rng.choice([Outcome.CONFIRMED] * 8 + [Outcome.MISPRINT, Outcome.UNPRINTED])
            psd.confirm(evidence.sequence, outcome)
            done[key]["misprints"] += outcome is Outcome.MISPRINT
            if rng.random() < 0.05:
                assert isinstance(psd.redate(evidence.sequence, day + timedelta(days=1)), Evidence)
                done[key]["redates"] += 1
    psd.idle()
    return Worked(psd, done)


def counts(found: Counter[str]) -> Counts:
    return Counts(
        found["pieces"],
        Money(found["postage"]),
        found["tests"],
        found["redates"],
        found["misprints"],
        found["claims"],
        Money(found["claimed"]),
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_fold_is_what_was_done(seed: int) -> None:
    """Against an account kept outside the journal, by day, department and operator."""
    psd, done = work(seed, window=seed % 3 + 1)
    usage = Usage(first=1)
    usage.read(psd)
    expected = {key: counts(found) for key, found in done.items() if counts(found) != Counts()}
    assert {tuple(cell): each for cell, each in usage.cells.items()} == expected
    assert all(total(usage.lines([], Span.DAY)).__getattribute__(name) for name in COUNTS)
    assert usage.ascending == psd.registers.ascending


@pytest.mark.parametrize("seed", range(3))
def test_any_baseline_and_any_steps_prove_the_same_sums(seed: int) -> None:
    """I6 of reliability.md 4.8: sum(department charges) = AR - AR(baseline), from any record."""
    psd, _ = work(seed, days=2, pieces=30, window=2)
    whole = Usage(first=1)
    whole.read(psd)
    for first in range(1, psd.last_sequence + 2, 7):
        usage = Usage(first=first)
        usage.read(psd)
        before = list(psd.records(1, first - 1)) if first > 1 else []
        assert usage.baseline == (Money(before[-1].ascending) if before else ZERO)
        charged = sum((each.postage for each in usage.cells.values()), ZERO)
        assert charged == psd.registers.ascending - usage.baseline
    with pytest.raises(UsageMismatch, match="record 0; there are"):
        Usage(first=0).read(psd)


class Doctored:
    """A journal of records that were changed on the way."""

    def __init__(self, records: list[Record]) -> None:
        self.kept = records
        self.last_sequence = records[-1].sequence

    def records(self, first: int = 1, last: int | None = None) -> list[Record]:
        return [each for each in self.kept if first <= each.sequence <= (last or 10**9)]


def test_a_charge_or_record_that_is_missing_is_found() -> None:
    psd, _ = work(1, days=1, pieces=20)
    records = [*psd.records()]
    spent = next(place for place, each in enumerate(records) if each.amount and each.type == 1)
    wrong = [*records]
    wrong[spent] = records[spent]._replace(amount=records[spent].amount + 1)
    with pytest.raises(UsageMismatch, match="the ascending register rose by"):
        Usage(first=1).read(Doctored(wrong))  # type: ignore[arg-type]
    del wrong[spent]
    with pytest.raises(UsageMismatch, match=f"record {spent + 2} after {spent}"):
        Usage(first=1).read(Doctored(wrong))  # type: ignore[arg-type]


def test_reading_again_adds_what_is_new_and_nothing_twice() -> None:
    psd, _ = work(2, days=1, pieces=20)
    usage = Usage(first=1)
    usage.read(psd)
    usage.read(psd)
    once = total(usage.lines([], Span.DAY))
    evidence = psd.imprint(letter(500, TODAY, 7))
    assert isinstance(evidence, Evidence)
    psd.confirm(evidence.sequence, Outcome.MISPRINT)
    psd.idle()
    usage.read(psd)
    after = total(usage.lines([], Span.DAY))
    assert (after.pieces, after.misprints) == (once.pieces + 1, once.misprints + 1)
    assert after.postage == once.postage + Money(500)


def test_postage_counts_on_the_true_day_not_the_printed_one() -> None:
    """domain.md 1.8: accounting is posted on the run date, in the zone of the licensed place."""
    late = int(datetime(2026, 7, 14, 6, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000
    clock = TellClock(late - DAY_US // 2, step_us=0)
    psd = new_device(SimDisk(), **setup(clock=clock))
    psd.refill(Money(10_000), 1)
    clock.psd_us = late  # 23:59:59 in Los Angeles, the 14th at Greenwich
    for later_us in (0, 1_000_000):
        clock.psd_us = late + later_us
        evidence = psd.imprint(letter(780, date(2026, 7, 20), 7))
        assert isinstance(evidence, Evidence)
        psd.confirm(evidence.sequence, Outcome.CONFIRMED)
    usage = Usage(first=1)
    usage.read(psd)
    days = [line.period.label for line in usage.lines([Axis.PERIOD], Span.DAY) if line.period]
    assert days == ["2026-07-13", "2026-07-14"]
    second = usage_since(psd, date(2026, 7, 14), ZONE)
    assert total(second.lines([], Span.DAY)).postage == Money(780)
    assert first_of_day(psd, date(2026, 7, 15), ZONE) == psd.last_sequence + 1
    assert usage_since(psd, date(2026, 7, 15), ZONE).cells == {}


@given(st.dates(date(1970, 1, 1), date(2199, 12, 31)), st.sampled_from(Span))
def test_periods_tile_the_calendar(day: date, span: Span) -> None:
    period = span.of(day)
    assert period.start <= day
    assert span.of(period.start) == period
    assert span.of(period.start - timedelta(days=1)) != period
    days = [day, day + timedelta(days=800)]
    tiles = [*gaps((span.of(each) for each in days), span)]
    assert tiles[0] == period
    assert tiles == sorted({span.of(day + timedelta(days=each)) for each in range(801)})


def test_lines_are_chosen_by_day_and_grouped_by_axis() -> None:
    psd, done = work(3)
    usage = Usage(first=1)
    usage.read(psd)
    second = TODAY + timedelta(days=1)
    lines = usage.lines([Axis.DEPARTMENT], Span.DAY, first_day=second, last_day=second)
    assert [line.department for line in lines] == [0, 7, 8]
    assert {line.department: line.counts.pieces for line in lines} == {
        number: sum(c["pieces"] for key, c in done.items() if key[:2] == (second, number))
        for number in (0, 7, 8)
    }
    both = usage.lines([Axis.PERIOD, Axis.OPERATOR], Span.WEEK)
    assert [(line.period.label, line.operator) for line in both if line.period] == [
        ("2026-W29", 0),
        ("2026-W29", 20),
    ]


def test_json_and_csv_say_the_same_and_their_sums_are_exact() -> None:
    psd, _ = work(4)
    usage = Usage(first=1)
    usage.read(psd)
    axes = [Axis.PERIOD, Axis.DEPARTMENT]
    lines = usage.lines(axes, Span.DAY)
    report = json.loads(usage_json(usage, lines, BOOK))
    text = usage_csv(lines, axes, BOOK).decode("utf-8-sig")
    rows = [*csv.DictReader(io.StringIO(text))]
    assert len(rows) == len(report["lines"]) == len(lines)
    assert [{**row, "department_name": row["department_name"].lstrip("'")} for row in rows] == [
        {name: str(value) for name, value in line.items()} for line in report["lines"]
    ]
    assert "'=Mail room" in text
    spent = sum((Money.parse(row["postage"]) for row in rows), ZERO)
    assert str(spent) == f"${report['ascending']['rise']}" == f"${report['total']['postage']}"
    assert spent == psd.registers.ascending


def test_plots_name_what_they_show() -> None:
    """The pictures were looked at; here only that every department, period and mark is there."""
    psd, _ = work(5)
    usage = Usage(first=1)
    usage.read(psd)
    text = usage_plot(usage, Span.DAY, BOOK)
    for name in ("7 =Mail room", "8 Sales", "no department", "2026-07-13", "2026-07-15"):
        assert f"<!-- {name} -->" in text
    full = [
        standing(Account(7, "Mail room", Budget(Money(50_000), Period.MONTH)), Money(49_920)),
        standing(Account(8, "Sales", Budget(Money(0))), ZERO),
    ]
    text = budget_plot(full)
    for name in ("7 Mail room", "$49.92 of $50.00 a month", "80", "95", "percent of the budget"):
        assert f"<!-- {name} -->" in text
    for name in (
        "$\\frac{",
        "_",
        "$_",
        "\u90e8\u7f72",
        "a" * 40,
        "%s{}",
        "<b>&",
    ):  # no name is a formula
        account = Account(7, name, Budget(Money(5)))
        assert usage_plot(usage, Span.MONTH, Book({7: account})).startswith("<svg")
        assert budget_plot([standing(account, ZERO)]).startswith("<svg")
    assert usage_plot(Usage(first=1), Span.MONTH, BOOK).startswith("<svg")
    assert budget_plot([]).startswith("<svg")


@pytest.mark.parametrize(
    ("spent", "percent", "warning"),
    [
        (0, 0, 0),
        (39_999, 79, 0),
        (40_000, 80, 80),
        (47_499, 94, 80),
        (47_500, 95, 95),
        (60_000, 120, 95),
    ],
)
def test_warnings_at_80_and_95_percent_exactly(spent: int, percent: int, warning: int) -> None:
    found = standing(Account(7, "x", Budget(Money(50_000))), Money(spent))
    assert (found.percent, found.warning) == (percent, warning)
    assert found.left == max(ZERO, Money(50_000 - spent))
    assert standing(found.account, Money(spent), warn_percent=[]).warning == 0
