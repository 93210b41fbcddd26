"""The readers on folders of pictures whose texts are known, at four turns each.

Three kinds of folder: a MANIFEST.json with `images` (file, set, text or bytes_hex, negative), as
collections of public pictures have it; a manifest.jsonl (file, payload in hex), as `imi samples
make` writes it; else pictures with a NAME.txt (text) or NAME.hex (bytes) beside each.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bench import readers
from bench.degraded_report import Verdict
from bench.readers import OURS
from imicore import frames
from imicore.errors import BadImage

SUFFIXES: Final = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".pgm", ".webp"}
TURNS: Final = (0, 90, 180, 270)  # degrees, against the clock


class BadFolder(ValueError):
    """A folder without pictures of known text, or a manifest that does not say them."""


class Picture(NamedTuple):
    """A picture file and what may be read off it: one of `texts`; nothing when there is none."""

    path: Path
    set: str
    texts: frozenset[bytes]


class Outcome(NamedTuple):
    """What one reader made of one picture at one turn."""

    picture: Picture
    turn: int
    reader: str
    payload: bytes | None
    cpu_ms: float

    @property
    def read(self) -> bool:
        """Whether a right text was read."""
        return self.payload in self.picture.texts

    @property
    def false_read(self) -> bool:
        """Whether something was read that the picture does not say."""
        return self.payload is not None and not self.read


def collect(folder: Path) -> list[Picture]:
    """Return the pictures of a folder with their texts, in order of their names.

    Raises:
        BadFolder: no such folder, a manifest with a gap, a picture that is missing, or none at all.
        OSError: the folder or a manifest cannot be read.
    """
    if not folder.is_dir():
        raise BadFolder(f"{folder} is no folder")
    if (folder / "MANIFEST.json").exists():
        found = _from_collection(folder / "MANIFEST.json")
    elif (folder / "manifest.jsonl").exists():
        found = _from_samples(folder / "manifest.jsonl")
    else:
        found = _from_sidecars(folder)
    for picture in found:
        if not picture.path.is_file():
            raise BadFolder(f"{picture.path} is missing, though the manifest names it")
    return found


def run(
    pictures: Sequence[Picture],
    names: Sequence[str],
    progress: Callable[[int, int, str], None] | None = None,
) -> "PictureReport":
    """Return what the named readers make of all pictures at all turns.

    A picture that cannot be opened is named in the report and read by nobody.
    """
    contenders = readers.make(names)
    found: list[Outcome] = []
    unopened = []
    for done, picture in enumerate(pictures, 1):
        if progress is not None:
            progress(done, len(pictures), picture.path.name)
        try:
            frame = frames.load(picture.path)
        except BadImage as error:
            unopened.append(str(error))
            continue
        for turn in TURNS:
            turned = np.ascontiguousarray(np.rot90(frame, turn // 90))
            for name, read in contenders.items():
                found.append(Outcome(picture, turn, name, *readers.timed(read, turned)))
    return PictureReport(tuple(found), tuple(names), tuple(unopened))


@dataclass(frozen=True)
class PictureReport:
    """The readers on some folders of pictures."""

    outcomes: tuple[Outcome, ...]
    readers: tuple[str, ...]
    unopened: tuple[str, ...]

    @cached_property
    def sets(self) -> list[str]:
        return list(dict.fromkeys(outcome.picture.set for outcome in self.outcomes))

    def of(self, name: str, reader: str, turn: int | None = None) -> list[Outcome]:
        """Return a reader's outcomes on a set, at one turn or at all."""
        return [
            outcome
            for outcome in self.outcomes
            if outcome.picture.set == name
            and outcome.reader == reader
            and turn in (None, outcome.turn)
        ]

    def reads(self, name: str, reader: str, turn: int) -> int:
        """Return how many pictures of a set a reader reads at a turn."""
        return sum(outcome.read for outcome in self.of(name, reader, turn))

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Ours is to read as many as the best peer, in each set at each turn, and none falsely."""
        if OURS not in self.readers:
            return []
        peers = [reader for reader in self.readers if reader != OURS]
        found = []
        for name in self.sets:
            short = []
            for turn in TURNS:
                mine = self.reads(name, OURS, turn)
                best = max((self.reads(name, peer, turn) for peer in peers), default=0)
                if mine < best:
                    short.append(f"{turn} degrees: {mine} of {best}")
            asked = f"{name}: as many as the best peer at each turn"
            found.append(Verdict(asked, ", ".join(short) or "yes", not short))
            wrong = sum(outcome.false_read for outcome in self.of(name, OURS))
            found.append(Verdict(f"{name}: no false read", str(wrong), wrong == 0))
        return found

    @property
    def met(self) -> bool:
        return all(verdict.met for verdict in self.verdicts)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain data."""
        return {
            "name": "pictures",
            "met": self.met,
            "sets": {name: {r: self._row(name, r) for r in self.readers} for name in self.sets},
            "unread": self._unread(),
            "unopened": list(self.unopened),
            "verdicts": [verdict._asdict() for verdict in self.verdicts],
        }

    def text(self) -> str:
        """Return a row a set and reader, then what ours missed, then a line a verdict."""
        lines = [f"{'set':20} {'reader':9} pictures  " + "".join(f"{t:6}" for t in TURNS)]
        lines[0] += "  false  median ms  max ms"
        for name in self.sets:
            for reader in self.readers:
                row = self._row(name, reader)
                reads = "".join(f"{count:6}" for count in row["read"])
                lines.append(
                    f"{name:20} {reader:9} {row['with_text']:8}  {reads}  {row['false_reads']:5}"
                    f"  {row['median_ms']:9.2f}  {row['max_ms']:6.1f}"
                )
        lines += [f"unread by ours, read by a peer: {name}" for name in self._unread()]
        lines += [f"not opened: {why}" for why in self.unopened]
        lines += [f"{'PASS' if met else 'FAIL'}  {asked}: {f}" for asked, f, met in self.verdicts]
        return "\n".join(lines) + "\n"

    def _row(self, name: str, reader: str) -> dict[str, Any]:
        mine = self.of(name, reader)
        times = [outcome.cpu_ms for outcome in mine]
        return {
            "with_text": sum(bool(o.picture.texts) for o in self.of(name, reader, TURNS[0])),
            "read": [self.reads(name, reader, turn) for turn in TURNS],
            "false_reads": sum(outcome.false_read for outcome in mine),
            "median_ms": statistics.median(times),
            "max_ms": max(times),
        }

    def _unread(self) -> list[str]:
        """Return the pictures that a peer reads and ours does not, with the turns."""
        by_peers = {(o.picture, o.turn) for o in self.outcomes if o.read and o.reader != OURS}
        turns: dict[Picture, list[str]] = {}
        for outcome in self.outcomes:
            key = (outcome.picture, outcome.turn)
            if outcome.reader == OURS and not outcome.read and key in by_peers:
                turns.setdefault(outcome.picture, []).append(str(outcome.turn))
        return [f"{p.set}/{p.path.name} at {', '.join(t)} degrees" for p, t in turns.items()]


