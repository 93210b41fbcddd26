"""A software meter's office for the command line: opened for one command, closed behind it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:  # help is instant: what a command needs is imported when it runs
    from imi.backoffice import BackOffice
    from imi.meter import SoftwareMeter
    from pipeline.contact import Contact
    from pipeline.disk import RealDisk
    from pipeline.office import Office
    from pipeline.psdclock import Instant
    from pipeline.roles import Denied, Session
    from pipeline.supervision import Supervision

Answer = TypeVar("Answer")
Folder = Annotated[Path, typer.Argument(help="The folder of `imi run --out`.")]
At = Annotated[
    str | None,
    typer.Option(help="Let it be this time (ISO 8601, UTC unless it says more); now when absent."),
]
UserNumber = Annotated[int, typer.Option("--user", help="Who asks, by number.")]
Pin = Annotated[
    str,
    typer.Option(prompt="PIN", hide_input=True, envvar="IMI_PIN", help="Asked for, or IMI_PIN."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
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


def asked_pin() -> str:
    """Return the PIN from IMI_PIN, or ask for it."""
    import os

    return os.environ.get("IMI_PIN") or str(typer.prompt("PIN", hide_input=True))


@dataclass(frozen=True, slots=True)
class Desk:
    """An open meter, its line to the provider, and the provider."""

    meter: "SoftwareMeter"
    contact: "Contact"
    provider: "BackOffice"


@dataclass(frozen=True, slots=True)
class FrontOffice(Desk):
    """A desk and the meter's office."""

    office: "Office"

    def login(self, user: int, pin: str) -> "Supervision":
        """Return the acts of a user; a refusal ends the command with exit code 1."""
        from pipeline.supervision import Supervision

        return Supervision(self.office, self.session(user, pin))

    def session(self, user: int, pin: str) -> "Session":
        """Return the session of a user; a refusal ends the command with exit code 1."""
        return allowed(self.office.login(user, pin))


def session_for(office: "Office", who: tuple[int, str] | None) -> "Session":
    """Return the session of a user and PIN, or of a machine that knows no users.

    A refusal ends the command with exit code 1.
    """
    from pipeline.roles import Denied

    answer = office.unattended() if who is None else office.login(*who)
    if isinstance(answer, Denied) and who is None:
        typer.echo(f"imi: {answer}; give --user", err=True)
        raise typer.Exit(1)
    return allowed(answer)


def allowed(answer: "Answer | Denied") -> Answer:
    """Return the answer; a refusal ends the command with exit code 1."""
    from pipeline.roles import Denied

    if isinstance(answer, Denied):
        typer.echo(f"imi: {answer}", err=True)
        raise typer.Exit(1)
    return answer


def open_office(
    home: Path, meter: "SoftwareMeter", clock: "Callable[[], Instant]"
) -> "tuple[Office, RealDisk]":
    """Return the office of an open meter in its folder, and its files, which the caller closes."""
    import os

    from imi.meter import office_key
    from pipeline.disk import RealDisk
    from pipeline.office import Office, Surroundings
    from pipeline.pins import Pins
    from pipeline.storage import DiskStorage

    key = office_key(home)
    files = RealDisk(home / "accounts")
    around = Surroundings(
        DiskStorage(files),
        Pins(key),
        lambda: clock().boottime_us,
        meter.setup["zone"],
        os.urandom,
    )
    return Office.open(meter.psd, around), files


def done(said: str, facts: dict[str, object], *, as_json: bool) -> None:
    """Say that an act was done, in words or as JSON."""
    import json

    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else said)


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn what a command may meet into one line and exit code 2."""
    from imi.cli import refuse
    from imi.meter import said_of
    from imicore.errors import ImiError
    from pipeline.errors import MachineError
    from postage.errors import PostageError

    try:
        yield
    except (MachineError, PostageError, ImiError, OSError, ValueError) as error:
        raise refuse(said_of(error)) from error


@contextmanager
def open_desk(
    folder: Path, at: str | None, admit: "Callable[[], None] | None" = None
) -> Iterator[Desk]:
    """Open a meter and its provider, and close the meter whatever happens.

    What cannot be ends the command with exit code 2.
    """
    import secrets

    from imi.backoffice import BackOffice
    from imi.clocks import clock_at
    from imi.meter import open_meter, settings_of

    with named_errors():
        home, clock = folder / "meter", clock_at(at)
        meter = open_meter(home, settings_of(home), clock)
        try:
            provider = BackOffice(folder / "provider", lambda: clock().psd_us)
            link = meter.link(provider, lambda: secrets.randbits(64), admit)
            yield Desk(meter, link, provider)
        finally:
            meter.psd.close()


@contextmanager
def front_office(folder: Path, at: str | None) -> Iterator[FrontOffice]:
    """Open a meter, let the provider tell it the time, and open its office; as `open_desk`."""
    from imi.clocks import clock_at

    orders: list[None] = []  # of the provider, to be let in
    with open_desk(folder, at, lambda: orders.append(None)) as desk:
        desk.contact.meet()
        office, files = open_office(folder / "meter", desk.meter, clock_at(at))
        try:
            if orders:
                office.admit()
            yield FrontOffice(desk.meter, desk.contact, desk.provider, office)
        finally:
            files.close()
