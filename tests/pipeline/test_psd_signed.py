"""The device with the product's own keys: P-256, verified by whoever reads the symbol."""

from pathlib import Path

import pytest

from imicore.keys import SoftwareKeyStore
from imicore.signature import Check, Verifier
from pipeline.disk import RealDisk
from pipeline.psd import Psd
from pipeline.state import Outcome
from postage.indicium import unpack
from postage.money import Money
from tests.pipeline.device import imprinted, new_device, setup

pytestmark = pytest.mark.native


def test_signed_imprints_verify_and_survive_a_restart(tmp_path: Path) -> None:
    """Checkpoints are signed too: twenty imprints cross a segment of sixteen records."""
    store = SoftwareKeyStore(tmp_path / "keys", pepper=bytes(range(32)))
    verifier = Verifier()
    signer = store.create("TST0-00000007")

    def check(message: bytes, signature: bytes) -> bool:
        return verifier.verify(message, signature, signer.public_key) is Check.VALID

    device = setup(
        sign=signer.sign,
        check=check,
        journal_key=store.journal_key("TST0-00000007"),
        segment_records=16,
    )
    psd = new_device(RealDisk(tmp_path / "meter"), **device)
    psd.refill(Money(500_000), 1)
    for _ in range(20):
        evidence = imprinted(psd)
        indicium = unpack(evidence.payload, profile="imi-std/p1")
        assert check(indicium.signed, indicium.signature)
        assert not check(indicium.signed[:-1] + b"\x01", indicium.signature)
        psd.confirm(evidence.sequence, Outcome.CONFIRMED)
    psd.close()
    psd = Psd.open(RealDisk(tmp_path / "meter"), **device)
    assert psd.registers.piece_count == 20
    psd.close()
