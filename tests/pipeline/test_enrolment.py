"""A device is taken into use by its provider's signed word and by nothing else."""

from dataclasses import replace

import pytest

from imi.simdisk import SimDisk
from pipeline.authority import Reason, Refused
from pipeline.contact import Contact, Met
from pipeline.lifecycle import Role, State
from pipeline.office import NotEnrolled
from pipeline.psd import Psd
from pipeline.record import RecordType
from pipeline.state import IncidentKind, Stage
from postage.envelope import Sign, seal
from postage.messages import Command, InitialiseMeter, Message, RegisterMeter, TimeAnswer
from tests.pipeline.device import (
    CERTIFICATE,
    initialise,
    provider_check,
    provider_sign,
    register,
    setup,
    sign,
)
from tests.pipeline.meeting import DEVICE, Meeting
from tests.pipeline.people import OTHER_PIN, Premises, logged_in, supervised

ORDER = InitialiseMeter(device=DEVICE, nonce=0, order=1, certificate=CERTIFICATE)


def made(**changes: object) -> Psd:
    return Psd.create(SimDisk(), **setup(**changes))


def test_each_step_is_in_the_journal_with_its_proof() -> None:
    psd = made()
    assert initialise(psd) is None
    assert psd.state is State.INITIALIZED
    assert register(psd, b"agreement 7") is None
    assert psd.state is State.EMPTY
    lives = [record for record in psd.records() if record.type == RecordType.LIFE]
    assert [(each.reference, each.payload) for each in lives] == [
        (Stage.INITIALIZED, CERTIFICATE),
        (Stage.REGISTERED, b"agreement 7"),
    ]


@pytest.mark.parametrize(
    ("order", "key", "kind"),
    [
        (ORDER, sign, IncidentKind.FORGED),  # the device's own key
        (replace(ORDER, device=DEVICE + 1), provider_sign, IncidentKind.FOREIGN),
        (TimeAnswer(device=DEVICE, nonce=0, server_us=1), provider_sign, IncidentKind.OUT_OF_PLACE),
    ],
)
def test_what_is_no_order_of_the_provider_for_this_device(
    order: Message, key: Sign, kind: IncidentKind
) -> None:
    psd = made()
    refuse(psd, seal(order, key), kind)


def test_bytes_that_are_no_message() -> None:
    refuse(made(), b"IMIM", IncidentKind.MALFORMED)


def test_a_device_that_knows_no_provider_is_taken_into_use_by_nobody() -> None:
    settings = setup()
    del settings["check_provider"]
    refuse(Psd.create(SimDisk(), **settings), seal(ORDER, provider_sign), IncidentKind.FORGED)


def refuse(psd: Psd, envelope: bytes, kind: IncidentKind) -> None:
    refused = psd.take_into_use(envelope)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.NOT_THE_PROVIDERS
    assert psd.state is State.MANUFACTURED
    incident = next(psd.records(psd.last_sequence))
    assert (incident.type, incident.reference) == (RecordType.INCIDENT, kind)


def test_an_old_order_brought_again_changes_nothing() -> None:
    """Of this device's life each step is done once, so a replay finds itself done or refused."""
    psd = made()
    initialise(psd)
    register(psd, b"first")
    head = psd.head
    assert register(psd, b"first") is None
    assert psd.head == head
    refused = register(psd, b"second")
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.NOT_IN_THIS_STATE


def test_a_new_meter_is_taken_into_use_over_the_link_in_one_contact() -> None:
    meeting = Meeting(commissioned=False)
    assert meeting.psd.state is State.MANUFACTURED
    meeting.provider.initialise(DEVICE, CERTIFICATE)
    meeting.provider.register(DEVICE, b"agreement")
    met = meeting.contact.meet()
    assert isinstance(met, Met)
    assert [type(order) for order in met.orders] == [InitialiseMeter, RegisterMeter]
    assert meeting.psd.state is State.EMPTY
    assert meeting.account.shadow.state.stage == Stage.REGISTERED


def test_a_supervisor_is_enrolled_anew_in_the_session_of_a_signed_order() -> None:
    """Without it nobody is let in; with it the office's own hook opens the provider's session."""
    premises = Premises()
    office = supervised(premises).office
    with pytest.raises(NotEnrolled, match="the provider alone"):
        office.enrol(2, "Grace", OTHER_PIN, office.provider)
    meeting = Meeting()
    meeting.provider.order(DEVICE, Command.ENROL)
    refused = meeting.contact.meet()  # a contact of a program without an office
    assert isinstance(refused, Met)
    assert refused.refused is not None
    assert "no office" in refused.refused.detail
    contact = Contact(
        meeting.psd,
        meeting.provider.handle,
        provider_check,
        nonces=meeting.nonces.__next__,
        boottime_us=lambda: meeting.clock().boottime_us,
        admit=office.admit,
    )
    met = contact.meet()
    assert isinstance(met, Met)
    assert (len(met.orders), met.refused) == (1, None)
    assert office.provider is not None
    assert office.provider.role is Role.PROVIDER
    office.enrol(2, "Grace", OTHER_PIN, office.provider)
    assert logged_in(office, 2, OTHER_PIN).role is Role.SUPERVISOR
