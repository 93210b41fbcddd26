"""Opening a run: its folder, meter, provider, office and line, as a job file wants them."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from imi.backoffice import BackOffice
from imi.frontoffice import open_office, session_for
from imi.meter import SoftwareMeter, open_meter
from imi.runfolder import fund, next_piece, prepare, take_into_service
from imi.world import World
from imicore import frames
from pipeline.composer import Composer
from pipeline.contact import Contact
from pipeline.disk import RealDisk
from pipeline.graphics import Graphic, picture, slogan
from pipeline.imprint import OpenPiece
from pipeline.job import Job
from pipeline.line import Line
from pipeline.office import Shift
from pipeline.piecelog import PieceLog
from pipeline.tally import Tally
from postage.devices import Mode
from postage.rates import RateBook

DARK = 128
"""Greys below are ink in a picture of a graphic."""
Who = tuple[int, str]
"""A user's number and PIN."""


@dataclass(slots=True)
class Run:
    """One run of a job, from `open` to `finish`."""

    job: Job
    out: Path
    world: World
    graphics: dict[str, Graphic]
    composer: Composer
    meter: SoftwareMeter
    provider: BackOffice
    contact: Contact
    shift: Shift
    accounts: RealDisk  # the office's files
    log: PieceLog
    first: int
    last: int
    open_before: list[OpenPiece]
    tally: Tally = field(default_factory=Tally)
    pictures: list[tuple[str, str]] = field(default_factory=list)  # file, caption
    stopped: str = ""
    wall_s: float = 0.0


def open_run(job: Job, out: Path, *, fresh: bool, limit: int | None, who: Who | None = None) -> Run:
    """Open or make the folder of a run: meter recovered, list of pieces read, next piece found.

    The job's departments go into the book of a meter that knows no users.
    """
    world, composer = World(job), build_composer(job)
    graphics = build_graphics(job)
    prepare(out, job, fresh=fresh)
    with ExitStack() as undo:
        log = PieceLog(out / "pieces.sqlite")
        undo.callback(log.close)
        world.wait_for(log.last_number() + 1)
        meter = open_meter(out / "meter", job.meter, world.clock)
        undo.callback(meter.psd.close)
        provider = BackOffice(out / "provider", lambda: world.now_us)
        nonces = Random(f"{job.seed} {meter.psd.last_sequence}")  # replayed with the run
        contact = meter.link(provider, lambda: nonces.getrandbits(63))
        first, open_pieces = next_piece(meter, log)
        last = min(job.count, first + limit - 1) if limit else job.count
        world.stack(first, last)
        take_into_service(meter, contact)
        front, accounts = open_office(out / "meter", meter, world.clock)
        undo.callback(accounts.close)
        front.install([each.account for each in job.department], f"job {job.name}")
        session = session_for(front, who)
        fund(meter, contact, provider, job)
        undo.pop_all()
    return Run(
        job=job,
        out=out,
        world=world,
        graphics=graphics,
        composer=composer,
        meter=meter,
        provider=provider,
        contact=contact,
        shift=Shift(front, session),
        accounts=accounts,
        log=log,
        first=first,
        last=last,
        open_before=open_pieces,
    )


def build_composer(job: Job) -> Composer:
    """Return the composer of a job. A software meter's mode is SPECIMEN, whatever the job says."""
    return Composer(
        dots_per_inch=job.print.dots_per_inch,
        ink_gain_dots=job.print.ink_gain_dots,
        fim=job.print.fim,
        licensing_zip=job.meter.licensing_zip,
        mode=Mode.SPECIMEN,
    )


def build_graphics(job: Job) -> dict[str, Graphic]:
    """Return the job's ads and slogans, checked and drawn.

    Raises:
        NotAGraphic, ImiError, OSError: one could pass for postage, or is no picture.
    """
    dpi, made = job.print.dots_per_inch, {}
    for each in job.graphic:
        if each.picture is None:
            made[each.name] = slogan(each.name, each.text, dpi)
        else:
            made[each.name] = picture(each.name, frames.load(each.picture) < DARK, dpi)
    return made


def build_line(run: Run) -> Line:
    """Return the line of a run, on the world's devices."""
    job = run.job
    return Line(
        feeder=run.world,
        scale=run.world,
        book=RateBook.load(),
        graphics=run.graphics,
        psd=run.meter.psd,
        shift=run.shift,
        profile=job.meter.profile,
        composer=run.composer,
        head=run.world,
        camera=run.world,
        mailing_date=job.date,
        mailer_id=job.meter.mailer_id,
        stopwatch=time.thread_time_ns,
    )
