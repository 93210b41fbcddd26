"""A software meter's office for the command line: opened for one command, closed behind it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:  # help is instant: what a command needs is imported when it runs
    from imi.meter import SoftwareMeter
    from pipeline.office import Office
    from pipeline.roles import Denied, Session
    from pipeline.supervision import Supervision

Answer = TypeVar("Answer")
JobArgument = Annotated[Path, typer.Argument(help="The job file (TOML) whose meter it is.")]
Out = Annotated[Path, typer.Option(help="The folder of `imi run`.")]
At = Annotated[
    str | None,
    typer.Option(
        help="Time of the simulated world, such as 2026-07-13T10:30; else when its last piece left."
    ),
]
UserNumber = Annotated[int, typer.Option("--user", help="Who asks, by number.")]
Pin = Annotated[
    str,
    typer.Option(prompt="PIN", hide_input=True, envvar="IMI_PIN", help="Asked for, or IMI_PIN."),
]
NewPin = Annotated[
    str,
    typer.Option(
        prompt="New PIN",
        hide_input=True,
        confirmation_prompt=True,
        envvar="IMI_NEW_PIN",
        help="4 to 8 digits, asked for, or IMI_NEW_PIN.",
    ),
]


@dataclass(frozen=True, slots=True)
class FrontOffice:
    """An open meter and its office."""

    meter: "SoftwareMeter"
    office: "Office"

    def login(self, user: int, pin: str) -> "Supervision":
        """Return the acts of a user; a refusal ends the command with exit code 1."""
        from pipeline.supervision import Supervision

        return Supervision(self.office, self.session(user, pin))

    def session(self, user: int, pin: str) -> "Session":
        """Return the session of a user; a refusal ends the command with exit code 1."""
        return allowed(self.office.login(user, pin))


def allowed(answer: "Answer | Denied") -> Answer:
    """Return the answer; a refusal ends the command with exit code 1."""
    from pipeline.roles import Denied

    if isinstance(answer, Denied):
        typer.echo(f"imi: {answer}", err=True)
        raise typer.Exit(1)
    return answer


@contextmanager
def front_office(job_file: Path, out: Path, at: str | None) -> Iterator[FrontOffice]:
    """Open the meter of a job and its office; what cannot be ends the command with exit code 2."""
    import os
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from imi.cli import refuse
    from imi.meter import open_meter, pepper
    from imi.runfolder import prepare
    from imi.world import World
    from imicore.errors import ImiError
    from pipeline.disk import RealDisk
    from pipeline.errors import JobError, MachineError
    from pipeline.job import load_job
    from pipeline.office import Office, Surroundings
    from pipeline.piecelog import PieceLog
    from pipeline.pins import Pins
    from pipeline.storage import DiskStorage
    from postage.errors import PostageError

    try:
        job = load_job(job_file)
        if not (out / "meter" / "journal").is_dir():
            raise JobError(f"{out} holds no meter; `imi run` makes one")
        world = World(job)
        prepare(out, job, fresh=False)
        log = PieceLog(out / "pieces.sqlite")
        world.wait_for(log.last_number() + 1)
        log.close()
        zone = ZoneInfo(job.meter.timezone)
        if at is not None:
            moment = datetime.fromisoformat(at)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
            world.now_us = round(moment.timestamp() * 1e6)
        meter = open_meter(out / "meter", job.meter, world)
        disk = RealDisk(out / "meter" / "accounts")
        try:
            around = Surroundings(
                DiskStorage(disk),
                Pins(pepper(out / "meter" / "pepper")),
                lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
                zone,
                os.urandom,
            )
            yield FrontOffice(meter, Office.open(meter.psd, around))
        finally:
            disk.close()
            meter.psd.close()
    except (MachineError, PostageError, ImiError, OSError, ValueError) as error:
        raise refuse(str(error)) from error
