"""What may be done to bytes that others hand us: parsed, or refused by the one error of its kind.

A target takes any bytes. It raises AssertionError where a promise is broken, and lets through
whatever else should never have been raised.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

from imicore.eckeys import PrivateKey
from imicore.signature import Check, Signer, Verifier
from postage.devices import DeviceRecord, DeviceStatus, Mode, Product
from postage.discrepancy import MAX_PAYLOADS
from postage.envelope import Envelope, open_envelope, pack, seal, unpack
from postage.errors import MessageFormatError, RateEditionError
from postage.facts import PieceFacts
from postage.indicium import Indicium, try_unpack
from postage.indicium import pack as pack_indicium
from postage.layouts import PROFILES
from postage.messages import Discrepancy
from postage.money import Money
from postage.rate_editions import EDITIONS, MANIFEST, Dimensional, read_edition
from postage.rate_published import edition_files, read_published
from postage.rate_tables import read_table
from postage.rates import RateBook
from postage.verdicts import Code
from sorter.authenticity import Examiner
from sorter.errors import RegisterError
from sorter.notices import notices_of
from sorter.policy import MODES, Policy
from sorter.register import Provider, Register
from sorter.trust import Trust
from sorter.verifier import Verifier as SorterVerifier
from tests.oracles.scan_history import ListedScans

DAY = date(2026, 7, 13)
EDITION, TABLE = "2026-07-12", "t.csv"
FIRST_CLASS = (EDITIONS / EDITION / "first-class.csv").read_bytes()
_GROUND = "ground-advantage-commercial"
BY_ZONE = (EDITIONS / f"{EDITION}-{_GROUND}" / f"{_GROUND}.csv").read_bytes()
RULE = Dimensional(1728, 166, "nearest", "S", "fuzz")
KEY = Signer(PrivateKey.from_scalar(1_000_010))


@dataclass(frozen=True)
class Target:
    """Something to be fed, and what to begin with."""

    feed: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def indicium(profile: str, serial: int) -> bytes:
    """Return a genuine indicium of a profile that we write."""
    fields: dict[str, object] = {
        "vendor_model": "TPB1",
        "device_serial": serial,
        "ascending": Money(780),
        "descending": Money(99_220),
        "postage": Money(780),
        "mailing_date": DAY,
        "piece_count": 1,
        "rate_category": 111,
        "weight_tenths_oz": 10,
        "mailer_id": 901_061_457,
        "destination_zip": 94_105,
        "licensing_zip": 94_105,
    }
    settable = PROFILES[profile].settable
    known = {name: value for name, value in fields.items() if name in settable}
    signed = pack_indicium(profile, known)  # type: ignore[arg-type]
    return signed + KEY.sign(signed)


def record(profile: str, serial: int) -> DeviceRecord:
    """Return the record of a device with the one key."""
    return DeviceRecord(
        vendor_model="TPB1",
        serial=serial,
        profile=profile,
        algorithm="ecdsa-p256-sha256",
        public_key=KEY.public_key,
        mode=Mode.PRODUCTION,
        provider="PB",
    )


WRITABLE = ("imi-min/p1", "imi-std/p1")
GENUINE = tuple(indicium(name, serial) for serial, name in enumerate(WRITABLE, start=7))
REGISTER = Register(
    issuer="fuzz",
    number=1,
    issued=DAY,
    expires=DAY,
    providers={},
    devices=tuple(record(name, serial) for serial, name in enumerate(WRITABLE, start=7)),
)
SIGNED_REGISTER = REGISTER.to_bytes(KEY.sign, "fuzz")
STOPPED = replace(
    record("imi-std/p1", 9),
    status=DeviceStatus.SUSPENDED,
    status_since=DAY,
    model="Inline One",
    valid_from=DAY,
    valid_to=DAY,
    licensing_zip="94105",
    product=Product.PC_POSTAGE,
)
FULL_REGISTER = replace(
    REGISTER,
    providers={"PB": Provider("a provider", frozenset(Product))},
    devices=(*REGISTER.devices, STOPPED, replace(STOPPED, serial=10, mode=Mode.REHEARSAL)),
)
SIGNED = (SIGNED_REGISTER, FULL_REGISTER.to_bytes(KEY.sign, "fuzz"))
FACTS = PieceFacts(scanned_us=0, scanned_on=DAY)
BOOK = RateBook.load()
EXAMINER = Examiner()
CHECKER = Verifier()
SCANS = ListedScans()
# Made once: a new verifier reads the decertification calendar, which takes longer than a verdict.
VERIFIERS = {
    mode: SorterVerifier(Trust(REGISTER), SCANS, BOOK, Policy(mode=mode), examiner=EXAMINER)
    for mode in MODES
}


def payload(data: bytes) -> None:
    """No bytes but a device's own are genuine; whatever they are, they have a verdict."""
    for profile in (None, *PROFILES):
        found = try_unpack(data, profile=profile)
        if isinstance(found, Indicium):
            assert data.startswith(found.signed), "signed bytes are the payload's"
    for mode in MODES:
        [examined] = EXAMINER.examine([data], REGISTER, mode)  # type: ignore[arg-type]
        assert examined.is_genuine == (data in GENUINE), examined
        SCANS.told.clear()  # no input knows of another
        verdict = VERIFIERS[mode].verify(data, FACTS)
        assert (verdict.code is Code.VALID) == (data in GENUINE), verdict
        for notice in notices_of(verdict, FACTS):
            assert unpack(pack(notice)) == notice


