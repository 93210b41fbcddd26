"""Every state that a refill can reach, with void, audit, a bad network and crashes on both sides.

`python -m tests.oracles.refill_model` prints the number of states, or of a seeded bug the shortest
way to lose money. It is an oracle: it shares no code with the product, it is the protocol of
reliability.md 4.6 written down once more, small enough to be looked at from every side.

The network is the set of messages ever sent. Any of them may arrive at any time, any number of
times or never: that is loss, duplication and reordering at once. What a side holds in memory only
(an answer received and not yet written down, an answer written down and not yet sent) a crash of
that side takes away. Uploads are not messages here: any prefix of the device's records, each of
which was its newest once, may arrive at any time.
"""

import argparse
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

BUGS = {
    "newid": "after a time-out the device asks with a fresh id",
    "nodedup": "the provider posts a request each time it arrives",
    "anyauth": "the device applies any credit, whether it waits for it or not",
    "cancel": "the device forgets a request by itself",
    "halfpost": "the provider posts in one transaction and keeps the answer in another",
    "forgetvoid": "the provider answers a void and keeps no tombstone",
    "forgetdecline": "the provider declines and keeps no answer",
    "oldbytes": "the provider holds a repeated request's ascending register against later uploads",
}
AMOUNTS = (1, 2, 4)  # of requests 1 to 3: every sum of them says which are in it
Event = tuple[str, int]  # ("begin", 1): a record of the device
Word = tuple[str, int]  # ("credit", 1): a message about a request


class State(NamedTuple):
    """Both sides and what lies between them.

    records, pending, next_id: the device's durable side; holding: an answer it has in memory.
    posted, settled, mark: the provider's; owed: an answer it has in memory.
    posted counts how often money was taken for each request.
    """

    records: tuple[Event, ...] = ()
    pending: int = 0
    next_id: int = 1
    holding: Word | None = None
    posted: tuple[int, ...] = (0, 0, 0)
    settled: tuple[str, ...] = ("", "", "")
    mark: int = 0
    owed: Word | None = None
    network: frozenset[Word] = frozenset()
    alarm: str = ""

    def total(self, upto: int | None = None) -> int:
        """Return the control total after so many records."""
        return sum(AMOUNTS[n - 1] for kind, n in self.records[:upto] if kind == "apply")

    def printed(self, upto: int | None = None) -> int:
        """Return the ascending register after so many records."""
        return sum(kind == "print" for kind, _ in self.records[:upto])

    @property
    def paid(self) -> int:
        """Return the money taken from the customer."""
        return sum(times * amount for times, amount in zip(self.posted, AMOUNTS, strict=True))

    @property
    def in_transit(self) -> int:
        """Return what the provider thinks is on its way: credited, its record not uploaded."""
        here = {n for kind, n in self.records[: self.mark] if kind == "apply"}
        return sum(AMOUNTS[n - 1] for n in range(1, 4) if self.posted[n - 1] and n not in here)


Move = tuple[str, State]


def moves(at: State, requests: int, prints: int, bug: str) -> Iterator[Move]:
    """Yield what may happen next, in words, and the state after it."""
    yield from _device(at, requests, prints, bug)
    yield from _provider(at, bug)
    if at.holding:
        yield "device crashes", at._replace(holding=None)
    if at.owed:
        yield "provider crashes", at._replace(owed=None)


def _device(at: State, requests: int, prints: int, bug: str) -> Iterator[Move]:
    if not at.pending and at.next_id <= requests:
        yield f"begin {at.next_id}", _write(at, "begin", at.next_id)
    if at.pending:
        for word in (("request", at.pending), ("void?", at.pending)):
            if word not in at.network:
                yield f"send {word[0]} {at.pending}", _send(at, word)
    if at.printed() < min(prints, at.total()):
        yield "print", _write(at, "print", 0)
    if at.holding is None:
        for kind, about in sorted(at.network):
            if kind in ("credit", "decline", "tombstone") and _heeds(at, (kind, about), bug):
                yield f"device receives {kind} {about}", at._replace(holding=(kind, about))
    else:
        yield _conclude(at, at.holding, bug)
    if bug == "newid" and at.pending and at.next_id <= requests:
        yield f"time-out, begin {at.next_id}", _write(at, "begin", at.next_id)
    if bug == "cancel" and at.pending:
        yield f"cancel {at.pending}", _write(at, "void", at.pending)


def _conclude(at: State, word: Word, bug: str) -> Move:
    """Write down what an answer in memory says, if it still is about what is awaited."""
    (kind, about), after = word, at._replace(holding=None)
    if not _heeds(at, word, bug):
        return f"device drops {kind} {about}", after
    if kind == "credit":
        return f"apply {about}", _write(after, "apply", about)
    return f"end {about}", _write(after, "void", about)


def _heeds(at: State, word: Word, bug: str) -> bool:
    return at.pending == word[1] or (bug == "anyauth" and word[0] == "credit")


def _write(at: State, kind: str, about: int) -> State:
    at = at._replace(records=(*at.records, (kind, about)))
    if kind == "begin":
        return at._replace(pending=about, next_id=about + 1)
    return at if kind == "print" else at._replace(pending=0)


