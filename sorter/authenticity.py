"""Is this payload a device's own word? Found without a price, a scan history or a picture.

Algorithm, key and layout come from the register's record of the device, never from the payload
(domain trap 5). Bytes that are not the one form in which the device wrote them are told apart:
a genuine signature in another form is NON_CANONICAL, everything else COUNTERFEIT.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from imicore.signature import Check, Verifier
from imicore.signature_form import low_s
from postage.devices import SOFTWARE_VENDOR, DeviceRecord, Mode
from postage.errors import Fault, IndiciumFormatError
from postage.fields import PayloadType
from postage.indicium import Indicium, Refusal, claimed_device, try_unpack
from postage.layouts import BY_VERSION, PROFILES
from postage.verdicts import Finding, Reason
from sorter.policy import TrustMode
from sorter.register import Register

SIGNATURE_REASONS: Final = {
    Check.UNKNOWN_KEY: Reason.NO_KEY,
    Check.BAD_KEY: Reason.NO_KEY,
    Check.WRONG_LENGTH: Reason.SIGNATURE_LENGTH,
    Check.DER_FORM: Reason.DER_SIGNATURE,
    Check.R_ZERO: Reason.R_ZERO,
    Check.S_ZERO: Reason.S_ZERO,
    Check.R_OUT_OF_RANGE: Reason.R_OUT_OF_RANGE,
    Check.S_OUT_OF_RANGE: Reason.S_OUT_OF_RANGE,
    Check.MISMATCH: Reason.SIGNATURE_MISMATCH,
}
FORMAT_REASONS: Final = {Fault.TRUNCATED: Reason.TRUNCATED, Fault.PADDED: Reason.PADDED}
SHORTEST: Final = {
    version: min(layout.payload_lengths[0] for layout in layouts)
    for version, layouts in BY_VERSION.items()
}
LONGEST: Final = max(layout.payload_lengths[1] for layout in PROFILES.values())


@dataclass(frozen=True, slots=True)
class Examined:
    """One payload: who claims to have written it, what it says, and what is wrong with it.

    ``is_genuine``: the device in ``record`` signed exactly these bytes. Only such a payload may
    enter the scan history. ``indicium`` is None where the bytes do not parse.
    """

    payload: bytes
    record: DeviceRecord | None
    indicium: Indicium | None
    findings: tuple[Finding, ...]
    is_genuine: bool


class Examiner:
    """Examines payloads against a register. Thread-safe; the GIL is free while keys work."""

    def __init__(self, verifier: Verifier | None = None) -> None:
        self._verifier = verifier or Verifier()

    def examine(
        self,
        payloads: Sequence[bytes],
        register: Register,
        mode: TrustMode,
        *,
        genuine: Sequence[bool] = (),
    ) -> list[Examined]:
        """Return what each payload is; any bytes have an answer, none raises.

        ``genuine`` says of each payload whether an earlier examination by the same register found
        it so; those are not verified again.
        """
        parsed = [_parse(payload, register, mode) for payload in payloads]
        for at, is_genuine in enumerate(genuine):
            if is_genuine:
                parsed[at] = replace(parsed[at], is_genuine=True)
        asked = [
            (at, one.record, one.indicium)
            for at, one in enumerate(parsed)
            if one.record is not None
            and one.indicium is not None
            and one.record.public_key
            and not one.is_genuine
        ]
        checks = self._verifier.verify_batch(
            [indicium.signed for _, _, indicium in asked],
            [indicium.signature for _, _, indicium in asked],
            [record.public_key for _, record, _ in asked],
        )
        for (at, record, indicium), check in zip(asked, checks, strict=True):
            if check is Check.VALID:
                one = parsed[at]
                parsed[at] = Examined(one.payload, record, indicium, one.findings, True)
            else:
                parsed[at] = self._refused(parsed[at], record, indicium, check)
        return [
            self._malformed(one) if one.record is not None and one.indicium is None else one
            for one in parsed
        ]

    def _refused(
        self, one: Examined, record: DeviceRecord, indicium: Indicium, check: Check
    ) -> Examined:
        if check is Check.HIGH_S:
            twin = low_s(indicium.signature)
            genuine = self._verifier.verify(indicium.signed, twin, record.public_key)
            found = Reason.HIGH_S if genuine is Check.VALID else Reason.SIGNATURE_MISMATCH
        else:
            found = SIGNATURE_REASONS[check]
        finding = Finding(found, f"device {record.key_id}")
        return Examined(one.payload, record, indicium, (finding,), False)

    def _malformed(self, one: Examined) -> Examined:
        """Return a payload that does not parse, with NON_CANONICAL if its signature is genuine."""
        assert one.record is not None
        record, [finding] = one.record, one.findings
        signed_length = PROFILES[record.profile].signed_length
        end = signed_length + record.signature_length
        signed, signature = one.payload[:signed_length], one.payload[signed_length:end]
        check = self._verifier.verify(signed, signature, record.public_key or None)
        if check is Check.VALID:
            reason = Reason.TRAILING_BYTES if len(one.payload) > end else Reason.SIGNED_NONSENSE
            finding = Finding(reason, finding.text)
        return Examined(one.payload, record, None, (finding,), False)


def _parse(payload: bytes, register: Register, mode: TrustMode) -> Examined:
    try:
        # A cut payload still names a device; whether it means one, the register tells.
        vendor, serial = claimed_device(payload and payload.ljust(LONGEST, b"\0"))
    except IndiciumFormatError as error:
        finding = Finding(Reason.NOT_AN_INDICIUM, str(error))
        return Examined(payload, None, None, (finding,), False)
    record = register.find(vendor, serial)
    if record is None and len(payload) < SHORTEST[payload[0]]:
        finding = Finding(Reason.NOT_AN_INDICIUM, f"{len(payload)} bytes")
        return Examined(payload, None, None, (finding,), False)
    if record is None:
        found = try_unpack(payload)
        indicium = found if isinstance(found, Indicium) else None
        finding = _without_record(vendor, serial, indicium, register, mode)
        return Examined(payload, None, indicium, (finding,), False)
    found = try_unpack(
        payload, profile=record.profile, signature_length=record.signature_length or None
    )
    if isinstance(found, Refusal):
        reason = FORMAT_REASONS.get(found.kind, Reason.BAD_FIELD)
        return Examined(payload, record, None, (Finding(reason, found.message),), False)
    if not record.public_key:
        missing = Finding(Reason.NO_KEY, f"device {record.key_id} of register {register.name}")
        return Examined(payload, record, found, (missing,), False)
    return Examined(payload, record, found, tuple(_worth(record, found, mode)), False)


def _without_record(
    vendor: str, serial: int, indicium: Indicium | None, register: Register, mode: TrustMode
) -> Finding:
    # Nothing that a software device signs is postage, so no key could change this answer.
    if vendor == SOFTWARE_VENDOR and mode == "production":
        return Finding(Reason.SOFTWARE_DEVICE, f"device {vendor} {serial}")
    if indicium is not None and indicium.payload_type is PayloadType.TEST:
        return Finding(Reason.TEST_IMPRINT, f"device {vendor} {serial}, not in the register")
    return Finding(Reason.UNKNOWN_DEVICE, f"{vendor} {serial} in register {register.name}")


def _worth(record: DeviceRecord, indicium: Indicium, mode: TrustMode) -> Iterator[Finding]:
    """Yield why a genuine indicium would be no postage whatever it shows."""
    if indicium.payload_type is PayloadType.TEST:
        yield Finding(Reason.TEST_IMPRINT, f"device {record.key_id}")
    if record.mode is Mode.SPECIMEN:
        yield Finding(Reason.SPECIMEN_DEVICE, f"device {record.key_id}")
    if record.mode is Mode.REHEARSAL and mode != "rehearsal":
        yield Finding(Reason.REHEARSAL_DEVICE, f"device {record.key_id}")
