"""Every discrepancy leaves once: a durable list of signed messages, sent until they are received.

A verdict is out only when its messages are durable here. A message is sent again, in the same
bytes, until its provider has acknowledged it by its id; a provider that has it books nothing twice.
So each finding reaches each provider at least once and counts exactly once.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from postage.devices import device_name
from postage.discrepancy import MAX_PROVIDER
from postage.envelope import Envelope, Sign, open_envelope, seal, unpack
from postage.errors import MessageFormatError
from postage.facts import PieceFacts
from postage.messages import Discrepancy, DiscrepancyReceived
from postage.money import ZERO, Money
from postage.verdicts import Verdict
from service.sql import embedded, failures_as, shared
from sorter.errors import OutboxError
from sorter.notices import notices_of
from sorter.policy import NoticePolicy

Post = Callable[[str, Sequence[bytes]], Iterable[bytes]]
"""(provider, envelopes) -> the provider's answers; whatever it raises, nothing was received."""
Check = Callable[[str, bytes, bytes], bool]
"""(provider, message, signature) -> whether the provider signed the message."""

MOST_AT_ONCE: Final = 200  # messages in one post: under a megabyte
_INSERT: Final[dict[str, Callable[..., Any]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_METADATA = MetaData()
_NOTICES = Table(
    "discrepancy",
    _METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("provider", String(MAX_PROVIDER), primary_key=True),
    Column("device", String(20), nullable=False),
    Column("scanned_on", String(10), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("received_us", BigInteger),
)
_AT = _NOTICES.c
_WAITING = _AT.received_us.is_(None)
Index(
    "discrepancy_waiting",
    *(_AT.provider, _AT.device, _AT.scanned_on),
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One message as the outbox has it; ``received_us`` is None while it waits."""

    message: Discrepancy
    device: str
    tries: int
    received_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What came of posting one account's messages of one day.

    ``asked`` is what they ask of the account together, ``is_notice`` whether that is enough to
    notify the customer. ``failure`` is empty where every message was received.
    """

    provider: str
    device: str
    scanned_on: date
    sent: int
    received: int
    asked: Money
    is_notice: bool
    failure: str = ""


class Outbox:
    """The messages to all providers, behind an engine of `service.sql`. Thread-safe.

    Args:
        engine: the database; the table is made where it is missing.
        sign: the Postal Service's signature over a message.
        policy: what is asked and notified, and when a failed post is tried again.

    Raises:
        OutboxError: from every method, where the database cannot be read or written.
    """

    def __init__(self, engine: Engine, sign: Sign, policy: NoticePolicy | None = None) -> None:
        self._engine, self._sign = engine, sign
        self._what = f"the outbox {engine.url!r}"
        self._policy = policy or NoticePolicy()
        self._writing = threading.Lock()
        with self._named():
            _METADATA.create_all(engine)

    @classmethod
    def embedded(cls, path: Path, sign: Sign, policy: NoticePolicy | None = None) -> "Outbox":
        """Return the outbox in one SQLite file, which no other program can have open."""
        return cls(embedded(path), sign, policy)

    @classmethod
    def shared(cls, url: str, sign: Sign, policy: NoticePolicy | None = None) -> "Outbox":
        """Return an outbox in a PostgreSQL database, which others may use at the same time."""
        return cls(shared(url), sign, policy)

    def put_many(self, judged: Iterable[tuple[PieceFacts, Verdict]]) -> None:
        """Keep the messages of these verdicts, by one commit; they are durable on return.

        What is kept already stays as it is, so a batch may be put again after any failure.
        """
        least = Money(self._policy.min_adjust_mills)
        rows = [
            self._row(message)
            for facts, verdict in judged
            for message in notices_of(verdict, facts, min_adjust=least)
        ]
        if rows:
            # In one order, so that writers who meet on several rows cannot wait in a circle.
            rows.sort(key=lambda row: (row["id"], row["provider"]))
            with self._begin() as connection:
                insert = _INSERT[connection.dialect.name](_NOTICES)
                connection.execute(insert.on_conflict_do_nothing(), rows)

    def deliver(self, post: Post, check: Check, *, now_us: int, today: date) -> Iterator[Posted]:
        """Post what waits, an account and day at a time, and yield what came of each.

        The messages of a day are sent when it is over (``today`` is the local date), so that an
        account hears once a day; later ones of that day follow at the next call. What is not
        received is due again after a pause that doubles, for ever. Nothing that a provider does
        raises.
        """
        due = (_AT.next_us <= now_us, _AT.scanned_on < today.isoformat())
        for (provider, device, day), rows in self._rows(_WAITING, _AT.provider != "", *due):
            messages = [_opened(row) for row in rows]
            asked = sum((one.reckoning.adjust for one in messages), ZERO)
            received, failure = self._posted(post, check, provider, rows, messages)
            self._mark(rows, received, now_us)
            yield Posted(
                provider=provider,
                device=device,
                scanned_on=date.fromisoformat(day),
                sent=len(rows),
                received=len(received),
                asked=asked,
                is_notice=asked.mills >= max(1, self._policy.notify_mills),
                failure=failure,
            )

    def kept(self, since: date = date.min, until: date = date.max) -> Iterator[Kept]:
        """Yield every message about a piece scanned on these days, by provider, device and day."""
        days = _AT.scanned_on.between(since.isoformat(), until.isoformat())
        for _, rows in self._rows(days):
            for row in rows:
                yield Kept(
                    message=_opened(row),
                    device=row.device,
                    tries=row.tries,
                    received_us=row.received_us,
                )

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def _row(self, message: Discrepancy) -> dict[str, Any]:
        return {
            "id": message.id,
            "provider": message.provider,
            "device": device_name(message.device),
            "scanned_on": message.place.scanned_on.isoformat(),
            "envelope": seal(message, self._sign),
            "tries": 0,
            "next_us": 0,
            "received_us": None,
        }

    def _rows(self, *which: Any) -> Iterator[tuple[tuple[str, str, str], Sequence[Any]]]:
        """Yield (provider, device, day) with their rows, some at once, each row once.

        The rows are those of now; each part is read when it is asked for, and no transaction stays
        open in between.
        """
        account = (_AT.provider, _AT.device, _AT.scanned_on)
        with self._begin() as connection:
            wanted = select(*account, _AT.id).where(*which).order_by(*account, _AT.id)
            keys = connection.execute(wanted).all()
        for about, of in groupby(keys, key=lambda row: (row[0], row[1], row[2])):
            ids = [row.id for row in of]
            for start in range(0, len(ids), MOST_AT_ONCE):
                part = _AT.id.in_(ids[start : start + MOST_AT_ONCE])
                chosen = select(_NOTICES).where(_AT.provider == about[0], part).order_by(_AT.id)
                with self._begin() as connection:
                    rows = connection.execute(chosen).all()
                yield about, rows

    def _posted(
        self,
        post: Post,
        check: Check,
        provider: str,
        rows: Sequence[Any],
        messages: Sequence[Discrepancy],
    ) -> tuple[set[bytes], str]:
        """Return the ids that the provider has, and why others are not among them."""
        asked = {one.id: one for one in messages}
        received: set[bytes] = set()
        failure = ""
        try:
            for answer in post(provider, [row.envelope for row in rows]):
                try:
                    said = open_envelope(answer, lambda data, sign: check(provider, data, sign))
                except MessageFormatError as error:
                    failure = f"an answer that is none: {error}"
                    continue
                about = asked.get(said.id) if isinstance(said, DiscrepancyReceived) else None
                if about and (said.device, said.nonce) == (about.device, about.nonce):
                    received.add(about.id)
                else:
                    failure = f"answered {said}"
        except Exception as error:  # of a provider's line, which may fail in any way
            failure = f"{type(error).__name__}: {error}"
        if len(received) < len(asked):
            return received, failure or "not all were acknowledged"
        return received, ""

    def _mark(self, rows: Sequence[Any], received: set[bytes], now_us: int) -> None:
        failed = sorted((row for row in rows if row.id not in received), key=_tries)
        with self._begin() as connection:
            if received:
                got = {"received_us": now_us, "tries": _AT.tries + 1}
                _update(connection, rows[0].provider, received, got)
            for tries, of in groupby(failed, key=_tries):
                again = {"tries": tries + 1, "next_us": now_us + self._policy.pause_us(tries)}
                _update(connection, rows[0].provider, [row.id for row in of], again)

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._writing, self._named(), self._engine.begin() as connection:
            yield connection

    def _named(self) -> AbstractContextManager[None]:
        return failures_as(OutboxError, self._what, disposing=self._engine)


def _opened(row: Any) -> Discrepancy:
    try:
        message = unpack(Envelope.unpack(row.envelope).message)
    except MessageFormatError as error:
        raise OutboxError(f"the outbox's message {row.id.hex()} is damaged: {error}") from None
    assert isinstance(message, Discrepancy), "the outbox keeps nothing else"
    return message


def _tries(row: Any) -> int:
    return int(row.tries)


def _update(
    connection: Connection, provider: str, ids: Iterable[bytes], values: dict[str, Any]
) -> None:
    chosen = (_AT.provider == provider, _AT.id.in_(list(ids)), _WAITING)
    connection.execute(update(_NOTICES).where(*chosen).values(values))
