"""Mail pictures with something wrong, one of each kind, to lie beside those of an honest run.

`imi samples doctored RUN --out FOLDER` writes the pictures, what a sorter would measure of each, a
register of the run's meter and of two devices of its own, and for each picture the verdict that it
must have in a rehearsal. All are SPECIMEN indicia of vendor TST0.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imi import mailpictures
from imi.mailpictures.samples import indicium_imprint
from imi.meter import PUBLIC_KEY, SETTINGS
from imi.runpieces import FACTS, PICTURES, piece_facts
from imicore import datamatrix, frames
from imicore.eckeys import PrivateKey, generate
from imicore.signature import Signer
from imicore.signature_form import ORDERS, Algorithm
from pipeline.errors import MachineError
from postage.devices import DeviceRecord, DeviceStatus, Mode
from postage.factrows import facts_as_row
from postage.fields import Imprint
from postage.indicium import Indicium, pack, try_unpack
from postage.layouts import OUR_VENDOR
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.money import ZERO, Money
from postage.rates import Category, Quote, RateBook
from postage.verdicts import Code
from sorter.register import Register
from sorter.registerfiles import write_authority, write_register

SIZE_IN: Final = (9.5, 4.125)
DPI: Final = 200.0
MARGIN_IN: Final = 0.3  # of belt round the piece, so that its edges are seen
PROFILE: Final = "imi-std/p1"
OWN, STOLEN, UNLISTED = 900_001, 900_002, 900_003
FIRST_NUMBER: Final = 10_000  # seconds after noon: behind every piece of the run
EXPECTED: Final = "expected.jsonl"
REGISTER: Final = "register"
AUTHORITY: Final = "authority.json"
AUTHORITY_ID: Final = "rehearsal authority"
REGISTER_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Case:
    """One piece: what is wrong with it, its verdict, its payload, how it is drawn and measured.

    A piece with ``copy_of`` is that picture on another piece; one without payload has no indicium.
    """

    name: str
    code: Code
    what: str
    payload: bytes = b""
    copy_of: Path | None = None
    symbol: tuple[int, int] | None = None
    shift_in: float = 0.0
    defects: tuple[tuple[str, float], ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def make_doctored(run: Path, out: Path, *, seed: int = 1) -> list[Case]:
    """Write the doctored pieces of a run's day; return what each of them is.

    Raises:
        MachineError: the folder is not that of `imi run`, or it kept no picture.
        OSError: a folder cannot be read or written.
    """
    record, day, honest = _of_run(run)
    forger = _Forger(day)
    cases = [*_cases(forger), _photocopy(honest)]
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    facts, expected = [], []
    for number, case in enumerate(cases, start=1):
        picture = f"doctored-{number:02d}-{case.name}.png"
        if case.copy_of is not None:
            shutil.copyfile(case.copy_of, out / picture)
        else:
            frames.save(out / picture, _frame(case, day, rng))
        measured = piece_facts(forger.piece, picture, FIRST_NUMBER + number, day)
        facts.append(facts_as_row(measured) | case.facts)
        expected.append({"picture": picture, "code": case.code.value, "what": case.what})
    (out / FACTS).write_text("".join(json.dumps(row) + "\n" for row in facts))
    (out / EXPECTED).write_text("".join(json.dumps(row) + "\n" for row in expected))
    _write_register(out, [record, *forger.records()], day)
    return cases


class _Forger:
    """Signs for three devices; everything it signs is dated the run's day."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.signers = {serial: Signer(generate()) for serial in (OWN, STOLEN, UNLISTED)}
        self.piece = Mailpiece.inches(str(SIZE_IN[0]), str(SIZE_IN[1]), "0.02", ounces="0.8")
        quote = RateBook.load().quote(self.piece, day)
        assert isinstance(quote, Quote), quote
        self.price = quote.postage

    def indicium(self, count: int, serial: int = OWN, **changes: Any) -> bytes:
        """Return a signed indicium that pays for the plain letter, with so much changed."""
        fields: dict[str, Any] = {
            "vendor_model": OUR_VENDOR,
            "device_serial": serial,
            "ascending": self.price * count,
            "postage": self.price,
            "mailing_date": self.day,
            "piece_count": count,
            "rate_category": Category.LETTER_METERED,
            "weight_tenths_oz": 8,
        }
        signed = pack(PROFILE, fields | changes)
        return signed + self.signers[serial].sign(signed)

    def records(self) -> list[DeviceRecord]:
        """Return what the register says of the two devices that it lists."""
        return [
            DeviceRecord(
                vendor_model=OUR_VENDOR,
                serial=serial,
                profile=PROFILE,
                algorithm="ecdsa-p256-sha256",
                public_key=self.signers[serial].public_key,
                mode=Mode.REHEARSAL,
                status=DeviceStatus.STOLEN if serial == STOLEN else DeviceStatus.ACTIVE,
                model="software",
            )
            for serial in (OWN, STOLEN)
        ]


