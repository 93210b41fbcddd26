"""`imi run`: one job through the whole line, with progress, pictures and a way to go on."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from imi.audit import audit_journal
from imi.backoffice import BackOffice
from imi.meter import SoftwareMeter, open_meter
from imi.report import write_report
from imi.runfolder import fund, next_piece, prepare
from imi.summary import summarise, summary_table
from imi.world import World
from imicore import frames
from imicore.errors import ImiError
from pipeline.composer import Composer
from pipeline.contact import Contact, Met
from pipeline.errors import MachineError
from pipeline.imprint import OpenPiece
from pipeline.job import Job, load_job
from pipeline.line import Line, Passage
from pipeline.piecelog import PieceLog, PieceRow
from pipeline.pieces import (
    Diverted,
    Inspected,
    Rated,
    Reason,
    Weighed,
    evidence_of,
    fed_of,
    reached,
)
from pipeline.tally import Tally
from postage.devices import Mode
from postage.errors import PostageError
from postage.rates import RateBook


@dataclass(slots=True)
class Run:
    """One run of a job, from `open` to `finish`."""

    job: Job
    out: Path
    world: World
    composer: Composer
    meter: SoftwareMeter
    contact: Contact
    log: PieceLog
    first: int
    last: int
    open_before: list[OpenPiece]
    tally: Tally = field(default_factory=Tally)
    pictures: list[tuple[str, str]] = field(default_factory=list)  # file, caption
    stopped: str = ""
    wall_s: float = 0.0


def run_job(
    path: Path, out: Path, *, fresh: bool, limit: int | None, pictures: int, as_json: bool
) -> int:
    """Run a job file and return the exit code: 0 done, 1 stopped or found wanting, 2 unusable."""
    console = Console(stderr=True)
    try:
        job = load_job(path)
        run = open_run(job, out, fresh=fresh, limit=limit)
    except (MachineError, PostageError, ImiError, OSError) as error:
        console.print(f"imi: {error}", style="red", markup=False)
        return 2
    for piece in run.open_before:
        console.print(f"open: {piece.claim}", markup=False)
    try:
        feed(run, console, pictures)
    except (MachineError, PostageError, ImiError, OSError) as error:
        run.stopped = f"{type(error).__name__}: {error}"
    return finish(run, console, as_json=as_json)


def open_run(job: Job, out: Path, *, fresh: bool, limit: int | None) -> Run:
    """Open or make the folder of a run: meter recovered, list of pieces read, next piece found."""
    world, composer = World(job), build_composer(job)
    prepare(out, job, fresh=fresh)
    log = PieceLog(out / "pieces.sqlite")
    world.wait_for(log.last_number() + 1)
    meter = open_meter(out / "meter", job.meter, world.clock)
    office = BackOffice(out / "provider", lambda: world.now_us)
    nonces = Random(f"{job.seed} {meter.psd.last_sequence}")  # replayed with the run
    contact = meter.link(office, lambda: nonces.getrandbits(63))
    first, open_pieces = next_piece(meter, log)
    last = min(job.count, first + limit - 1) if limit else job.count
    world.stack(first, last)
    fund(meter, contact, office, job)
    return Run(job, out, world, composer, meter, contact, log, first, last, open_pieces)


def build_composer(job: Job) -> Composer:
    """Return the composer of a job. A software meter's mode is SPECIMEN, whatever the job says."""
    return Composer(
        dots_per_inch=job.print.dots_per_inch,
        ink_gain_dots=job.print.ink_gain_dots,
        fim=job.print.fim,
        licensing_zip=job.meter.licensing_zip,
        mode=Mode.SPECIMEN,
    )


def build_line(run: Run) -> Line:
    """Return the line of a run, on the world's devices."""
    job = run.job
    return Line(
        feeder=run.world,
        scale=run.world,
        book=RateBook.load(),
        psd=run.meter.psd,
        profile=job.meter.profile,
        composer=run.composer,
        head=run.world,
        camera=run.world,
        mailing_date=job.date,
        mailer_id=job.meter.mailer_id,
        stopwatch=time.thread_time_ns,
    )


