"""Questions to the provider and the answers worth believing; everything else is an incident.

An answer is believed when the provider's signature holds over its bytes, it names this device,
this question's nonce and a kind that may answer it, and it came within a minute: who holds an
acknowledgement back for days would have it count from the day that he lets it go.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from pipeline.authority import Refused
from pipeline.state import IncidentKind
from postage.envelope import Check, Sign, open_envelope, seal
from postage.errors import MessageFault, MessageFormatError
from postage.messages import ANSWERS, Denial, Denied, Message

LONGEST_ROUND_TRIP_US: Final = 60_000_000
"""An answer that took longer is refused; the question is asked again (reliability.md 4.7)."""
_REMEMBERED: Final = 256  # questions: enough to tell a late answer from a stranger's
_KEPT: Final = 256  # incidents in memory; the journal has them all, counted


class Breach(Enum):
    """Why an answer is refused."""

    FORGED = "the signature is not the provider's"
    MALFORMED = "the bytes are no message"
    FOREIGN = "the answer is for another device"
    STALE = "the answer is to a question that was not asked here"
    LATE = "the answer is to an earlier question that had none"
    REPEATED = "the answer is to an earlier question that was answered"
    OUT_OF_PLACE = "no answer to this kind of question"
    SLOW = "the round trip took too long"
    TIME_WRONG = "the provider's time lies behind ours"
    CONTRADICTION = "the answer says other than what was asked"
    OLD_COPY = "the provider has records beyond ours"
    HISTORY_DIFFERS = "the provider acknowledges records that are not ours"
    DENIED = "the provider denies what was asked"


@dataclass(frozen=True, slots=True)
class Incident:
    """An answer that was refused and changed nothing; `question` is the kind of message sent.

    `denial` is the provider's reason where that is the breach.
    """

    breach: Breach
    question: str
    detail: str
    denial: Denial | None = None

    @property
    def kind(self) -> IncidentKind:
        """Return what its journal record is about.

        >>> Incident(Breach.DENIED, "AuditUpload", "", Denial.NOT_NEWEST).kind.name
        'RESTORED_FOLDER'
        """
        if self.denial in _COPIES:
            return _COPIES[self.denial]
        return _KINDS.get(self.breach) or IncidentKind[self.breach.name]

    def __str__(self) -> str:
        return f"{self.question}: {self.breach.value}: {self.detail}"


_KINDS: Final = {
    Breach.OLD_COPY: IncidentKind.RESTORED_FOLDER,
    Breach.HISTORY_DIFFERS: IncidentKind.CLONED_FOLDER,
}
_COPIES: Final[Mapping[Denial | None, IncidentKind]] = {
    Denial.NOT_NEWEST: IncidentKind.RESTORED_FOLDER,
    Denial.REGISTERS_BEHIND: IncidentKind.RESTORED_FOLDER,
    Denial.HISTORY_DIFFERS: IncidentKind.CLONED_FOLDER,
}


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer came; whether the provider got the question is unknown, and need not be known."""

    question: str
    detail: str


Failure: TypeAlias = Unreachable | Incident | Refused
"""Why something did not come about: no answer, one not to be believed, or the device's own no."""


