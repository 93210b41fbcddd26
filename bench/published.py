"""What was measured of other readers before ours existed: data, not code.

Source: peers.md of the project's reference folder, section 3: zxing-cpp 3.1.1 `read_barcode` with
all options on (seeds 0-11), libdmtx through arbez-dmtx with a cap of 300 ms CPU, the proprietary
libscanner-dmr `single` (both seeds 0-2 and 6-8), and the bound of an oracle that knows the true
corners. Full frames of 1900x825 px, 3.94 px a module, read rates in percent at levels 1 to 5.
"""

from typing import Final, NamedTuple

Levels = tuple[int, int, int, int, int]


class Row(NamedTuple):
    """Read rates in percent of one class at its five levels."""

    zxing: Levels
    libdmtx: Levels
    dmr: Levels
    bound: Levels

    @property
    def zxing_mean(self) -> float:
        """Mean of zxing-cpp over the levels.

        >>> ROWS["nozzle"].zxing_mean
        3.4
        """
        return sum(self.zxing) / len(self.zxing)


ALL: Final = (100, 100, 100, 100, 100)
ROWS: Final[dict[str, Row]] = {
    "blur": Row((100, 100, 100, 8, 0), (100, 100, 100, 0, 0), (100, 100, 100, 100, 0),
                (100, 100, 100, 50, 0)),
    "motion": Row(ALL, (100, 100, 100, 83, 0), ALL, ALL),
    "dot_gain": Row((100, 100, 8, 0, 0), (100, 100, 33, 0, 0), (100, 100, 100, 0, 0),
                    (100, 100, 100, 17, 0)),
    "dot_loss": Row((100, 100, 8, 0, 0), (100, 100, 0, 0, 0), (100, 100, 100, 0, 0),
                    (100, 100, 100, 17, 0)),
    "dots": Row((100, 100, 83, 0, 0), (100, 100, 67, 0, 0), (100, 100, 100, 100, 50), ALL),
    "nozzle": Row((17, 0, 0, 0, 0), (67, 0, 0, 0, 0), ALL, ALL),
    "jitter": Row((100, 100, 92, 83, 83), (100, 83, 33, 17, 0), (100, 100, 100, 83, 100),
                  (100, 100, 50, 50, 17)),
    "stretch": Row(ALL, ALL, ALL, ALL),
    "noise": Row((100, 100, 83, 8, 0), (100, 83, 83, 0, 0), (100, 100, 100, 83, 17), ALL),
    "contrast": Row((100, 100, 100, 100, 92), (100, 100, 100, 100, 0), ALL, ALL),
    "kraft": Row((100, 100, 100, 92, 0), (100, 100, 100, 100, 67), ALL, ALL),
    "skew": Row(ALL, (100, 100, 100, 83, 50), ALL, ALL),
    "perspective": Row(ALL, (83, 67, 100, 67, 100), ALL, ALL),
    "speckle": Row((83, 67, 8, 0, 0), (67, 67, 33, 0, 0), (100, 100, 100, 100, 50),
                   (100, 100, 100, 67, 0)),
    "smear": Row((100, 100, 100, 0, 0), (100, 100, 83, 0, 0), ALL, ALL),
    "occlusion": Row((92, 67, 75, 25, 0), (50, 67, 50, 0, 0), (100, 83, 83, 67, 17), ALL),
    "quiet": Row((100, 100, 67, 0, 0), (100, 83, 83, 33, 0), (67, 50, 100, 100, 100), ALL),
    "finder": Row((0, 0, 0, 0, 0), (33, 17, 17, 0, 0), ALL, ALL),
    "timing": Row((100, 100, 100, 83, 42), (50, 17, 17, 0, 0), ALL, ALL),
    "gradient": Row(ALL, (100, 100, 100, 100, 17), (100, 100, 67, 0, 0), ALL),
    "lowres": Row((100, 100, 100, 100, 25), (100, 100, 100, 67, 0), ALL, ALL),
    "wrinkle": Row((100, 25, 0, 0, 0), (83, 0, 0, 0, 0), (100, 100, 17, 0, 0),
                   (100, 83, 0, 0, 0)),
    "show": Row((100, 100, 100, 92, 67), (100, 83, 83, 100, 100), ALL, ALL),
    "mixed": Row((33, 58, 17, 8, 0), (33, 50, 17, 0, 0), (100, 100, 100, 83, 17),
                 (100, 100, 67, 67, 17)),
}  # fmt: skip
ZXING_OVERALL: Final = 64.5  # percent of 1452 frames
ZXING_MEAN_MS: Final = 7.5  # thread CPU per frame, read or not, on the machine of the figures
CALIBRATED_OVERALL: Final = 4.0  # points within which a generator counts as evidence ...
CALIBRATED_CLASS: Final = 15.0  # ... and for the mean of each class
