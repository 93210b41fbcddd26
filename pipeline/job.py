"""The job file: what the operator wants done, and what the simulated world should put on the belt.

TOML, checked field by field; an unknown or impossible field is named with its place in the file.
"""

import tomllib
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.accounts import Account, Budget
from pipeline.errors import JobError
from postage.money import Money

STANDARD_SIZES = {  # inches: length, height, thickness
    "card": (Decimal("6"), Decimal("4.25"), Decimal("0.012")),
    "number10": (Decimal("9.5"), Decimal("4.125"), Decimal("0.030")),
    "a7": (Decimal("7.25"), Decimal("5.25"), Decimal("0.040")),
    "6x9": (Decimal("9"), Decimal("6"), Decimal("0.060")),
    "flat9x12": (Decimal("12"), Decimal("9"), Decimal("0.20")),
    "square6": (Decimal("6"), Decimal("6"), Decimal("0.030")),
}
FLAGS = Literal[
    "is_polybagged",
    "has_closure_devices",
    "has_loose_items",
    "is_rigid",
    "is_self_mailer",
    "is_booklet",
]
FAULTS = Literal[
    "feed_jam",
    "double_feed",
    "bouncing",
    "head_jam",
    "ink_out",
    "no_ink",
    "smudge",
    "swapped",
    "misplaced",
]


