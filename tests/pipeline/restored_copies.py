"""Old copies of the whole meter put back: what the provider finds at the next contact (R8).

`python -m tests.pipeline.restored_copies --count 500` prints the counts. One trial: a meter works,
its disk is copied, it works on, the copy is put back. Before a contact a strict meter prints
nothing; at the contact the provider must object as soon as it has heard of anything that the copy
does not know, and the copy must come to be suspended. What nobody outside ever heard of cannot be
found: the copy then is the device.
"""

import argparse
import json
import sys
import time
from collections import Counter

from pipeline.contact import Met
from pipeline.imprint import Evidence
from pipeline.lifecycle import State
from pipeline.link import Incident
from tests.pipeline.device import letter
from tests.pipeline.network_schedules import Schedule

MOST_CONTACTS = 12  # until a copy has written as many records as were spoken of


def restore(seed: int, tally: Counter[str]) -> None:
    """Do one trial; AssertionError where an old copy is taken for the device."""
    schedule = Schedule(seed, Counter())
    meeting, rng, network = schedule.meeting, schedule.rng, schedule.network
    network.repetition = network.reordering = network.provider_crashes = 0.0
    network.loss = rng.choice((0.0, 0.3))
    steps = (schedule.refill, schedule.imprint, schedule.meet)
    schedule.meet()
    for _ in range(rng.randint(0, 6)):
        rng.choice(steps)()
    shadow = meeting.account.shadow
    old = meeting.disk.fork()
    copied, heard = meeting.psd.head.sequence, (shadow.newest, shadow.mark)
    for _ in range(rng.randint(0, 6)):
        rng.choice(steps)()
    is_old = max(shadow.newest, shadow.mark) > copied
    assert is_old or heard == (shadow.newest, shadow.mark)
    network.heal()
    meeting.reopen(old)
    psd = meeting.psd
    if not meeting.policy.trusts_rtc:
        today = psd._day(psd._instant())
        assert not isinstance(psd.imprint(letter(1, today)), Evidence), "printed before a contact"
        tally["strict: nothing printed before a contact"] += 1
    for contact in range(1, MOST_CONTACTS + 1):
        result = meeting.contact.meet()
        if not is_old:
            assert isinstance(result, Met), result
            tally["nothing was heard since the copy"] += 1
            return
        assert isinstance(result, Incident), f"an old copy passed: {result}"
        tally["found at the first contact"] += contact == 1
        if meeting.account.lock is not None:
            assert psd.state is State.SUSPENDED
            tally[f"suspended at contact {contact}"] += 1
            return
    raise AssertionError(f"an old copy is not suspended after {MOST_CONTACTS} contacts")


def run(count: int, seed: int = 1) -> Counter[str]:
    """Return the counts of so many trials."""
    tally: Counter[str] = Counter()
    for number in range(count):
        try:
            restore(seed + number, tally)
        except Exception as error:
            error.add_note(f"restored copy of seed {seed + number}")
            raise
        tally["trials"] += 1
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description="old copies of a meter, put back")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    began = time.monotonic()
    tally = run(told.count, told.seed)
    seconds = round(time.monotonic() - began, 1)
    json.dump({**dict(sorted(tally.items())), "seconds": seconds}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
