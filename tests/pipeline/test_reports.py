"""Reports are made of records alone, and their sums agree with the registers in each record."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imi.simdisk import SimDisk
from pipeline.journalview import Period, Records, moment, span
from pipeline.psd import Psd
from pipeline.record import Record, RecordType
from pipeline.recordwords import Names, words
from pipeline.reportfiles import write_csv, write_json
from pipeline.reportrows import Kind
from pipeline.reports import ALL, Report, report
from pipeline.state import Lock
from postage.money import Money
from tests.pipeline.device import TODAY, new_device, setup
from tests.pipeline.journals import DAY_PIECES, ManyImprints
from tests.pipeline.rich_journal import TOMORROW, lived

ZONE = ZoneInfo("America/Los_Angeles")


@pytest.fixture(scope="module")
def device() -> Psd:
    return lived()


@dataclass
class Doctored:
    """A journal of which one record was changed by hand."""

    real: Records
    sequence: int
    changes: dict[str, Any]

    @property
    def last_sequence(self) -> int:
        return self.real.last_sequence

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        for record in self.real.records(first, last):
            is_it = record.sequence == self.sequence
            yield record._replace(**self.changes) if is_it else record


def made(source: Records, kind: Kind, period: Period = ALL, **names: Any) -> Report:
    return report(source, kind, ZONE, period, **names)


def as_json(source: Records, kind: Kind, period: Period = ALL, **names: Any) -> dict[str, Any]:
    out = io.StringIO()
    write_json(made(source, kind, period, **names), out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def as_csv(source: Records, kind: Kind, **names: Any) -> list[list[str]]:
    out = io.StringIO(newline="")
    write_csv(made(source, kind, **names), out)
    return list(csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True))


def test_the_register_report_opens_and_closes_on_the_registers(device: Psd) -> None:
    found = as_json(device, Kind.REGISTERS)
    rows = {row["register"]: row for row in found["rows"]}
    assert rows["Ascending (used)"]["added_mills"] == 3_410
    assert rows["Ascending (used)"]["closing_mills"] == device.registers.ascending.mills
    assert rows["Descending (available)"]["closing_mills"] == 596_590
    assert rows["Descending (available)"]["taken_mills"] == 3_410
    assert rows["Control total (all refills)"]["closing_mills"] == 600_000
    assert (rows["Pieces"]["opening"], rows["Pieces"]["closing"]) == (0, 4)
    assert rows["VOID test imprints"]["added"] == 1
    assert rows["Redate imprints"]["added"] == 1
    assert found["balanced"]
    assert found["totals"]["check"].startswith("AR, DR, CT")


def test_the_funds_report_has_every_refill_and_each_days_postage(device: Psd) -> None:
    rows = as_json(device, Kind.FUNDS)["rows"]
    found = [(row["day"], row["event"], row["pieces"], row["descending_mills"]) for row in rows]
    assert found == [
        ("2026-07-13", "Refill 1", None, 500_000),
        ("2026-07-13", "Postage", 2, 498_150),
        ("2026-07-14", "Refill 3", None, 598_150),
        ("2026-07-14", "Postage", 2, 596_590),
    ]
    paid_in = sum(row.get("paid_in_mills", 0) for row in rows)
    paid_out = sum(row.get("paid_out_mills", 0) for row in rows)
    assert (paid_in, paid_out) == (600_000, 3_410)


def test_the_tape_has_every_imprint_with_its_kind(device: Psd) -> None:
    """Count, amount, date, department, operator and kind of each; tests and redates too."""
    rows = as_json(device, Kind.TAPE, names=Names({4: "Sales"}, {9: "Ann"}))["rows"]
    held = rows[3]["record"]
    found = [
        (row["piece"], row["kind"], row["amount_mills"], row["printed"], row["department"])
        for row in rows
    ]
    assert found == [
        (1, "postage", 780, "2026-07-13", "4 Sales"),
        (2, "postage, keyed in", 1_070, "2026-07-13", ""),
        (None, "VOID test", 0, "2026-07-13", ""),
        (3, "postage", 780, "2026-07-14", ""),
        (None, f"redate of {held}", 0, "2026-07-15", ""),
        (4, "reply postage", 780, None, ""),
    ]
    assert rows[0]["operator"] == "9 Ann"
    assert rows[0]["time"].startswith("2026-07-13T12:00:00-07:00")


@pytest.mark.parametrize("kind", Kind)
def test_every_report_says_by_name_what_each_department_was_charged(
    device: Psd, kind: Kind
) -> None:
    """780 were charged to department 4, the rest to none; together it is the postage."""
    names = Names({4: "Sales, =East"}, {9: "Ann"})
    found = as_json(device, kind, names=names)
    assert [(each["number"], each["name"]) for each in found["departments"]] == [
        (0, ""),
        (4, "Sales, =East"),
    ]
    assert [(each["pieces"], each["postage_mills"]) for each in found["departments"]] == [
        (3, 2_630),
        (1, 780),
    ]
    assert found["totals"]["postage_mills"] == 3_410
    out = io.StringIO()
    write_csv(drained := made(device, kind, names=names), out)
    assert drained.balance.is_balanced
    rows = [row for row in csv.reader(io.StringIO(out.getvalue())) if row[0] == "department"]
    assert [row[2:4] for row in rows] == [["none", "2.630"], ["4 Sales, =East", "0.780"]]


def test_the_audit_trail_names_departments_and_people(device: Psd) -> None:
    rows = as_json(device, Kind.AUDIT, names=Names({4: "Sales"}, {9: "Ann"}))["rows"]
    said = [row["what"] for row in rows]
    for sentence in (
        "department 4 Sales may charge $50.00 from now on",
        "user 9 Ann: PIN right, logged in",
        "imprint 1 of $0.78, postage, dated 2026-07-13, department 4 Sales, operator 9 Ann",
    ):
        assert sentence in said, sentence


def test_the_audit_trail_has_every_record_in_words(device: Psd) -> None:
    found = as_json(device, Kind.AUDIT)
    rows = found["rows"]
    assert [row["record"] for row in rows] == list(range(1, device.last_sequence + 1))
    assert found["totals"]["records"] == len(rows)
    said = [row["what"] for row in rows]
    held = next(row["record"] for row in rows if row["what"].startswith("imprint 3 of"))
    for sentence in (
        "boot 1 as imi-std/p1 94043; time from the trusted clock",
        "refill 1 of $500.00 added to the registers",
        "refill 2 of $200.00 came to nothing",
        "department 4 may charge $50.00 from now on",
        "user 9: PIN entry begun",
        "user 9: PIN right, logged in",
        "locked: suspended by the provider",
        "unlocked: suspended by the provider",
        "imprint 1 of $0.78, postage, dated 2026-07-13, department 4, operator 9",
        f"imprint of $0.00, redate of {held}, dated 2026-07-15",
    ):
        assert sentence in said, sentence
    for part in (
        "rate edition 20260712 in force, SHA-256 000102",
        "contact: the provider has every record up to",
        "INITIALIZED; 32 bytes of proof",
        "REGISTERED; ",
        "refill 2 of $200.00 asked for",
        "imprint 4 of $0.78, reply postage, dated no day",
        "outcomes of pieces before: printed",
        "not printed, no column fired",
        "refund claim filed",
    ):
        assert any(part in line for line in said), part


def test_no_record_type_is_without_words(device: Psd) -> None:
    [record] = device.records(1, 1)
    for kind in RecordType:
        if kind is not RecordType.DEBIT:  # its payload names the profile
            assert "record of type" not in words(record._replace(type=kind)), kind.name
    assert words(record._replace(type=99)) == "record of type 99"
    assert "lock 0x40" in words(record._replace(type=RecordType.LOCK, reference=64))
    both = int(Lock.COMM | Lock.FAULT)
    said = words(record._replace(type=RecordType.LOCK, reference=both))
    assert said == "locked: no contact in time and fault, until the provider's inspection"


def test_a_period_opens_on_the_registers_before_it(device: Psd) -> None:
    second = as_json(device, Kind.REGISTERS, Period(TOMORROW, TOMORROW))
    rows = {row["register"]: row for row in second["rows"]}
    assert rows["Ascending (used)"]["opening_mills"] == 1_850
    assert rows["Control total (all refills)"]["opening_mills"] == 500_000
    assert rows["Pieces"]["opening"] == 2
    assert second["balanced"]
    first = as_json(device, Kind.TAPE, Period(None, TODAY))
    rest = as_json(device, Kind.TAPE, Period(TOMORROW, None))
    whole = as_json(device, Kind.TAPE)
    assert first["rows"] + rest["rows"] == whole["rows"]
    assert first["totals"]["postage_mills"] + rest["totals"]["postage_mills"] == 3_410


def test_a_period_without_records_is_empty_and_balanced(device: Psd) -> None:
    for period in (Period(date(2030, 1, 1), None), Period(None, date(2020, 1, 1))):
        for kind in Kind:
            found = as_json(device, kind, period)
            assert found["records"] == []
            assert found["balanced"]
            assert found["totals"]["records"] == 0
    late = as_json(device, Kind.REGISTERS, Period(date(2030, 1, 1), None))
    assert late["totals"]["ascending_mills"] == 3_410


def test_a_period_does_not_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="from 2026-07-14 to 2026-07-13 ends before it begins"):
        Period(TOMORROW, TODAY)


@pytest.mark.parametrize(
    "day", [date(2026, 7, 12), date(2026, 7, 13), date(2026, 7, 15), date(2026, 9, 1)]
)
def test_a_period_is_found_as_a_look_at_every_record_finds_it(day: date) -> None:
    source = ManyImprints(3 * DAY_PIECES)
    slow = [at.sequence for at in source.records() if moment(at, ZONE).date() == day]
    assert list(span(source, Period(day, day), ZONE)) == slow


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"amount": 781}, "AR is 780, the sums say 781"),
        ({"ascending": 781}, "AR is 781, the sums say 780"),
        ({"descending": 499_219}, "DR is 499219, the sums say 499220"),
        ({"control_total": 500_001}, "CT is 500001, the sums say 500000"),
        ({"piece_count": 2}, "piece count is 2, the sums say 1"),
    ],
)
def test_a_changed_record_is_told(device: Psd, changes: dict[str, Any], said: str) -> None:
    first = next(at.sequence for at in device.records() if at.type == RecordType.DEBIT)
    found = as_json(Doctored(device, first, changes), Kind.TAPE)
    assert not found["balanced"]
    assert f"record {first}: {said}" in found["differences"]
    assert found["totals"]["check"].startswith("DIFFERENCES: record")


def test_differences_are_counted_and_only_the_first_are_kept() -> None:
    source = Doctored(ManyImprints(500), 3, {"amount": 781})
    found = as_json(source, Kind.FUNDS)
    assert len(found["differences"]) == 20
    assert found["totals"]["check"].endswith("and 980 more")  # AR and DR of 500 records


def test_a_withdrawal_is_paid_out() -> None:
    psd = new_device(SimDisk(), **setup())
    psd.refill(Money(25_000), 1)
    psd.acknowledge(psd.last_sequence)
    psd.withdraw()
    found = as_json(psd, Kind.FUNDS)
    last = found["rows"][-1]
    assert (last["event"], last["paid_out_mills"]) == ("Withdrawal", 25_000)
    assert found["totals"]["withdrawn_mills"] == 25_000
    assert found["balanced"]


def test_a_software_device_says_specimen(device: Psd) -> None:
    assert as_json(device, Kind.FUNDS)["specimen"] is True
    rows = as_csv(device, Kind.FUNDS)
    assert {row[1] for row in rows[1:]} == {"TST0-00000007 SPECIMEN"}
    real = ManyImprints(3, vendor="PBX5")
    assert as_json(real, Kind.FUNDS)["specimen"] is False
    assert {row[1] for row in as_csv(real, Kind.FUNDS)[1:]} == {"PBX5-00000007"}


@pytest.mark.parametrize("kind", Kind)
def test_csv_rows_have_the_columns_of_the_header_and_end_in_totals(device: Psd, kind: Kind) -> None:
    header, *rows = as_csv(device, kind)
    assert header[:2] == ["row", "device"]
    assert {len(row) for row in rows} == {len(header)}
    entries = [row for row in rows if row[0] == "entry"]
    charges = [row for row in rows if row[0] == "department"]
    totals = {row[2]: row[3] for row in rows if row[0] == "total"}
    assert rows == [*entries, *charges, *(row for row in rows if row[0] == "total")]
    assert totals["postage"] == "3.410"
    assert totals["ascending"] == "3.410"
    assert totals["pieces"] == "4"


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=cmd|"/C calc"!A0', 'a",=b', "x\r\n=y"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_csv_cell_begins_with_a_formula(device: Psd, name: str) -> None:
    """A name with its number before it is harmless; no cell of any kind may begin so."""
    rows = as_csv(device, Kind.TAPE, names=Names({4: name}, {9: name}))
    cells = [cell for row in rows for cell in row]
    assert any(name in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_hostile_fault_text_is_harmless_in_csv() -> None:
    psd = new_device(SimDisk(), **setup())
    binding = Doctored(psd, 1, {"type": RecordType.FAULT, "payload": b"=1+1"})
    rows = as_csv(binding, Kind.AUDIT)
    assert rows[1][-1] == "FAULT: =1+1"
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_an_empty_journal_has_no_report() -> None:
    with pytest.raises(ValueError, match="the journal has no record"):
        made(_Nothing(), Kind.TAPE)


class _Nothing:
    last_sequence = 0

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        return iter(())


class _Sink(io.TextIOBase):
    """Counts characters and keeps none."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, text: str) -> int:
        self.count += len(text)
        return len(text)


@pytest.mark.parametrize("write", [write_json, write_csv])
def test_memory_does_not_grow_with_the_journal(write: Any) -> None:
    """Ten times the records, the same peak: rows stream. A list of them would take 6 MB more."""
    peaks = []
    for imprints in (1_000, 10_000):
        sink = _Sink()
        tracemalloc.start()
        write(made(ManyImprints(imprints), Kind.TAPE), sink)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert sink.count > 80 * imprints
    assert peaks[1] < peaks[0] + 200_000
