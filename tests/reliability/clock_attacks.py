"""Seeded attacks on the meter's idea of the time: reliability.md P4, 4.7 and T5.

`python -m tests.reliability.clock_attacks --count 10000` prints the counts. One schedule is a meter
in its user's hands: the real-time clock is set back and forward, the power is taken for days, the
machine sleeps, the line is cut, lets only the time through, or is slow, and pieces are asked for at
72 hours to the microsecond and at midnights, on days when the clocks change too. True time and what
the provider heard are kept outside. An imprint may not come more than 72 hours after the provider
last heard all (strict mode, and with a clock that is out of the user's reach), nor with a date
before the device's floor or, in strict mode, before the true day; and each time that the power was
off with nobody to tell for how long must be told in the journal.

A slow line leaves doubt: half a round trip for each time answer, of a minute at most, and so much
later than 72 hours an imprint may be. Without one the doubt is nothing.
"""

import argparse
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from random import Random
from unittest.mock import patch

from imi.fakeprovider import FakeProvider
from imi.simdisk import SimDisk
from pipeline import device, link, psdclock
from pipeline.contact import Contact, Met
from pipeline.imprint import Evidence
from pipeline.link import LONGEST_ROUND_TRIP_US
from pipeline.psd import Psd
from pipeline.psdclock import HOUR_US, Instant, TimePolicy
from pipeline.record import RecordType
from pipeline.recordwords import words
from pipeline.setup import Setup
from pipeline.state import DAY_US, FLAG_TIME_KNOWN, DeviceState, Outcome
from postage.envelope import open_envelope
from postage.indicium import unpack
from postage.messages import AuditAck, AuditUpload, Message, TimeAnswer
from postage.money import Money
from tests.pipeline.device import letter, new_device, setup
from tests.pipeline.meeting import DEVICE, FUNDS, device_check, provider_check, provider_sign
from tests.reliability.findings import Findings
from tests.reliability.remembering import remembering

LIMIT_US = 72 * HOUR_US
SECOND_US = 1_000_000
STEPS = 24
MOST_ASSUMED = 16  # boots in a row, reliability.md 4.7
ZONE = "America/Los_Angeles"
CHANGES = tuple(  # of the clocks in that zone, domain.md 9a scenario 10 names the first
    int(datetime(*day, tzinfo=UTC).timestamp()) * SECOND_US
    for day in ((2026, 3, 8, 10), (2026, 11, 1, 9))
)
POLICIES = {
    "strict": TimePolicy(),
    "trusted clock": TimePolicy(trusts_rtc=True),
    "grace": TimePolicy(assumed_boots=MOST_ASSUMED),
}
VARIANTS = (
    *("sound", "wall clock", "stops asleep", "no floor", "grace called strict", "any answer"),
    *("held is heard", "boots untold"),
)


