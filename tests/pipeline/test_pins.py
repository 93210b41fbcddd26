"""PINs: what is stored proves nothing without the pepper, and no power cut buys a guess."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline import pins as module
from pipeline.authority import Refused
from pipeline.errors import MachineError
from pipeline.pins import (
    MEMORY_KIB,
    PASSES,
    WAIT_US,
    BadPin,
    Pins,
    TryCounter,
    barrier,
    check_pin,
    weakness,
)
from pipeline.psd import Psd
from pipeline.roles import Denial, Denied
from pipeline.state import IncidentKind, Tries, Try
from tests.pipeline.device import NOON_US, TellClock, new_device, setup
from tests.pipeline.people import CHEAP, PEPPER, PIN, WRONG

SALT = bytes(16)


def denial(answer: Denied | None) -> Denial | None:
    return None if answer is None else answer.denial


def test_a_stored_pin_costs_what_reliability_a2_says() -> None:
    """A2: argon2id, m = 19 MiB, t = 2; the string says so and holds its PIN alone."""
    pins = Pins(PEPPER)
    stored = pins.stored(7, PIN, SALT)
    assert stored.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$")
    assert (MEMORY_KIB, PASSES) == (19 * 1024, 2)
    assert pins.holds(7, PIN, stored)
    assert not pins.holds(7, WRONG, stored)


def test_without_the_pepper_no_guess_verifies() -> None:
    """A2: the file alone is worth nothing: all 10,000 guesses fail under any other pepper.

    At the smallest cost, or the search would take nine minutes; the cost plays no part in it.
    """
    stored = CHEAP.stored(7, "2718", SALT)
    guesses = [f"{guess:04d}" for guess in range(10_000)]
    assert [guess for guess in guesses if CHEAP.holds(7, guess, stored)] == ["2718"]
    thief = Pins(bytes(32), memory_kib=8, passes=1)
    assert not any(thief.holds(7, guess, stored) for guess in guesses)


def test_a_stored_pin_serves_one_user_and_one_salt() -> None:
    stored = CHEAP.stored(7, PIN, SALT)
    assert not CHEAP.holds(8, PIN, stored)
    assert stored != CHEAP.stored(7, PIN, bytes([1] * 16))


@pytest.mark.parametrize(
    ("user", "pin", "said"),
    [
        (7, "0000", "one digit repeated"),
        (7, "99999999", "one digit repeated"),
        (7, "1234", "a run of digits"),
        (7, "87654321", "a run of digits"),
        (7, "7890", "a run of digits"),
        (7, "9012", "a run of digits"),
        (4711, "4711", "the user number"),
        (4711, "00004711", "the user number"),
        (4711, "1174", "the user number backwards"),
        (7, "1212", "a group of digits repeated"),
        (7, "471471", "a group of digits repeated"),
        (7, "2580", "a column of the keypad"),
        (7, "123", "4 to 8 digits; this has 3 characters"),
        (7, "123456789", "4 to 8 digits; this has 9 characters"),
        (7, "12a4", "4 to 8 digits"),
        (7, "١٩٨٤", "4 to 8 digits"),
        (7, "4711\n", "4 to 8 digits"),
        (7, "", "this has 0 characters"),
    ],
)
def test_a_weak_pin_is_refused_by_name_and_never_repeated(user: int, pin: str, said: str) -> None:
    with pytest.raises(BadPin, match=said) as refused:
        CHEAP.stored(user, pin, SALT)
    assert pin == "" or pin.isascii() is False or pin not in str(refused.value)


def test_most_pins_are_not_weak() -> None:
    """The rules must leave a choice: under 4 % of four digits, under 0.3 % of six."""
    four = sum(weakness(7, f"{pin:04d}") is not None for pin in range(10_000))
    six = sum(weakness(7, f"{pin:06d}") is not None for pin in range(0, 1_000_000, 41))
    assert 100 < four < 400
    assert 20 < six < 3_000 / 41


@given(st.text(max_size=12))
def test_any_text_is_a_pin_or_named(pin: str) -> None:
    assert (weakness(7, pin) is None) <= (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 8)


def test_a_pepper_or_salt_too_short_is_refused() -> None:
    with pytest.raises(MachineError, match="pepper of 16 bytes; at least 32"):
        Pins(bytes(16))
    with pytest.raises(MachineError, match="salt of 8 bytes; 16 are wanted"):
        CHEAP.stored(7, PIN, bytes(8))
    with pytest.raises(MachineError, match="what is stored of user 7"):
        CHEAP.holds(7, PIN, "$argon2id$nonsense")


class Counted(TryCounter):
    """Tries in memory."""

    def __init__(self) -> None:
        self.tries = Tries(0, 0)
        self.now_us = 0
        self.refuses: Refused | None = None
        self.incidents: list[tuple[IncidentKind, str]] = []

    def note_try(self, user: int, kind: Try) -> Refused | None:
        is_try = kind is Try.ATTEMPT
        self.tries = Tries(self.tries.failures + 1, self.now_us) if is_try else Tries(0, 0)
        return self.refuses

    def tries_of(self, user: int) -> Tries:
        return self.tries

    def note_incident(self, kind: IncidentKind, text: str) -> None:
        self.incidents.append((kind, text))


STORED = CHEAP.stored(7, PIN, SALT)


def test_five_wrong_then_fifteen_minutes_then_five_then_a_supervisor() -> None:
    """design.md, settled; domain.md 9a: five wrong PINs lock for 15 minutes."""
    counter, minute = Counted(), 60_000_000

    def attempt(pin: str) -> Denial | None:
        return denial(check_pin(counter, CHEAP, 7, pin, STORED, counter.now_us))

    assert [attempt(WRONG) for _ in range(5)] == [Denial.WRONG_PIN] * 4 + [Denial.WAIT]
    counter.now_us = 15 * minute - 1
    assert attempt(PIN) is Denial.WAIT, "the right PIN waits too"
    counter.now_us = 15 * minute
    assert [attempt(WRONG) for _ in range(5)] == [Denial.WRONG_PIN] * 4 + [Denial.BLOCKED]
    counter.now_us = 10**15
    assert attempt(PIN) is Denial.BLOCKED, "time alone opens nothing"
    counter.note_try(7, Try.RELEASE)
    assert attempt(PIN) is None
    assert counter.tries == Tries(0, 0)


def test_a_clock_set_back_lengthens_the_wait() -> None:
    assert denial(barrier(7, Tries(5, NOON_US), NOON_US - 10 * WAIT_US)) is Denial.WAIT


def test_tries_left_count_down() -> None:
    counter = Counted()
    said = [str(check_pin(counter, CHEAP, 7, WRONG, STORED, 0)) for _ in range(2)]
    assert said == ["wrong PIN: user 7, 4 tries left", "wrong PIN: user 7, 3 tries left"]
    assert counter.incidents == [(IncidentKind.WRONG_PIN, text) for text in said]


def test_a_device_that_counts_no_try_compares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.authority import Reason

    counter = Counted()
    counter.refuses = Refused(Reason.FAULT, "the disk")
    monkeypatch.setattr(module, "verify_secret", None)  # would raise when called
    assert denial(check_pin(counter, CHEAP, 7, PIN, STORED, 0)) is Denial.DEVICE


# ---- A1: at most ten guesses between good logins, whatever happens to power, process and clock.


class Watched(Pins):
    """Counts wrong comparisons since the last right one."""

    guesses = 0
    most = 0

    def holds(self, user: int, pin: str, stored: str) -> bool:
        is_right = super().holds(user, pin, stored)
        type(self).guesses = 0 if is_right else self.guesses + 1
        type(self).most = max(self.most, self.guesses)
        return is_right


def compare_first(
    counter: TryCounter, pins: Pins, user: int, pin: str, stored: str, now_us: int
) -> Denied | None:
    """Compare, then count: what a power cut at the right moment turns into free guesses."""
    if (held := barrier(user, counter.tries_of(user), now_us)) is not None:
        return held
    if pins.holds(user, pin, stored):
        counter.note_try(user, Try.SUCCESS)
        return None
    counter.note_try(user, Try.ATTEMPT)
    return Denied(Denial.WRONG_PIN, "")


def attack(seed: int, variant: str = "sound") -> tuple[int, Counter[str]]:
    """Return the most guesses that one seed's attacker got between good logins, and what he did."""
    rng, seen = Random(seed), Counter[str]()
    check = compare_first if variant == "compare first" else check_pin
    clock = TellClock(NOON_US)
    setting = setup(clock=clock, segment_records=16, pair_check_every=0)
    disk = SimDisk()
    new_device(disk, **setting).close()
    watched = type("Seeded", (Watched,), {})(PEPPER, memory_kib=8, passes=1)
    for _ in range(12):  # starts of the program
        clock.psd_us = NOON_US + rng.choice((-1, 0, 1, 2)) * rng.randrange(2 * WAIT_US)
        disk.cut_at = disk.operations + rng.randrange(80) if rng.random() < 0.8 else None
        try:
            psd, memory = Psd.open(disk, **setting), Counted()
            for _ in range(rng.randrange(12)):
                if rng.random() < 0.2:
                    clock.psd_us += rng.randrange(WAIT_US)
                pin = PIN if rng.random() < 0.03 else WRONG
                counter = memory if variant == "in memory" else psd
                answer = check(counter, watched, 7, pin, STORED, psd.now_us)
                seen[answer.denial.name if answer else "in"] += 1
            psd.close()
        except PowerCut:
            seen["cuts"] += 1
        is_kill = rng.random() < 0.3
        disk = disk.fork() if is_kill else disk.after_cut(rng, rng.choice(ATOMS))
    return watched.most, seen


def test_no_sequence_of_cuts_and_clocks_buys_an_eleventh_guess() -> None:
    """reliability.md A1, over 100 seeds of 12 starts each; most of the starts end in a cut."""
    results = [attack(seed) for seed in range(100)]
    seen = sum((each for _, each in results), Counter[str]())
    assert max(most for most, _ in results) == 10, "ten are reached, eleven never"
    assert all(seen[name] > 20 for name in ("cuts", "in", "WAIT", "BLOCKED", "WRONG_PIN")), seen


@pytest.mark.parametrize("variant", ["compare first", "in memory"])
def test_the_attack_finds_a_counter_that_comes_too_late(variant: str) -> None:
    """A harness that finds nothing in broken variants would prove nothing."""

    most = 0
    for seed in range(100):
        most = max(most, attack(seed, variant)[0])
        if most > 10:
            break
    assert most > 10