def feed(run: Run, console: Console, pictures: int) -> None:
    """Let every piece pass, showing progress. Ctrl-C stops the line behind the piece on it."""
    line, job = build_line(run), run.job
    total = max(0, run.last - run.first + 1)
    every = max(1, total // pictures) if pictures else 0
    start = time.monotonic()
    with _interruptible(run), _progress(console) as progress:
        task = progress.add_task(job.name, total=total, paid="$0.00", diverted=0)
        for passage in line.run():
            run.tally.add(passage, time.monotonic() - start)
            picture = _keep_picture(run, passage, every)
            run.log.add(_row(passage, picture))
            diverted = sum(run.tally.diverted.values())
            progress.update(task, advance=1, paid=str(run.tally.postage), diverted=diverted)
            outcome = passage.outcome
            if isinstance(outcome, Diverted) and outcome.reason is Reason.WRONG_PIECE:
                number = fed_of(outcome.at).number
                run.stopped = f"piece {number} shows another piece's indicium; look, then run again"
            if run.stopped:
                break
    line.psd.idle()
    uploaded = run.contact.meet()
    if not isinstance(uploaded, Met):
        run.stopped = run.stopped or f"the provider did not take the records: {uploaded}"
    run.wall_s = time.monotonic() - start


@contextmanager
def _interruptible(run: Run) -> Iterator[None]:
    """Take Ctrl-C as a wish to stop between two pieces: never between a debit and its print."""

    def stop(_number: int, _frame: object) -> None:
        run.stopped = "interrupted; the same command without --fresh goes on"

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def finish(run: Run, console: Console, *, as_json: bool) -> int:
    """Close everything, audit the journal, say and write the summary, and return the exit code."""
    psd = run.meter.psd
    state = psd.state.value
    open_after = psd.open_pieces if state != "FAULT" else []
    for close in (run.log.close, psd.close):
        try:
            close()
        except (MachineError, OSError) as error:
            run.stopped = run.stopped or f"{type(error).__name__}: {error}"
    audit = audit_journal(run.meter)
    summary = summarise(
        run.job,
        run.tally,
        audit,
        first=run.first,
        state=state,
        open_pieces=open_after,
        wall_s=run.wall_s,
        stopped=run.stopped,
    )
    text = json.dumps(summary, indent=1)
    if as_json:
        print(text)
    else:
        Console().print(summary_table(summary))
    try:
        (run.out / "summary.json").write_text(text + "\n", encoding="utf-8")
        report = write_report(run.out, run.job, summary, run.tally, run.pictures)
        console.print(f"report: {report}", markup=False)
    except OSError as error:
        run.stopped = run.stopped or f"the report was not written: {error}"
    if run.stopped:
        console.print(f"the line stopped: {run.stopped}", style="red", markup=False)
    sound = not run.stopped and not run.tally.mismatches and not audit.faults
    return 0 if sound else 1


def _keep_picture(run: Run, passage: Passage, every: int) -> str | None:
    """Save the frame of every n-th piece and of every diverted one."""
    outcome, frame = passage.outcome, passage.frame
    stage = outcome if isinstance(outcome, Inspected) else outcome.at
    number = fed_of(stage).number
    diverted = isinstance(outcome, Diverted)
    if frame is None or not every or not (diverted or (number - run.first) % every == every // 2):
        return None
    name = f"pictures/piece-{number:06d}.png"
    frames.save(run.out / name, frame)
    rated = reached(stage, Rated)
    caption = f"Piece {number}"
    if rated is not None:
        ounces = rated.weighed.weight_milliounces / 1000
        caption += f": {rated.quote.shape.value}, {ounces:.2f} oz, {rated.quote.postage}"
    if isinstance(outcome, Diverted):
        caption += f" - diverted: {outcome.reason.value}"
    run.pictures.append((name, caption))
    return name


def _row(passage: Passage, picture: str | None) -> PieceRow:
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
        picture=picture,
    )


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[paid]} paid, {task.fields[diverted]} diverted"),
        TimeElapsedColumn(),
        console=console,
    )