@dataclass
class Line:
    """The way to the provider: how it is now, and what got through."""

    rng: Random
    way: str = "open"  # cut, time only, slow, held, upload held
    half_us: int = 0  # of the round trip of the last time answer
    doubt_us: int = 0  # of the moment that the device takes for the last full answer's
    heard_us: int = 0  # true time at which the provider last had every record and could say so

    def delay(self, asked: Message) -> int:
        """Return how long a message takes now, in microseconds."""
        if self.way == "slow":
            return self.rng.randrange(LONGEST_ROUND_TRIP_US // 2 + 1)
        is_upload = isinstance(asked, AuditUpload)
        is_held = self.way == "held" or (self.way == "upload held" and is_upload)
        return self.rng.randrange(80 * HOUR_US) if is_held else 0


@dataclass
class Schedule:
    """One seed's run."""

    seed: int
    tally: Counter[str]
    latest_us: int = -LIMIT_US  # imprint behind 72 hours since the provider heard all
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = rng = Random(self.seed)
        self.mode = rng.choice(("strict", "strict", *POLICIES))
        change = rng.choice(CHANGES)
        self.true_us = change - rng.randrange(6 * DAY_US)
        if rng.random() < 0.3:
            self.true_us = change + rng.randrange(-120, 120) * DAY_US + rng.randrange(DAY_US)
        self.booted_us = self.true_us - rng.randrange(DAY_US)
        self.rtc_ahead_us = self.slept_us = self.off = 0
        self.is_fooled = False  # it started with the real-time clock set wrong
        self.is_ahead = False  # a clock that was believed made the floor later than the truth
        self.line = Line(rng, heard_us=self.true_us)
        self.provider = FakeProvider(provider_sign, device_check, lambda: self.true_us)
        self.provider.enroll(DEVICE, FUNDS)
        self.nonces = count(self.seed + 1)
        self.disk = SimDisk()
        self.charged = 0
        self.psd = new_device(self.disk, **self.setup)
        self.contact = self.new_contact()

    @property
    def setup(self) -> Setup:
        return setup(clock=self.clock, time=POLICIES[self.mode], window=3, pair_check_every=0)

    @property
    def is_in_doubt(self) -> bool:
        """Whether the user reached a clock that the device believes."""
        return self.mode == "grace" or (self.mode == "trusted clock" and self.is_fooled)

    def clock(self) -> Instant:
        return Instant(self.true_us + self.rtc_ahead_us, self.true_us - self.booted_us)

    def new_contact(self) -> Contact:
        return Contact(
            self.psd,
            self.exchange,
            provider_check,
            nonces=self.nonces.__next__,
            boottime_us=lambda: self.clock().boottime_us,
        )

    def exchange(self, question: bytes) -> bytes:
        """Return the provider's answer by the line as it is."""
        line = self.line
        asked = open_envelope(question, lambda message, signature: True)
        if line.way == "cut" or (line.way == "time only" and isinstance(asked, AuditUpload)):
            raise TimeoutError("no answer")
        before_us, after_us = line.delay(asked), line.delay(asked)
        self.true_us += before_us
        answer = self.provider.handle(question)
        handled_us = self.true_us
        self.true_us += after_us
        told = open_envelope(answer, provider_check)
        if before_us + after_us > LONGEST_ROUND_TRIP_US:
            return answer  # too late to be believed
        if isinstance(told, TimeAnswer):
            line.half_us = -(-(before_us + after_us) // 2)
        if (
            isinstance(asked, AuditUpload)
            and isinstance(told, AuditAck)
            and told.sequence == asked.sequence
        ):
            line.heard_us = handled_us
            line.doubt_us = line.half_us + after_us
        return answer

    def run(self) -> None:
        """Do the steps, then meet the provider on an open line and print."""
        steps = (
            *(self.print, self.print, self.wait, self.edge, self.edge, self.midnight, self.sleep),
            *(self.set_clock, self.power_off, self.kill, self.meet, self.meet),
        )
        for _ in range(STEPS):
            self.rng.choice(steps)()
            if self.wrong:
                return
        self.line.way = "open"
        self.contact.meet()
        self.contact.refill(Money(50_000))
        self.true_us += LONGEST_ROUND_TRIP_US  # the floor may be half of that ahead
        if not self.ask(self.true_day) and not self.is_ahead:
            self.wrong.append("refused after a contact")
        self.audit()

    @property
    def true_day(self) -> date:
        return datetime.fromtimestamp(self.true_us / 1e6, self.psd._zone).date()

    def print(self) -> None:
        """Ask for a piece of today, or with a date that another clock would give."""
        day_us = self.true_us + self.rng.choice((0, 0, 0, -DAY_US, DAY_US, self.rtc_ahead_us))
        self.ask(datetime.fromtimestamp(day_us / 1e6, self.psd._zone).date())

    def ask(self, wanted: date) -> bool:
        """Ask for a piece and weigh what comes of it."""
        if self.psd.registers.descending < Money(1_000):
            return False
        floor_us = self.psd._journal.state.floor_us
        answer = self.psd.imprint(letter(1, wanted))
        if not isinstance(answer, Evidence):
            self.tally[f"refused: {answer.reason.name}"] += 1
            return False
        self.tally["imprints"] += 1
        self.tally[f"imprints, {self.mode}"] += 1
        self.charged += 1
        self.psd.confirm(answer.sequence, Outcome.PRINTED)
        printed = unpack(answer.payload, profile="imi-std/p1").mailing_date
        assert printed is not None
        floor_day = datetime.fromtimestamp(floor_us // SECOND_US, self.psd._zone).date()
        if printed < floor_day:
            self.wrong.append(f"a piece of {printed} after {floor_day}")
        if self.is_in_doubt:
            return True
        self.tally["imprints judged by true time"] += 1
        late_us = self.true_us - self.line.heard_us - LIMIT_US
        self.latest_us = max(self.latest_us, late_us)
        self.tally["imprints in the last second"] += -SECOND_US <= late_us <= 0
        if late_us > self.line.doubt_us + self.line.half_us:
            self.wrong.append(f"an imprint {late_us / SECOND_US} s after 72 hours, {self.mode}")
        early = datetime.fromtimestamp((self.true_us - self.line.half_us) / 1e6, self.psd._zone)
        if printed < early.date():
            self.wrong.append(f"a piece of {printed} on {early.date()}, {self.mode}")
        return True

    def wait(self) -> None:
        self.true_us += self.rng.randrange(self.rng.choice((HOUR_US, DAY_US, 3 * DAY_US)))

    def edge(self) -> None:
        """Ask for a piece at 72 hours, a second or a microsecond before or behind."""
        off_us = self.rng.choice((-SECOND_US, -1, 0, 1, SECOND_US))
        due_us = self.line.heard_us + LIMIT_US + off_us
        if due_us > self.true_us:
            self.true_us = due_us
            self.tally["asked at the limit"] += 1
            if not self.ask(self.true_day) and off_us > 0:
                self.tally["refused behind the limit"] += 1

    def midnight(self) -> None:
        """Ask for a piece about midnight, at the licensed location or by Greenwich."""
        local = datetime.fromtimestamp(self.true_us / 1e6, self.rng.choice((self.psd._zone, UTC)))
        seconds = 86_400 - (local.hour * 3600 + local.minute * 60 + local.second)
        self.true_us += seconds * SECOND_US + self.rng.choice((-SECOND_US, 0, SECOND_US))
        self.print()

    def sleep(self) -> None:
        """Let the machine sleep: CLOCK_BOOTTIME runs on, CLOCK_MONOTONIC would not."""
        self.tally["suspended"] += 1
        asleep_us = self.rng.randrange(self.rng.choice((HOUR_US, 4 * DAY_US)))
        self.true_us += asleep_us
        self.slept_us += asleep_us

    def set_clock(self) -> None:
        """Set the real-time clock, back or forward, or right again."""
        days = self.rng.choice((0, -1, -3, -30, -400, 1, 3, 30, 400))
        self.rtc_ahead_us = days * DAY_US + (self.rng.randrange(HOUR_US) if days else 0)
        self.tally[f"clock set {'right' if not days else 'back' if days < 0 else 'forward'}"] += 1

    def power_off(self) -> None:
        """Take the power, perhaps for days, perhaps set the clock meanwhile, and start again."""
        if self.rng.random() < 0.5:
            self.psd.close()
        self.true_us += self.rng.randrange(self.rng.choice((HOUR_US, DAY_US, 10 * DAY_US)))
        self.booted_us, self.slept_us = self.true_us, 0
        if self.rng.random() < 0.5:
            self.set_clock()
            self.tally["started with the clock set"] += 1
        self._start()

    def kill(self) -> None:
        """Kill the process; another starts in the same boot of the machine."""
        self._start()

    def _start(self) -> None:
        self.off += 1
        self.disk = self.disk.fork()
        self.psd = Psd.open(self.disk, **self.setup)
        self.contact = self.new_contact()
        self.is_fooled |= self.rtc_ahead_us != 0
        self.is_ahead |= self.psd.now_us > self.true_us + psdclock.SERVER_SLACK_US
        self.tally["restarts"] += 1

    def meet(self) -> None:
        line = self.line
        ways = ("open", "open", "cut", "time only", "slow", "held", "upload held")
        line.way = self.rng.choice(ways)
        met = self.contact.meet()
        self.tally[f"{line.way}: {type(met).__name__}"] += 1
        if isinstance(met, Met) and self.psd.registers.descending < Money(1_000):
            self.contact.refill(Money(50_000))
        line.way = "cut"

    def audit(self) -> None:
        """Compare the registers, and the journal's account of when the power was off."""
        if self.psd.registers.ascending.mills != self.charged:
            self.wrong.append(f"{self.psd.registers.ascending} after {self.charged} mills")
        boots = [record for record in self.psd.records() if record.type == RecordType.BOOT][1:]
        told = [words(record) for record in boots]
        if len(told) != self.off:
            self.wrong.append(f"{self.off} restarts and {len(told)} told")
        unknown = sum("time not known" in each or "power-off unknown" in each for each in told)
        if self.mode != "trusted clock" and unknown != self.off:
            self.wrong.append(f"{self.off} times off, {unknown} told as unknown, {self.mode}")
        self.tally["unknown time told"] += unknown


@contextlib.contextmanager
def broken(variant: str) -> Iterator[None]:
    """Break the time as the variant says, in the product's own code."""
    beginning = psdclock.beginning

    def wall_clock(state: DeviceState, reading: Instant) -> Instant | None:
        return Instant(max(reading.psd_us, state.floor_us), reading.boottime_us)

    def believed(
        state: DeviceState, reading: Instant, policy: TimePolicy
    ) -> tuple[int, bool, bool]:
        floor, is_known, is_assumed = beginning(state, reading, policy)
        return (reading.psd_us, True, False) if policy.trusts_rtc else (floor, is_known, is_assumed)

    def no_floor(state: DeviceState, reading: Instant) -> Instant | None:
        if state.anchor is None:
            return None
        begun_us = reading.psd_us - reading.boottime_us + state.anchor.boottime_us
        elapsed_us = reading.boottime_us - state.anchor.boottime_us
        return Instant(min(begun_us, state.anchor.psd_us) + elapsed_us, reading.boottime_us)

    def monotonic(schedule: Schedule) -> Instant:
        now = schedule.true_us
        return Instant(now + schedule.rtc_ahead_us, now - schedule.booted_us - schedule.slept_us)

    def acknowledged(self: Psd, server_us: int, doubt_us: int, nonce: int) -> object:
        refused = anchor_time(self, server_us, doubt_us, nonce)
        return refused or self.acknowledge(self.last_sequence)

    anchor_time = Psd.anchor_time
    grace = {**POLICIES, "strict": POLICIES["grace"]}
    patches = {
        "sound": [],
        "wall clock": [patch.object(device, "psd_time", wall_clock)],
        "stops asleep": [patch.object(Schedule, "clock", monotonic)],
        "no floor": [
            patch.object(device, "beginning", believed),
            patch.object(device, "psd_time", no_floor),
        ],
        "grace called strict": [patch.dict(POLICIES, grace)],
        "any answer": [patch.object(Psd, "anchor_time", acknowledged)],
        "held is heard": [patch.object(link, "LONGEST_ROUND_TRIP_US", 1_000 * HOUR_US)],
        "boots untold": [patch.object(device, "FLAG_TIME_ASSUMED", FLAG_TIME_KNOWN)],
    }[variant]
    with contextlib.ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def run(first: int, count: int, progress: bool = False) -> Findings:
    """Return the counts of so many schedules, and what was wrong in them by seed."""
    found, latest_us = Findings(), -LIMIT_US
    with remembering():
        for seed in range(first, first + count):
            schedule = Schedule(seed, found.counts)
            try:
                schedule.run()
            except Exception as error:
                schedule.wrong.append(f"{type(error).__name__}: {error}")
            for wrong in schedule.wrong:
                found.blame(f"seed {seed}: {wrong}")
            latest_us = max(latest_us, schedule.latest_us)
            found.counts["schedules"] += 1
            if progress and (seed - first + 1) % 100 == 0:
                print(f"\r{seed - first + 1}/{count}", end="", file=sys.stderr, flush=True)
    found.figures["latest, s after 72 h"] = latest_us / SECOND_US
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="attack the meter's idea of the time")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--variant", choices=VARIANTS, default="sound")
    told = parser.parse_args()
    started = time.process_time()
    with broken(told.variant):
        found = run(told.first, told.count, progress=True)
    print(file=sys.stderr)
    seconds = round(time.process_time() - started, 1)
    counts = dict(sorted(found.counts.items()))
    print(
        json.dumps(
            {**counts, **found.figures, "cpu_seconds": seconds, "wrong": found.shown}, indent=1
        )
    )


if __name__ == "__main__":
    main()
