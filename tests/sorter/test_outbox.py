"""The outbox: durable before the verdict is out, sent until received, counted once."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from imicore.eckeys import PrivateKey
from imicore.signature import Check, Signer, Verifier
from postage.envelope import open_envelope, seal
from postage.facts import PieceFacts
from postage.messages import Denial, Denied, Discrepancy, DiscrepancyReceived
from postage.money import ZERO, Money
from postage.verdicts import Code, Verdict
from sorter.duplicates import DuplicateStore
from sorter.errors import OutboxError, PolicyError
from sorter.evidence import EvidenceFolder
from sorter.lane import Lane
from sorter.notices import notices_of
from sorter.onward import Onward
from sorter.outbox import Outbox, Posted
from sorter.policy import NoticePolicy
from sorter.report import account_report
from sorter.trust import Trust
from sorter.verifier import Verifier as Sorter
from tests.sorter.mail import BOOK, METER, TODAY, Device, facts, register, verifier
from tests.sorter.printed import printed
from tests.sorter.shortmail import FP, PB, short

USPS, PROVIDER = (Signer(PrivateKey.from_scalar(scalar)) for scalar in (77, 78))
TOMORROW = TODAY + timedelta(days=1)
HOUR_US = 3_600_000_000
ROOT = Path(__file__).parent.parent.parent


class Ledger:
    """A provider: books each id once and says that it has it; may lose its answers."""

    def __init__(self) -> None:
        self.booked: dict[bytes, Discrepancy] = {}
        self.posts: list[tuple[str, int]] = []
        self.loses: Callable[[int], bool] = lambda _: False

    def post(self, provider: str, envelopes: Sequence[bytes]) -> Iterable[bytes]:
        self.posts.append((provider, len(envelopes)))
        for envelope in envelopes:
            message = open_envelope(envelope, by(USPS))
            assert isinstance(message, Discrepancy)
            assert message.provider == provider
            self.booked.setdefault(message.id, message)
            if not self.loses(len(self.booked)):
                yield seal(receipt(message), PROVIDER.sign)

    @property
    def asked(self) -> Money:
        return sum((one.reckoning.adjust for one in self.booked.values()), ZERO)


def receipt(message: Discrepancy) -> DiscrepancyReceived:
    return DiscrepancyReceived(device=message.device, nonce=message.nonce, id=message.id)


def by(signer: Signer) -> Callable[[bytes, bytes], bool]:
    checker = Verifier()
    return lambda message, signature: (
        checker.verify(message, signature, signer.public_key) is Check.VALID
    )


def check(provider: str, message: bytes, signature: bytes) -> bool:
    return provider in ("PB", "FP") and by(PROVIDER)(message, signature)


Opener = Callable[[], Outbox]


@pytest.fixture(params=["sqlite", "postgresql"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Return what opens one outbox, empty at first: one schema, one suite, both databases."""
    if request.param == "sqlite":
        return lambda: Outbox.embedded(tmp_path / "outbox.db", USPS.sign)
    url = request.getfixturevalue("postgres")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS discrepancy")
    engine.dispose()
    return lambda: Outbox.shared(url, USPS.sign)


@pytest.fixture
def outbox(opener: Opener) -> Iterator[Outbox]:
    """Return an empty outbox."""
    opened = opener()
    yield opened
    opened.close()


def pieces(count: int, verdict: Verdict | None = None) -> list[tuple[PieceFacts, Verdict]]:
    return [(facts(), verdict or short()) for _ in range(count)]


def deliver(box: Outbox, ledger: Ledger, now_us: int = 0, today: date = TOMORROW) -> list[Posted]:
    return list(box.deliver(ledger.post, check, now_us=now_us, today=today))


def test_a_finding_is_kept_once_and_sent_once(outbox: Outbox) -> None:
    judged = pieces(3)
    for _ in range(2):
        outbox.put_many(judged)
    again = [(replace(about, pass_number=2, image_id="x"), found) for about, found in judged]
    outbox.put_many(again)
    ledger = Ledger()
    [posted] = deliver(outbox, ledger)
    assert (posted.sent, posted.received, posted.failure) == (3, 3, "")
    assert (posted.device, posted.asked, posted.is_notice) == ("TPB1-00000007", Money(870), True)
    assert deliver(outbox, ledger, HOUR_US) == []
    assert ledger.asked == Money(3 * 290)


def test_a_day_is_sent_when_it_is_over_and_late_pieces_follow(outbox: Outbox) -> None:
    """Batching per account per day (domain.md 3.2)."""
    ledger = Ledger()
    outbox.put_many(pieces(2))
    assert deliver(outbox, ledger, today=TODAY) == []
    assert [one.sent for one in deliver(outbox, ledger)] == [2]
    outbox.put_many(pieces(1))
    assert [one.sent for one in deliver(outbox, ledger)] == [1]


