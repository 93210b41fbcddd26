"""The office's files: what a book may hold, and files that are whole, old, or named as broken."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.accounts import (
    MAX_BUDGET,
    Account,
    BadAccount,
    Book,
    BookFile,
    BookUnreadable,
    Budget,
    Period,
    User,
)
from pipeline.lifecycle import Role
from pipeline.record import Record, RecordType
from pipeline.state import Try
from pipeline.storage import DiskStorage, SealBroken, SealedStorage
from pipeline.trail import ENROL, FILE_ENTRIES, GRANT, Order, Trail, TrailBroken, unexplained
from postage.money import Money

ADA = User(1, "Ada", Role.SUPERVISOR)
BOOK = replace(
    Book()
    .with_accounts(
        [
            Account(7, "Poststelle Süd 部署", Budget(Money(50_005), Period.YEAR), False, 12),
            Account(8, "x"),
        ]
    )
    .with_user(ADA)
    .with_user(User(20, "Ben", Role.OPERATOR, frozenset({7, 8}), False, "$argon2id$...")),
    unsettled=frozenset({8}),
    settled_on=date(2026, 7, 13),
    checked_through=99,
)


def test_a_book_comes_back_as_it_was_written() -> None:
    storage = DiskStorage(SimDisk())
    assert BookFile(storage).read() is None
    BookFile(storage).write(BOOK)
    assert BookFile(storage).read() == BOOK


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Account(0, "x"), "department 0; numbers run from 1 to 99999999"),
        (lambda: Account(100_000_000, "x"), "department 100000000; numbers run"),
        (lambda: Account(1, ""), "department name ''; 1 to 40 printable"),
        (lambda: Account(1, "x" * 41), "1 to 40 printable"),
        (lambda: Account(1, "a\tb"), r"'a\\tb'; 1 to 40 printable"),
        (lambda: User(0, "x", Role.OPERATOR), "user 0; numbers run"),
        (lambda: User(1, "\ud800", Role.OPERATOR), "user name"),
        (lambda: User(1, "x", Role.PROVIDER), "the provider is no user"),
        (lambda: User(1, "x", Role.OPERATOR, frozenset({0})), "user 1: department 0; numbers"),
        (lambda: Budget(Money(-1)), r"a budget of -\$0.001; \$0.00 to"),
        (lambda: Budget(MAX_BUDGET + Money(1)), "a budget of"),
        (lambda: BOOK.with_user(replace(ADA, is_active=False)), "no active supervisor"),
        (lambda: BOOK.with_user(replace(ADA, role=Role.AUDITOR)), "no active supervisor"),
        (lambda: Book().with_user(User(2, "x", Role.OPERATOR)), "no active supervisor"),
        (lambda: BOOK.account(9), "department 9 is not known"),
        (lambda: BOOK.user(9), "user 9 is not known"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_and_its_limit(
    make: Callable[[], object], said: str
) -> None:
    with pytest.raises(BadAccount, match=said):
        make()


def test_3_000_users_and_no_more() -> None:
    full = replace(BOOK, users={n: User(n, "x", Role.SUPERVISOR) for n in range(1, 3_001)})
    with pytest.raises(BadAccount, match="3001 users; the limit is 3000"):
        full.with_user(User(3_001, "x", Role.OPERATOR))
    assert full.with_user(User(3_000, "y", Role.OPERATOR)).users[3_000].name == "y"


def test_a_replaced_file_is_the_old_or_the_new_at_every_cut() -> None:
    rng, seen = Random(5), set()
    for at, atom in itertools.product(range(7), ATOMS * 3):
        disk = SimDisk()
        DiskStorage(disk).replace("f", b"old" * 500)
        disk.cut_at = disk.operations + at
        try:
            DiskStorage(disk).replace("f", b"new" * 700)
        except PowerCut:
            found = DiskStorage(disk.after_cut(rng, atom)).read("f")
            assert found in (b"old" * 500, b"new" * 700)
            seen.add((at, found[:3]))
    assert at == 6, "create, its sync, write, sync, rename, sync of the name: six operations"
    assert {(0, b"old"), (5, b"old"), (5, b"new")} <= seen
    assert DiskStorage(disk.durable_only()).read("f") == b"new" * 700


def test_a_seal_is_that_of_one_name_and_one_device() -> None:
    disk = SimDisk()
    sealed = SealedStorage(DiskStorage(disk), bytes(32))
    sealed.replace("a", b"data")
    DiskStorage(disk).replace("b", DiskStorage(disk).read("a") or b"")
    for name in ("b",):
        with pytest.raises(SealBroken, match="b: 36 bytes whose seal"):
            sealed.read(name)
    DiskStorage(disk).replace("a", b"short")
    with pytest.raises(SealBroken, match="a: 5 bytes"):
        sealed.read("a")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(["version", "accounts", "users", "unsettled", "settled_on"]), json_values)
def test_a_sealed_book_of_another_program_is_named(field: str, value: object) -> None:
    """No field of another kind may come up as anything but a book or BookUnreadable."""
    storage = DiskStorage(SimDisk())
    file = BookFile(storage)
    file.write(BOOK)
    plain = json.loads(storage.read("accounts") or b"")
    plain[field] = value
    storage.replace("accounts", json.dumps(plain).encode())
    try:
        assert isinstance(file.read(), Book)
    except BookUnreadable as error:
        assert str(error).startswith("accounts file")  # noqa: PT017  # either is right


# ---- the trail


def orders(count: int) -> list[Order]:
    return [Order(1, "supervisor", "unlock user", number) for number in range(count)]


def test_entries_go_on_over_files_and_starts() -> None:
    storage = DiskStorage(SimDisk())
    for size in (FILE_ENTRIES - 1, 1, 1, 2 * FILE_ENTRIES, 0):
        Trail(storage).append(orders(size), psd_us=5, after=3)
    entries = Trail(storage).entries
    assert [each.number for each in entries] == [*range(1, 3 * FILE_ENTRIES + 2)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"version": 2}\n{}', "TypeError"),
        (b'{"version": 1}\n', "JSONDecodeError"),
        (b"\xff", "UnicodeDecodeError"),
        (b'{"version": 2}', "version 2 is unknown"),
        (b"[]", "TypeError"),
        (b'{"version": 1}', r"holds entries \[\]..., not 1 and on"),
    ],
)
def test_a_file_that_is_no_trail_is_named(data: bytes, said: str) -> None:
    storage = DiskStorage(SimDisk())
    storage.replace("trail-000001", data)
    with pytest.raises(TrailBroken, match=f"trail-000001.*{said}"):
        Trail(storage)


def test_files_in_another_s_place_are_named() -> None:
    storage = DiskStorage(SimDisk())
    Trail(storage).append(orders(FILE_ENTRIES + 1), psd_us=5, after=3)
    storage.replace("trail-000001", storage.read("trail-000002") or b"")
    with pytest.raises(TrailBroken, match=r"trail-000001 holds entries \[501\]"):
        Trail(storage)


def record(sequence: int, kind: RecordType, *, of: int, amount: int = 0) -> Record:
    is_try = kind is RecordType.TRY
    blank = Record(*[0] * 16, b"", b"", b"")
    return blank._replace(
        type=kind,
        sequence=sequence,
        amount=amount,
        department=0 if is_try else of,
        operator=of if is_try else 0,
        reference=Try.RELEASE if is_try else 0,
    )


def test_each_entry_explains_one_record_after_it_and_no_other() -> None:
    trail = Trail(DiskStorage(SimDisk()))
    trail.append([Order(0, "meter", GRANT, 7, 500)], psd_us=1, after=10)
    trail.append([Order(1, "supervisor", "reset PIN", 20)], psd_us=1, after=11)
    budget = record(11, RecordType.BUDGET, of=7, amount=500)
    release = record(12, RecordType.TRY, of=20)
    good = [budget, release, record(13, RecordType.DEBIT, of=7, amount=780)]
    assert unexplained(trail.entries, good) == []
    for strange in (
        budget._replace(sequence=14),  # told twice, ordered once
        budget._replace(sequence=14, amount=501),
        budget._replace(sequence=14, department=8),
        release._replace(sequence=14),
        release._replace(sequence=14, operator=21),
    ):
        assert unexplained(trail.entries, [*good, strange]) == [strange]
    early = [budget._replace(sequence=10)]
    assert unexplained(trail.entries, early) == early, "an order explains nothing before it"
    assert unexplained(trail.entries, early, since=10) == []
    attempt = release._replace(reference=Try.ATTEMPT)
    assert unexplained([], [attempt]) == [], "a try is nobody's order"


def test_an_enrolment_answers_for_what_was_before_it() -> None:
    trail = Trail(DiskStorage(SimDisk()))
    old = record(4, RecordType.BUDGET, of=7, amount=1)
    trail.append([Order(0, "provider", ENROL, 1)], psd_us=1, after=5)
    own = record(6, RecordType.TRY, of=1)
    assert unexplained(trail.entries, [old, own]) == []
    assert unexplained(trail.entries, [old, own, own._replace(sequence=7)]) != []
