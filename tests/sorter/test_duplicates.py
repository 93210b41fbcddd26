"""The scan history on SQLite and on PostgreSQL, beside its definition as a list."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from random import Random

import pytest

from postage.verdicts import Code
from sorter.duplicates import DuplicateStore
from sorter.errors import BadScan, ScanLogError
from sorter.scanlog import Transaction
from sorter.scans import Answer, Scan, Series
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.oracles.scan_history import ListedScans
from tests.sorter.mail import BOOK, METER, facts, register
from tests.sorter.scanning import scan

Opener = Callable[[], DuplicateStore]
FIRST, REPEAT, RESCAN = Answer.FIRST, Answer.REPEAT, Answer.RESCAN
DUPLICATE, CLONE = Answer.DUPLICATE, Answer.CLONE


def answers(store: DuplicateStore, *scans: Scan) -> list[Answer]:
    return [sighting.answer for sighting in store.check_many(scans)]


def mail(rng: Random, count: int) -> list[Scan]:
    """A stream of few imprints on few pieces and pictures, so that everything meets everything."""
    return [
        scan(
            count=rng.randint(1, 6),
            series=rng.choice(list(Series)),
            digest=rng.choice([b"8 bytes.", b"8 bytes.", b"8 bytes.", b"another."]),
            scanned_us=rng.randint(0, 50),
            site=rng.choice(["SFO", "DEN"]),
            lane=rng.randint(1, 2),
            pass_number=rng.randint(1, 2),
            piece_id=rng.choice(["", "piece 1", "piece 2", "piece 3"]),
            image_id=rng.choice(["", "image 1", "image 2"]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(8))
def test_a_stream_is_answered_as_a_list_would_answer_it(opener: Opener, seed: int) -> None:
    """In any batches, one by one, and over restarts, on both databases."""
    rng, listed = Random(seed), ListedScans()
    store = opener()
    stream = iter(mail(rng, 300))
    while batch := list(islice(stream, rng.randint(1, 40))):
        if len(batch) < 5:
            assert [store.check(one) for one in batch] == listed.check_many(batch)
        else:
            assert store.check_many(batch) == listed.check_many(batch)
        if rng.random() < 0.2:
            store.close()
            store = opener()
    store.close()


def test_scenario_13(opener: Opener) -> None:
    """Two lanes 50 ms apart, then again after a restart: one FIRST (domain.md 9a, 13)."""
    store = opener()
    first = scan(scanned_us=36_000_000_000, lane=1)
    other = replace(
        first, scanned_us=36_000_050_000, lane=2, piece_id="piece 2", image_id="image 2"
    )
    assert answers(store, first) == [FIRST]
    [sighting] = store.check_many([other])
    assert sighting.answer is DUPLICATE
    assert sighting.first == first
    store.close()
    store = opener()
    third = replace(other, scanned_us=40_000_000_000, piece_id="piece 3", image_id="image 3")
    assert answers(store, third, first, other) == [DUPLICATE, REPEAT, DUPLICATE]
    genuine = scan(count=2, ascending_mills=1_560, piece_id="piece 4", image_id="image 4")
    assert answers(store, genuine) == [FIRST]
    store.close()


def test_scenario_13_as_verdicts(opener: Opener) -> None:
    """The same through the verifier, which is restarted in between: exactly one VALID."""
    payload, following = METER.indicium(count=41), METER.indicium(count=42)
    one, two, three = (facts(lane=lane) for lane in (1, 2, 3))
    store = opener()
    sorter = Verifier(Trust(register()), store, BOOK)
    codes = [sorter.verify(payload, seen).code for seen in (one, two)]
    store.close()
    store = opener()
    sorter = Verifier(Trust(register()), store, BOOK)
    second_pass = replace(one, pass_number=2, image_id="image of pass 2")
    codes += [sorter.verify(payload, seen).code for seen in (three, one, second_pass)]
    codes.append(sorter.verify(following, facts()).code)
    valid, copy = Code.VALID, Code.DUPLICATE
    assert codes == [valid, copy, copy, valid, valid, valid], "one's own pictures are no copies"
    store.close()


def test_three_passes_of_one_piece_are_no_copies(store: DuplicateStore) -> None:
    """D2: the same piece id on three passes is never a DUPLICATE, another always is."""
    first = scan()
    passes = [replace(first, pass_number=n, image_id=f"image {n}", lane=n) for n in (1, 2, 3)]
    assert answers(store, *passes) == [FIRST, RESCAN, RESCAN]
    assert answers(store, *passes) == [REPEAT, REPEAT, REPEAT]
    copies = [replace(one, piece_id="a photocopy", image_id=one.image_id + "b") for one in passes]
    assert answers(store, *copies) == [DUPLICATE, DUPLICATE, DUPLICATE]


def test_other_content_is_a_clone_wherever_it_lies(store: DuplicateStore) -> None:
    """D2: one count with two contents is a CLONE, always; the first piece stays what it was."""
    first = scan()
    assert answers(store, first) == [FIRST]
    for piece, image, lane in product(["piece 1", "piece 2", ""], ["image 1", "image 2"], [1, 2]):
        other = replace(first, digest=b"another.", piece_id=piece, image_id=image, lane=lane)
        assert answers(store, other) == [CLONE]
    second_pass = replace(first, pass_number=2, image_id="image 9")
    assert answers(store, first, second_pass) == [REPEAT, RESCAN]
    copied = scan(serial=8), scan(serial=8, piece_id="piece 2", image_id="image 2")
    assert answers(store, *copied) == [FIRST, DUPLICATE]
    assert [one.first.serial for one in store.stop_list()] == [7], "a photocopy is no clone"


def test_counts_of_devices_and_types_are_strangers(store: DuplicateStore) -> None:
    """Redates and test imprints are numbered apart from postage (domain trap 9)."""
    names = [
        *({"series": series} for series in Series),
        *({"serial": 8}, {"vendor_model": "TPB2"}, {"count": 2}),
        *({"count": 2**32 - 1}, {"serial": 2**32 - 1}, {"vendor_model": "ZZZZ"}),
    ]
    assert answers(store, *(scan(**name) for name in names)) == [FIRST] * len(names)


def test_a_register_names_imprints_where_there_is_no_count(store: DuplicateStore) -> None:
    """Two postages of 406 mills are two imprints; the register's own numbers take no bits."""
    by_register = scan(series=Series.POSTAGE_BY_REGISTER, count=2**40 - 407)
    following = replace(by_register, count=2**40 - 1, ascending_mills=2**40 - 1)
    copy = replace(by_register, piece_id="piece 2", image_id="image 2")
    assert answers(store, by_register, following, copy) == [FIRST, FIRST, DUPLICATE]
    assert answers(store, copy, following) == [DUPLICATE, REPEAT]
    assert len(store.presence) == 0