def _cases(forger: _Forger) -> Iterator[Case]:
    sign, day = forger.indicium, forger.day
    yield Case("honest", Code.VALID, "nothing is wrong", sign(1))
    heavy = {"weight_milliounces": 2_000}
    yield Case("overweight", Code.SHORTPAID, "weighs 2 oz, pays for 1", sign(2), facts=heavy)
    yield Case("overpaid", Code.OVERPAID, "pays $0.29 too much",
               sign(3, postage=forger.price + Money(290)))  # fmt: skip
    yield Case("zero", Code.UNPAID, "shows $0.00", sign(4, postage=ZERO))
    wrong = sign(5)[:-64] + sign(6)[-64:]
    yield Case("wrong-signature", Code.COUNTERFEIT, "the signature of another piece", wrong)
    genuine = sign(7)
    s = int.from_bytes(genuine[-32:], "big")
    twin = genuine[:-32] + (ORDERS[Algorithm.P256] - s).to_bytes(32, "big")
    yield Case("twin", Code.NON_CANONICAL, "the signature's other form, n - s", twin)
    yield Case("large-symbol", Code.NON_CANONICAL, "a genuine payload in a larger symbol",
               sign(8), symbol=(44, 44))  # fmt: skip
    yield Case("clone", Code.CLONE, "the first piece's count with another amount",
               sign(1, postage=forger.price + Money(10)))  # fmt: skip
    yield Case("stolen", Code.DECERTIFIED, "a stolen device", sign(1, STOLEN))
    ended = b"\x05\x01" + bytes(4) + b"TST1" + bytes(79)
    yield Case("expired-model", Code.DECERTIFIED, "an IBI, not valid since 2025-07-01", ended)
    yield Case("unlisted", Code.NOT_VERIFIABLE,
               "a device that no register lists", sign(1, UNLISTED))  # fmt: skip
    yield Case("old-date", Code.STALE, "dated three weeks ago",
               sign(9, mailing_date=day - timedelta(days=21)))  # fmt: skip
    redate = sign(1, postage=ZERO, rate_category=Imprint.REDATE)
    yield Case("redate-alone", Code.UNPAID, "a redate imprint and nothing to redate", redate)
    test = sign(1, postage=ZERO, rate_category=Imprint.TEST)
    yield Case("test", Code.SPECIMEN, "a test imprint", test)
    periodical = {"mail_class": MailClass.PERIODICALS.value}
    yield Case("periodical", Code.UNPAID, "a class that no indicium pays for", sign(10),
               facts=periodical)  # fmt: skip
    yield Case("misplaced", Code.MISPLACED, "0.1 in from the right edge", sign(11), shift_in=0.15)
    pale = (("contrast", 28.0),)
    yield Case("pale", Code.POOR_PRINT, "printed too faintly", sign(12), defects=pale)
    yield Case("bare", Code.UNREADABLE, "no indicium at all")


def _photocopy(honest: Path) -> Case:
    return Case("photocopy", Code.DUPLICATE, f"{honest.name} on another piece", copy_of=honest)


def _frame(case: Case, day: date, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the camera's picture of a case, belt all round."""
    camera = mailpictures.CameraModel(
        dpi=DPI,
        frame_size=(round((SIZE_IN[0] + MARGIN_IN) * DPI), round((SIZE_IN[1] + MARGIN_IN) * DPI)),
    )
    envelope = mailpictures.Envelope(size_in=SIZE_IN)
    if not case.payload:
        paper = mailpictures.draw(envelope, image_dpi=DPI, rng=rng)
        return mailpictures.photograph(paper, camera, rng, image_dpi=DPI).frame
    symbol = datamatrix.encode(case.payload, size=case.symbol, encodation="base256")
    told = try_unpack(case.payload)
    amount = str(told.postage) if isinstance(told, Indicium) else "$0.78"
    lines = ["US POSTAGE", amount, day.strftime("%m/%d/%Y"), "FIRST-CLASS MAIL"]
    imprint, (x_in, y_in) = indicium_imprint(symbol.modules, lines, SIZE_IN)
    made = mailpictures.mail_picture(
        imprint,
        rng=rng,
        envelope=envelope,
        camera=camera,
        defects=case.defects,
        at_in=(x_in + case.shift_in, y_in),
        image_dpi=DPI,
    )
    return made.frame


def _of_run(run: Path) -> tuple[DeviceRecord, date, Path]:
    """Return the record of a run's meter, its mailing date, and one picture of a printed piece."""
    try:
        settings = json.loads((run / "meter" / SETTINGS).read_text(encoding="utf-8"))
        key = (run / "meter" / PUBLIC_KEY).read_bytes()
        [first, *_] = (run / PICTURES / FACTS).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as error:
        raise MachineError(f"{run} is no folder of `imi run` with pictures: {error}") from None
    row = json.loads(first)
    record = DeviceRecord(
        vendor_model=OUR_VENDOR,
        serial=settings["serial"],
        profile=settings["profile"],
        algorithm="ecdsa-p256-sha256",
        public_key=key,
        mode=Mode.REHEARSAL,
        model="software",
    )
    return record, date.fromisoformat(row["scanned_on"]), run / PICTURES / row["image_id"]


def _write_register(out: Path, records: list[DeviceRecord], day: date) -> None:
    key: PrivateKey = generate()
    authority = Signer(key)
    register = Register(
        issuer="rehearsal",
        number=1,
        issued=day,
        expires=day + timedelta(days=REGISTER_DAYS),
        providers={},
        devices=tuple(records),
    )
    write_register(out / REGISTER, register, authority.sign, AUTHORITY_ID)
    write_authority(out / AUTHORITY, {AUTHORITY_ID: authority.public_key})
