"""What a run keeps of each piece: its row in the list, and a picture of some."""

from pathlib import Path

from imicore import frames
from pipeline.line import Passage
from pipeline.piecelog import PieceRow
from pipeline.pieces import Diverted, Inspected, Rated, Weighed, evidence_of, fed_of, reached


def keep_picture(folder: Path, passage: Passage, first: int, every: int) -> tuple[str, str] | None:
    """Save the frame of every n-th piece after `first` and of every diverted one.

    Returns its name in the run's folder and a caption, None where none was kept.
    """
    outcome, frame = passage.outcome, passage.frame
    stage = outcome if isinstance(outcome, Inspected) else outcome.at
    number = fed_of(stage).number
    diverted = isinstance(outcome, Diverted)
    if frame is None or not every or not (diverted or (number - first) % every == every // 2):
        return None
    name = f"pictures/piece-{number:06d}.png"
    frames.save(folder / name, frame)
    rated = reached(stage, Rated)
    caption = f"Piece {number}"
    if rated is not None:
        ounces = rated.weighed.weight_milliounces / 1000
        caption += f": {rated.quote.shape.value}, {ounces:.2f} oz, {rated.quote.postage}"
    if isinstance(outcome, Diverted):
        caption += f" - diverted: {outcome.reason.value}"
    return name, caption


def row_of(passage: Passage, picture: str | None) -> PieceRow:
    """Return a piece as the list of pieces keeps it; `picture` is its file."""
    outcome = passage.outcome
    stage = outcome if isinstance(outcome, Inspected) else outcome.at
    weighed, rated, evidence = reached(stage, Weighed), reached(stage, Rated), evidence_of(stage)
    return PieceRow(
        number=fed_of(stage).number,
        outcome="inspected" if isinstance(outcome, Inspected) else outcome.reason.value,
        detail="" if isinstance(outcome, Inspected) else outcome.detail,
        department=fed_of(stage).order.department,
        shape=rated.quote.shape.value if rated else None,
        weight_milliounces=weighed.weight_milliounces if weighed else None,
        postage_mills=rated.quote.postage.mills if rated and evidence else None,
        edition=rated.quote.edition if rated else None,
        sequence=evidence.sequence if evidence else None,
        payload=evidence.payload.hex() if evidence else None,
        columns_fired=passage.head.columns_fired if passage.head else None,
        columns_wanted=passage.head.columns_wanted if passage.head else None,
        picture=picture,
    )
