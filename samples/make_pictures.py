"""Make samples/pictures anew: `python samples/make_pictures.py`, from the repository's root.

Each entry is (name, seed, defects, kind): "zone" is the part of the frame where the indicium is to
be expected, eight bits; "bitonal" the whole frame at one bit a pixel, as sorting machines keep it;
"sixteen" the whole frame in sixteen grey levels.
"""

from pathlib import Path

import numpy as np

from imi.mailpictures import sample
from imi.mailpictures.samples import png

FOLDER = Path(__file__).parent / "pictures"
PICTURES: tuple[tuple[str, int, tuple[tuple[str, int], ...], str], ...] = (
    ("clean", 1, (), "zone"),
    ("clean-max", 8, (), "zone"),
    ("blurred", 3, (("blur", 2),), "zone"),
    ("dot-gain", 4, (("dot_gain", 1),), "zone"),
    ("dot-loss", 5, (("dot_loss", 2),), "zone"),
    ("smeared", 6, (("smear", 1),), "zone"),
    ("motion", 7, (("motion", 3),), "zone"),
    ("noisy", 9, (("noise", 1),), "zone"),
    ("pale", 10, (("contrast", 3),), "zone"),
    ("skewed", 12, (("skew", 4),), "zone"),
    ("dark-corner", 13, (("gradient", 3),), "zone"),
    ("frame-bitonal-white", 12, (), "bitonal"),
    ("frame-bitonal-window", 15, (), "bitonal"),
    ("frame-kraft", 16, (), "sixteen"),
)


def main() -> None:
    """Write every picture with its payload in hexadecimal beside it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, seed, defects, kind in PICTURES:
        made = sample(np.random.default_rng(seed), defects=defects)
        frame = made.picture.frame
        zone = made.picture.zone
        if kind == "zone":
            frame = frame[zone.y : zone.y + zone.height, zone.x : zone.x + zone.width]
        if kind == "sixteen":
            frame = frame // 16 * np.uint8(17)
        (FOLDER / f"{name}.png").write_bytes(png(frame, bilevel=kind == "bitonal"))
        (FOLDER / f"{name}.hex").write_text(made.payload.hex() + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
