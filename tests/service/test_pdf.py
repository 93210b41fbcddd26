"""Tables as PDF: every row on a page, titles and page numbers on all, volumes of bounded size."""

import io
import tracemalloc
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("reportlab")

from service.pdf import write_table
from service.sheets import Column, Heading
from tests.service.shelf import Shelf, streams, texts
from tests.service.shelf import pages_of as titled

HEADING = Heading("Tape", ("Device TST0-00000007", "Period"), "TST0-00000007", stamp="SPECIMEN")
COLUMNS = [Column("Piece", 1, right=True), Column("Kind", 3), Column("Amount", 1, right=True)]
FONT = Path(str(resources.files("imicore") / "fonts" / "DejaVuSans.ttf"))


def written(rows: int, **more: Any) -> tuple[list[int], list[bytes]]:
    shelf = Shelf()
    cells = ([str(number), f"postage {number}", "$0.78"] for number in range(1, rows + 1))
    pages = write_table(shelf, more.pop("heading", HEADING), COLUMNS, cells, **more)
    return pages, shelf.files


def pages_of(pdf: bytes) -> list[list[str]]:
    return titled(pdf, "Tape")


def test_every_row_is_on_a_page_in_order() -> None:
    [count], [pdf] = written(200)
    pages = pages_of(pdf)
    assert len(pages) == count == 4
    kinds = [text for page in pages for text in page if text.startswith("postage ")]
    assert kinds == [f"postage {number}" for number in range(1, 201)]


def test_every_page_says_title_device_columns_and_its_number() -> None:
    _, [pdf] = written(200)
    for number, page in enumerate(pages_of(pdf), start=1):
        for said in ("Tape", "Device TST0-00000007", "Piece", "Kind", "Amount", "SPECIMEN"):
            assert said in page, (number, said)
        assert page.count("SPECIMEN") == 2  # beside the title, and large behind the rows
        assert f"Page {number} " in page
    assert ["of 4"] in map(texts, streams(pdf))


def test_what_is_no_specimen_has_no_stamp() -> None:
    _, [pdf] = written(3, heading=Heading("Tape", ("Device",), "foot"))
    assert "SPECIMEN" not in pages_of(pdf)[0]


def test_facts_closing_and_notes_stand_around_the_table() -> None:
    _, [pdf] = written(
        1, facts=[("Claim", "A")], closing=lambda: [("Postage", "$0.78")], notes=["Evidence"]
    )
    [page] = pages_of(pdf)
    order = [page.index(said) for said in ("Claim", "postage 1", "Postage", "Evidence")]
    assert order == sorted(order)


def test_the_closing_is_asked_when_the_rows_have_passed() -> None:
    seen: list[int] = []

    def rows() -> Any:
        for number in range(5):
            seen.append(number)
            yield [str(number), "x", "y"]

    write_table(Shelf(), HEADING, COLUMNS, rows(), closing=lambda: [("Rows", str(len(seen)))])
    assert len(seen) == 5


def test_a_long_table_becomes_volumes() -> None:
    pages, volumes = written(400, pages_a_volume=3)
    assert pages[:2] == [3, 3]
    assert 1 <= pages[2] <= 3
    kinds: list[str] = []
    for number, pdf in enumerate(volumes, start=1):
        found = pages_of(pdf)
        assert len(found) == pages[number - 1]
        kinds += [text for page in found for text in page if text.startswith("postage ")]
        assert [f"of {len(found)}, volume {number}"] in map(texts, streams(pdf))
    assert kinds == [f"postage {number}" for number in range(1, 401)]


def test_an_empty_table_is_one_page() -> None:
    [count], [pdf] = written(0)
    assert count == 1
    assert "Amount" in pages_of(pdf)[0]


def test_the_same_rows_make_the_same_bytes() -> None:
    assert written(70)[1] == written(70)[1]


def shown(cell: str) -> list[str]:
    shelf = Shelf()
    write_table(shelf, HEADING, COLUMNS, [["1", cell, "2"]], fallback=FONT)
    return pages_of(shelf.files[0])[0]


def test_long_cells_are_wrapped_and_lose_nothing() -> None:
    cell = " ".join(f"word{number}" for number in range(80))
    lines = [text for text in shown(cell) if text.startswith("word")]
    assert len(lines) > 1
    assert " ".join(lines) == cell


def test_a_word_wider_than_its_column_is_cut_and_loses_nothing() -> None:
    cell = "f0" * 300
    lines = [text for text in shown(cell) if text.startswith(("f0", "0f"))]
    assert "".join(lines) == cell


@pytest.mark.parametrize("cell", ["(", ")", "\\", "a(b)c\\", "Müller & Söhne €"])
def test_what_pdf_could_misread_is_written_as_it_is(cell: str) -> None:
    assert cell in shown(cell)


@pytest.mark.parametrize("cell", ["Ωmega", "Почта", "a\nb\x00c", "\u202eevil"])
def test_other_letters_and_control_characters_are_written_with_the_fallback(cell: str) -> None:
    shelf = Shelf()
    write_table(shelf, HEADING, COLUMNS, [["1", cell, "2"]], fallback=FONT)
    assert b"DejaVuSans" in shelf.files[0]


def test_a_row_higher_than_a_page_ends() -> None:
    [count] = write_table(Shelf(), HEADING, COLUMNS, [["1", "x " * 20_000, "2"]])
    assert count == 1


def test_rows_have_as_many_cells_as_there_are_columns() -> None:
    with pytest.raises(ValueError, match="zip"):
        write_table(Shelf(), HEADING, COLUMNS, [["1", "2"]])


def test_memory_is_that_of_one_volume() -> None:
    """Four times the rows in volumes of 2 pages: the peak stays. Without volumes it would not."""

    class Sink(io.RawIOBase):
        def write(self, data: Any) -> int:
            return len(data)

    def peak(rows: int, pages_a_volume: int) -> int:
        cells = (["1", "postage", "$0.78"] for _ in range(rows))
        tracemalloc.start()
        write_table(lambda _: Sink(), HEADING, COLUMNS, cells, pages_a_volume=pages_a_volume)  # type: ignore[arg-type,return-value]
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    written(150)  # fonts and caches of reportlab
    small, large, whole = peak(300, 2), peak(1_200, 2), peak(1_200, 1_000)
    assert large < 1.3 * small
    assert whole > 1.5 * large
