"""The software meter in a local folder: its key, its journal, its device record. Specimens only."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from imi.world import World
from imicore.keys import SoftwareKeyStore
from imicore.signature import Check, Verifier
from pipeline.disk import RealDisk
from pipeline.errors import NoDevice
from pipeline.job import Meter
from pipeline.psd import Psd
from pipeline.psdclock import Instant, TimePolicy
from pipeline.services import commission
from pipeline.setup import Setup
from postage.devices import DeviceRecord, Mode
from postage.layouts import OUR_VENDOR

SEGMENT_RECORDS = 4096  # 2 MiB a copy: small enough to look at, large enough to run for hours


@dataclass(frozen=True, slots=True)
class SoftwareMeter:
    """An open meter and what the world may know of it."""

    psd: Psd
    record: DeviceRecord
    disk: RealDisk
    setup: Setup


def open_meter(folder: Path, settings: Meter, world: World) -> SoftwareMeter:
    """Return the meter in `folder`, made on first use, recovered on every later one.

    The vendor id is `TST0` and cannot be configured: a software device prints SPECIMEN.

    Raises:
        MachineError: the folder is in use, damaged, or another device's.
    """
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    key_id = f"{OUR_VENDOR}-{settings.serial}"
    store = SoftwareKeyStore(folder / "keys", _pepper(folder / "pepper"))
    # A device without a journal was never used: a kill while it was made leaves at most its key.
    is_new = not (folder / "journal").exists() and not any((folder / "keys").iterdir())
    signer, verifier = store.create(key_id) if is_new else store.open(key_id), Verifier()
    public_key = signer.public_key
    zone = ZoneInfo(settings.timezone)
    setup: Setup = {
        "vendor_model": OUR_VENDOR,
        "serial": settings.serial,
        "profile": settings.profile,
        "licensing_zip": settings.licensing_zip,
        "zone": zone,
        "journal_key": store.journal_key(key_id),
        "sign": signer.sign,
        "check": lambda message, signature: (
            verifier.verify(message, signature, public_key) is Check.VALID
        ),
        "clock": lambda: Instant(world.now_us, world.now_us),
        "time": TimePolicy(trusts_rtc=True),  # the world's clock is nobody's to set
        "segment_records": SEGMENT_RECORDS,
    }
    disk = RealDisk(folder / "journal")
    try:
        psd = Psd.open(disk, **setup)
    except NoDevice:
        psd = Psd.create(disk, **setup)
    commission(psd, public_key, f"software meter {key_id}".encode())
    record = DeviceRecord(
        vendor_model=OUR_VENDOR,
        serial=settings.serial,
        profile=settings.profile,
        algorithm="ecdsa-p256-sha256",
        public_key=public_key,
        mode=Mode.SPECIMEN,
        model="software",
        licensing_zip=settings.licensing_zip,
        valid_from=datetime.fromtimestamp(world.now_us / 1e6, UTC).date(),
    )
    return SoftwareMeter(psd, record, disk, setup)


def _pepper(path: Path) -> bytes:
    """Return the device's own secret. A real device holds it in hardware; here it is a file."""
    if not path.exists():
        new = path.with_suffix(".new")  # renamed when whole, so that a kill leaves none or all
        new.touch(mode=0o600)
        new.write_bytes(os.urandom(32))
        new.replace(path)
    return path.read_bytes()
