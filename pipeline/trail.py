"""The audit trail: who ordered what, durable before it is done, compared with the journal.

An entry comes first, the act second: a power cut leaves an order that was never carried out, never
an act that nobody ordered. Every entry names the newest journal record of its moment; every budget
and every release of a user in the journal must have its entry. A folder of accounts put back from
yesterday lacks those of today, and is found out by it.
"""

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from pipeline.errors import MachineError
from pipeline.record import Record, RecordType
from pipeline.state import Try
from pipeline.storage import Storage

FILE_ENTRIES: Final = 500  # a file is written whole for each entry
_VERSION = 1
GRANT: Final = "budget granted"
ENROL: Final = "first supervisor enrolled"
RELEASES: Final = frozenset({ENROL, "change user", "reset PIN", "change PIN", "unlock user"})
"""What ends in a TRY record that starts the user's count anew."""


class TrailBroken(MachineError):
    """A file of the trail is missing, out of place, or not what this program writes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One order. `actor`: user number, 0 for the provider or, in a grant, the meter itself.

    `after`: the newest journal record when it was ordered. `subject`: department, user or journal
    record that it is about.
    """

    number: int
    psd_us: int
    after: int
    actor: int
    role: str
    act: str
    subject: int
    mills: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What becomes an entry: the trail adds number, time and place."""

    actor: int
    role: str
    act: str
    subject: int
    mills: int = 0
    detail: str = ""


class Trail:
    """The entries of one device, in files of 500 that each carry the number of their first.

    >>> from imi.simdisk import SimDisk
    >>> from pipeline.storage import DiskStorage
    >>> storage = DiskStorage(SimDisk())
    >>> trail = Trail(storage)
    >>> trail.append([Order(1, "supervisor", "unlock user", 7)], psd_us=1, after=41)
    >>> [(each.number, each.act, each.after) for each in Trail(storage).entries]
    [(1, 'unlock user', 41)]
    """

    def __init__(self, storage: Storage) -> None:
        """Read every file.

        Raises:
            SealBroken, TrailBroken: the trail is not as this device wrote it.
        """
        self._storage = storage
        self._entries: list[Entry] = []
        while (data := storage.read(self._name())) is not None:
            found = _read(data, self._name(), len(self._entries) + 1)
            self._entries += found
            if len(found) < FILE_ENTRIES:
                break

    @property
    def entries(self) -> Sequence[Entry]:
        """Return every entry, the oldest first."""
        return tuple(self._entries)

    def append(self, orders: Iterable[Order], *, psd_us: int, after: int) -> None:
        """Make entries durable, in order; what they order may then be done."""
        waiting = deque(orders)
        while waiting:
            room = FILE_ENTRIES - len(self._entries) % FILE_ENTRIES
            name, first = self._name(), len(self._entries)
            fresh = [
                Entry(first + place + 1, psd_us, after, **asdict(waiting.popleft()))
                for place in range(min(room, len(waiting)))
            ]
            whole = [*self._entries[first - first % FILE_ENTRIES :], *fresh]
            self._storage.replace(name, _plain(whole))
            self._entries += fresh

    def _name(self) -> str:
        return f"trail-{len(self._entries) // FILE_ENTRIES + 1:06d}"


def unexplained(
    entries: Iterable[Entry], records: Iterable[Record], *, since: int = 0
) -> list[Record]:
    """Return the BUDGET records and releases that no entry ordered, in journal order.

    `since`: the record up to which all was explained before. Records before the last enrolment by
    the provider are its to explain. Nothing is to be found unless the folder was put back, cut
    short or made anew by hand.
    """
    known = [*entries]
    begun = max((each.after for each in known if each.act == ENROL), default=0)
    begun = max(begun, since)
    ordered: dict[tuple[str, int, int], deque[int]] = defaultdict(deque)
    for each in known:
        if each.after < begun:
            continue
        if each.act == GRANT:
            ordered["grant", each.subject, each.mills].append(each.after)
        elif each.act in RELEASES:
            ordered["release", each.subject, 0].append(each.after)
    found = []
    for record in records:
        if record.sequence <= begun or (key := _key(record)) is None:
            continue
        waiting = ordered[key]
        if waiting and waiting[0] < record.sequence:
            waiting.popleft()
        else:
            found.append(record)
    return found


def _key(record: Record) -> tuple[str, int, int] | None:
    if record.type == RecordType.BUDGET:
        return "grant", record.department, record.amount
    if record.type == RecordType.TRY and record.reference == Try.RELEASE:
        return "release", record.operator, 0
    return None


def _plain(entries: Sequence[Entry]) -> bytes:
    lines = [json.dumps({"version": _VERSION})]
    lines += [json.dumps(asdict(each)) for each in entries]
    return "\n".join(lines).encode("ascii")


def _read(data: bytes, name: str, first: int) -> list[Entry]:
    try:
        header, *lines = data.decode("ascii").split("\n")
        version = json.loads(header)["version"]
        entries = [Entry(**json.loads(line)) for line in lines]
    except (ValueError, TypeError, KeyError) as error:
        raise TrailBroken(f"{name}: {error!r}") from error
    if version != _VERSION:
        raise TrailBroken(f"{name}: version {version!r} is unknown")
    numbers = [each.number for each in entries]
    if numbers != [*range(first, first + len(numbers))] or not 0 < len(numbers) <= FILE_ENTRIES:
        raise TrailBroken(f"{name} holds entries {numbers[:1]}..., not {first} and on")
    return entries
