"""A stream of mail with the code that each piece must get: good, bad, seen again, photocopied."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np

from imi.mailpictures.defects import DEFECTS
from imi.mailpictures.samples import drawn_defects, indicium_imprint
from imi.mailpictures.scene import mail_picture
from imicore import datamatrix
from postage.facts import PieceFacts
from postage.indicium import pack
from postage.money import Money
from postage.verdicts import Code
from sorter.register import Register
from sorter.verifier import Given
from tests.sorter.mail import TODAY, Device, facts, register

BAD_SHARE: Final = 0.01
RESCAN_SHARE: Final = 0.03
COPY_SHARE: Final = 0.01
UNLISTED: Final = 999_999
DUE: Final = 780  # mills: a metered letter of 1 oz, edition of 2026-07-12
SIZE_IN: Final = (9.5, 4.125)
KINDS: Final = {  # what is wrong with a new imprint: its amount in mills, its days back
    Code.VALID: (DUE, 0),
    Code.COUNTERFEIT: (DUE, 0),
    Code.NOT_VERIFIABLE: (DUE, 0),
    Code.SHORTPAID: (490, 0),
    Code.OVERPAID: (1070, 0),
    Code.STALE: (DUE, 40),
}
KEPT: Final = frozenset(KINDS) - {Code.COUNTERFEIT, Code.NOT_VERIFIABLE}
"""Codes of the genuine, whose photocopies are duplicates."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What a camera sends, and what must come back; a damaged picture may also be UNREADABLE."""

    given: Given
    name: str
    pass_number: int
    expected: Code
    is_damaged: bool = False

    @property
    def allowed(self) -> frozenset[Code]:
        also = {Code.UNREADABLE} if self.is_damaged else set()
        return frozenset({self.expected, *also})


def devices(count: int) -> tuple[list[Device], Register]:
    """Return so many meters with their register."""
    meters = [Device(serial) for serial in range(1, count + 1)]
    return meters, register(*(meter.record() for meter in meters))


def payloads(count: int, meters: Sequence[Device], seed: int) -> list[tuple[bytes, Code]]:
    """Return signed payloads of new imprints, 1 in 100 of them bad, each with its code."""
    rng = np.random.default_rng(seed)
    bad = itertools.cycle(code for code in KINDS if code is not Code.VALID)
    codes = [next(bad) if rng.random() < BAD_SHARE else Code.VALID for _ in range(count)]
    by_device: dict[int, list[int]] = {}
    for at, code in enumerate(codes):
        device = UNLISTED if code is Code.NOT_VERIFIABLE else meters[at % len(meters)].serial
        by_device.setdefault(device, []).append(at)
    made: dict[int, bytes] = {}
    for device, places in by_device.items():
        bodies = [_packed(device, 1 + at, *KINDS[codes[at]]) for at in places]
        signer = Device(device).signer
        signatures = [signer.sign(body) for body in bodies]  # the same ones for a seed
        made |= {at: body + sign for at, body, sign in zip(places, bodies, signatures, strict=True)}
    for at in [at for at, code in enumerate(codes) if code is Code.COUNTERFEIT]:
        flipped = bytearray(made[at])
        flipped[rng.integers(len(flipped) - 64, len(flipped))] ^= 1 << rng.integers(0, 8)
        made[at] = bytes(flipped)
    return [(made[at], code) for at, code in enumerate(codes)]


def stream(
    count: int, made: Sequence[tuple[Given, Code, bool]], gap: int, seed: int
) -> Iterator[Piece]:
    """Yield pieces: those of ``made`` once each, among them second passes and photocopies.

    Both are of pieces at least ``gap`` before, so that those were answered. When ``made`` is used
    up its pieces come by again, on their next pass.
    """
    rng = np.random.default_rng((seed, 1))
    passes: list[int] = []
    copies = 0
    for _ in range(count):
        old = int(rng.integers(0, len(passes) - gap)) if len(passes) > gap else None
        draw = rng.random()
        if draw < COPY_SHARE and old is not None and made[old][1] in KEPT:
            copies += 1
            given, _, is_damaged = made[old]
            yield Piece(given, f"copy {copies}", 1, Code.DUPLICATE, is_damaged)
            continue
        if draw < COPY_SHARE + RESCAN_SHARE and old is not None:
            at = old
        elif len(passes) < len(made):
            at = len(passes)
            passes.append(0)
        else:
            at = int(rng.integers(0, len(made)))
        passes[at] += 1
        yield Piece(made[at][0], f"piece {at}", passes[at], made[at][1], made[at][2])


def pictures(
    made: Sequence[tuple[bytes, Code]], seed: int, progress: Callable[[int], None]
) -> list[tuple[Given, Code, bool]]:
    """Return a 1900x825 picture of each payload on an envelope, damaged as mail is."""
    drawn: list[tuple[Given, Code, bool]] = []
    for number, (payload, code) in enumerate(made):
        rng = np.random.default_rng((seed, 2, number))
        symbol = datamatrix.encode(payload, encodation="base256")
        imprint, at_in = indicium_imprint(symbol.modules, ["US POSTAGE"], SIZE_IN)
        defects = [(name, level) for name, level in drawn_defects(rng)]
        picture = mail_picture(imprint, rng=rng, at_in=at_in, defects=_amounts(defects))
        drawn.append((picture.frame, code, bool(defects)))
        progress(number + 1)
    return drawn


def scan_of(piece: Piece, number: int) -> PieceFacts:
    """Return the facts of one scan of a piece."""
    return replace(
        facts(), piece_id=piece.name, pass_number=piece.pass_number, image_id=f"image {number}"
    )


def _amounts(defects: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    return [(name, DEFECTS[name].levels[level - 1]) for name, level in defects]


def _packed(device: int, count: int, mills: int, days_back: int) -> bytes:
    return pack(
        "imi-std/p1",
        {
            "vendor_model": "TPB1",
            "device_serial": device,
            "ascending": Money(780 * count),
            "postage": Money(mills),
            "mailing_date": TODAY - timedelta(days=days_back),
            "piece_count": count,
            "rate_category": 111,
            "weight_tenths_oz": 10,
            "mailer_id": 901_061_457,
        },
    )