def test_each_account_and_day_is_a_post_of_its_own(outbox: Outbox) -> None:
    ledger = Ledger()
    other = replace(PB, serial=8)
    yesterday = facts(scanned_on=TODAY - timedelta(days=1))
    outbox.put_many(
        [*pieces(2), *pieces(1, short(other)), *pieces(1, short(FP)), (yesterday, short())]
    )
    posted = [(one.provider, one.device[-1], one.scanned_on.day, one.sent) for one in deliver(
        outbox, ledger)]  # fmt: skip
    assert posted == [
        ("FP", "8", 13, 1),
        ("PB", "7", 12, 1),
        ("PB", "7", 13, 2),
        ("PB", "8", 13, 1),
    ]


def test_what_is_not_acknowledged_is_sent_again_for_ever_and_booked_once(opener: Opener) -> None:
    """At least once on the line, exactly once in the ledger; the pause doubles up to 6 hours."""
    ledger, tries = Ledger(), []
    box = opener()
    box.put_many(pieces(1))
    ledger.loses = lambda _: True
    now_us = 0
    for _ in range(30):
        posted = deliver(box, ledger, now_us)
        tries += [now_us // 60_000_000] if posted else []
        now_us += 60_000_000 if len(tries) < 5 else 6 * HOUR_US
        box.close()
        box = opener()  # the count of tries is durable
    assert tries[:5] == [0, 1, 3, 7, 15]
    assert len(tries) > 10
    ledger.loses = lambda _: False
    assert [one.received for one in deliver(box, ledger, now_us)] == [1]
    assert deliver(box, ledger, now_us + 100 * HOUR_US) == []
    assert len(ledger.booked) == 1
    [kept] = box.kept()
    assert (kept.received_us, kept.tries) == (now_us, len(tries) + 1)
    box.close()


def test_a_post_may_be_received_in_part(outbox: Outbox) -> None:
    ledger = Ledger()
    outbox.put_many(pieces(5))
    ledger.loses = lambda count: count in (2, 4)
    [first] = deliver(outbox, ledger)
    assert (first.sent, first.received) == (5, 3)
    assert first.failure == "not all were acknowledged"
    ledger.loses = lambda _: False
    [second] = deliver(outbox, ledger, HOUR_US)
    assert (second.sent, second.received) == (2, 2)
    assert ledger.asked == Money(5 * 290)


def test_a_long_day_is_posted_in_parts(outbox: Outbox) -> None:
    ledger = Ledger()
    outbox.put_many(pieces(450))
    assert [one.sent for one in deliver(outbox, ledger)] == [200, 200, 50]
    assert len(ledger.booked) == 450


def _raises(provider: str, envelopes: Sequence[bytes]) -> Iterable[bytes]:
    raise ConnectionResetError("the line is down")


def _forges(provider: str, envelopes: Sequence[bytes]) -> Iterable[bytes]:
    message = open_envelope(envelopes[0], lambda *_: True)
    assert isinstance(message, Discrepancy)
    yield seal(receipt(message), USPS.sign)  # a good signature, and not the provider's


def _confuses(provider: str, envelopes: Sequence[bytes]) -> Iterable[bytes]:
    message = open_envelope(envelopes[0], lambda *_: True)
    assert isinstance(message, Discrepancy)
    for wrong in (
        replace(receipt(message), device=1),
        replace(receipt(message), nonce=1),
        replace(receipt(message), id=bytes(32)),
        Denied(device=message.device, nonce=message.nonce, reason=Denial.UNKNOWN_DEVICE),
    ):
        yield seal(wrong, PROVIDER.sign)
    yield from (b"", b"IMIM", bytes(200_000))


@pytest.mark.parametrize(
    ("post", "words"),
    [(_raises, "line is down"), (_forges, "does not verify"), (_confuses, "an envelope of 200000")],
)
def test_whatever_a_provider_does_the_message_stays(
    outbox: Outbox, post: Callable[[str, Sequence[bytes]], Iterable[bytes]], words: str
) -> None:
    outbox.put_many(pieces(1))
    [posted] = outbox.deliver(post, check, now_us=0, today=TOMORROW)
    assert posted.received == 0
    assert words in posted.failure
    assert [one.sent for one in deliver(outbox, Ledger(), HOUR_US)] == [1]


def test_one_provider_that_fails_holds_up_no_other(outbox: Outbox) -> None:
    ledger = Ledger()
    outbox.put_many([*pieces(1, short(FP)), *pieces(1)])

    def post(provider: str, envelopes: Sequence[bytes]) -> Iterable[bytes]:
        return (_raises if provider == "FP" else ledger.post)(provider, envelopes)

    posted = list(outbox.deliver(post, check, now_us=0, today=TOMORROW))
    assert [(one.provider, one.received) for one in posted] == [("FP", 0), ("PB", 1)]


def test_what_is_nobodys_is_kept_reported_and_never_sent(outbox: Outbox) -> None:
    void = Device(vendor="TST0").indicium(mills=0, rate_category=0xFFFF)
    about = facts()
    outbox.put_many([(about, verifier().verify(void, about))])
    ledger = Ledger()
    assert deliver(outbox, ledger) == []
    report = account_report(outbox.kept())
    assert [(one.provider, one.device, one.pieces, one.waiting) for one in report.accounts] == [
        ("", "", 1, 1)
    ]
    assert report.reconciles


def test_thresholds_are_policy(tmp_path: Path) -> None:
    """disc.min_adjust_mills 0 and disc.notify_mills 10 (domain.md 8) unless said otherwise."""
    assert (NoticePolicy().min_adjust_mills, NoticePolicy().notify_mills) == (0, 10)
    policy = NoticePolicy(min_adjust_mills=291, notify_mills=290)
    with_limits = Outbox.embedded(tmp_path / "a.db", USPS.sign, policy)
    with_limits.put_many(pieces(1))
    [posted] = deliver(with_limits, Ledger())
    assert (posted.asked, posted.is_notice) == (ZERO, False)
    nine = short(paid=Money(1_061), shown=Money(1_061))
    for count, is_notice in ((1, False), (2, True)):
        plain = Outbox.embedded(tmp_path / f"{count}.db", USPS.sign)
        plain.put_many(pieces(count, nine))
        [posted] = deliver(plain, Ledger())
        assert (posted.asked, posted.is_notice) == (Money(9 * count), is_notice)
        plain.close()
    with_limits.close()
    for wrong in ({"notify_mills": -1}, {"first_pause_s": 0}, {"min_adjust_mills": True}):
        with pytest.raises(PolicyError, match=next(iter(wrong))):
            NoticePolicy(**wrong)


def test_the_report_reconciles_with_the_ledger(outbox: Outbox) -> None:
    about = [facts() for _ in range(4)]
    sorter = verifier()
    given = [METER.indicium(count=1, mills=1_070), METER.indicium(count=2, mills=490)]
    given += [METER.indicium(count=2, mills=490), METER.indicium(count=3)]
    judged = [(fact, sorter.verify(one, fact)) for fact, one in zip(about, given, strict=True)]
    outbox.put_many(judged)
    ledger = Ledger()
    deliver(outbox, ledger)
    report = account_report(outbox.kept())
    [account] = report.accounts
    assert (account.pieces, account.waiting, account.notices) == (3, 0, 1)
    assert account.codes == {Code.OVERPAID: 1, Code.SHORTPAID: 1, Code.DUPLICATE: 1}
    assert (account.shown, account.paid, account.due) == (Money(2_050), Money(1_560), Money(2_340))
    assert (account.short, account.over) == (Money(290 + 780), Money(290))
    assert account.asked == ledger.asked == Money(1_070)
    assert report.reconciles
    report.total.paid += Money(1)
    assert not report.reconciles
    assert list(outbox.kept(since=TOMORROW)) == []
    assert list(outbox.kept(until=TODAY - timedelta(days=1))) == []


def test_a_lane_keeps_what_it_finds_before_it_answers(opener: Opener, tmp_path: Path) -> None:
    """Pictures and messages are durable when an answer is out."""
    box, folder = opener(), EvidenceFolder(tmp_path / "evidence")
    given = [METER.indicium(count=count, mills=780 - 290 * (count % 2)) for count in range(1, 21)]
    pieces = [*given, printed(METER.indicium(count=30, mills=490))]
    with Lane(verifier(), threads=2, onward=Onward(box, folder), deadline_s=None) as lane:
        for judged in lane.run((one, facts()) for one in pieces):
            short_by = judged.verdict.deficiency
            assert judged.verdict.code is (Code.SHORTPAID if short_by else Code.VALID)
            ids = {one.message.id for one in box.kept()}
            told = notices_of(judged.verdict, judged.facts)
            assert {one.id for one in told} <= ids
            assert len(told) == bool(short_by)
    kept = [one.message for one in box.kept()]
    assert len(kept) == 11
    [crop] = [one.proof.crop for one in kept if one.proof.crop]
    assert folder.read(crop).startswith(b"\x89PNG")
    box.close()


def test_a_lane_whose_outbox_fails_answers_that_it_cannot_say(tmp_path: Path) -> None:
    """No verdict is out whose message is not durable."""
    box = Outbox.embedded(tmp_path / "outbox.db", USPS.sign)
    with box._begin() as connection:
        connection.exec_driver_sql("DROP TABLE discrepancy")
    short_piece = METER.indicium(mills=490)
    with Lane(verifier(), threads=1, onward=box.put_many, deadline_s=None) as lane:
        paid, wrong = lane.run([(METER.indicium(count=2), facts()), (short_piece, facts())])
    assert paid.verdict.code is Code.VALID
    assert wrong.verdict.code is Code.NOT_VERIFIABLE
    assert "no such table" in str(wrong.verdict)
    box.close()


def test_a_crash_between_scan_and_message_loses_nothing(tmp_path: Path) -> None:
    """Scans were durable, their messages not yet: asked again, every finding is the same one.

    A copy stays a copy and a clone a clone though their scans are in the history by now, and a paid
    piece that was its own first scan is not taken for a copy.
    """
    paid, short_of = METER.indicium(count=1), METER.indicium(count=2, mills=490)
    clone = METER.indicium(count=1, ascending=Money(9_999))
    pieces = [(one, facts()) for one in (paid, short_of, paid, short_of, clone)]

    def life() -> list[Verdict]:
        history = DuplicateStore.at(tmp_path / "scans.db")
        try:
            return Sorter(Trust(register()), history, BOOK).verify_many(pieces)
        finally:
            history.close()

    told = [
        {one.id: one.code for one in notices_of(verdict, about)}
        for lived in (life(), life(), life())
        for verdict, (_, about) in zip(lived, pieces, strict=True)
    ]
    assert told[:5] == told[5:10] == told[10:]
    codes = [next(iter(one.values()), None) for one in told[:5]]
    assert codes == [None, Code.SHORTPAID, Code.DUPLICATE, Code.DUPLICATE, Code.CLONE]
    box = Outbox.embedded(tmp_path / "outbox.db", USPS.sign)
    for verdicts in (life(), life()):
        box.put_many([(about, found) for (_, about), found in zip(pieces, verdicts, strict=True)])
    assert {one.message.id for one in box.kept()} == {id_ for one in told for id_ in one}
    assert len(list(box.kept())) == 4
    box.close()


def test_threads_put_and_deliver_at_once(outbox: Outbox) -> None:
    """One connection is shared; nobody's half-done commit is another's."""
    ledger = Ledger()

    def put() -> None:
        for _ in range(10):
            outbox.put_many(pieces(3))

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        deliver(outbox, ledger)
    for thread in threads:
        thread.join()
    deliver(outbox, ledger)
    assert len(ledger.booked) == 120
    assert len(list(outbox.kept())) == 120


def test_a_database_that_fails_is_named(tmp_path: Path) -> None:
    """A file that another program has, and a damaged message."""
    first = Outbox.embedded(tmp_path / "outbox.db", USPS.sign)
    first.put_many(pieces(1))
    with pytest.raises(OutboxError, match="locked"):
        Outbox.embedded(tmp_path / "outbox.db", USPS.sign)
    with first._begin() as connection:
        connection.exec_driver_sql("UPDATE discrepancy SET envelope = x'00'")
    with pytest.raises(OutboxError, match="is damaged: an envelope of 1 bytes"):
        list(first.kept())
    first.close()


@pytest.mark.parametrize("rounds", [3])
def test_kill_9_loses_no_message_of_a_verdict_that_is_out(tmp_path: Path, rounds: int) -> None:
    """Killed at any moment: what was said aloud is kept, nothing stands twice, all comes through.

    Each life judges the same 300 short pieces and says the number of each batch that it put.
    """
    path = tmp_path / "outbox.db"
    command = [sys.executable, "-m", "tests.sorter.kill_outbox", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = 0
    for life in range(rounds):
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for line in child.stdout:
                said = max(said, int(line))
                if life < rounds - 1 and int(line) >= 80 * (life + 1):
                    child.send_signal(signal.SIGKILL)
                    break
        if life < rounds - 1:
            assert child.returncode == -signal.SIGKILL
            box = Outbox.embedded(path, USPS.sign)
            numbers = [one.message.place.scanned_us for one in box.kept()]
            assert set(range(said)) <= set(numbers)
            assert len(numbers) == len(set(numbers))
            box.close()
    assert said == 300
    box = Outbox.embedded(path, USPS.sign)
    ledger = Ledger()
    deliver(box, ledger)
    assert len(ledger.booked) == 300
    assert ledger.asked == Money(300 * 290)
    box.close()
