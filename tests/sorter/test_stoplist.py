"""D2 of reliability.md: a device that signs a count twice is a CLONE's, and on the stop list."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from imi.histories import merge_histories, tell_stop_list
from postage.devices import DeviceStatus
from postage.money import Money
from postage.verdicts import Code
from service.sql import embedded
from sorter.duplicates import DuplicateStore
from sorter.imprints import key_of, order_of
from sorter.scanlog import ScanLog, Told
from sorter.scans import Answer, Scan, Series
from sorter.stoplist import Cloned, as_rows
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.sorter.mail import BOOK, METER, Device, facts, register
from tests.sorter.scanning import scan

Opener = Callable[[], DuplicateStore]
OTHER = b"another."


def in_memory() -> DuplicateStore:
    return DuplicateStore(ScanLog(embedded(Path(":memory:"))))


def test_d2_two_contents_of_one_count_are_a_clone_and_stop_the_device(opener: Opener) -> None:
    """D2 as it stands: other registers or another payload under one count, both signed."""
    neighbour = Device(serial=8)
    trust = Trust(register(METER.record(), neighbour.record()))
    store = opener()
    sorter = Verifier(trust, store, BOOK)

    def code(payload: bytes) -> Code:
        return sorter.verify(payload, facts()).code

    assert code(METER.indicium(5)) is Code.VALID
    assert code(METER.indicium(5)) is Code.DUPLICATE, "equal payloads are byte-identical"
    assert store.stop_list() == []
    for other in (
        METER.indicium(5, ascending=Money(780 * 5 + 10)),
        METER.indicium(5, mills=290),
        METER.indicium(5, weight_tenths_oz=20),
    ):
        assert code(other) is Code.CLONE
    assert code(neighbour.indicium(5)) is Code.VALID
    [found] = store.stop_list()
    assert (found.first.vendor_model, found.first.serial, found.counts) == ("TPB1", 7, 1)
    assert (found.first.ascending_mills, found.other.ascending_mills) == (3_900, 3_910)

    assert code(METER.indicium(6)) is Code.VALID, "the list changes no verdict; the register does"
    store.close()
    store = opener()
    assert store.stop_list() == [found], "after a restart"
    store.close()
    suspended = METER.record(status=DeviceStatus.SUSPENDED)
    trust.replace(register(suspended, neighbour.record(), number=2))
    assert Verifier(trust, in_memory(), BOOK).verify(METER.indicium(7), facts()).code is (
        Code.DECERTIFIED
    )
    [row] = as_rows([found], trust.register)
    assert (row["device"], row["provider"], row["status"]) == ("TPB1-00000007", "PB", "suspended")
    assert (row["series"], row["count"], row["counts"]) == ("POSTAGE", 5, 1)
    [unlisted] = as_rows([found], register(neighbour.record()))
    assert (unlisted["provider"], unlisted["status"]) == ("", "")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_contents_that_two_sites_saw_meet_at_the_merge(
    opener: Opener, order: tuple[int, int]
) -> None:
    """Each site alone saw one content of count 3; DEN also saw two of count 9."""
    sites = [opener(), in_memory()]
    first = scan(count=3, scanned_us=5)
    other = scan(count=3, scanned_us=4, site="DEN", digest=OTHER, piece_id="copy", image_id="c")
    sites[0].check_many([first])
    sites[1].check_many([other, scan(count=9, site="DEN")])
    sites[1].check_many([scan(count=9, site="DEN", digest=OTHER, piece_id="9")])
    assert [len(site.stop_list()) for site in sites] == [0, 1]
    rows = [list(site.told()) for site in sites]
    for at in order:
        list(sites[at].merge(rows[1 - at]))
    for site in sites:
        assert site.stop_list() == [Cloned(other, first, 2)], "DEN's was earlier"
        list(site.merge(rows[0] + rows[1]))
        assert site.stop_list() == [Cloned(other, first, 2)], "told twice is seen once"
    sites[0].close()
    again = opener()
    assert again.stop_list() == sites[1].stop_list()
    again.close()
    sites[1].close()


def expected(rows: list[Told]) -> list[Cloned]:
    """The stop list from its definition: over all scans of all sites at once."""
    imprints: dict[object, list[Told]] = {}
    for told in rows:
        imprints.setdefault(told.key, []).append(told)
    found: dict[tuple[str, int], Cloned] = {}
    for key in sorted(imprints):  # type: ignore[type-var]
        same = imprints[key]
        so_told = [told.scan for told in same if told.answered is Answer.FIRST]
        first = min(so_told, key=order_of)
        others = [told.scan for told in same if told.scan.digest != first.digest]
        device = first.vendor_model, first.serial
        if others and device in found:
            old = found[device]
            found[device] = Cloned(old.first, old.other, old.counts + 1)
        elif others:
            found[device] = Cloned(first, min(others, key=order_of), 1)
    return [found[device] for device in sorted(found)]


def mail(rng: Random, site: str) -> list[Scan]:
    """A stream of few devices and counts, so that contents meet, at one site and between them."""
    return [
        scan(
            serial=rng.randint(1, 3),
            count=rng.randint(1, 8),
            series=rng.choice([Series.POSTAGE, Series.REDATE]),
            digest=rng.choice([b"8 bytes."] * 6 + [OTHER, b"a third."]),
            scanned_us=rng.randint(0, 50),
            site=site,
            piece_id=rng.choice(["", "p1", "p2"]),
            image_id=str(rng.randint(1, 10**9)),
        )
        for _ in range(rng.randint(1, 40))
    ]


@pytest.mark.parametrize("seed", range(60))
def test_the_list_is_that_of_all_scans_whichever_way_they_came(tmp_path: Path, seed: int) -> None:
    """Answered in batches, merged in parts and any order, told twice, and after a restart."""
    rng = Random(seed)
    sites = []
    for name in ("BOS", "DEN"):
        store, stream = in_memory(), mail(rng, name)
        while stream:
            cut = rng.randint(1, len(stream))
            store.check_many(stream[:cut])
            stream = stream[cut:]
        assert store.stop_list() == expected(list(store.told()))
        sites.append(store)
    rows = [told for site in sites for told in site.told()]
    here = DuplicateStore.at(tmp_path / "scans.db")
    arriving = rows * 2
    rng.shuffle(arriving)
    while arriving:
        cut = rng.randint(1, len(arriving))
        list(here.merge(arriving[:cut]))
        arriving = arriving[cut:]
    assert here.stop_list() == expected(rows)
    here.close()
    again = DuplicateStore.at(tmp_path / "scans.db")
    assert again.stop_list() == expected(rows)
    again.close()
    list(sites[0].merge(sites[1].told()))
    list(sites[1].merge(sites[0].told()))
    for site in sites:
        assert site.stop_list() == expected(rows)
        site.close()


def test_postage_comes_before_redates_of_a_lower_count() -> None:
    store = in_memory()
    for number, series in ((2, Series.REDATE), (7, Series.POSTAGE)):
        one = scan(count=number, series=series)
        store.check_many([one, scan(count=number, series=series, digest=OTHER, image_id="2")])
    [found] = store.stop_list()
    assert (found.first.series, found.first.count, found.counts) == (Series.POSTAGE, 7, 2)
    assert key_of(found.first) == key_of(found.other)
    store.close()


def test_the_command_reads_a_database_that_lanes_write_to(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = DuplicateStore.at(database)
    store.check_many([scan(count=2**31), scan(count=2**31, digest=OTHER, image_id="2")])
    assert tell_stop_list(database, None, as_json=True) == 1
    [row] = json.loads(capsys.readouterr().out)["devices"]
    assert (row["device"], row["count"]) == ("TPB1-00000007", 2**31)
    store.close()


def test_the_command_takes_a_site_s_file_into_the_database_of_all(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = DuplicateStore.at(tmp_path / "scans.db")
    site.check_many([scan(scanned_us=5, image_id="2"), scan(count=9)])
    site.close()
    shared = DuplicateStore.at(database)
    shared.check_many([scan(scanned_us=1, piece_id="earlier")])
    call = [database, [str(tmp_path / "scans.db")]]
    assert merge_histories(*call, say_all=False, as_json=True) == 1
    [row] = json.loads(capsys.readouterr().out)["corrections"]
    assert (row["told"], row["now"], row["first"]["piece"]) == ("FIRST", "DUPLICATE", "earlier")
    assert sum(1 for _ in shared.told()) == 3
    shared.close()
