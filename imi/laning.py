"""`imi sorter lane`: pieces from folders and files through one lane, with progress and a page."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from imi.runpieces import FACTS
from imicore.safe_frames import PictureDecoder
from postage.factrows import facts_from_row
from postage.facts import PieceFacts
from postage.rates import RateBook
from postage.verdictrows import verdict_as_row
from postage.verdicts import Code
from service.heap import settle
from sorter import sources
from sorter.duplicates import DuplicateStore
from sorter.errors import SourceError
from sorter.judged import Judged
from sorter.lane import Lane, Piece
from sorter.lanemetrics import LaneMetrics
from sorter.onward import Onward
from sorter.policy import Policy, TrustMode
from sorter.register import Register
from sorter.registerfiles import read_authority
from sorter.stoplist import as_rows
from sorter.trust import Trust, authority, load_register
from sorter.verifier import Verifier

MOST_LISTED: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """What a lane believes, keeps and shows."""

    register: Path
    authority: Path
    mode: TrustMode
    history: str
    outbox: Path | None
    site: str
    day: date | None
    dpi: float
    threads: int
    deadline_ms: float | None
    page: int | None
    stay: bool


def run_lane(places: Sequence[Path], options: LaneOptions, *, as_json: bool) -> int:
    """Judge every piece of the places; print what was found; return 0 where all are VALID, else 1.

    Raises:
        SorterError, PostageError, ImiError, OSError, ValueError: a place or an option cannot be
            used.
    """
    console = Console(stderr=True)
    plain = _plain(options)
    with ExitStack() as stack:
        register = load_register(options.register, authority(read_authority(options.authority)))
        trust = Trust(register)
        history = DuplicateStore.at(options.history)
        stack.callback(history.close)
        policy = Policy(mode=options.mode, pixels_per_inch=options.dpi)
        verifier = Verifier(trust, history, RateBook.load(), policy)
        metrics = LaneMetrics(trust, lambda: plain.scanned_on)
        lane = Lane(
            verifier,
            threads=options.threads,
            deadline_s=None if options.deadline_ms is None else options.deadline_ms / 1000,
            onward=_onward(options, stack),
            heard=metrics.heard,
        )
        stack.enter_context(lane)
        metrics.watch(lane)
        metrics.watch_stop_list(lambda: len(history.stop_list()))
        if options.page is not None:
            page = _page(lane, history, register, metrics, options)
            console.print(f"page: {stack.enter_context(page)}")
        decoder = stack.enter_context(PictureDecoder())
        settle()
        pieces = chain.from_iterable(_pieces(place, plain, decoder) for place in places)
        if as_json:
            codes = _tell_json(lane.run(pieces))
        else:
            codes = _tell_table(_watched(lane.run(pieces), console))
        if options.page is not None and options.stay:
            console.print("Ctrl-C ends the page")
            _until_interrupted()
    return 0 if codes.keys() <= {Code.VALID} else 1


def _plain(options: LaneOptions) -> PieceFacts:
    """Return the facts of a piece of which nothing is said."""
    now = datetime.now(UTC)
    day = options.day or now.astimezone().date()
    return PieceFacts(scanned_us=int(now.timestamp() * 1e6), scanned_on=day, site=options.site)


def _pieces(place: Path, plain: PieceFacts, decoder: PictureDecoder) -> Iterator[Piece]:
    if place.is_dir():
        told = _facts_beside(place)
        return sources.folder(place, lambda name: told.get(name) or _named(plain, name), decoder)
    if place.suffix.lower() in (".tif", ".tiff"):
        return sources.tiff_stream(place, lambda name: _named(plain, name), decoder)
    if place.suffix.lower() == ".jsonl":
        return sources.payload_file(place, plain)
    raise SourceError(f"{place} is no folder of pictures, TIFF stream or file of payloads (.jsonl)")


def _facts_beside(folder: Path) -> dict[str, PieceFacts]:
    """Return what stands in a folder's list of facts, by the picture's name."""
    path = folder / FACTS
    if not path.exists():
        return {}
    rows = [facts_from_row(json.loads(line)) for line in path.read_text("ascii").splitlines()]
    return {one.image_id: one for one in rows}


def _named(plain: PieceFacts, name: str) -> PieceFacts:
    return replace(plain, image_id=name, piece_id=name)


def _onward(options: LaneOptions, stack: ExitStack) -> Onward | None:
    if options.outbox is None:
        return None
    onward = Onward.in_file(options.outbox)
    stack.callback(onward.close)
    return onward


def _page(
    lane: Lane,
    history: DuplicateStore,
    register: Register,
    metrics: LaneMetrics,
    options: LaneOptions,
) -> AbstractContextManager[str]:
    from service.web import served  # loaded where there is a page, it is slow to load
    from sorter.livepage import live_page

    about = {"register": register.name, "mode": options.mode}
    if options.site:
        about["site"] = options.site
    page = live_page(
        lane,
        lambda: about,
        stop_list=lambda: as_rows(history.stop_list(), register),
        metrics=metrics.text,
    )
    assert options.page is not None
    return served(page, port=options.page)


def _watched(judged: Iterable[Judged], console: Console) -> Iterator[Judged]:
    """Yield the pieces again, with their number and codes so far on a line for people."""
    columns = (TextColumn("judged"), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("{task.fields[codes]}"))  # fmt: skip
    codes: Counter[Code] = Counter()
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("pieces", total=None, codes="")
        for one in judged:
            codes[one.verdict.code] += 1
            said = ", ".join(f"{code} {count}" for code, count in codes.most_common(4))
            shown.update(task, advance=1, codes=said)
            yield one


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        pass


# Neither keeps a piece that it has told: an archive has millions, each with its picture.
def _tell_json(judged: Iterable[Judged]) -> Counter[Code]:
    """Write every piece as a line of one JSON document, then their codes; return these."""
    codes: Counter[Code] = Counter()
    sys.stdout.write('{"pieces": [')
    for one in judged:
        row = {
            "piece_id": one.facts.piece_id,
            "image_id": one.facts.image_id,
            "took_ms": round(one.took_ms, 1),
        }
        sys.stdout.write("," if codes else "")
        sys.stdout.write("\n " + json.dumps(row | verdict_as_row(one.verdict)))
        codes[one.verdict.code] += 1
    told = {code.value: codes[code] for code in Code if codes[code]}
    sys.stdout.write(f'],\n"codes": {json.dumps(told)}}}\n')
    return codes


def _tell_table(judged: Iterable[Judged]) -> Counter[Code]:
    """Print how many pieces have which code, and the first that are not VALID; return the codes."""
    codes: Counter[Code] = Counter()
    listed = Table("piece", "verdict", "due", "counts", "why", "may be done")
    for one in judged:
        verdict = one.verdict
        codes[verdict.code] += 1
        if verdict.code is Code.VALID or listed.row_count == MOST_LISTED:
            continue
        listed.add_row(
            one.facts.piece_id or one.facts.image_id,
            verdict.code,
            str(verdict.due or "-"),
            "-" if verdict.paid is None else str(verdict.paid),
            str(verdict.reasons[0]),
            verdict.remedies[0],
        )
    console = Console()
    counts = Table("verdict", "pieces", title=f"{codes.total()} pieces")
    for code in Code:
        if codes[code]:
            counts.add_row(code, str(codes[code]))
    console.print(counts)
    if listed.row_count:
        console.print(listed)
    more = codes.total() - codes[Code.VALID] - listed.row_count
    if more:
        console.print(f"and {more} more; --json lists them all")
    return codes
