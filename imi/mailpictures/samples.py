"""Mail pictures by the folder: PNG files, and a manifest that says what each must decode to."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imi.mailpictures.checks import Image, within
from imi.mailpictures.defects import DEFECTS
from imi.mailpictures.envelope import MARKS, Envelope
from imi.mailpictures.imprint import Imprint
from imi.mailpictures.ink import InkModel
from imi.mailpictures.scene import MailPicture, mail_picture
from imicore import datamatrix
from imicore.marks import Mark
from imicore.placement import place
from imicore.raster import Rasterizer
from postage import indicium
from postage.layouts import OUR_VENDOR
from postage.money import Money

MAX_COUNT: Final = 100_000
DOTS_PER_INCH: Final = 600
PROFILES: Final = ("imi-std/p1", "imi-min/p1", "imi-max/p1")
SIGNATURE_BYTES: Final = 64
FIRST_DAY: Final = date(2026, 1, 5)
STYLE_SHARES: Final = {"white": 0.45, "cream": 0.15, "kraft": 0.1, "window": 0.3}
# Of metered mail most is clean; what is not has one fault, seldom two, and seldom a gross one.
CLEAN_SHARE: Final = 0.6
SECOND_FAULT_SHARE: Final = 0.25
LEVEL_SHARES: Final = (0.4, 0.3, 0.15, 0.1, 0.05)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sample:
    """One picture with all that is known of it."""

    picture: MailPicture
    payload: bytes
    modules: tuple[int, int]
    style: str
    defects: tuple[tuple[str, float, float], ...]  # name, level 1 to 5, amount in the class's unit


def make_samples(
    folder: Path | str, count: int, seed: int, progress: Progress | None = None
) -> Path:
    """Return the manifest's path after writing `count` pictures, mail-000000.png and on.

    The manifest is manifest.jsonl, one object a line: file, payload (hex), size (rows and columns
    of the symbol), style, defects (name, level, amount, unit), corners (frame pixels), zone (x, y,
    width, height). Indicia are SPECIMEN of vendor TST0 and their signatures random bytes: they
    verify nowhere. Picture n of a seed is the same whatever the count.

    Args:
        folder: made where missing; files of the same names are replaced.
        count: 1 to 100,000.
        seed: 0 or more.
        progress: called with (pictures done, count) after each.

    Raises:
        BadPicture: a count or seed out of range.
        OSError: the folder cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     json.loads(make_samples(folder, 1, seed=7).read_text())["file"]
    'mail-000000.png'
    """
    within("sample count", count, 1, MAX_COUNT, "pictures")
    within("seed", seed, 0, 2**63 - 1, "")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.jsonl"
    with manifest.open("w", encoding="utf-8") as lines:
        for number in range(count):
            made = sample(np.random.default_rng((seed, number)))
            file = f"mail-{number:06}.png"
            (folder / file).write_bytes(png(made.picture.frame))
            lines.write(json.dumps({"file": file, **described(made)}) + "\n")
            if progress is not None:
                progress(number + 1, count)
    return manifest


def sample(rng: np.random.Generator, *, defects: Sequence[tuple[str, int]] | None = None) -> Sample:
    """Return one mail picture: a random piece with a random SPECIMEN indicium.

    `defects` names classes with levels 1 to 5; None draws them as mail has them.

    >>> sample(np.random.default_rng(1), defects=[]).modules
    (40, 40)
    """
    profile = PROFILES[int(rng.choice(len(PROFILES), p=(0.7, 0.2, 0.1)))]
    payload, lines = random_indicium(profile, rng)
    symbol = datamatrix.encode(payload, encodation="base256")
    style = list(STYLE_SHARES)[int(rng.choice(len(STYLE_SHARES), p=tuple(STYLE_SHARES.values())))]
    marks = tuple(mark for mark in MARKS if rng.random() < 0.15)
    envelope = Envelope(style, marks=marks)
    imprint, at_in = indicium_imprint(symbol.modules, lines, envelope.size_in)
    # Black pigment or, in three of ten, the blue-black and red inks of older meters.
    ink = InkModel(
        grey=int(rng.integers(30, 46) if rng.random() < 0.7 else rng.integers(60, 105)),
        dot_gain_dots=float(rng.uniform(0, 1)),
    )
    chosen = drawn_defects(rng) if defects is None else tuple(defects)
    amounts = tuple((name, level, DEFECTS[name].levels[level - 1]) for name, level in chosen)
    picture = mail_picture(
        imprint, rng=rng, envelope=envelope, ink=ink, at_in=at_in,
        defects=[(name, amount) for name, _, amount in amounts],
    )  # fmt: skip
    return Sample(picture, payload, imprint.modules, style, amounts)


def random_indicium(profile: str, rng: np.random.Generator) -> tuple[bytes, list[str]]:
    """Return a payload of the profile with a random signature, and the lines printed beside it.

    >>> payload, lines = random_indicium("imi-std/p1", np.random.default_rng(1))
    >>> len(payload), lines[0]
    (109, 'US POSTAGE')
    """
    cents = int(rng.choice((69, 74, 78, 103, 107, 152, 190, 244)))
    postage = Money(10 * cents)
    serial, pieces = int(rng.integers(1, 10_000_000)), int(rng.integers(1, 400_000))
    mailed = FIRST_DAY + timedelta(days=int(rng.integers(0, 300)))
    origin = int(rng.integers(10, 99))
    fields: dict[str, indicium.Value] = {
        "vendor_model": OUR_VENDOR,
        "device_serial": serial,
        "ascending": Money(postage.mills * pieces),
        "postage": postage,
        "mailing_date": mailed,
        "piece_count": pieces,
        "rate_category": int(rng.integers(100, 140)),
    }
    if profile != "imi-min/p1":
        fields["weight_tenths_oz"] = int(rng.integers(2, 35))
        fields["destination_zip"] = int(rng.integers(1_000_000, 99_999_999))
    if profile == "imi-max/p1":
        fields["descending"] = Money(int(rng.integers(10_000, 900_000)))
        fields["origin_zip"] = origin
        fields["firmware_id"] = 1
    payload = indicium.pack(profile, fields) + rng.bytes(SIGNATURE_BYTES)
    lines = [
        "US POSTAGE",
        f"${cents // 100}.{cents % 100:02}",
        mailed.strftime("%m/%d/%Y"),
        f"ZIP {origin:05}",
        f"{OUR_VENDOR} {serial:07}",
    ]
    return payload, lines


def indicium_imprint(
    modules: NDArray[np.bool_], lines: Sequence[str], size_in: tuple[float, float]
) -> tuple[Imprint, tuple[float, float]]:
    """Return the composed SPECIMEN indicium with FIM D, and where it goes on a piece of that size.

    >>> imprint, at = indicium_imprint(np.eye(40, dtype=bool), ["US POSTAGE"], (9.5, 4.125))
    >>> imprint.dots_per_module, at[1] < 0.26
    (10, True)
    """
    raster = _RASTERIZER.compose(modules, lines=lines, mark=Mark("SPECIMEN"))
    spot = place(raster, piece_length_in=size_in[0], piece_height_in=size_in[1])
    symbol = raster.elements["symbol"]
    imprint = Imprint(
        rows=raster.rows,
        dots_per_inch=raster.dots_per_inch,
        width_dots=raster.width,
        symbol_xy=(symbol.x, symbol.y),
        modules=(modules.shape[0], modules.shape[1]),
        dots_per_module=_RASTERIZER.dots_per_module,
        indicium=raster.elements["indicium"],
    )
    return imprint, (spot.x / DOTS_PER_INCH, spot.y / DOTS_PER_INCH)


def png(frame: Image, *, bilevel: bool = False) -> bytes:
    r"""Return the frame as the bytes of a PNG file; bilevel at one bit a pixel, 128 and up white.

    >>> png(np.zeros((4, 4), np.uint8))[:4]
    b'\x89PNG'
    """
    if bilevel:
        frame = np.where(frame >= 128, np.uint8(255), np.uint8(0))
        return _encoded(frame, [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 9])
    return _encoded(frame, [cv2.IMWRITE_PNG_COMPRESSION, 4])


def described(made: Sample) -> dict[str, object]:
    """Return the sample's line of the manifest, without the file's name."""
    return {
        "payload": made.payload.hex(),
        "size": list(made.modules),
        "style": made.style,
        "defects": [
            {"name": name, "level": level, "amount": amount, "unit": DEFECTS[name].unit}
            for name, level, amount in made.defects
        ],
        "corners": np.round(made.picture.corners, 2).tolist(),
        "zone": list(made.picture.zone),
    }


def _encoded(frame: Image, options: list[int]) -> bytes:
    done, data = cv2.imencode(".png", frame, options)
    assert done
    return bytes(data)


def drawn_defects(rng: np.random.Generator) -> tuple[tuple[str, int], ...]:
    """Return the classes and levels that a random piece of mail has."""
    if rng.random() < CLEAN_SHARE:
        return ()
    wanted = 2 if rng.random() < SECOND_FAULT_SHARE else 1
    names = rng.choice(sorted(DEFECTS), size=wanted, replace=False)
    levels = rng.choice(5, size=wanted, p=LEVEL_SHARES) + 1
    return tuple((str(name), int(level)) for name, level in zip(names, levels, strict=True))


_RASTERIZER: Final = Rasterizer(DOTS_PER_INCH, fim="D")
