"""`imi run`: one job through the whole line, with progress, pictures and a way to go on."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from imi.audit import audit_journal
from imi.glance import Glance, glance
from imi.meter import said_of
from imi.report import write_report
from imi.runopening import Run, Who, build_line, open_run
from imi.runpieces import keep_facts, keep_picture, row_of
from imi.summary import department_rows, summarise, summary_table
from imicore.errors import ImiError
from pipeline.contact import Met
from pipeline.errors import MachineError
from pipeline.job import load_job
from pipeline.lifecycle import State
from pipeline.line import STOPS
from pipeline.nightly import Nightly
from pipeline.pieces import (
    Diverted,
    Reason,
    fed_of,
)
from pipeline.record import Seal
from postage.errors import PostageError


def run_job(
    path: Path,
    out: Path,
    *,
    fresh: bool,
    limit: int | None,
    pictures: int,
    as_json: bool,
    who: Who | None = None,
) -> int:
    """Run a job file and return the exit code: 0 done, 1 stopped or found wanting, 2 unusable.

    `who` is at the line: needed where the meter knows users.
    """
    console = Console(stderr=True)
    try:
        job = load_job(path)
        run = open_run(job, out, fresh=fresh, limit=limit, who=who)
    except (MachineError, PostageError, ImiError, OSError) as error:
        console.print(f"imi: {said_of(error)}", style="red", markup=False, soft_wrap=True)
        return 2
    for piece in run.open_before:
        console.print(f"open: {piece.claim}", markup=False, soft_wrap=True)
    try:
        feed(run, console, pictures)
    except (MachineError, PostageError, ImiError, OSError) as error:
        run.stopped = f"{type(error).__name__}: {error}"
    return finish(run, console, as_json=as_json)


def feed(run: Run, console: Console, pictures: int) -> None:
    """Let every piece pass, showing progress. Ctrl-C stops the line behind the piece on it."""
    line, job = build_line(run), run.job
    total = max(0, run.last - run.first + 1)
    every = max(1, total // pictures) if pictures else 0
    start = time.monotonic()
    clock = run.meter.setup["clock"]
    nightly = Nightly(run.meter.psd, run.contact.meet, lambda: clock().boottime_us)
    with _interruptible(run), _progress(console) as progress:
        task = progress.add_task(job.name, total=total, paid="$0.00", diverted=0)
        for passage in line.run():
            run.tally.add(passage, time.monotonic() - start)
            picture = keep_picture(run.out, passage, run.first, every)
            if picture is not None:
                run.pictures.append(picture)
                keep_facts(run.out, picture[0], passage, line.mailing_date)
            run.log.add(row_of(passage, picture[0] if picture else None))
            nightly.tick()
            diverted = sum(run.tally.diverted.values())
            progress.update(task, advance=1, paid=str(run.tally.postage), diverted=diverted)
            outcome = passage.outcome
            if isinstance(outcome, Diverted) and outcome.reason in STOPS:
                run.stopped = _why_stopped(outcome)
            if run.stopped:
                break
    if line.psd.state is not State.FAULT:
        report_in(run)
    run.wall_s = time.monotonic() - start


def _why_stopped(outcome: Diverted) -> str:
    number = fed_of(outcome.at).number
    if outcome.reason is Reason.NO_KEY:
        return f"piece {number} was not paid and not printed: {outcome.detail}; then run again"
    return f"piece {number} shows another piece's indicium; look, then run again"


def report_in(run: Run) -> None:
    """Write what waits, upload every record, and tell the meter the budgets that are due."""
    run.meter.psd.idle()
    uploaded = run.contact.meet()
    if not isinstance(uploaded, Met):
        run.stopped = run.stopped or f"the provider did not take the records: {uploaded}"
    run.shift.office.settle()


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
    departments = _departments(run)
    for close in (run.log.close, run.accounts.close, psd.close):
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
        seen=_seen(run),
        departments=departments,
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
        console.print(f"report: {report}", markup=False, soft_wrap=True)
    except OSError as error:
        run.stopped = run.stopped or f"the report was not written: {error}"
    if run.stopped:
        console.print(f"the line stopped: {run.stopped}", style="red", markup=False, soft_wrap=True)
    sound = not run.stopped and not run.tally.mismatches and not audit.faults
    return 0 if sound else 1


def _departments(run: Run) -> list[dict[str, Any]]:
    try:
        return department_rows(run.shift.office)
    except (MachineError, OSError) as error:
        run.stopped = run.stopped or f"{type(error).__name__}: {error}"
        return []


def _seen(run: Run) -> Glance | None:
    """Return how the closed meter stands; None where its journal proves nothing."""
    setup = run.meter.setup
    seal = Seal(setup["journal_key"], run.meter.psd.device_id)
    journal = run.out / "meter" / "journal"
    try:
        return glance(journal, seal, setup["check"], setup["zone"], run.world.now_us)
    except (MachineError, OSError) as error:
        run.stopped = run.stopped or f"{type(error).__name__}: {error}"
        return None


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[paid]} paid, {task.fields[diverted]} diverted"),
        TimeElapsedColumn(),
        console=console,
    )
