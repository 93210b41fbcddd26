"""An old copy of the whole meter restored, as a user would who wants his money back; R8.

`python -m tests.reliability.rollback --count 20` prints the counts. A meter is copied at some
moment, prints on, meets its provider, and is put back to the copy. In strict mode (no clock that is
trusted) the copy must be refused before its first imprint, even where it is told the time and cut
off from then on, and found out by the contact that it then needs; with a trusted clock it prints
fewer or more pieces than before until the next contact, which must find it out. Found out: the
provider opens an incident and locks the device, and no further piece is printed.

A copy that is put back before any contact is a device like any other: nothing offline can tell.
Those are counted apart and not as detected.
"""

import argparse
import json
import time
from collections.abc import Callable
from random import Random

from pipeline.authority import Reason, Refused
from pipeline.contact import Met
from pipeline.imprint import Evidence
from pipeline.link import Unreachable
from pipeline.psdclock import TimePolicy
from pipeline.state import Outcome
from postage.envelope import open_envelope
from postage.messages import TimeQuery
from postage.money import Money
from tests.pipeline.device import letter
from tests.pipeline.meeting import Meeting
from tests.reliability.findings import Findings
from tests.reliability.remembering import remembering

POLICIES = {"strict": TimePolicy(), "trusted clock": TimePolicy(trusts_rtc=True)}


def print_on(meter: Meeting, count: int) -> None:
    """Print so many pieces."""
    for _ in range(count):
        evidence = meter.psd.imprint(letter())
        assert isinstance(evidence, Evidence), evidence
        meter.psd.confirm(evidence.sequence, Outcome.CONFIRMED)


def told_the_time(meter: Meeting) -> Evidence | Refused:
    """Return what an imprint comes to on a line that lets the time through and nothing else."""

    def cut(question: bytes, deliver: Callable[[bytes], bytes]) -> bytes:
        if not isinstance(open_envelope(question, lambda message, told: True), TimeQuery):
            raise TimeoutError("no answer")
        return deliver(question)

    meter.tamper = cut
    assert isinstance(meter.contact.meet(), Unreachable)
    meter.tamper = None
    return meter.psd.imprint(letter())


def reason(answer: Evidence | Refused) -> Reason | None:
    return answer.reason if isinstance(answer, Refused) else None


def restore_once(seed: int, policy: str, with_contact: bool) -> str:
    """Return what became of one restored copy."""
    rng = Random(seed)
    meter = Meeting(policy=POLICIES[policy])
    assert isinstance(meter.contact.meet(), Met)
    meter.contact.refill(Money(100_000))
    print_on(meter, rng.randint(1, 6))
    if rng.random() < 0.5:
        assert isinstance(meter.contact.meet(), Met)
    copy = meter.disk.fork()
    print_on(meter, rng.randint(1, 6))
    if with_contact:
        assert isinstance(meter.contact.meet(), Met)
    meter.reopen(copy)
    first = meter.psd.imprint(letter())
    if policy == "strict":
        told = told_the_time(meter)
        if [reason(first), reason(told)] != [Reason.TIME_UNKNOWN, Reason.LOCKED_COMM]:
            return f"printed before any contact: {first}, {told}"
    if isinstance(first, Evidence):
        meter.psd.confirm(first.sequence, Outcome.CONFIRMED)
        print_on(meter, rng.randint(0, 9))
    known = len(meter.provider.incidents)
    meter.contact.meet()
    is_known = len(meter.provider.incidents) > known and meter.account.lock is not None
    after = meter.psd.imprint(letter())
    if not is_known:
        return "not detected"
    return f"printed after it was found out: {after}" if isinstance(after, Evidence) else "detected"


def run(first: int, count: int) -> Findings:
    """Return the counts of so many copies in each mode."""
    found = Findings()
    with remembering():
        for seed in range(first, first + count):
            for policy in POLICIES:
                became = restore_once(seed, policy, with_contact=True)
                found.counts["copies restored"] += 1
                found.counts["detected"] += became == "detected"
                if became != "detected":
                    found.blame(f"seed {seed}, {policy}: {became}")
            became = restore_once(seed, "strict", with_contact=False)
            found.counts["no contact since the copy"] += 1
            found.counts["no contact since the copy, detected"] += became == "detected"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="put old copies of a meter back")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    told = parser.parse_args()
    started = time.process_time()
    found = run(told.first, told.count)
    seconds = round(time.process_time() - started, 1)
    print(json.dumps({**found.counts, "cpu_seconds": seconds, "wrong": found.shown}, indent=1))


if __name__ == "__main__":
    main()
