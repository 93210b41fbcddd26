"""The logs of two sites as one: a union of rows, of which the earliest first scan is the first.

Rows are never changed and never lost, so it does not matter which site's rows arrive when, how
often, or by which way round. What a piece was told stays what it was told; where the united log
says otherwise, that is a correction.
"""

from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass

from sorter.imprints import Key, accuses, judged, order_of
from sorter.scanlog import Told, Transaction
from sorter.scans import Answer, Scan


@dataclass(frozen=True, slots=True)
class Correction:
    """A piece whose lane would be told otherwise today; ``first`` is the first scan as now known.

    ``answer`` accuses where the answer then did not: a copy of what another site had seen. It does
    not where the answer then did: the first scan is now known to be of this very piece.
    """

    told: Told
    answer: Answer
    first: Scan


@dataclass(slots=True)
class Changes:
    """What a log lacks of a union: new first scans, firsts in the place of others, later scans."""

    firsts: list[Told]
    replaced: list[Told]
    laters: list[Told]
    corrections: list[Correction]
    clones: list[tuple[Scan, Scan]]
    """First scan and the earliest of other content, of each imprint that has two contents now."""


def first_of(rows: Iterable[Told]) -> Told:
    """Return the first scan of an imprint: the earliest, by time, site and lane, of those so told.

    Where none was (its site's rows are still on their way), the earliest of all stands in.
    """
    return min(rows, key=lambda told: (told.answered is not Answer.FIRST, order_of(told.scan)))


def corrections_of(first: Told, rows: Iterable[Told]) -> Iterator[Correction]:
    """Yield those rows beside their first that were told something else than they are now."""
    for told in rows:
        if told != first:
            now = judged(told.scan, first.scan)
            if _counts_as(now) is not _counts_as(told.answered):
                yield Correction(told, now, first.scan)


def united(log: Transaction, arriving: Collection[Told], known: Set[Key]) -> Changes:
    """Return what a log lacks of these rows; ``known`` are the keys that it may have rows of."""
    groups: dict[Key, list[Told]] = {}
    for told in arriving:
        groups.setdefault(told.key, []).append(told)
    firsts = log.firsts(sorted(known & groups.keys()), for_update=True)
    changes = Changes([], [], [], [], [])
    rest: dict[Key, list[Told]] = {}  # the few that take more than a look
    for key, group in groups.items():
        if key not in firsts and len(group) == 1:
            changes.firsts += group
        elif key not in firsts or any(told != firsts[key] for told in group):
            rest[key] = group
    laters = log.laters(sorted(rest.keys() & firsts.keys()))
    for key, group in rest.items():
        here = {firsts[key], *laters.get(key, ())} if key in firsts else set()
        union = here | set(group)
        first = first_of(union)
        if key not in firsts:
            changes.firsts.append(first)
        elif first != firsts[key]:
            changes.replaced.append(first)
            here.remove(firsts[key])  # it is later now
        changes.laters += union - here - {first}
        others = [told.scan for told in union if told.scan.digest != first.scan.digest]
        if others:
            changes.clones.append((first.scan, min(others, key=order_of)))
        before = set(corrections_of(firsts[key], here)) if key in firsts else set()
        found = corrections_of(first, sorted(union, key=_order))
        changes.corrections += [one for one in found if one not in before]
    return changes


def _counts_as(answer: Answer) -> Answer | None:
    return answer if accuses(answer) else None


def _order(told: Told) -> tuple[object, ...]:
    return (*order_of(told.scan), told.answered.name)