def _from_collection(manifest: Path) -> list[Picture]:
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))["images"]
        return [
            Picture(
                manifest.parent / entry["file"],
                entry.get("set", manifest.parent.name),
                frozenset() if entry.get("negative") else _texts(entry),
            )
            for entry in entries
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise BadFolder(f"{manifest} is no list of pictures with texts: {error!r}") from error


def _texts(entry: dict[str, Any]) -> frozenset[bytes]:
    if entry.get("bytes_hex") is not None:
        return frozenset([bytes.fromhex(entry["bytes_hex"])])
    return _encodings(entry["text"])


def _encodings(text: str) -> frozenset[bytes]:
    """Return the bytes a text may stand for: ECI aside, a symbol has Latin-1 or UTF-8."""
    try:
        return frozenset([text.encode(), text.encode("latin-1")])
    except UnicodeEncodeError:
        return frozenset([text.encode()])


def _from_samples(manifest: Path) -> list[Picture]:
    found = []
    for number, line in enumerate(manifest.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            payload = bytes.fromhex(entry["payload"])
            found.append(
                Picture(manifest.parent / entry["file"], manifest.parent.name, frozenset([payload]))
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BadFolder(f"{manifest}, line {number}: {error!r}") from error
    if not found:
        raise BadFolder(f"{manifest} names no picture")
    return found


def _from_sidecars(folder: Path) -> list[Picture]:
    found = []
    for path in sorted(_files(folder)):
        text, payload = path.with_suffix(".txt"), path.with_suffix(".hex")
        if payload.exists():
            try:
                texts = frozenset([bytes.fromhex(payload.read_text(encoding="ascii"))])
            except ValueError as error:
                raise BadFolder(f"{payload} is not hexadecimal: {error}") from error
        elif text.exists():
            said = text.read_text(encoding="utf-8")
            texts = _encodings(said) | _encodings(said.rstrip("\r\n"))
        else:
            continue
        found.append(Picture(path, path.parent.name, texts))
    if not found:
        raise BadFolder(
            f"{folder} has no MANIFEST.json, no manifest.jsonl and no picture with a .txt or .hex"
        )
    return found


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
