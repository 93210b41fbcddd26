"""What a grading says: parameters, segments of the fixed pattern, tones, and the grade in words."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

MIN_GRADE = 2.0  # overall, C; the postal rules that are public name none
MIN_PRINT_REFLECTANCE_DIFFERENCE = 0.30  # in red and in green (DMM 708.4.4)
LETTERS = "FDCBA"
LIMITS: dict[str, tuple[float, float, float, float]] = {
    "symbol contrast": (0.70, 0.55, 0.40, 0.20),
    "modulation": (0.50, 0.40, 0.30, 0.20),
    "reflectance margin": (0.50, 0.40, 0.30, 0.20),
    "axial nonuniformity": (0.06, 0.08, 0.10, 0.12),
    "grid nonuniformity": (0.38, 0.50, 0.63, 0.75),
    "unused error correction": (0.62, 0.50, 0.37, 0.25),
}
"""For A, B, C and D: at least, of nonuniformity at most (ISO/IEC 15415:2011 Tables 4 to 9).

Modulation and margin: of one codeword; how many may be below, error correction decides. Decode and
fixed pattern damage are not graded by limits of their value. The grader has its own copy
(csrc/grade.cpp), and a test holds them together.
"""
MIL_UM = 25.4
ENOUGH_PIXELS = 10  # a module, for the optics of a verifier


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its measured value, and its grade from 4 (A) to 0 (F)."""

    name: str
    value: float
    grade: int

    @property
    def letter(self) -> str:
        """A, B, C, D or F."""
        return LETTERS[self.grade]


class Segment(NamedTuple):
    """One piece of the fixed pattern (ISO/IEC 16022:2006 Annex M.1).

    It begins at module (`row`, `column`) of the symbol and runs along its row (`level`) or column;
    row or column -1, and those past the last, are quiet zone. `damaged` is the share of modules on
    the wrong side of the threshold. Clock tracks come with the solid area outside them.
    """

    kind: Literal["L", "quiet zone", "clock track"]
    level: bool
    row: int
    column: int
    length: int
    damaged: float
    solid_damaged: float
    transition_ratio: float
    grade: int

    @property
    def name(self) -> str:
        """What a verifier's report calls it."""
        if self.kind == "clock track":
            way = "row" if self.level else "column"
            return f"clock {way} at ({self.row}, {self.column})"
        return f"{'bottom' if self.level else 'left'} {self.kind}"


@dataclass(frozen=True, slots=True)
class Tone:
    """Mean reflectance, 0 to 1, of the light (`paper`) and the dark modules (`ink`) in a colour.

    For a symbol printed light on dark, `paper` is the darker.
    """

    paper: float
    ink: float

    @property
    def difference(self) -> float:
        """Print reflectance difference, 0 to 1 (DMM 708.4.4 asks for 0.30 in red and in green)."""
        return abs(self.paper - self.ink)


