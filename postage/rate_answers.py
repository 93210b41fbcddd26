"""What the rate book answers: a quote that shows how it adds up, or why there is none."""

from dataclasses import dataclass
from enum import Enum

from postage.mailclass import MailClass
from postage.money import Money
from postage.rate_kinds import Category, PriceType
from postage.shapes import Classification, Shape


class Why(Enum):
    """Why a piece has no quote."""

    NONMAILABLE = "no mail"
    NOT_FIRST_CLASS = "another class, or none"
    BEYOND_CLASS = "larger than the class takes"
    NO_EDITION = "no edition in force"
    NO_PRICE = "the edition does not know the price"
    NO_ZONE = "the zone is not known"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a quote: an amount, what it is for and who says so."""

    text: str
    amount: Money
    confidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The postage of one piece, the edition that says so, and how it adds up.

    ``edition`` is that of the postage; an extra service's step names its own. ``zone`` is None
    where the price knows none; ``room`` says how size made a parcel heavier than it is.
    """

    postage: Money
    edition: str
    category: Category
    shape: Shape
    price_type: PriceType
    steps: tuple[Step, ...]
    classification: Classification
    mail_class: MailClass
    charged_milliounces: int
    zone: int | None = None
    room: str | None = None


@dataclass(frozen=True, slots=True)
class Unratable:
    """No quote, and the reason; a missing price is never guessed."""

    why: Why
    reason: str
