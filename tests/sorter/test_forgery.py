"""Scenario 19: whatever is not the one form in which a device signed a piece is never VALID."""

import pytest

from imicore.signature import raw_to_der
from imicore.signature_form import ORDERS, Algorithm
from postage.verdicts import Code, Reason
from tests.sorter.mail import METER, Device, facts, verifier

pytestmark = pytest.mark.native
N = ORDERS[Algorithm.P256]


def signature(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_872_single_bit_flips_are_never_valid() -> None:
    payload = METER.indicium()
    assert len(payload) * 8 == 872
    number = int.from_bytes(payload, "big")
    flipped = [(number ^ 1 << bit).to_bytes(len(payload), "big") for bit in range(872)]
    verdicts = verifier().verify_many([(one, facts()) for one in flipped])
    assert len(verdicts) == 872
    assert {one.code for one in verdicts} <= {
        *(Code.COUNTERFEIT, Code.NOT_VERIFIABLE, Code.UNREADABLE),
    }


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (lambda m, r, s: m + signature(0, s), Code.COUNTERFEIT, Reason.R_ZERO),
        (lambda m, r, s: m + signature(r, 0), Code.COUNTERFEIT, Reason.S_ZERO),
        (lambda m, r, s: m + signature(N, s), Code.COUNTERFEIT, Reason.R_OUT_OF_RANGE),
        (lambda m, r, s: m + signature(r, N), Code.COUNTERFEIT, Reason.S_OUT_OF_RANGE),
        (lambda m, r, s: m + signature(r, N - s), Code.NON_CANONICAL, Reason.HIGH_S),
        (lambda m, r, s: m + signature(s, N - s), Code.COUNTERFEIT, Reason.SIGNATURE_MISMATCH),
        (lambda m, r, s: m + signature(r, s)[:63], Code.COUNTERFEIT, Reason.TRUNCATED),
        (lambda m, r, s: m + signature(r, s) + b"\0", Code.NON_CANONICAL, Reason.TRAILING_BYTES),
        (lambda m, r, s: m + signature(s, s) + b"\0", Code.COUNTERFEIT, Reason.PADDED),
        (lambda m, r, s: m[:30], Code.COUNTERFEIT, Reason.TRUNCATED),
        (lambda m, r, s: b"\x70" + m[1:] + signature(r, s), Code.UNREADABLE, None),
        (lambda m, r, s: m[:1], Code.UNREADABLE, None),
    ],
)
def test_each_form_has_its_own_reason(change, code, reason) -> None:  # type: ignore[no-untyped-def]
    payload = METER.indicium()
    message, raw = payload[:-64], payload[-64:]
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if reason is Reason.SIGNATURE_MISMATCH or reason is Reason.PADDED:
        s = min(s, N - s)
    verdict = verifier().verify(change(message, r, s), facts())
    assert verdict.code is code, verdict
    if reason is not None:
        assert reason in {one.reason for one in verdict.reasons}, verdict
    else:
        assert verdict.reasons[0].reason is Reason.NOT_AN_INDICIUM


def test_a_der_signature_is_refused() -> None:
    payload = METER.indicium()
    verdict = verifier().verify(payload[:-64] + raw_to_der(payload[-64:]), facts())
    assert verdict.code is Code.COUNTERFEIT


def test_another_devices_name_on_a_genuine_indicium_is_counterfeit() -> None:
    other = Device(8)
    payload = METER.indicium()
    swapped = payload[:5] + (8).to_bytes(4, "little") + payload[9:]
    sorter = verifier(METER.record(), other.record())
    assert sorter.verify(swapped, facts()).code is Code.COUNTERFEIT


def test_no_reencoding_of_a_paid_piece_is_valid_a_second_time() -> None:
    sorter, payload = verifier(), METER.indicium()
    assert sorter.verify(payload, facts()).code is Code.VALID
    s = int.from_bytes(payload[-32:], "big")
    twins = [
        payload,
        payload[:-32] + (N - s).to_bytes(32, "big"),
        payload + b"\0",
        payload + bytes(10),
        payload + payload,
    ]
    codes = [sorter.verify(twin, facts()).code for twin in twins]
    assert Code.VALID not in codes
    assert codes[0] is Code.DUPLICATE


def test_a_refused_payload_never_enters_the_history() -> None:
    """Otherwise a forger could use up a mailer's counts before he prints them."""
    sorter, payload = verifier(), METER.indicium()
    forged = payload[:-1] + bytes([payload[-1] ^ 1])
    assert sorter.verify(forged, facts()).code is Code.COUNTERFEIT
    assert sorter.verify(payload, facts()).code is Code.VALID