def test_names_and_clocks_that_no_database_takes_are_answered_too(store: DuplicateStore) -> None:
    odd = [
        scan(count=1, site="Zürich", piece_id="nul\0", image_id="\udcff"),
        scan(count=2, image_id="x" * 5_000, piece_id="'; DROP TABLE first_scan --"),
        scan(count=3, scanned_us=2**80, lane=-(2**70), pass_number=2**64),
        scan(count=4, site="", piece_id="", image_id="", scanned_us=-1, ascending_mills=0),
    ]
    assert answers(store, *odd) == [FIRST] * 4
    assert answers(store, *odd) == [REPEAT] * 3 + [DUPLICATE], "a picture without name is another"
    copies = [replace(one, piece_id=one.piece_id + "é", image_id="other") for one in odd]
    assert answers(store, *copies) == [DUPLICATE] * 4


def test_what_no_register_holds_is_refused_and_nothing_written(store: DuplicateStore) -> None:
    good = scan()
    for change, message in [
        ({"vendor_model": "tpb1"}, "four of A-Z 0-9, not 'tpb1'"),
        ({"vendor_model": "TPB１"}, "four of A-Z 0-9"),
        ({"serial": 2**32}, "serial 4294967296 is outside"),
        ({"count": -1}, "POSTAGE count -1 is outside"),
        ({"count": 2**32}, "POSTAGE count 4294967296 is outside 0 to 4294967295"),
        ({"series": Series.POSTAGE_BY_REGISTER, "count": 2**63}, "POSTAGE_BY_REGISTER count"),
    ]:
        with pytest.raises(BadScan, match=message):
            store.check_many([good, scan(**change)])
        with pytest.raises(BadScan, match=message):
            store.check(scan(**change))
    assert answers(store, good) == [FIRST]


def test_lanes_of_many_threads_get_one_first_each(opener: Opener) -> None:
    """Eight lanes see the same 60 imprints at once: of each, one is told FIRST."""
    store = opener()
    told: list[tuple[int, Answer]] = []

    def lane(number: int) -> None:
        for count in range(60):
            one = scan(count=count, lane=number, piece_id=f"{number}", image_id=f"{count}")
            told.append((count, store.check(one).answer))

    run_all([lambda number=n: lane(number) for n in range(8)])
    assert len(told) == 480
    for count in range(60):
        at = [answer for number, answer in told if number == count]
        assert sorted(a.name for a in at) == ["DUPLICATE"] * 7 + ["FIRST"]
    store.close()


