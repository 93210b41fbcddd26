"""A refill over the link: asked for in the same bytes until the provider's signed word settles it.

Nothing here gives up on one: money may have moved, and only the provider can say that it has not
(reliability.md 4.6). What the provider said once it says for ever.
"""

from dataclasses import dataclass
from typing import TypeAlias

from pipeline.imprint import Refilled
from pipeline.link import Failure, Link
from pipeline.psd import Psd
from pipeline.record import digest, unpack_record
from postage.messages import (
    DeclineReason,
    Message,
    RefillAck,
    RefillCredit,
    RefillDecline,
    RefillPosted,
    RefillRequest,
    RefillTombstone,
    RefillVoidRequest,
)
from postage.money import Money
from postage.registers import Registers


@dataclass(frozen=True, slots=True)
class Declined:
    """A refill request that the provider ended without money."""

    request_id: int
    reason: DeclineReason


@dataclass(frozen=True, slots=True)
class Voided:
    """A refill request that never was, and never will be, posted."""

    request_id: int


Settled: TypeAlias = Refilled | Declined | Voided
_Question: TypeAlias = RefillRequest | RefillVoidRequest


def settle(psd: Psd, link: Link) -> Settled | Failure:
    """Return what became of the refill under way, asked for as its record says for ever."""
    pending = psd.pending_refill
    assert pending is not None, "a refill is under way"
    [sealed] = psd.sealed_records(pending.sequence, pending.sequence)
    begun = unpack_record(sealed)
    question = RefillRequest(
        device=psd.device_id,
        nonce=pending.nonce,
        request=pending.request_id,
        amount=Money(pending.mills),
        sequence=pending.sequence,
        digest=digest(sealed),
        registers=Registers(
            ascending=Money(begun.ascending),
            descending=Money(begun.descending),
            control_total=Money(begun.control_total),
            piece_count=begun.piece_count,
        ),
    )
    return _conclude(psd, link, question, link.ask(question))


def void(psd: Psd, link: Link) -> Settled | Failure:
    """Return what became of the refill under way once the provider was asked to end it.

    Where money has moved it cannot end: then it is fetched, and the answer is Refilled.

    Raises:
        ValueError: no refill is under way.
    """
    pending = psd.pending_refill
    if pending is None:
        raise ValueError("no refill is under way")
    question = RefillVoidRequest(
        device=psd.device_id,
        nonce=pending.nonce,
        request=pending.request_id,
        amount=Money(pending.mills),
    )
    answer = link.ask(question)
    if isinstance(answer, RefillPosted) and answer.request == pending.request_id:
        return settle(psd, link)
    return _conclude(psd, link, question, answer)


def _conclude(
    psd: Psd, link: Link, question: _Question, answer: Message | Failure
) -> Settled | Failure:
    """Do what the provider's word on the request says."""
    request_id = question.request
    match answer:
        case RefillCredit(request=about) if about == request_id:
            return _credit(psd, link, question, answer)
        case RefillDecline(request=about, reason=reason) if about == request_id:
            return psd.void_refill(request_id) or Declined(request_id, reason)
        case RefillTombstone(request=about) if about == request_id:
            return psd.void_refill(request_id) or Voided(request_id)
        case Message():
            return link.contradicts(question, answer)
    return answer


def _credit(psd: Psd, link: Link, question: _Question, answer: RefillCredit) -> Refilled | Failure:
    total, amount = psd.registers.control_total, question.amount
    if (answer.amount, answer.before, answer.after) != (amount, total, total + amount):
        return link.contradicts(question, answer)
    applied = psd.apply_refill(amount, question.request)
    if isinstance(applied, Refilled):
        _thank(psd, link, question.request)
    return applied


def _thank(psd: Psd, link: Link, request_id: int) -> None:
    """Tell the provider that its credit arrived; should it not hear, the upload says it too."""
    link.ask(
        RefillAck(
            device=psd.device_id,
            nonce=link.nonce(),
            request=request_id,
            sequence=psd.head.sequence,
            digest=psd.head.digest,
            registers=psd.registers,
        )
    )