def register(data: bytes) -> None:
    """Nothing without a good signature is read; what is signed is read in one way or refused."""
    try:
        found = Register.from_bytes(data, _authority)
        assert data in SIGNED, found
    except RegisterError:
        pass
    try:
        signed = Register.from_bytes(data, lambda *_: True)
    except RegisterError:
        return
    again = Register.from_bytes(signed.to_bytes(KEY.sign, "fuzz"), _authority)
    assert again == signed
    assert all(one.vendor_model != "TST0" or one.mode != "production" for one in again.devices)


def _authority(message: bytes, signature: bytes, key_id: str) -> bool:
    key = KEY.public_key if key_id == "fuzz" else None
    return CHECKER.verify(message, signature, key) is Check.VALID


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="fuzz")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def rates(data: bytes) -> None:
    """A table, a manifest, a folder of both and a published file: read, or RateEditionError."""
    with suppress(RateEditionError):
        read_table(data, "table")
    with suppress(RateEditionError):
        found = read_published(data, "fuzz")
        files = edition_files(found, effective=DAY, source=found.title, dimensional=RULE)
        again = read_table(files[f"{found.price_list}.csv"], "table")
        assert [price for ladder in again.values() for price in ladder] == list(found.prices)
    edition = _folder() / EDITION
    edition.mkdir(exist_ok=True)
    for head, table in ((_manifest(data), data), (data, FIRST_CLASS)):
        (edition / MANIFEST).write_bytes(head)
        (edition / TABLE).write_bytes(table)
        try:
            taken = read_edition(edition, allow_unsigned=True)
        except RateEditionError:
            continue
        for ladder in taken.prices.values():
            amounts = [price.amount for price in ladder]
            assert amounts == sorted(amounts), "a price never falls with weight"
            assert all(amounts), "a price is not zero"


def _manifest(table: bytes, more: str = "", end: str = "") -> bytes:
    digest = hashlib.sha256(table).hexdigest()
    head = f'effective = {EDITION}\nsource = "fuzz"\n{more}[files]\n"{TABLE}" = "{digest}"\n'
    return (head + end).encode()


def discrepancy(data: bytes) -> None:
    """Bytes are one message in its one form, or MessageFormatError; so is an envelope."""
    try:
        message = unpack(data)
    except MessageFormatError:
        pass
    else:
        assert pack(message) == data
        if isinstance(message, Discrepancy):
            assert len(message.proof.payloads) <= MAX_PAYLOADS
            assert message.reckoning.adjust <= message.reckoning.deficiency
    for check in (_usps, lambda *_: True):
        try:
            opened = open_envelope(data, check)
        except MessageFormatError:
            continue
        assert Envelope.unpack(data).message == pack(opened)
        assert check is not _usps or data == ENVELOPE, "only what was signed opens"


def _usps(message: bytes, signature: bytes) -> bool:
    return CHECKER.verify(message, signature, KEY.public_key) is Check.VALID


def _notice() -> Discrepancy:
    verifier = SorterVerifier(Trust(REGISTER), ListedScans(), BOOK)
    verdict = verifier.verify(GENUINE[0][:-1] + b"\0", FACTS)
    [notice] = notices_of(verdict, FACTS)
    return notice


NOTICE = _notice()
ENVELOPE = seal(NOTICE, KEY.sign)
_DIMENSIONAL = """[missing]
flat = "nobody says"
[dimensional]
over_cubic_inches = 1728
cubic_inches_per_pound = 166
inches = "nearest"
confidence = "S"
source = "fuzz"
"""
_RETAIL = """First-Class Mail and EDDM - Retail,,,,Final,7/13/2025
LETTERS,,FLATS
1,0.78,1,1.63
2,1.07,2,1.90
LETTERS - Metered
1,0.74
Postcard,0.61
Single-Piece Additional Ounce,,,,,0.29
Nonmachinable Surcharge,,,,,0.49
"""
_PARCELS = """USPS Ground Advantage - Commercial,,Final,,7/12/2026
Weight Not Over (ounces),Zones
,Zone 1,Zone 2
4,6.93,6.94
15.999,6.93,6.95
Weight Not Over (pounds)
1,7.45,7.64
"""
RATES = (  # tables of both forms, manifests that are taken, published files of both forms
    b"\n".join(FIRST_CLASS.splitlines()[:8]),
    b"\n".join(BY_ZONE.splitlines()[:3]),
    _manifest(FIRST_CLASS),
    _manifest(FIRST_CLASS, "until = 2027-01-01\npriority = 1\nversion = 1\n", _DIMENSIONAL),
    _RETAIL.encode(),
    _PARCELS.encode(),
)
_HEADER = json.loads(SIGNED_REGISTER.splitlines()[0])
_BAD_HEADER = json.dumps({**_HEADER, "devices": 10**9}).encode()
TARGETS = {
    "payload": Target(payload, (*GENUINE, GENUINE[0] + b"\0", b"\xff" + bytes(19), b"")),
    "register": Target(register, (*SIGNED, _BAD_HEADER + b"\n{}\n", b"")),
    "rates": Target(rates, (*RATES, b"")),
    "discrepancy": Target(discrepancy, (pack(NOTICE), ENVELOPE, b"IMIM\x01\x21\x02", b"")),
}
