"""Sites that were apart: their logs unite as sets, whoever sends first (reliability.md D3)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from service.sql import embedded
from sorter.duplicates import DuplicateStore
from sorter.imprints import key_of
from sorter.merging import Correction
from sorter.scanlog import ScanLog, Told
from sorter.scans import Answer, Scan, Series
from tests.oracles.scan_union import Finding, findings
from tests.sorter.merge_sites import run
from tests.sorter.scanning import scan

Opener = Callable[[], DuplicateStore]
SITES = ("BOS", "DEN", "SFO")


def in_memory() -> DuplicateStore:
    return DuplicateStore(ScanLog(embedded(Path(":memory:"))))


SCANS = st.builds(
    scan,
    count=st.integers(1, 3),
    series=st.sampled_from([Series.POSTAGE, Series.POSTAGE_BY_REGISTER]),
    digest=st.sampled_from([b"8 bytes.", b"8 bytes.", b"another."]),
    scanned_us=st.integers(0, 6),
    lane=st.integers(1, 2),
    piece_id=st.sampled_from(["", "p1", "p2", "p3"]),
    image_id=st.integers(1, 10**9).map(str),
)


def stores_of(streams: list[list[Scan]]) -> list[DuplicateStore]:
    """A store for each site, after its own scans."""
    stores = []
    for site, stream in zip(SITES, streams, strict=True):
        store = in_memory()
        store.check_many([scan_at(one, site) for one in stream])
        stores.append(store)
    return stores


def scan_at(one: Scan, site: str) -> Scan:
    return replace(one, site=site)


def as_finding(one: Correction) -> Finding:
    return one.told.scan, one.told.answered, one.answer, one.first


@settings(max_examples=25)
@given(
    st.lists(st.lists(SCANS, max_size=8), min_size=3, max_size=3),
    st.permutations(range(3)),
    st.randoms(use_true_random=False),
)
def test_any_order_of_merges_ends_in_one_log(
    streams: list[list[Scan]], order: list[int], rng: Random
) -> None:
    """Rows in any order, in parts, twice and by way of a third site; against the definition."""
    stores = stores_of(streams)
    original = [list(store.told()) for store in stores]
    expected = findings(original)

    rows = [told for at in order for told in original[at]] * 2
    rng.shuffle(rows)
    shuffled = in_memory()
    while rows:
        cut = rng.randint(1, len(rows))
        list(shuffled.merge(rows[:cut]))
        rows = rows[cut:]

    first, second, third = (stores[at] for at in order)
    reported = {as_finding(one) for one in second.merge(first.told())}
    reported |= {as_finding(one) for one in third.merge(second.told())}
    list(first.merge(third.told()))

    for store in (shuffled, third, first):
        assert {as_finding(one) for one in store.corrections()} == expected
        assert set(store.told()) == {told for site in original for told in site}
    assert {f[0] for f in expected} <= {f[0] for f in reported}, "a copy was not reported"
    for store in [shuffled, *stores]:
        store.close()


def test_a_copy_at_another_site_is_reported_at_the_merge(opener: Opener) -> None:
    here, there = opener(), in_memory()
    first = scan(scanned_us=5)
    copy = scan(scanned_us=9, site="DEN", piece_id="copy", image_id="copy")
    clone = scan(count=2, scanned_us=1, site="DEN", digest=b"another.", piece_id="c", image_id="c")
    honest = scan(count=2, scanned_us=2, piece_id="piece 2", image_id="image 2")
    assert [s.answer for s in here.check_many([first, honest])] == [Answer.FIRST] * 2
    assert [s.answer for s in there.check_many([copy, clone])] == [Answer.FIRST] * 2
    found = {as_finding(one) for one in here.merge(there.told())}
    assert found == {
        (copy, Answer.FIRST, Answer.DUPLICATE, first),
        (honest, Answer.FIRST, Answer.CLONE, clone),  # first scan wins, even if it is the copy
    }
    assert [(one.first, one.other) for one in here.stop_list()] == [(clone, honest)]
    assert list(here.merge(there.told())) == [], "what was reported is not reported again"
    here.close()
    here = opener()
    assert {as_finding(one) for one in here.corrections()} == found
    pictures = [first, honest, copy, clone]
    assert [s.answer for s in here.check_many(pictures)] == [Answer.REPEAT] * 4, "as they were told"
    [sighting] = here.check_many([scan(count=2, piece_id="3", image_id="3")])
    assert (sighting.answer, sighting.first) == (Answer.CLONE, clone)
    here.close()
    there.close()


def test_an_accusation_falls_when_the_true_first_is_known(opener: Opener) -> None:
    """The copy reached site DEN before the genuine piece did, which SFO had seen before both."""
    sfo, den = opener(), in_memory()
    genuine = scan(scanned_us=1)
    copy = scan(scanned_us=2, site="DEN", piece_id="copy", image_id="copy")
    second_pass = scan(scanned_us=3, site="DEN", image_id="image 7")
    sfo.check_many([genuine])
    told = [sighting.answer for sighting in den.check_many([copy, second_pass])]
    assert told == [Answer.FIRST, Answer.DUPLICATE]
    assert {as_finding(one) for one in sfo.merge(den.told())} == {
        (copy, Answer.FIRST, Answer.DUPLICATE, genuine),
        (second_pass, Answer.DUPLICATE, Answer.RESCAN, genuine),
    }
    sfo.close()
    den.close()


def test_rows_since_a_time_are_enough_for_a_later_merge(opener: Opener) -> None:
    here, there = opener(), in_memory()
    there.check_many([scan(count=n, site="DEN", scanned_us=n) for n in range(10)])
    assert [told.scan.count for told in there.told(since_us=7)] == [7, 8, 9]
    assert list(here.merge(there.told(since_us=7))) == []
    assert list(here.told(site="SFO")) == []
    assert set(here.told(site="DEN")) == set(there.told(since_us=7))
    copies = [scan(count=n, scanned_us=100, piece_id="copy", image_id=f"{n}") for n in (6, 9)]
    assert [s.answer for s in here.check_many(copies)] == [Answer.FIRST, Answer.DUPLICATE]
    here.close()
    there.close()


def test_a_merge_meets_another_program_on_the_same_database(database: str) -> None:
    """Its bits know nothing of the other's rows; the rows themselves decide."""
    stale, busy = DuplicateStore.at(database), DuplicateStore.at(database)
    there = in_memory()
    mine = [scan(count=n, scanned_us=5, piece_id=f"{n}") for n in range(50)]
    busy.check_many(mine)
    copies = [scan(count=n, scanned_us=n % 10, site="DEN", piece_id="copy") for n in range(60)]
    there.check_many(copies)
    found = {as_finding(one) for one in stale.merge(there.told())}
    assert found == findings([[told_first(one) for one in mine], there.told()])
    assert len(found) == 50
    for store in (stale, busy, there):
        store.close()


def told_first(one: Scan) -> Told:
    return Told(key_of(one), one, Answer.FIRST)


def test_two_sites_after_a_day_apart(tmp_path: Path) -> None:
    """D3 in small; `python -m tests.sorter.merge_sites` does it with 10^6 scans each."""
    figures = run(tmp_path, count=3_000)
    assert figures["copies"] == 30