def _provider(at: State, bug: str) -> Iterator[Move]:
    for upto in range(at.mark + 1, len(at.records) + 1):
        yield f"records up to {upto} arrive", _uploaded(at, upto)
    if at.owed:
        kind, about = at.owed
        yield f"send {kind} {about}", _send(at, at.owed)._replace(owed=None)
        return
    for kind, about in sorted(at.network):
        known = at.settled[about - 1] if kind in ("request", "void?") else ""
        if kind == "request" and (not known or (known == "credit" and bug == "nodedup")):
            yield from _decide(at, about, bug)
        elif kind == "void?" and not known:
            kept = at if bug == "forgetvoid" else _settle(at, about, "tombstone")
            yield f"refuse {about} for ever", kept._replace(owed=("tombstone", about))
        elif known and not (kind == "void?" and known == "credit"):
            # A void that comes too late is answered "posted", which the device takes for nothing
            # but a reason to send its request again.
            yield f"repeat {known} {about}", at._replace(owed=(known, about))
    if bug == "halfpost":
        for about in range(1, 4):
            if at.posted[about - 1] and not at.settled[about - 1]:
                kept = _settle(at, about, "credit")
                yield f"keep the answer to {about}", kept._replace(owed=("credit", about))


def _decide(at: State, about: int, bug: str) -> Iterator[Move]:
    """Post, or decline for want of funds."""
    begun = at.records.index(("begin", about))
    # reliability.md 4.6, 3: what the request says of its beginning, against the shadow. A provider
    # that pays twice has no such check either: it would have stopped it.
    is_checked = bug not in ("nodedup", "halfpost")
    is_behind = bug == "oldbytes" and at.printed(begun) < at.printed(at.mark)
    if is_checked and (at.total(begun) != at.paid or is_behind):
        yield f"alarm at request {about}", at._replace(alarm=f"request {about}")
        return
    times = tuple(n + (place == about) for place, n in enumerate(at.posted, 1))
    posted = at._replace(posted=times)
    if bug == "halfpost":
        yield f"post {about}", posted
    else:
        yield f"post {about}", _settle(posted, about, "credit")._replace(owed=("credit", about))
    declined = at if bug == "forgetdecline" else _settle(at, about, "decline")
    yield f"decline {about}", declined._replace(owed=("decline", about))


def _uploaded(at: State, upto: int) -> State:
    """Take records; I11: control totals differ by what is in transit and by nothing else."""
    differs = at.paid - at.total(upto)
    at = at._replace(mark=upto)
    return at if differs in (0, at.in_transit) else at._replace(alarm=f"record {upto}")


def _settle(at: State, about: int, answer: str) -> State:
    known = tuple(answer if place == about else old for place, old in enumerate(at.settled, 1))
    return at._replace(settled=known)


def _send(at: State, word: Word) -> State:
    return at._replace(network=at.network | {word})


def violation(at: State) -> str | None:
    """Return what must never be, None where all is well."""
    applied = [n for kind, n in at.records if kind == "apply"]
    if at.alarm:
        return f"an honest device raised an alarm: {at.alarm}"
    for n, times in enumerate(at.posted, 1):
        if times > 1:
            return f"request {n} was paid {times} times"
        if applied.count(n) > max(times, 0):
            return f"request {n} was applied {applied.count(n)} times and paid {times} times"
        if times and n not in applied and at.pending != n:
            return f"request {n} is paid, and the device no longer waits for it"
    if at.paid - at.total() not in (0, AMOUNTS[at.pending - 1] if at.pending else 0):
        return f"{at.paid} paid, {at.total()} in the control total"
    return None


def is_settled(at: State) -> bool:
    """Return whether both sides agree and wait for nothing."""
    return not at.pending and at.mark == len(at.records) and at.paid == at.total()


class Found(NamedTuple):
    """What a search came to: how many states, and the shortest way to a wrong one."""

    states: int
    trace: list[str]
    violation: str | None
    stuck: int  # states from which no way leads to a settled one


def search(bug: str = "", requests: int = 3, prints: int = 1) -> Found:
    """Visit every reachable state, breadth first; stop at the first that must never be."""
    came_from: dict[State, tuple[State, str] | None] = {State(): None}
    into: dict[State, list[State]] = {}
    queue = deque([State()])
    while queue:
        at = queue.popleft()
        wrong = violation(at)
        if wrong is not None:
            return Found(len(came_from), _trace(came_from, at), wrong, 0)
        for words, after in moves(at, requests, prints, bug):
            into.setdefault(after, []).append(at)
            if after not in came_from:
                came_from[after] = at, words
                queue.append(after)
    reached = {at for at in came_from if is_settled(at)}
    queue = deque(reached)
    while queue:
        for before in into.get(queue.popleft(), ()):
            if before not in reached:
                reached.add(before)
                queue.append(before)
    return Found(len(came_from), [], None, len(came_from) - len(reached))


def _trace(came_from: dict[State, tuple[State, str] | None], at: State) -> list[str]:
    words = []
    while (step := came_from[at]) is not None:
        at, word = step
        words.append(word)
    return words[::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description="look at every state of the refill protocol")
    parser.add_argument("--requests", type=int, default=3)
    parser.add_argument("--prints", type=int, default=1)
    told = parser.parse_args()
    for bug in ("", *BUGS):
        found = search(bug, told.requests, told.prints)
        name = f"{bug} ({BUGS[bug]})" if bug else "the protocol"
        if found.violation is None:
            print(f"{name}: {found.states} states, no violation, {found.stuck} stuck")
        else:
            print(f"{name}: {found.violation}, after {found.states} states")
            print("    " + " > ".join(found.trace))


if __name__ == "__main__":
    main()
