"""What a lane says of a piece that it judged, and of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from postage.facts import PieceFacts
from postage.remedies import Remedy
from postage.verdicts import Class2011, Class2015, Code, Finding, Verdict, code_of
from sorter.sight import Frame
from sorter.verifier import Given

PICTURE_WIDTH: Final = 480  # pixels at most of the small picture that is kept for people


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """One piece of a lane, answered.

    ``verdict`` is the answer, given ``took_ms`` after the piece was offered. ``found`` is what the
    verifier found: the same, but for a piece that was answered LATE; None where the answer went
    out while the piece was still being judged. ``picture`` is a small copy of the frame, uint8
    [H, W] of at most 480 columns, None where only bytes were given.
    """

    number: int
    facts: PieceFacts
    verdict: Verdict
    found: Verdict | None
    took_ms: float
    picture: Frame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a lane has done since it was made, and what it has before it.

    ``inside`` counts pieces that were taken and are not judged yet, of ``room``; ``refused`` those
    that found no room; ``failed`` those on which the verifier itself failed, or whoever listens to
    the lane; ``codes`` the answers.
    """

    offered: int
    inside: int
    room: int
    refused: int
    failed: int
    codes: Mapping[Code, int]


def undecided(why: Finding) -> Verdict:
    """Return the verdict on a piece that cannot even be priced.

    >>> from postage.verdicts import Reason
    >>> undecided(Finding(Reason.FAILED)).code
    <Code.NOT_VERIFIABLE: 'NOT_VERIFIABLE'>
    """
    return Verdict(
        code=code_of([why]),
        class_2011=Class2011.UNDETERMINED,
        class_2015=Class2015.UNDETERMINED,
        reasons=(why,),
        shown=None,
        paid=None,
        due=None,
        remedies=(Remedy.EXAMINE,),
    )


def small_picture(given: Given) -> Frame | None:
    """Return every n-th pixel of a frame, a copy; None for what is no frame.

    >>> small_picture(np.zeros((825, 1900), np.uint8)).shape
    (207, 475)
    """
    if not isinstance(given, np.ndarray) or given.dtype != np.uint8 or not given.size:
        return None
    if given.ndim not in (2, 3):
        return None
    step = -(-given.shape[1] // PICTURE_WIDTH)
    small = given[::step, ::step]
    return (small if small.ndim == 2 else small[..., small.shape[2] // 2]).copy()