class Link:
    """One device's line to its provider.

    exchange: sends an envelope and returns the provider's; raises OSError where none comes.
    sign: the device's; check: tells whether (message, signature) is the provider's.
    nonce: a number below 2**64, never the same twice, that nobody can foretell.
    boottime_us: CLOCK_BOOTTIME, which runs on while the machine sleeps.
    report: is told of every incident; `incidents` keeps the newest 256.
    round_trip_us: how long the last answer took that was believed.

    >>> from postage.messages import TimeAnswer, TimeQuery
    >>> def answer_another(envelope: bytes) -> bytes:
    ...     return seal(TimeAnswer(device=7, nonce=1, server_us=0), lambda message: bytes(64))
    >>> link = Link(7, answer_another, lambda message: bytes(64), lambda m, s: s == bytes(64),
    ...     nonce=lambda: 2, boottime_us=lambda: 0)
    >>> print(link.ask(TimeQuery(device=7, nonce=2)))
    TimeQuery: the answer is to a question that was not asked here: nonce 1, not 2
    """

    def __init__(
        self,
        device: int,
        exchange: Callable[[bytes], bytes],
        sign: Sign,
        check: Check,
        nonce: Callable[[], int],
        boottime_us: Callable[[], int],
        report: Callable[[Incident], None] = lambda incident: None,
    ) -> None:
        self._device = device
        self._exchange = exchange
        self._sign = sign
        self._check = check
        self.nonce = nonce
        self._boottime_us = boottime_us
        self.round_trip_us = 0
        self._report = report
        self._asked: deque[int] = deque(maxlen=_REMEMBERED)
        self._answered: deque[int] = deque(maxlen=_REMEMBERED)
        self.heard = b""  # the envelope of the answer that was believed last
        self._incidents: deque[Incident] = deque(maxlen=_KEPT)

    @property
    def incidents(self) -> list[Incident]:
        """Return the newest incidents, oldest first."""
        return [*self._incidents]

    def ask(self, question: Message) -> Message | Unreachable | Incident:
        """Return the provider's answer, or why there is none to believe."""
        name = type(question).__name__
        self._asked.append(question.nonce)
        begun_us = self._boottime_us()
        try:
            data = self._exchange(seal(question, self._sign))
        except OSError as error:
            return Unreachable(name, str(error))
        took_us = self._boottime_us() - begun_us
        try:
            answer = open_envelope(data, self._check)
        except MessageFormatError as error:
            forged = error.kind is MessageFault.BAD_SIGNATURE
            return self.refuse(Breach.FORGED if forged else Breach.MALFORMED, question, str(error))
        weighed = self._weigh(question, answer)
        if isinstance(weighed, Incident):
            return weighed
        if 0 <= took_us <= LONGEST_ROUND_TRIP_US:
            self.round_trip_us, self.heard = took_us, data
            return weighed
        detail = f"{took_us} us by CLOCK_BOOTTIME; the limit is {LONGEST_ROUND_TRIP_US}"
        return self.refuse(Breach.SLOW, question, detail)

    def refuse(
        self, breach: Breach, question: Message, detail: str, denial: Denial | None = None
    ) -> Incident:
        """Return the incident, reported and kept."""
        incident = Incident(breach, type(question).__name__, detail, denial)
        self._incidents.append(incident)
        self._report(incident)
        return incident

    def contradicts(self, question: Message, answer: Message) -> Incident:
        """Return the incident of an answer that is the provider's and cannot be true."""
        return self.refuse(Breach.CONTRADICTION, question, f"{answer} to {question}")

    def _weigh(self, question: Message, answer: Message) -> Message | Incident:
        if answer.device != self._device:
            return self.refuse(
                Breach.FOREIGN, question, f"device {answer.device:#x}, not {self._device:#x}"
            )
        if answer.nonce != question.nonce:
            return self.refuse(
                self._kind_of_past(answer.nonce),
                question,
                f"nonce {answer.nonce}, not {question.nonce}",
            )
        if not isinstance(answer, ANSWERS[type(question)]):
            return self.refuse(Breach.OUT_OF_PLACE, question, type(answer).__name__)
        self._answered.append(answer.nonce)
        if isinstance(answer, Denied):
            return self.refuse(Breach.DENIED, question, answer.reason.name, answer.reason)
        return answer

    def _kind_of_past(self, nonce: int) -> Breach:
        if nonce in self._answered:
            return Breach.REPEATED
        return Breach.LATE if nonce in self._asked else Breach.STALE


def failed(answer: Message | Failure) -> Failure:
    """Return an answer that is none; any other the link would have refused."""
    assert not isinstance(answer, Message), f"the link let {type(answer).__name__} through"
    return answer
