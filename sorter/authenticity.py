"""Is this payload a device's own word? Found without a price, a scan history or a picture.

Algorithm, key and layout come from the register's record of the device, never from the payload
(domain trap 5). Bytes that are not the one form in which the device wrote them are told apart:
a genuine signature in another form is NON_CANONICAL, everything else COUNTERFEIT.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from imicore.signature import Check, Verifier
from imicore.signature_form import low_s
from postage.devices import SOFTWARE_VENDOR, DeviceRecord, Mode
from postage.errors import Fault, IndiciumFormatError
from postage.fields import PayloadType
from postage.indicium import Indicium, claimed_device, try_unpack, unpack
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
# Names of our own: Python 3.11 takes 0.1 us to look up a member in its enum, and every piece asks.
_TEST, _PRODUCTION = PayloadType.TEST, Mode.PRODUCTION
_Parsed = tuple[DeviceRecord | None, Indicium | None, tuple[Finding, ...]]
"""Whose word a payload claims to be, what it says, and what is wrong before it is verified."""


class Examined(NamedTuple):
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
        valid = Check.VALID  # looked up once; see _TEST
        checks = [valid if known else None for known in genuine]
        checks += [None] * (len(payloads) - len(checks))
        asked, signed, signatures, keys = [], [], [], []
        for at, (record, indicium, _) in enumerate(parsed):
            if record is None or indicium is None or not record.public_key:
                continue  # nothing to verify, or no key to do it with
            if checks[at] is None:
                asked.append(at)
                signed.append(indicium.signed)
                signatures.append(indicium.signature)
                keys.append(record.public_key)
        answers = self._verifier.verify_batch(signed, signatures, keys)
        for at, check in zip(asked, answers, strict=True):
            checks[at] = check
        return [
            Examined(payload, record, indicium, findings, True)
            if check is valid and indicium is not None
            else self._not_genuine(payload, record, indicium, findings, check)
            for payload, (record, indicium, findings), check in zip(
                payloads, parsed, checks, strict=True
            )
        ]

    def _not_genuine(
        self,
        payload: bytes,
        record: DeviceRecord | None,
        indicium: Indicium | None,
        findings: tuple[Finding, ...],
        check: Check | None,
    ) -> Examined:
        """Return what a payload is; ``check`` is None where no signature was verified."""
        if record is not None and indicium is None:
            findings = (self._malformed(payload, record, *findings),)
        elif record is not None and indicium is not None and check is not None:
            findings = (self._refused(record, indicium, check),)
        return Examined(payload, record, indicium, findings, False)

    def _refused(self, record: DeviceRecord, indicium: Indicium, check: Check) -> Finding:
        if check is Check.HIGH_S:
            twin = low_s(indicium.signature)
            genuine = self._verifier.verify(indicium.signed, twin, record.public_key)
            found = Reason.HIGH_S if genuine is Check.VALID else Reason.SIGNATURE_MISMATCH
        else:
            found = SIGNATURE_REASONS[check]
        return Finding(found, f"device {record.key_id}")

    def _malformed(self, payload: bytes, record: DeviceRecord, finding: Finding) -> Finding:
        """Return why a payload does not parse, as NON_CANONICAL if its signature is genuine."""
        signed_length = PROFILES[record.profile].signed_length
        end = signed_length + record.signature_length
        signed, signature = payload[:signed_length], payload[signed_length:end]
        check = self._verifier.verify(signed, signature, record.public_key or None)
        if check is not Check.VALID:
            return finding
        reason = Reason.TRAILING_BYTES if len(payload) > end else Reason.SIGNED_NONSENSE
        return Finding(reason, finding.text)


def _parse(payload: bytes, register: Register, mode: TrustMode) -> _Parsed:
    """Return what a payload is before its signature is looked at."""
    try:
        vendor, serial = _claimed(payload)
    except IndiciumFormatError as error:
        return None, None, (Finding(Reason.NOT_AN_INDICIUM, str(error)),)
    record = register.find(vendor, serial)
    if record is None:
        indicium, finding = _unlisted(payload, vendor, serial, register, mode)
        return None, indicium, (finding,)
    try:
        indicium = unpack(
            payload, profile=record.profile, signature_length=record.signature_length or None
        )
    except IndiciumFormatError as error:
        reason = FORMAT_REASONS.get(error.kind, Reason.BAD_FIELD)
        return record, None, (Finding(reason, str(error)),)
    if not record.public_key:
        text = f"device {record.key_id} of register {register.name}"
        return record, indicium, (Finding(Reason.NO_KEY, text),)
    return record, indicium, _worth(record, indicium, mode)


def _claimed(payload: bytes) -> tuple[str, int]:
    try:
        return claimed_device(payload)
    except IndiciumFormatError as error:
        if error.kind is not Fault.TRUNCATED:
            raise
    # A cut payload still names a device; whether it means one, the register tells.
    return claimed_device(payload.ljust(LONGEST, b"\0"))


def _unlisted(
    payload: bytes, vendor: str, serial: int, register: Register, mode: TrustMode
) -> tuple[Indicium | None, Finding]:
    """Return what a payload of a device without a record says, and what it is then."""
    if len(payload) < SHORTEST[payload[0]]:
        return None, Finding(Reason.NOT_AN_INDICIUM, f"{len(payload)} bytes")
    found = try_unpack(payload)
    indicium = found if isinstance(found, Indicium) else None
    return indicium, _without_record(vendor, serial, indicium, register, mode)


def _without_record(
    vendor: str, serial: int, indicium: Indicium | None, register: Register, mode: TrustMode
) -> Finding:
    # Nothing that a software device signs is postage, so no key could change this answer.
    if vendor == SOFTWARE_VENDOR and mode == "production":
        return Finding(Reason.SOFTWARE_DEVICE, f"device {vendor} {serial}")
    if indicium is not None and indicium.payload_type is PayloadType.TEST:
        return Finding(Reason.TEST_IMPRINT, f"device {vendor} {serial}, not in the register")
    return Finding(Reason.UNKNOWN_DEVICE, f"{vendor} {serial} in register {register.name}")


def _worth(record: DeviceRecord, indicium: Indicium, mode: TrustMode) -> tuple[Finding, ...]:
    """Return why a genuine indicium would be no postage whatever it shows."""
    if record.mode is _PRODUCTION and indicium.payload_type is not _TEST:
        return ()
    found: tuple[Finding, ...] = ()
    if indicium.payload_type is _TEST:
        found += (Finding(Reason.TEST_IMPRINT, f"device {record.key_id}"),)
    if record.mode is Mode.SPECIMEN:
        found += (Finding(Reason.SPECIMEN_DEVICE, f"device {record.key_id}"),)
    if record.mode is Mode.REHEARSAL and mode != "rehearsal":
        found += (Finding(Reason.REHEARSAL_DEVICE, f"device {record.key_id}"),)
    return found