@dataclass(frozen=True, slots=True, eq=False)
class PrintQuality:
    """What `grade` found. Reflectances are 0 to 1; lengths of the picture are pixels.

    `centres` is float64[rows, columns, 2], (x, y) of each module as found; `reflectance` is
    float32[rows + 2, columns + 2] through the aperture, the quiet zone included; `modules` is
    bool[rows, columns], the true ones; `truth` says where they come from: "corrected" from the
    modules read, "encoded" from the payload, or "unknown".
    """

    decode: Parameter
    symbol_contrast: Parameter
    modulation: Parameter
    reflectance_margin: Parameter
    fixed_pattern_damage: Parameter
    axial_nonuniformity: Parameter
    grid_nonuniformity: Parameter
    unused_error_correction: Parameter
    print_growth_horizontal: float
    """By how much dark modules are too wide, in modules; not graded. Below 0 they are too thin."""
    print_growth_vertical: float
    overall: float
    """The lowest of the eight grades."""
    aperture_um: float
    light_nm: int
    light_angle_deg: int
    module_um: tuple[float, float]
    """Mean pitch across and down."""
    module_px: float
    skew_deg: float
    """Of the symbol's rows against those of the picture, -45 to 45, clockwise above 0."""
    rmax: float
    rmin: float
    threshold: float
    tone: Tone
    """In the light of the grade."""
    colours: dict[str, Tone]
    """In "red" and "green", from a colour picture; empty for a grey one."""
    modulation_codewords: tuple[int, ...]
    """Codewords whose worst module is of grade 4, 3, 2, 1, 0."""
    margin_codewords: tuple[int, ...]
    errors: tuple[int, ...]
    """Wrong codewords of each block; empty where the truth is unknown."""
    segments: tuple[Segment, ...]
    average_grade: float
    """Of the L, its quiet zones and the worst clock track (Annex M.1.4)."""
    truth: Literal["corrected", "encoded", "unknown"]
    edges_found: float
    """Share of the edges of finder and clock tracks that carry the grid; the rest is filled in."""
    calibrated: bool
    """False: reflectance is relative to the picture's black and white."""
    size: tuple[int, int]
    inverted: bool
    modules: npt.NDArray[np.bool_]
    centres: npt.NDArray[np.float64]
    reflectance: npt.NDArray[np.float32]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The eight graded parameters, in the order of ISO/IEC 15415."""
        return (
            self.decode,
            self.symbol_contrast,
            self.modulation,
            self.reflectance_margin,
            self.fixed_pattern_damage,
            self.axial_nonuniformity,
            self.grid_nonuniformity,
            self.unused_error_correction,
        )

    @property
    def letter(self) -> str:
        """The overall grade as A, B, C, D or F."""
        return LETTERS[int(self.overall)]

    @property
    def text(self) -> str:
        """Grade/aperture in mils/wavelength/angle, as ISO/IEC 15415:2011 clause 5 reports it."""
        mils = round(self.aperture_um / MIL_UM)
        return f"{self.overall:.1f}/{mils:02d}/{self.light_nm}/{self.light_angle_deg}"

    @property
    def meets_reflectance_rule(self) -> bool | None:
        """Whether red and green differ enough (DMM 708.4.4), or None without both colours."""
        if not {"red", "green"} <= self.colours.keys():
            return None
        return all(
            self.colours[name].difference >= MIN_PRINT_REFLECTANCE_DIFFERENCE
            for name in ("red", "green")
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before the grade is quoted."""
        notes = ["one picture: a formal grade is the mean of five, each turned by 72 degrees"]
        if not self.calibrated:
            notes.append("reflectance is relative: 0 is the picture's grey 0, 1 its grey 255")
        if self.module_px < ENOUGH_PIXELS:
            notes.append(
                f"{self.module_px:.1f} pixels a module: below {ENOUGH_PIXELS} the picture's own "
                "blur counts as the print's"
            )
        if self.truth == "encoded":
            notes.append("the modules read are past correction; the true ones are the payload's")
        if self.truth == "unknown":
            notes.append("the true modules are not known: margin and error correction are F")
        if self.edges_found < 0.5:
            notes.append(
                f"{self.edges_found:.0%} of the finder's edges were found: axial and grid "
                "nonuniformity rest on few"
            )
        return tuple(notes)

    def as_dict(self) -> dict[str, object]:
        """Return everything but the arrays as plain data, for JSON and tables."""
        return {
            "grade": self.text,
            "overall": self.overall,
            "letter": self.letter,
            "parameters": {
                p.name: {"value": round(p.value, 4), "grade": p.grade, "letter": p.letter}
                for p in self.parameters
            },
            "print_growth": {
                "horizontal": round(self.print_growth_horizontal, 4),
                "vertical": round(self.print_growth_vertical, 4),
            },
            "fixed_pattern": [
                {
                    "segment": s.name,
                    "grade": s.grade,
                    "damaged": round(s.damaged, 4),
                    "solid_damaged": round(s.solid_damaged, 4),
                    "transition_ratio": round(s.transition_ratio, 4),
                }
                for s in self.segments
            ],
            "average_grade": self.average_grade,
            "codewords_by_modulation_grade": list(self.modulation_codewords),
            "codewords_by_margin_grade": list(self.margin_codewords),
            "codeword_errors": list(self.errors),
            "aperture_um": round(self.aperture_um, 1),
            "light_nm": self.light_nm,
            "light_angle_deg": self.light_angle_deg,
            "module_um": [round(pitch, 1) for pitch in self.module_um],
            "module_px": round(self.module_px, 2),
            "skew_deg": round(self.skew_deg, 2),
            "rmax": round(self.rmax, 4),
            "rmin": round(self.rmin, 4),
            "threshold": round(self.threshold, 4),
            "print_reflectance_difference": {
                name: round(tone.difference, 4)
                for name, tone in {"light": self.tone, **self.colours}.items()
            },
            "meets_reflectance_rule": self.meets_reflectance_rule,
            "size": list(self.size),
            "inverted": self.inverted,
            "truth": self.truth,
            "edges_found": round(self.edges_found, 3),
            "calibrated": self.calibrated,
            "notes": list(self.notes),
        }
