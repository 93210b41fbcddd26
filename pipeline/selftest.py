"""The meter's tests of itself, and the gate that they hold: no signature unless all of them passed.

At start: integrity of the files, known answers, the random source, the device's key pair; the key
pair again every week. One failure shuts the gate for good, and the device goes into FAULT, where it
answers status and nothing else. The tests and their order follow ISO/IEC 19790:2012, 7.10; nothing
here is validated, nor says that it is.
"""

import contextlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final, Protocol

from imicore.errors import TokenError, TokenUntrusted
from imicore.keystore import DeviceSigner, KeyStore
from imicore.signature import Check, Verifier
from pipeline.errors import MachineError, PsdFault
from pipeline.known_answers import ENGINES, KNOWN_ANSWERS, Engines, KnownAnswer
from pipeline.lifecycle import State

PAIR_TEST_EVERY_US: Final = 7 * 86_400_000_000
_DRAWN_BYTES: Final = 1024
_WINDOW: Final = 512
# SP 800-90B, 4.4, for 8 bits a byte and a false alarm in 2^40, as a device in FAULT is sent away:
# 1 + 40 / 8 equal bytes in a row, or that many of one value in a window.
_LONGEST_RUN: Final = 6
_MOST_OF_ONE: Final = 20


class SelfTestFailed(MachineError):
    """The device failed a test of itself and signs nothing."""


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """How one test went."""

    name: str
    passed: bool
    microseconds: int
    detail: str = ""  # why it failed


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """How all of them went, in the order they ran."""

    results: tuple[SelfTestResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every test passed; no tests, no pass."""
        return bool(self.results) and all(result.passed for result in self.results)

    @property
    def cause(self) -> str:
        """Return the first failure in words, empty if there is none."""
        failed = (f"{each.name}: {each.detail}" for each in self.results if not each.passed)
        return f"self-test {next(failed)}" if not self.passed and self.results else ""

    @property
    def microseconds(self) -> int:
        """Return the time of all tests."""
        return sum(result.microseconds for result in self.results)


class FailingDevice(Protocol):
    """What a failed test is told to: a `Psd`."""

    @property
    def state(self) -> State:
        """What the device does now."""

    def fail(self, cause: str) -> object:
        """Go into FAULT."""


def known_answer_tests(
    engines: Engines = ENGINES, answers: Iterable[KnownAnswer] = KNOWN_ANSWERS
) -> list[tuple[str, Callable[[], None]]]:
    """Return a test for each known answer, and the one of the random source.

    >>> import time
    >>> report = run(known_answer_tests(), time.monotonic_ns)
    >>> report.passed, report.results[0].name, len(report.results)
    (True, 'SHA-256', 8)
    """
    tests = [(answer.name, partial(_demand_answer, answer, engines)) for answer in answers]
    return [*tests, ("random source", partial(demand_random, engines.entropy))]


def run(
    tests: Iterable[tuple[str, Callable[[], None]]], clock_ns: Callable[[], int]
) -> SelfTestReport:
    """Return the report of all tests; one that raises has failed, and the others run too.

    A token that is not there, or not open, is no failed test: that TokenError passes through.
    """
    results = []
    for name, test in tests:
        began = clock_ns()
        detail = ""
        try:
            test()
        except Exception as error:
            if isinstance(error, TokenError) and not isinstance(error, TokenUntrusted):
                raise
            detail = f"{type(error).__name__}: {error}"
        results.append(SelfTestResult(name, not detail, (clock_ns() - began) // 1000, detail))
    return SelfTestReport(tuple(results))


class GuardedKey:
    """The device's key behind its tests; `sign` and `check` are what a `Setup` takes.

    ``public_key`` is the certified one, which the stored key must have. ``integrity`` raises where
    files changed (`pipeline.integrity.demand_files`). ``boot_us`` is CLOCK_BOOTTIME, of which the
    weekly test is reckoned; ``clock_ns`` times the tests.

    >>> import pathlib, tempfile, time
    >>> from imicore.keys import SoftwareKeyStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SoftwareKeyStore.at(pathlib.Path(folder, "keys"), pathlib.Path(folder))
    ...     made = store.create("TST0-00000007").public_key
    ...     key = GuardedKey(
    ...         store, "TST0-00000007", made, integrity=lambda: None, boot_us=0,
    ...         clock_ns=time.monotonic_ns,
    ...     )
    ...     key.report.passed, key.check(b"indicium", key.sign(b"indicium"))
    (True, True)
    """

    def __init__(
        self,
        store: KeyStore,
        key_id: str,
        public_key: bytes,
        *,
        integrity: Callable[[], None],
        boot_us: int,
        clock_ns: Callable[[], int],
        engines: Engines = ENGINES,
        answers: Iterable[KnownAnswer] = KNOWN_ANSWERS,
    ) -> None:
        self.public_key = public_key
        self._store, self._key_id, self._clock_ns = store, key_id, clock_ns
        self._verifier = Verifier(cached_keys=1)
        self._signer: DeviceSigner | None = None
        self.report = run(
            [
                ("integrity of files", integrity),
                *known_answer_tests(engines, answers),
                ("key pair", self._demand_pair),
            ],
            clock_ns,
        )
        self._last_us = boot_us
        if self.report.passed:
            self._signer = store.open(key_id)

    def sign(self, message: bytes) -> bytes:
        """Return the device's signature. SelfTestFailed, and no byte, unless every test passed."""
        if self._signer is None:
            raise SelfTestFailed(self.report.cause)
        return self._signer.sign(message)

    def check(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is the certified key's."""
        return self._verifier.verify(message, signature, self.public_key) is Check.VALID

    def test_pair(self, boot_us: int) -> SelfTestReport:
        """Return how the key pair does now; a failure shuts the gate. TokenError as from `run`."""
        report = run([("key pair", self._demand_pair)], self._clock_ns)
        self._last_us = boot_us
        if not report.passed and self.report.passed:
            self.report = report
            self._signer = None
        return report

    def tick(self, boot_us: int) -> SelfTestReport | None:
        """Test the key pair where a week has gone by since the last time."""
        if self._signer is None or boot_us - self._last_us < PAIR_TEST_EVERY_US:
            return None
        return self.test_pair(boot_us)

    def enforce(self, device: FailingDevice) -> None:
        """Put the device into FAULT where a test failed, once."""
        if self.report.passed or device.state in {State.FAULT, State.TAMPERED}:
            return
        with contextlib.suppress(PsdFault):  # it could not even write that: in FAULT all the same
            device.fail(self.report.cause)

    def _demand_pair(self) -> None:
        signer = self._store.open(self._key_id)
        if not hmac.compare_digest(signer.public_key, self.public_key):
            raise SelfTestFailed("the stored key is not the one that was certified")
        self._store.demand_pair(self._key_id)


def demand_random(entropy: Callable[[int], bytes]) -> None:
    """Raise SelfTestFailed for a source that is stuck, repeats itself or favours one value.

    Finds a source that is broken, as SP 800-90B 4.4 does; no look at its output finds a weak one.
    """
    drawn, again = entropy(_DRAWN_BYTES), entropy(_DRAWN_BYTES)
    if len(drawn) != _DRAWN_BYTES or drawn == again:
        raise SelfTestFailed(f"two draws of {_DRAWN_BYTES} bytes are equal or short")
    run_length = 1
    for before, value in pairwise(drawn):
        run_length = run_length + 1 if value == before else 1
        if run_length >= _LONGEST_RUN:
            raise SelfTestFailed(f"{run_length} bytes of {value:#04x} in a row")
    for start in range(0, _DRAWN_BYTES, _WINDOW):
        value, count = Counter(drawn[start : start + _WINDOW]).most_common(1)[0]
        if count >= _MOST_OF_ONE:
            raise SelfTestFailed(f"{count} of {_WINDOW} bytes are {value:#04x}")


def _demand_answer(answer: KnownAnswer, engines: Engines) -> None:
    found = answer.compute(engines)
    if not hmac.compare_digest(found, answer.expected):
        raise SelfTestFailed(f"not the answer of {answer.source}")
