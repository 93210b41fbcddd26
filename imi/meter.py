"""The software meter in a local folder: its key, its journal, its link. Specimens only."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from imi.backoffice import BackOffice
from imi.tokenstore import token_store
from imicore.errors import BadKey, KeysZeroised, TokenError
from imicore.keys import SoftwareKeyStore
from imicore.keystore import Folder, KeyStore
from imicore.signature import Check, Verifier
from pipeline.authority import Refused
from pipeline.contact import Contact
from pipeline.disk import RealDisk
from pipeline.errors import MachineError, NoDevice, PsdFault
from pipeline.integrity import MANIFEST, demand_files, own_folders, reseal_files, seal_files
from pipeline.job import Meter
from pipeline.lifecycle import State
from pipeline.orders import no_office
from pipeline.psd import Psd
from pipeline.psdclock import Instant
from pipeline.record import Seal, device_id
from pipeline.selftest import GuardedKey, SelfTestFailed
from pipeline.setup import Setup
from postage.devices import DeviceRecord, Mode, device_key_id
from postage.layouts import OUR_VENDOR
from service.wholefile import write_whole

SEGMENT_RECORDS: Final = 4096  # 2 MiB a copy: small enough to look at, enough to run for hours
SETTINGS: Final = "settings.json"
PUBLIC_KEY: Final = "public.key"
PROVIDER_KEY: Final = "provider.key"


@dataclass(frozen=True, slots=True)
class SoftwareMeter:
    """An open meter and what the world may know of it."""

    psd: Psd
    record: DeviceRecord
    disk: RealDisk
    setup: Setup
    guard: GuardedKey | None  # None: its keys were destroyed
    folder: Path

    def link(
        self,
        office: BackOffice,
        nonces: Callable[[], int],
        admit: Callable[[], Refused | None] | None = None,
    ) -> Contact:
        """Return the meter's line to its provider: the first that it is linked to, for ever."""
        _keep(self.folder / PROVIDER_KEY, office.public_key)
        office.enroll(self.psd.device_id, self.record.public_key)
        clock = self.setup["clock"]
        return Contact(
            self.psd,
            office.exchange,
            self.setup["check_provider"],
            nonces=nonces,
            boottime_us=lambda: clock().boottime_us,
            admit=admit or no_office,
        )


def open_meter(folder: Path, settings: Meter, clock: Callable[[], Instant]) -> SoftwareMeter:
    """Return the meter in `folder`, made on first use, recovered on every later one.

    The vendor id is `TST0` and cannot be configured: a software device prints SPECIMEN. It has no
    real-time clock of its own: a boot learns the time from the provider.

    Raises:
        MachineError: the folder is in use, damaged, or another device's.
        ImiError: its keys are gone.

    A failed self-test is no error here: the meter is in FAULT, and answers its status.
    """
    guard, public_key, setup = prepare(folder, settings, clock)
    disk = RealDisk(folder / "journal")
    try:
        psd = Psd.open(disk, **setup)
    except NoDevice:
        psd = Psd.create(disk, **setup)
    if guard is not None:
        guard.enforce(psd)
    record = DeviceRecord(
        vendor_model=OUR_VENDOR,
        serial=settings.serial,
        profile=settings.profile,
        algorithm="ecdsa-p256-sha256",
        public_key=public_key,
        mode=Mode.SPECIMEN,
        model="software",
        licensing_zip=settings.licensing_zip,
        valid_from=datetime.fromtimestamp(clock().psd_us / 1e6, UTC).date(),
    )
    return SoftwareMeter(psd, record, disk, setup, guard, folder)


def commission_at(meter: SoftwareMeter, contact: Contact) -> None:
    """Take a new meter into service by its provider's signed orders; one in service stays as it is.

    Raises:
        MachineError: the provider was not reached, or ordered nothing of the kind.
    """
    met = contact.meet()
    if meter.psd.state in (State.MANUFACTURED, State.INITIALIZED):
        raise MachineError(f"the meter was not taken into use: {met}")


