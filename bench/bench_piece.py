"""One mailpiece with all duties, natively and with Python libraries.

Deterministic signature, own check, Data Matrix, imprint, printer file, hash chain, HMAC, durable
record. Ours: the meter on a real folder, three syncs. Theirs: cryptography, zxing-cpp, Pillow (G4
TIFF is its printer file) and SQLite (WAL, FULL).
"""

import hashlib
import hmac
import io
import itertools
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.compare import Comparison, Contender, compare
from imicore import keys, signature, writers
from imicore.datamatrix import encode
from imicore.raster import Line, Mark, Rasterizer
from pipeline.composer import Composer
from pipeline.disk import RealDisk
from pipeline.enrolment import commission
from pipeline.imprint import Evidence, ImprintRequest
from pipeline.psd import Psd
from pipeline.psdclock import Instant, TimePolicy
from pipeline.state import Outcome
from postage.devices import Mode
from postage.indicium import unpack
from postage.money import Money
from postage.shapes import Shape

DAY = date(2026, 7, 13)
NOON_US = 1_783_958_400 * 1_000_000
REQUEST = ImprintRequest(
    postage=Money(780), mailing_date=DAY, rate_category=111, weight_tenths_oz=10, department=1
)
MESSAGE = bytes(45)
MEMORY = Path("/dev/shm")


def ours(folder: Path) -> tuple[Callable[[], tuple[Evidence, bytes]], signature.Signer]:
    """Return one piece's work on a meter in `folder`, and the meter's signer."""
    signer, verifier = signature.Signer(keys.generate()), signature.Verifier()
    public_key = signer.public_key
    verifier.warm(public_key)

    def check(message: bytes, made: bytes) -> bool:
        return verifier.verify(message, made, public_key) == 0

    psd = Psd.create(
        RealDisk(folder),
        vendor_model="TST0",
        serial=1,
        profile="imi-std/p1",
        licensing_zip="06484",
        zone=ZoneInfo("America/New_York"),
        journal_key=bytes(32),
        sign=signer.sign,
        check=check,
        check_provider=check,
        clock=lambda: Instant(NOON_US, NOON_US),
        time=TimePolicy(trusts_rtc=True),
    )
    commission(psd, signer.sign, public_key, b"bench")  # its own provider, for the bench
    psd.refill(Money(90_000_000), 1)
    composer = Composer(
        dots_per_inch=600, ink_gain_dots=0, fim=True, licensing_zip="06484", mode=Mode.SPECIMEN
    )

    def piece() -> tuple[Evidence, bytes]:
        evidence = psd.imprint(REQUEST)
        assert isinstance(evidence, Evidence)
        _, raster = composer.compose(evidence.payload, profile="imi-std/p1", shape=Shape.LETTER)
        stream = writers.pwg(raster)
        psd.confirm(evidence.sequence, Outcome.CONFIRMED)
        return evidence, stream

    return piece, signer


def bare(folder: Path) -> Callable[[], int]:
    """Return the floor: the native calls and three synced writes, without a meter round them.

    No registers, no rules, no record, no state: what is left when all product code costs nothing.
    """
    signer, verifier = signature.Signer(keys.generate()), signature.Verifier()
    public_key = signer.public_key
    verifier.warm(public_key)
    files = []
    for name in ("a", "b", "head"):
        file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        os.write(file, bytes(1 << 20))
        os.fsync(file)
        files.append(file)
    record, places = bytes(512), itertools.cycle(range(0, 1 << 20, 512))
    rasterizer = Rasterizer(600, fim="D")
    lines = [Line(f"LINE {number}", fixed=number != 1) for number in range(6)]

    def piece() -> int:
        place = next(places)
        made = signer.sign(MESSAGE)
        check = verifier.verify(MESSAGE, made, public_key)
        hashlib.sha256(record).digest()
        hmac.digest(made, record, "sha256")
        for file in files:
            os.pwrite(file, record, place)
            os.fdatasync(file)
        symbol = encode(MESSAGE + made, encodation="base256")
        writers.pwg(rasterizer.compose(symbol, lines=lines, mark=Mark()))
        return check

    return piece


