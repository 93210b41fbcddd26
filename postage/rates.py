"""What a piece costs on a mailing date, in steps that a dispute can re-read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Self

from postage.errors import RateEditionError
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rate_answers import Quote, Step, Unratable, Why
from postage.rate_categories import categorise
from postage.rate_editions import EDITIONS, RateEdition, Verify, read_edition
from postage.rate_kinds import (
    PRICED,
    Category,
    Packaging,
    PriceList,
    PriceType,
    Service,
    Sort,
)
from postage.rate_parcels import charged_weight, find_zone
from postage.rate_tables import ounces_text, zoned
from postage.shapes import classify
from postage.zones import ZoneChart

__all__ = ["Category", "MailClass", "Packaging", "PriceList", "PriceType", "Quote", "RateBook",
           "Service", "Sort", "Step", "Unratable", "Why"]  # fmt: skip

TRUSTED = frozenset({"V", "V*", "V**", "S", "S*"})
"""Confidences that rate a piece; a price recalled or inferred is never charged."""
_REMEMBERED_DAYS = 4_096


@dataclass(frozen=True, slots=True)
class RateBook:
    """All editions; of each price list the one in force is the last, temporary over base.

    Raises:
        RateEditionError: no edition, or two of one list with one date, priority and version.
    """

    editions: tuple[RateEdition, ...]
    _held: dict[tuple[date, PriceList], tuple[RateEdition | None]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        ranks = {(edition.price_list, edition.rank) for edition in self.editions}
        if not ranks or len(ranks) < len(self.editions):
            raise RateEditionError(
                "a rate book needs editions, one for each list, date, priority and version"
            )
        ordered = sorted(self.editions, key=lambda at: (at.name, at.priority))
        object.__setattr__(self, "editions", tuple(ordered))

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        *,
        verify: Verify | None = None,
        allow_unsigned: bool = False,
    ) -> Self:
        """Return the book of all editions in a folder, by default those that come with us.

        Editions in a folder of the caller's must carry signatures that `verify` takes, unless
        `allow_unsigned`; ours are part of the program and carry none.

        Raises:
            RateEditionError: no edition, or one that is not what its manifest says.

        >>> RateBook.load().in_force(date(2026, 7, 12)).name
        '2026-07-12'
        """
        root = EDITIONS if folder is None else folder
        folders = sorted(path for path in root.glob("*") if path.is_dir())
        if not folders:
            raise RateEditionError(f"{root} holds no rate edition")
        unsigned = allow_unsigned or folder is None
        return cls(
            tuple(read_edition(path, verify=verify, allow_unsigned=unsigned) for path in folders)
        )

    def in_force(
        self, day: date, price_list: PriceList = PriceList.FIRST_CLASS_RETAIL
    ) -> RateEdition | None:
        """Return the edition of a list on a mailing date at its origin, None where there is none.

        A temporary edition holds over the base; then the later date, then the higher version.
        """
        remembered = self._held.get((day, price_list))
        if remembered is not None:
            return remembered[0]
        holding = [
            edition
            for edition in self.editions
            if edition.price_list is price_list and edition.holds_on(day)
        ]
        found = max(holding, key=lambda edition: edition.rank, default=None)
        if len(self._held) >= _REMEMBERED_DAYS:
            self._held.clear()  # threads may race here: each has its own answer
        self._held[day, price_list] = (found,)
        return found

    def quote(
        self,
        piece: Mailpiece,
        mailing_date: date,
        *,
        price_type: PriceType = "metered",
        mail_class: MailClass = MailClass.FIRST_CLASS,
        sort: Sort | None = None,
        packaging: Packaging | None = None,
        zone: int | None = None,
        zones: ZoneChart | None = None,
        destination: str | None = None,
        services: Iterable[Service] = (),
    ) -> Quote | Unratable:
        """Return the postage of a piece at the prices of its mailing date, by default First-Class.

        A letter goes up to the next whole ounce, with one last step from 3 to 3.5 oz; above 3.5 oz
        a card or letter pays the flat price of its ounces, without surcharge. Cards and flats have
        one price, metered or stamped. A parcel goes up to the next pound (weight or room) and
        needs a `zone`, or `zones` (the chart of its origin) and a `destination` ZIP code.

        Raises:
            BadPriceType: a price type that the class does not have.
            BadZone: a zone that is none, or is given together with a chart.

        >>> book = RateBook.load()
        >>> quote = book.quote(Mailpiece.inches(9, 4, "0.02", ounces="1.01"), date(2026, 7, 12))
        >>> quote.postage, quote.edition
        (Money(mills=1070), '2026-07-12')
        >>> parcel = Mailpiece.inches(12, 9, 4, ounces="16.001")
        >>> book.quote(parcel, date(2026, 7, 12), mail_class=MailClass.GROUND_ADVANTAGE,
        ...     price_type="commercial", zone=5).postage
        Money(mills=9950)
        """
        found = classify(piece)
        category = categorise(piece, found, mail_class, price_type, sort, packaging)
        if isinstance(category, Unratable):
            return category
        priced = PRICED[category]
        edition = self.in_force(mailing_date, priced.price_list)
        if edition is None:
            return self._none_in_force(mailing_date, priced.price_list)
        weight, room, items, away = piece.weight_milliounces, None, priced.items, None
        if priced.is_zoned:
            found_zone = find_zone(zone, zones, destination, mailing_date)
            if isinstance(found_zone, Unratable):
                return found_zone
            away = found_zone
            weight, room = charged_weight(piece, edition.dimensional)
            if room is not None and (unsure := _unsure_of_room(edition)):
                return unsure
            items = tuple(zoned(item, away) for item in items)
        answers = [_step(edition, item, weight) for item in items]
        answers += [self.fee(service, mailing_date) for service in services]
        postage, steps = 0, []
        for step in answers:
            if isinstance(step, Unratable):
                return step
            postage += step.amount.mills
            steps.append(step)
        return Quote(
            postage=Money(postage),
            edition=edition.name,
            category=category,
            shape=found.shape,
            price_type=price_type,
            steps=tuple(steps),
            classification=found,
            mail_class=mail_class,
            charged_milliounces=weight,
            zone=away,
            room=room,
        )

    def fee(self, item: str, day: date) -> Step | Unratable:
        """Return what a service, or `rate_kinds.ANNUAL_MAILING_FEE`, costs on a day.

        >>> RateBook.load().fee(Service.CERTIFIED, date(2026, 7, 12)).amount
        Money(mills=5550)
        """
        edition = self.in_force(day, PriceList.EXTRA_SERVICES)
        if edition is None:
            return self._none_in_force(day, PriceList.EXTRA_SERVICES)
        return _step(edition, item, 1)

    def _none_in_force(self, day: date, price_list: PriceList) -> Unratable:
        own = [edition for edition in self.editions if edition.price_list is price_list]
        ended = [at for at in own if at.until is not None and at.until <= day]
        if not own:
            reason = f"there is no {price_list} edition"
        elif day < own[0].effective:
            reason = f"mailing date {day} lies before the first {price_list} edition, {own[0].name}"
        else:
            last = max(ended, key=lambda at: at.rank)
            assert last.until is not None
            reason = (
                f"no {price_list} edition is in force on {day}: {last.name} ended on "
                f"{last.until - timedelta(days=1)}"
            )
        return Unratable(Why.NO_EDITION, reason)


def _unsure_of_room(edition: RateEdition) -> Unratable | None:
    rule = edition.dimensional
    assert rule is not None, "room is charged by a rule"
    if rule.confidence in TRUSTED:
        return None
    return Unratable(
        Why.NO_PRICE,
        f"edition {edition.name} is not sure of its dimensional weight "
        f"(confidence {rule.confidence}, {rule.source})",
    )


def _step(edition: RateEdition, item: str, milliounces: int) -> Step | Unratable:
    price = edition.price(item, milliounces)
    if price is None:
        weight = ounces_text(milliounces)
        missing = edition.missing.get(item.partition("_zone_")[0], "not in the edition")
        return Unratable(
            Why.NO_PRICE, f"edition {edition.name} has no {item} price at {weight} oz: {missing}"
        )
    if price.confidence not in TRUSTED:
        return Unratable(
            Why.NO_PRICE,
            f"edition {edition.name} is not sure of its {item} price at "
            f"{ounces_text(milliounces)} oz "
            f"(confidence {price.confidence}, {price.source})",
        )
    return Step(price.label, price.amount, price.confidence, price.source)