def prepare(
    folder: Path, settings: Meter, clock: Callable[[], Instant]
) -> tuple[GuardedKey | None, bytes, Setup]:
    """Return key, public key and setup of the meter in `folder`; a new one gets its keys.

    The key has been through its self-tests, or signs nothing; a zeroised meter has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store, key_id = key_store(folder, settings)
    guard, public_key = _key(folder, store, key_id, clock().boottime_us)
    verifier = Verifier()

    def no_key(message: bytes) -> bytes:
        raise KeysZeroised(f"the keys of {key_id} were destroyed")

    _keep(folder / SETTINGS, settings.model_dump_json(indent=1).encode())
    setup: Setup = {
        "vendor_model": OUR_VENDOR,
        "serial": settings.serial,
        "profile": settings.profile,
        "licensing_zip": settings.licensing_zip,
        "zone": ZoneInfo(settings.timezone),
        "journal_key": store.journal_key(key_id),
        "sign": guard.sign if guard else no_key,
        "check": lambda message, signature: (
            verifier.verify(message, signature, public_key) is Check.VALID
        ),
        "check_provider": partial(_is_providers, folder / PROVIDER_KEY, verifier),
        "clock": clock,
        "test_key": guard.tick if guard else lambda boot_us: None,
        "zeroise": store.zeroise,
        "segment_records": SEGMENT_RECORDS,
    }
    return guard, public_key, setup


def key_store(folder: Path, settings: Meter) -> tuple[KeyStore, str]:
    """Return the store of a meter's keys, and the name of its key there.

    Raises:
        MachineError: the key is in a token, and nobody told its PIN.
        TokenError: what the token refuses, and what to do.
    """
    name = device_key_id(OUR_VENDOR, settings.serial)
    if settings.token is not None:
        return token_store(settings.token), name
    return SoftwareKeyStore.at(folder / "keys", folder / "secrets"), name


def office_key(folder: Path) -> bytes:
    """Return the key under which the PINs and files of a meter's office are kept.

    Raises:
        KeysZeroised: it was destroyed with the others.
    """
    settings = settings_of(folder)
    store, key_id = key_store(folder, settings)
    return store.office_key(key_id)


def seal_of(folder: Path) -> Seal:
    """Return what the journal in a meter's folder is sealed with; zeroised or not."""
    settings = settings_of(folder)
    store, key_id = key_store(folder, settings)
    return Seal(store.journal_key(key_id), device_id(OUR_VENDOR, settings.serial))


def _key(
    folder: Path, store: KeyStore, key_id: str, boot_us: int
) -> tuple[GuardedKey | None, bytes]:
    """Return the key behind its self-tests, and the public one, which outlives it.

    A new device's files are sealed as they are now; from then on a change of one is a failed test.
    """
    secrets, public = Folder(folder / "secrets"), folder / PUBLIC_KEY
    try:
        _open_or_create(store, key_id, is_new=not (folder / "journal").exists())
    except KeysZeroised:
        return None, public.read_bytes()
    if not public.exists():  # it comes last: while it is missing, the device is being made
        if secrets.read(MANIFEST) is None:
            seal_files(secrets, store.integrity_key(key_id), own_folders())
        _keep(public, store.open(key_id).public_key)
    public_key = public.read_bytes()
    integrity = partial(demand_files, secrets, store.integrity_key(key_id), own_folders())
    guard = GuardedKey(
        store,
        key_id,
        public_key,
        integrity=integrity,
        boot_us=boot_us,
        clock_ns=time.thread_time_ns,
    )
    return guard, public_key


def _open_or_create(store: KeyStore, key_id: str, *, is_new: bool) -> None:
    """Make the key of a device without a journal, which was never used, unless it is there.

    A kill while the device was made leaves at most its key. That of a used device which does not
    open is its self-test's to report: a cut zeroise leaves such a one, and has to be finished.
    """
    try:
        store.open(key_id)
    except BadKey:
        if is_new:
            store.create(key_id)


def reseal(folder: Path) -> None:
    """Take the program's files as they are for a meter: after an update that was verified."""
    store, key_id = key_store(folder, settings_of(folder))
    reseal_files(Folder(folder / "secrets"), store.integrity_key(key_id), own_folders())


def settings_of(folder: Path) -> Meter:
    """Return the settings that a meter's folder was made with.

    Raises:
        MachineError: the folder holds no meter.
    """
    try:
        return Meter.model_validate_json((folder / SETTINGS).read_bytes())
    except FileNotFoundError as error:
        raise MachineError(f"{folder} holds no meter of `imi run`") from error
    except (OSError, ValueError) as error:
        raise MachineError(f"{folder} holds no meter of `imi run`: {error}") from error


def said_of(error: Exception) -> str:
    """Return what an error says, and what to do where the meter signs nothing any more."""
    match error.__cause__ if isinstance(error, PsdFault) else None:
        case SelfTestFailed() as cause:
            return (
                f"the meter signs nothing: {cause}. After an update that was verified: "
                "`imi meter selftest --reseal`, then `imi meter order INSPECTED`"
            )
        case TokenError() as cause:
            return f"the meter signs nothing: {cause}"
    return str(error)


def _is_providers(key: Path, verifier: Verifier, message: bytes, signature: bytes) -> bool:
    if not key.exists():
        return False
    return verifier.verify(message, signature, key.read_bytes()) is Check.VALID


def _keep(path: Path, data: bytes) -> bytes:
    """Return what a file holds; where there is none it is written first, whole or not at all."""
    if not path.exists():
        write_whole(path, data, mode=0o600)
    return path.read_bytes()