def libraries(folder: Path) -> Callable[[], tuple[bytes, bytes]]:
    """Return the same duties with the libraries a Python program would take."""
    import zxingcpp
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from PIL import Image, ImageDraw, ImageFont

    key = ec.generate_private_key(ec.SECP256R1())
    public, algorithm = key.public_key(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    fonts = Path(writers.__file__).parent / "fonts"
    large = ImageFont.truetype(str(fonts / "DejaVuSans-Bold.ttf"), 56)
    small = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), 38)
    store = sqlite3.connect(folder / "meter.sqlite", isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE register (ar INTEGER, dr INTEGER, count INTEGER)")
    store.execute("CREATE TABLE piece (payload BLOB, previous BLOB, mac BLOB)")
    store.execute("INSERT INTO register VALUES (0, 90000000, 0)")
    previous, counter = bytes(32), itertools.count()

    def piece() -> tuple[bytes, bytes]:
        nonlocal previous
        message = next(counter).to_bytes(45, "little")
        made = key.sign(message, algorithm)
        public.verify(made, message, algorithm)
        r, s = utils.decode_dss_signature(made)
        payload = message + r.to_bytes(32, "big") + s.to_bytes(32, "big")
        symbol = zxingcpp.create_barcode(
            payload, zxingcpp.BarcodeFormat.DataMatrix, force_square=True
        )
        modules = Image.fromarray(symbol.to_image(scale=10, add_quiet_zones=False))
        picture = Image.new("1", (1369, 570), 1)
        picture.paste(modules, (900, 60))
        draw = ImageDraw.Draw(picture)
        for row, (text, font) in enumerate(
            [("US POSTAGE", large), ("$0.78", large), ("FIRST-CLASS MAIL", small),
             ("JUL 13 2026", small), ("ZIP 06484", small), ("TST0 0000001", small)]
        ):  # fmt: skip
            draw.text((400, 60 + 70 * row), text, font=font, fill=0)
        for bar in (0, 1, 2, 4, 6, 7, 8):
            draw.rectangle((38 * bar, 0, 38 * bar + 18, 374), fill=0)
        file = io.BytesIO()
        picture.save(file, "TIFF", compression="group4")
        mac = hmac.digest(bytes(32), payload + previous, "sha256")
        store.execute("BEGIN IMMEDIATE")
        store.execute("UPDATE register SET ar = ar + 780, dr = dr - 780, count = count + 1")
        store.execute("INSERT INTO piece VALUES (?, ?, ?)", (payload, previous, mac))
        store.execute("COMMIT")
        previous = hashlib.sha256(payload + previous + mac).digest()
        return payload, file.getvalue()

    return piece


def comparisons() -> Iterator[Comparison]:
    """Yield the whole piece on this disk, and on a memory file system where there is one.

    A sync puts the thread to sleep, and a thread that wakes finds cold caches; on a virtual
    machine that costs more CPU than most duties do. In memory the duties stand alone; the disk's
    row is what a meter pays, with native calls and syncs alone beside it as the floor.
    """
    yield _compare("one piece, all duties, this disk", None)
    if MEMORY.is_dir():
        yield _compare("one piece, all duties, in memory", MEMORY)


def _compare(name: str, place: Path | None) -> Comparison:
    with tempfile.TemporaryDirectory(dir=place) as root:
        folders = [Path(root) / part for part in ("ours", "theirs", "floor")]
        for folder in folders:
            folder.mkdir()
        work, signer = ours(folders[0])
        theirs, floor = libraries(folders[1]), bare(folders[2])
        _assert_answers(work, signer, theirs)
        assert floor() == signature.Check.VALID
        return compare(
            name,
            Contender("imi", work),
            [
                Contender("cryptography + zxing-cpp + Pillow + SQLite", theirs),
                Contender("native calls and syncs alone", floor),
            ],
            goals={"cryptography + zxing-cpp + Pillow + SQLite": 12.0},
            round_s=0.05,
        )


def _assert_answers(
    work: Callable[[], tuple[Evidence, bytes]],
    signer: signature.Signer,
    theirs: Callable[[], tuple[bytes, bytes]],
) -> None:
    import zxingcpp
    from PIL import Image

    evidence, stream = work()
    said = unpack(evidence.payload, profile="imi-std/p1")
    check = signature.Verifier().verify(said.signed, said.signature, signer.public_key)
    assert check is signature.Check.VALID
    assert stream.startswith(b"RaS2PwgRaster")
    payload, file = theirs()
    picture = Image.open(io.BytesIO(file)).convert("L")
    found = zxingcpp.read_barcode(picture, formats=zxingcpp.BarcodeFormat.DataMatrix)
    assert found is not None
    assert found.bytes == payload


def test_one_piece(benchmark: Callable[..., object], tmp_path: Path) -> None:
    """The native piece, with its signature checked."""
    work, signer = ours(tmp_path)
    benchmark(work)
    evidence, stream = work()
    said = unpack(evidence.payload, profile="imi-std/p1")
    assert signature.Verifier().verify(said.signed, said.signature, signer.public_key) == 0
    assert len(stream) > 1796
