"""How a device is taken into use: step by step, each by a signed order of its provider.

The device looks at the provider's signature itself. Whoever brings the order, over the link or on a
stick, can do no more than bring it; and as each step is done once and never back, an old order that
is brought again finds itself done or refused.
"""

from hashlib import sha256
from typing import Final

from pipeline.authority import Reason, Refused
from pipeline.device import Device
from pipeline.lifecycle import Service, State
from pipeline.record import RecordType
from pipeline.state import IncidentKind, Stage
from postage.envelope import Sign, open_envelope, seal
from postage.errors import MessageFault, MessageFormatError
from postage.messages import InitialiseMeter, Message, RegisterMeter

_SERVICES: Final = {
    Stage.INITIALIZED: Service.INITIALISE,
    Stage.REGISTERED: Service.REGISTER,
}


class Enrolment(Device):
    """The first two steps of a device's life (domain.md 2.2)."""

    def take_into_use(self, envelope: bytes) -> Refused | None:
        """Return why the step that the provider's envelope orders was not done, None once it is.

        InitialiseMeter leads from MANUFACTURED to INITIALIZED, bound to the certificate whose
        SHA-256 it names; RegisterMeter into a customer's hands, under the agreement whose bytes it
        brings. Both stand in the record. Registration is a contact: the contact rule counts from
        it. An order that was done before is done.
        """
        try:
            order = open_envelope(envelope, self._check_provider)
        except MessageFormatError as error:
            is_forged = error.kind is MessageFault.BAD_SIGNATURE
            kind = IncidentKind.FORGED if is_forged else IncidentKind.MALFORMED
            return self._disbelieved(kind, str(error))
        if order.device != self.device_id:
            detail = f"an order for device {order.device:#x}, not {self.device_id:#x}"
            return self._disbelieved(IncidentKind.FOREIGN, detail)
        match order:
            case InitialiseMeter(certificate=proof):
                return self._enter(Stage.INITIALIZED, proof)
            case RegisterMeter(agreement=proof):
                return self._enter(Stage.REGISTERED, proof)
        detail = f"{type(order).__name__} takes no device into use"
        return self._disbelieved(IncidentKind.OUT_OF_PLACE, detail)

    def _enter(self, stage: Stage, proof: bytes) -> Refused | None:
        if self._proof_of(stage) == proof:
            return None
        refused = self._refused(_SERVICES[stage], self._now())
        if refused is None:
            self._journal.append(RecordType.LIFE, self._instant(), reference=stage, payload=proof)
        return refused

    def _proof_of(self, stage: Stage) -> bytes | None:
        if self._journal.state.stage < stage:
            return None
        lives = (record for record in self.records() if record.type == RecordType.LIFE)
        return next(record.payload for record in lives if record.reference == stage)

    def _disbelieved(self, kind: IncidentKind, detail: str) -> Refused:
        self.note_incident(kind, f"enrolment: {detail}")
        return Refused(Reason.NOT_THE_PROVIDERS, detail)


def commission(
    device: Enrolment, sign_provider: Sign, certificate: bytes, agreement: bytes
) -> None:
    """Take a device through what is left of its factory and registration, up to READY.

    For factories and tests, which hold the provider's key; in the field the same orders come over
    the link.

    Raises:
        ValueError: a step was refused.
    """
    head = {"device": device.device_id, "nonce": 0, "order": 0}
    fingerprint = sha256(certificate).digest()
    orders: tuple[tuple[State, Message], ...] = (
        (State.MANUFACTURED, InitialiseMeter(**head, certificate=fingerprint)),
        (State.INITIALIZED, RegisterMeter(**head, agreement=agreement)),
    )
    for state, order in orders:
        if device.state is state:
            refused = device.take_into_use(seal(order, sign_provider))
            if refused is not None:
                raise ValueError(f"commissioning: {refused}")