def test_lanes_that_wait_are_written_by_one_commit(tmp_path: Path) -> None:
    """Seven calls that come during the first one's commit share the next: two commits for eight."""
    store = DuplicateStore.at(tmp_path / "scans.db")
    begin, begun = store._log.begin, []

    def counted() -> AbstractContextManager[Transaction]:
        begun.append(len(store._queue))
        while len(begun) == 1 and len(store._queue) < 7:
            time.sleep(0.001)
        return begin()

    store._log.begin = counted
    told: list[list[Answer]] = []
    batches = [
        [scan(count=n, lane=lane, piece_id=f"{lane}") for n in range(3)] for lane in range(8)
    ]
    run_all([lambda batch=batch: told.append(answers(store, *batch)) for batch in batches])
    assert len(begun) == 2
    assert sorted(answer.name for batch in told for answer in batch) == (
        ["DUPLICATE"] * 21 + ["FIRST"] * 3
    )
    assert answers(store) == []
    store.close()


def test_two_programs_on_one_database_agree_who_was_first(database: str) -> None:
    """Their presence layers know nothing of each other: the primary key decides."""
    stores = [DuplicateStore.at(database) for _ in range(2)]
    told: list[list[Answer]] = [[], []]
    order = list(range(400))
    Random(3).shuffle(order)

    def program(at: int) -> None:
        batch: list[Scan] = []
        for count in order if at else sorted(order):
            batch.append(scan(count=count, site=f"S{at}", piece_id=f"{at}"))
            if len(batch) == 20:
                told[at] += answers(stores[at], *batch)
                batch.clear()

    run_all([lambda: program(0), lambda: program(1)])
    assert told[0].count(FIRST) + told[1].count(FIRST) == 400
    assert told[0].count(DUPLICATE) + told[1].count(DUPLICATE) == 400
    for store in stores:
        store.close()


def run_all(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_second_program_is_kept_off_the_embedded_file(tmp_path: Path) -> None:
    """One connection for reads and writes: the WAL-reset bug needs two (reliability.md 0)."""
    store = DuplicateStore.at(tmp_path / "scans.db")
    assert answers(store, scan()) == [FIRST]
    with pytest.raises(ScanLogError, match=r"scans\.db.*locked"):
        DuplicateStore.at(tmp_path / "scans.db")
    store.close()


def test_a_log_that_lost_rows_is_no_log(tmp_path: Path) -> None:
    """What was answered is never forgotten silently: the bits know more than the rows."""
    store = DuplicateStore.at(tmp_path / "scans.db")
    assert answers(store, scan()) == [FIRST]
    store._log.close()
    with sqlite3.connect(tmp_path / "scans.db") as connection:
        connection.execute("DELETE FROM first_scan")
    connection.close()
    with pytest.raises(ScanLogError, match="lost its row of TPB1 7, POSTAGE 1"):
        store.check_many([scan(piece_id="piece 2", image_id="image 2")])
    store.close()


def test_a_failing_log_answers_no_lane_and_may_be_asked_again(opener: Opener) -> None:
    """What is not durable is not said: the same scan is FIRST when the log is back."""
    store = opener()
    begin = store._log.begin
    store._log.begin = broken
    failed: list[str] = []

    def lane(number: int) -> None:
        try:
            store.check(scan(count=number))
        except ScanLogError as error:
            failed.append(str(error))

    run_all([lambda number=n: lane(number) for n in range(4)])
    assert failed == ["no answer: the disk is gone"] * 4
    store._log.begin = begin
    assert answers(store, *(scan(count=n) for n in range(4))) == [FIRST] * 4
    store.close()


def broken() -> None:
    raise ScanLogError("the disk is gone")


def test_a_commit_whose_answer_was_lost_is_repeated(opener: Opener) -> None:
    """The rows are there, this process does not know it: the same scan is FIRST, a copy is not."""
    store = opener()
    mark = store._mark
    store._mark = lambda keys: None  # as if it died before
    assert answers(store, scan()) == [FIRST]
    store._mark = mark
    copy = scan(piece_id="piece 2", image_id="image 2")
    assert answers(store, copy, scan()) == [DUPLICATE, FIRST]
    assert answers(store, copy, scan()) == [DUPLICATE, REPEAT]
    store.close()
