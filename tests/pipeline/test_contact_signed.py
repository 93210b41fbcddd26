"""The link with the product's own keys: P-256 on both sides, each verified by the other."""

from itertools import count
from pathlib import Path

import pytest

from imi.fakeprovider import FakeProvider
from imicore.keys import SoftwareKeyStore
from imicore.signature import Check, Signer, Verifier
from pipeline.contact import Contact, Met
from pipeline.disk import RealDisk
from pipeline.imprint import Refilled
from pipeline.link import Breach, Incident
from pipeline.state import Outcome
from postage.money import Money
from tests.pipeline.device import NOON_US, imprinted, new_device, setup

pytestmark = pytest.mark.native


def test_meter_and_provider_believe_each_other_and_nobody_else(tmp_path: Path) -> None:
    store = SoftwareKeyStore(tmp_path / "keys", pepper=bytes(range(32)))
    verifier = Verifier()
    meter, provider, stranger = (
        store.create(name) for name in ("TST0-00000007", "provider", "stranger")
    )

    def is_valid(message: bytes, signature: bytes, key: bytes) -> bool:
        return verifier.verify(message, signature, key) is Check.VALID

    device = setup(
        sign=meter.sign,
        check=lambda message, signature: is_valid(message, signature, meter.public_key),
        journal_key=store.journal_key("TST0-00000007"),
    )
    psd = new_device(RealDisk(tmp_path / "meter"), **device)
    nonces = count(NOON_US).__next__

    def served_by(key: Signer) -> FakeProvider:
        served = FakeProvider(
            key.sign,
            lambda _, message, signature: is_valid(message, signature, meter.public_key),
            clock=lambda: psd._instant().psd_us,
        )
        served.enroll(psd.device_id, Money(1_000_000))
        return served

    def contact_with(served: FakeProvider) -> Contact:
        return Contact(
            psd,
            served.handle,
            lambda message, signature: is_valid(message, signature, provider.public_key),
            nonces=nonces,
            boottime_us=lambda: device["clock"]().boottime_us,
        )

    honest = served_by(provider)
    assert isinstance(contact_with(honest).refill(Money(500_000)), Refilled)
    for _ in range(3):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    assert isinstance(contact_with(honest).meet(), Met)
    assert honest.accounts[psd.device_id].shadow.state.ascending == 2_340
    refused = contact_with(served_by(stranger)).meet()
    assert isinstance(refused, Incident)
    assert refused.breach is Breach.FORGED
    psd.close()
