"""What a run keeps of each piece: its row in the list, and of some a picture with its facts."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from imicore import frames
from pipeline.line import Passage
from pipeline.piecelog import GRAPHIC, INSPECTED, PieceRow
from pipeline.pieces import (
    Decorated,
    Diverted,
    Inspected,
    Rated,
    Weighed,
    evidence_of,
    fed_of,
    reached,
    stage_of,
)
from postage.factrows import facts_as_row
from postage.facts import Measured, PieceFacts
from postage.mailpiece import Mailpiece

PICTURES: Final = "pictures"
FACTS: Final = "facts.jsonl"
# What a sorter's scale in motion may be off, and its light curtain.
WEIGHT_TOLERANCE_MILLIOUNCES: Final = 30
SIZE_TOLERANCE_THOU: Final = 5


def keep_picture(folder: Path, passage: Passage, first: int, every: int) -> tuple[str, str] | None:
    """Save the frame of every n-th piece after `first` and of every diverted one.

    Returns its name in the run's folder and a caption, None where none was kept.
    """
    outcome, frame = passage.outcome, passage.frame
    stage = stage_of(outcome)
    number = fed_of(stage).number
    diverted = isinstance(outcome, Diverted)
    if frame is None or not every or not (diverted or (number - first) % every == every // 2):
        return None
    name = f"{PICTURES}/piece-{number:06d}.png"
    frames.save(folder / name, frame)
    rated = reached(stage, Rated)
    caption = f"Piece {number}"
    if rated is not None:
        ounces = rated.weighed.weight_milliounces / 1000
        caption += f": {rated.quote.shape.value}, {ounces:.2f} oz, {rated.quote.postage}"
    if isinstance(outcome, Decorated):
        caption += f": {outcome.graphic.name}, no postage"
    if isinstance(outcome, Diverted):
        caption += f" - diverted: {outcome.reason.value}"
    return name, caption


def keep_facts(folder: Path, picture: str, passage: Passage, mailed_on: date) -> None:
    """Add what a sorter would measure of the piece in a picture, for `imi sorter lane`."""
    rated = reached(stage_of(passage.outcome), Rated)
    if rated is None:
        return
    facts = piece_facts(rated.piece, Path(picture).name, rated.weighed.fed.number, mailed_on)
    with (folder / PICTURES / FACTS).open("a", encoding="ascii") as file:
        file.write(json.dumps(facts_as_row(facts)) + "\n")


def piece_facts(piece: Mailpiece, picture: str, number: int, day: date) -> PieceFacts:
    """Return what a simulated sorter says of a piece: one second after the other from noon."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return PieceFacts(
        scanned_us=(int(noon.timestamp()) + number) * 1_000_000,
        scanned_on=day,
        site="simulated",
        piece_id=picture.removesuffix(".png"),
        image_id=picture,
        measured=Measured(
            piece=piece,
            weight_tolerance_milliounces=WEIGHT_TOLERANCE_MILLIOUNCES,
            size_tolerance_thou=SIZE_TOLERANCE_THOU,
        ),
    )


def row_of(passage: Passage, picture: str | None) -> PieceRow:
    """Return a piece as the list of pieces keeps it; `picture` is its file."""
    outcome = passage.outcome
    stage = stage_of(outcome)
    weighed, rated, evidence = reached(stage, Weighed), reached(stage, Rated), evidence_of(stage)
    match outcome:
        case Inspected():
            said, detail = INSPECTED, ""
        case Decorated(_, graphic):
            said, detail = GRAPHIC, graphic.name
        case Diverted(_, reason, detail):
            said = reason.value
    return PieceRow(
        number=fed_of(stage).number,
        outcome=said,
        detail=detail,
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
