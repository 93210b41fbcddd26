"""Reports and claim forms on paper: what every page must say."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("reportlab")

from imi.simdisk import SimDisk
from pipeline.claimfiles import write_claim_pdf
from pipeline.claims import draft
from pipeline.devices import HeadReport
from pipeline.journalview import Period
from pipeline.recordwords import Names
from pipeline.reportfiles import write_pdf
from pipeline.reportrows import Kind
from pipeline.reports import report
from postage.decertification import read_calendar
from postage.refunds import RefundPolicy
from tests.pipeline.journals import ManyImprints
from tests.pipeline.rich_journal import lived
from tests.pipeline.test_claims import CUSTOMER, TODAY, with_open_pieces
from tests.service.shelf import Shelf, pages_of

ZONE = ZoneInfo("America/Los_Angeles")
MADE = datetime(2026, 8, 1, 9, 30, tzinfo=ZONE)
TITLES = {
    Kind.REGISTERS: "Register report",
    Kind.FUNDS: "Funds report",
    Kind.TAPE: "Tape of imprints",
    Kind.AUDIT: "Audit trail",
}


@pytest.mark.parametrize("kind", Kind)
def test_each_report_says_whose_it_is_and_that_its_sums_hold(kind: Kind) -> None:
    shelf = Shelf()
    assert write_pdf(report(lived(), kind, ZONE), shelf, MADE) == [1]
    [page] = pages_of(shelf.files[0], TITLES[kind])
    assert "Device TST0-00000007, imi-std/p1 94043" in page
    assert any("Made 2026-08-01 09:30:00-07:00" in said for said in page)
    assert page.count("SPECIMEN") == 2
    totals = page[page.index("Withdrawn") :]
    assert totals[totals.index("Ascending") + 1] == "$3.41"
    assert totals[totals.index("Control total") + 1] == "$600.00"
    assert page[page.index("Check") + 1].startswith("AR, DR, CT and piece count")
    assert "Page 1 " in page


def test_the_closing_names_departments() -> None:
    shelf = Shelf()
    names = Names(departments={4: "Sales"})
    write_pdf(report(lived(), Kind.FUNDS, ZONE, names=names), shelf, MADE)
    [page] = pages_of(shelf.files[0], TITLES[Kind.FUNDS])
    assert page[page.index("Charged to 4 Sales") + 1] == "$0.78, pieces: 1"
    assert page[page.index("Charged to none") + 1] == "$2.63, pieces: 3"


def test_a_long_tape_names_the_device_on_every_page() -> None:
    shelf = Shelf()
    [count] = write_pdf(report(ManyImprints(200), Kind.TAPE, ZONE), shelf, MADE)
    pages = pages_of(shelf.files[0], "Tape of imprints")
    assert len(pages) == count > 2
    for page in pages:
        assert "TST0-00000007, records 1 to 202" in page
        assert page.count("SPECIMEN") == 2
        assert "Printed date" in page


def test_a_report_of_no_record_is_a_page() -> None:
    shelf = Shelf()
    late = Period(date(2030, 1, 1), None)
    assert write_pdf(report(ManyImprints(3), Kind.TAPE, ZONE, late), shelf, MADE) == [1]
    [page] = pages_of(shelf.files[0], "Tape of imprints")
    assert "TST0-00000007, no record" in page


def test_the_claim_form_has_what_form_3533_asks_for() -> None:
    """Who, device serial, dates, amounts, number of pieces, reason; then all evidence."""
    psd = with_open_pieces(SimDisk())
    plain = draft(psd, CUSTOMER, TODAY)
    assert plain is not None
    form = draft(psd, CUSTOMER, TODAY, heads={plain.lines[1].sequence: HeadReport(0, 480)})
    assert form is not None
    shelf = Shelf()
    write_claim_pdf(form, shelf, RefundPolicy(), read_calendar())
    page = pages_of(shelf.files[0], "Application for refund of postage")[0]
    facts = {label: page[page.index(label) + 1] for label in (
        "Claim", "Licensee", "Address", "Customer agreement", "Licensing ZIP Code", "Device",
        "Printed dates", "Number of pieces", "Postage claimed", "Accepted by the refund rules",
        "Charge", "To be refunded",
    )}  # fmt: skip
    assert facts == {
        "Claim": form.number,
        "Licensee": "Example Mailers, Inc.",
        "Address": "1 Main Street, Shelton CT 06484",
        "Customer agreement": "2026-0001",
        "Licensing ZIP Code": "94043",
        "Device": "TST0-00000007",
        "Printed dates": "2026-07-13",
        "Number of pieces": "3",
        "Postage claimed": "$2.63",
        "Accepted by the refund rules": "$1.85",
        "Charge": "$0.185, without time for handling",
        "To be refunded": "$1.665",
    }
    assert page.count("SPECIMEN") == 2
    text = "".join(page)
    for line in form.lines:
        assert line.record_digest.hex() in text
        assert line.payload.hex() in text
    assert "The head fired 0 of 480 columns." in " ".join(page)
    assert "Signature of the licensee" in page


def test_a_late_claim_says_so_on_the_form() -> None:
    form = draft(with_open_pieces(SimDisk()), CUSTOMER, TODAY + timedelta(days=61))
    assert form is not None
    shelf = Shelf()
    write_claim_pdf(form, shelf, RefundPolicy(), read_calendar())
    page = pages_of(shelf.files[0], "Application for refund of postage")[0]
    assert "61 days, at most 60" in " ".join(page)
    assert page[page.index("To be refunded") + 1] == "$0.00"
