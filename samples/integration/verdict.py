"""Judges the pictures of one day in this process: ``verdict.py FOLDER 2026-07-13 PICTURE...``.

FOLDER has the device register (``register``) and the public keys of whoever may sign it
(``authority.json``); every scan is durable in ``scans.db`` before its verdict is printed. The exit
code is 0 where all are VALID, else 1.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from imicore.safe_frames import PictureDecoder
from postage.facts import Measured, PieceFacts
from postage.mailpiece import Mailpiece
from postage.rates import RateBook
from postage.verdicts import Code
from sorter.duplicates import DuplicateStore
from sorter.lane import Lane
from sorter.policy import Policy
from sorter.registerfiles import read_authority
from sorter.sources import read_picture
from sorter.trust import Trust, authority, load_register
from sorter.verifier import Verifier

LETTER = Mailpiece.inches("9.5", "4.125", "0.02", ounces="1")  # as this scale measured them all


def facts(name: str, scanned: datetime) -> PieceFacts:
    """Return what the sorter knows of one scan."""
    return PieceFacts(
        scanned_us=int(scanned.timestamp()) * 1_000_000,
        scanned_on=scanned.date(),
        piece_id=name,
        image_id=name,
        measured=Measured(piece=LETTER),
    )


def main(folder: Path, scanned: datetime, pictures: list[Path]) -> bool:
    """Print a line for each picture; return whether all are VALID."""
    keys = read_authority(folder / "authority.json")
    trust = Trust(load_register(folder / "register", authority(keys)))
    history = DuplicateStore.at(folder / "scans.db")
    verifier = Verifier(trust, history, RateBook.load(), Policy(mode="rehearsal"))
    with PictureDecoder() as decoder, Lane(verifier, deadline_s=None) as lane:
        pieces = ((read_picture(one, decoder), facts(one.name, scanned)) for one in pictures)
        codes = []
        for judged in lane.run(pieces):
            print(judged.facts.piece_id, judged.verdict)
            codes.append(judged.verdict.code)
    history.close()
    return set(codes) == {Code.VALID}


if __name__ == "__main__":
    folder, day, *pictures = sys.argv[1:]
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)
    sys.exit(not main(Path(folder), noon, [Path(name) for name in pictures]))