# Dollars to the mill, as much as a refill may be (domain.md 2.4).
Dollars = Annotated[Decimal, Field(ge=0, le=Decimal("99999.99"), decimal_places=3)]
# In the meter's time zone; further away a digit was mistaken.
MailingDate = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1))]
Inches = Annotated[Decimal, Field(gt=0, le=200, decimal_places=3)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Department(_Model):
    """One account that postage is charged to."""

    id: Annotated[int, Field(ge=1, le=3000)]
    name: Annotated[str, Field(min_length=1, max_length=40)]
    budget: Dollars | None = None  # for this job; None is no limit
    active: bool = True  # whether it may be charged

    @model_validator(mode="after")
    def _can_be(self) -> "Department":
        assert self.account.number == self.id  # BadAccount names what cannot be
        return self

    @property
    def account(self) -> Account:
        """The department as the meter's book keeps it."""
        budget = None if self.budget is None else Budget(Money.parse(str(self.budget)))
        return Account(self.id, self.name, budget, self.active)


class Token(_Model):
    """The PKCS#11 token that keeps the meter's key; its PIN stands in no file."""

    library: Annotated[str, Field(min_length=1)]  # of the token's maker
    serial: Annotated[str, Field(min_length=1, max_length=16)]


class Meter(_Model):
    """The software meter that this job runs on."""

    serial: Annotated[int, Field(ge=1, le=2**32 - 1)] = 1
    profile: Literal["imi-min/p1", "imi-std/p1", "imi-max/p1"] = "imi-std/p1"
    licensing_zip: Annotated[str, Field(pattern=r"^\d{5}$")] = "06484"
    timezone: str = "America/New_York"
    refill: Dollars = Decimal(500)
    mailer_id: Annotated[int, Field(ge=0, le=999_999_999)] = 901000001
    token: Token | None = None  # None: the key lies encrypted in the meter's folder

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no time zone of the IANA data base") from error
        return name


class Print(_Model):
    """How the indicium is drawn."""

    dots_per_inch: Annotated[int, Field(ge=200, le=1200)] = 600
    ink_gain_dots: Annotated[int, Field(ge=0, le=8, multiple_of=2)] = 0  # both edges together
    fim: bool = True  # on letters and cards; flats need none


class Camera(_Model):
    """The simulated camera after the head."""

    dots_per_inch: Annotated[float, Field(ge=100, le=400)] = 203.7  # never a whole ratio
    max_skew_degrees: Annotated[float, Field(ge=0, le=2)] = 2.0
    blur_px: Annotated[float, Field(ge=0, le=3)] = 0.6
    noise: Annotated[float, Field(ge=0, le=30)] = 5.0


class Graphic(_Model):
    """An ad or slogan: lines of text, or a picture file with a pixel for each dot of the head."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    text: tuple[str, ...] = ()
    picture: Path | None = None  # beside the job file, unless it says more

    @model_validator(mode="after")
    def _one_of_both(self) -> "Graphic":
        if bool(self.text) == bool(self.picture):
            raise ValueError(f"graphic {self.name!r} has either text or a picture")
        return self


class Fault(_Model):
    """Something that goes wrong with one piece of a batch (counted from 1)."""

    piece: Annotated[int, Field(ge=1)]
    fault: FAULTS


class Batch(_Model):
    """A stack of like pieces on the feeder."""

    name: str
    count: Annotated[int, Field(ge=1, le=1_000_000)]
    department: int
    size: str | tuple[Inches, Inches, Inches]
    ounces: tuple[Decimal, Decimal]  # the lightest and the heaviest piece
    stock: Literal["white", "cream", "kraft", "window"] = "white"
    flags: frozenset[FLAGS] = frozenset()
    faults: tuple[Fault, ...] = ()
    graphic: str | None = None  # printed in place of postage

    @model_validator(mode="after")
    def _consistent(self) -> "Batch":
        if isinstance(self.size, str) and self.size not in STANDARD_SIZES:
            raise ValueError(f"size {self.size!r} is not one of {sorted(STANDARD_SIZES)}")
        if not 0 < self.ounces[0] <= self.ounces[1] <= 1120:
            raise ValueError(f"ounces {self.ounces} must be 0 < lightest <= heaviest <= 1120")
        for fault in self.faults:
            if fault.piece > self.count:
                raise ValueError(f"fault at piece {fault.piece}, the batch has {self.count}")
        return self

    @property
    def inches(self) -> tuple[Decimal, Decimal, Decimal]:
        """Length, height and thickness in inches."""
        return STANDARD_SIZES[self.size] if isinstance(self.size, str) else self.size


class Job(_Model):
    """A whole job file."""

    name: str
    date: Annotated[
        date, Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1))
    ]  # of mailing, in the meter's time zone
    start: time = time(8, 0)
    seed: Annotated[int, Field(ge=0)] = 1
    pieces_per_hour: Annotated[int, Field(ge=1, le=60_000)] = 18_000
    meter: Meter = Meter()
    print: Print = Print()
    camera: Camera = Camera()
    department: tuple[Department, ...] = Field(min_length=1)
    batch: tuple[Batch, ...] = Field(min_length=1)
    graphic: tuple[Graphic, ...] = ()

    @model_validator(mode="after")
    def _departments_exist(self) -> "Job":
        known = [department.id for department in self.department]
        if len(set(known)) != len(known):
            raise ValueError(f"department ids {known} are not all different")
        for batch in self.batch:
            if batch.department not in known:
                raise ValueError(
                    f"batch {batch.name!r} charges department {batch.department}; known: {known}"
                )
        return self

    @model_validator(mode="after")
    def _graphics_exist(self) -> "Job":
        known = [graphic.name for graphic in self.graphic]
        if len(set(known)) != len(known):
            raise ValueError(f"names of graphics {known} are not all different")
        for batch in self.batch:
            if batch.graphic is not None and batch.graphic not in known:
                raise ValueError(
                    f"batch {batch.name!r} prints graphic {batch.graphic!r}; known: {known}"
                )
        return self

    @property
    def names(self) -> dict[int, str]:
        """The departments' names by number."""
        return {department.id: department.name for department in self.department}

    @property
    def count(self) -> int:
        """How many pieces the job feeds."""
        return sum(batch.count for batch in self.batch)


def load_job(path: Path) -> Job:
    """Return the job in a TOML file, or raise JobError that names file, place and fault."""
    try:
        with path.open("rb") as file:
            job = Job.model_validate(tomllib.load(file))
    except OSError as error:
        raise JobError(f"cannot read the job file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise JobError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in fault['loc']) or 'job'}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise JobError(f"{path} is not a job:\n" + "\n".join(lines)) from error
    beside = tuple(
        graphic.model_copy(update={"picture": path.parent / graphic.picture})
        if graphic.picture
        else graphic
        for graphic in job.graphic
    )
    return job.model_copy(update={"graphic": beside})
