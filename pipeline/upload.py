"""The audit upload: every sealed record, from the provider's high-water mark on, each taken once.

The provider says how far it has the records, by number and digest; the device compares the digest
with its own, so a provider that has another history is found here as a device that has one is
found there. What breaks off anywhere goes on at the exact record.
"""

from collections.abc import Iterator
from itertools import islice

from pipeline.link import Breach, Failure, Link, failed
from pipeline.psd import Psd
from pipeline.record import FIRST_PREVIOUS, RECORD_BYTES, digest
from postage.message_layouts import MAX_RECORDS
from postage.messages import AuditAck, AuditUpload


def upload(psd: Psd, link: Link) -> int | Failure:
    """Return the newest record once the provider has acknowledged all up to it; psd notes it."""
    while True:
        newest = psd.head.sequence
        failure = _send_up_to(newest, psd, link)
        if failure is None:
            failure = psd.acknowledge(newest)
        if failure is not None:
            return failure
        if psd.head.sequence == newest + 1:
            return newest
        # The acknowledgement filled a segment: its checkpoint is news, and the next has room.


def _send_up_to(newest: int, psd: Psd, link: Link) -> Failure | None:
    digests = {0: FIRST_PREVIOUS, newest: psd.head.digest}
    question = _bundle(psd, link, newest + 1, b"")
    mark = sent = -1
    records: Iterator[bytes] = iter(())
    while isinstance(answer := link.ask(question), AuditAck):
        told = answer.sequence
        if told <= newest and told not in digests:
            digests[told] = digest(next(psd.sealed_records(told, told)))
        if digests.get(told) != answer.digest:
            # Ours goes to the provider, which finds the difference too and holds the device.
            last = min(told, newest)
            link.ask(_bundle(psd, link, last, b"".join(psd.sealed_records(last, last))))
            detail = f"record {told} of {newest}, digest {answer.digest.hex()}"
            breach = Breach.OLD_COPY if told > newest else Breach.HISTORY_DIFFERS
            return link.refuse(breach, question, detail)
        if told == newest:
            return None
        if told <= mark:
            detail = f"record {told} is the newest there, after {mark} and an upload"
            return link.refuse(Breach.CONTRADICTION, question, detail)
        if told != sent:  # else the stream stands where the provider does
            records = psd.sealed_records(told + 1, newest)
        batch = b"".join(islice(records, MAX_RECORDS))
        mark, sent = told, told + len(batch) // RECORD_BYTES
        digests[sent] = digest(batch[-RECORD_BYTES:])
        question = _bundle(psd, link, told + 1, batch)
    return failed(answer)


def _bundle(psd: Psd, link: Link, first: int, records: bytes) -> AuditUpload:
    return AuditUpload(
        device=psd.device_id,
        nonce=link.nonce(),
        first=first,
        records=records,
        sequence=psd.head.sequence,
        digest=psd.head.digest,
        registers=psd.registers,
    )
