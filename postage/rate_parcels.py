"""What parcels pay for: the charged weight, the zone, and what each class refuses.

Prices stand by pounds, a fraction of a pound counting as a whole one; the tables say so themselves
(16.000 oz takes the 1-lb row, 15.999 oz the row below a pound), so only room and size are rules.
"""

from datetime import date

from postage.errors import BadZone
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.rate_answers import Unratable, Why
from postage.rate_editions import Dimensional
from postage.rate_kinds import Category
from postage.rate_tables import ZONES
from postage.zones import ZoneChart

MILLIOUNCES_PER_POUND = 16_000
MAX_POUNDS = 70
# DMM 101: length plus girth, thousandths of an inch; Ground Advantage Retail takes 130 in.
GIRTH_LIMIT, GIRTH_LIMIT_RETAIL = 108_000, 130_000
# Notice 123 has a fee above each of these since 2022-04-03 (docs.xpsship.com, ogrforum.com; S), and
# one oversized price above 108 in (redstagfulfillment.com; S). No amount of them is public here.
FEE_LENGTH, FEE_CUBIC_INCHES = 22_000, 3_456
NONRECTANGULAR_PER_MILLE = 785  # DMM 123.1.4.2 as quoted on slippertalk.com (S)


def refuse_size(piece: Mailpiece, category: Category) -> Unratable | None:
    """Return why the category has no price for a piece of this size, None where it has."""
    thickness, height, length = sorted((piece.length_thou, piece.height_thou, piece.thickness_thou))
    around, volume = length + 2 * (height + thickness), length * height * thickness
    is_retail_ground = category is Category.GROUND_ADVANTAGE_RETAIL
    limit = GIRTH_LIMIT_RETAIL if is_retail_ground else GIRTH_LIMIT
    if around > limit:
        label = category.name.lower().replace("_", " ")
        return Unratable(
            Why.BEYOND_CLASS,
            f"length and girth {_inches(around)} is more than {limit // 1000} in ({label})",
        )
    if around > GIRTH_LIMIT:
        reason = f"length and girth {_inches(around)} is more than 108 in: the oversized price"
    elif length > FEE_LENGTH:
        reason = f"length {_inches(length)} is more than 22 in: the nonstandard fee"
    elif volume > FEE_CUBIC_INCHES * 1000**3:
        reason = f"{volume / 1000**3:.1f} cubic inches are more than 3456: the nonstandard fee"
    else:
        return None
    return Unratable(Why.NO_PRICE, f"{reason} is in no table")


def charged_weight(piece: Mailpiece, rule: Dimensional | None) -> tuple[int, str | None]:
    """Return the weight that is paid for in thousandths of an ounce, and how room made it so.

    Each side is taken in whole inches; a piece above the rule's volume weighs at least its volume
    over the divisor, up to the next pound, at most 70 lb (DMM 123.1.4 as quoted; the divisor is
    the edition's).

    >>> rule = Dimensional(1728, 166, "nearest", "S", "domain 4.4")
    >>> charged_weight(Mailpiece.inches(14, 14, 14, ounces=48), rule)
    (272000, 'dimensional weight: 14 x 14 x 14 in = 2744 cubic inches / 166, up to 17 lb')
    """
    if rule is None:
        return piece.weight_milliounces, None
    up = 999 if rule.inches == "up" else 500
    length, height = (piece.length_thou + up) // 1000, (piece.height_thou + up) // 1000
    thickness = (piece.thickness_thou + up) // 1000
    volume = length * height * thickness
    if not piece.is_rectangular:
        volume = volume * NONRECTANGULAR_PER_MILLE // 1000
    if volume <= rule.over_cubic_inches:
        return piece.weight_milliounces, None
    pounds = min(-(-volume // rule.cubic_inches_per_pound), MAX_POUNDS)
    room = pounds * MILLIOUNCES_PER_POUND
    if room <= piece.weight_milliounces:
        return piece.weight_milliounces, None
    shape = "" if piece.is_rectangular else " x 0.785 (not rectangular)"
    return room, (
        f"dimensional weight: {length} x {height} x {thickness} in{shape} = {volume} cubic inches "
        f"/ {rule.cubic_inches_per_pound}, up to {pounds} lb"
    )


def find_zone(
    zone: int | None, chart: ZoneChart | None, destination: str | None, mailing_date: date
) -> int | Unratable:
    """Return the zone given, or that of the chart; `Unratable` where neither says one.

    Raises:
        BadZone: not 1 to 9, or given together with a chart.
    """
    if zone is not None:
        if zone not in ZONES or type(zone) is not int:
            raise BadZone(f"zone {zone!r} is not 1 to 9")
        if chart is not None:
            raise BadZone(f"zone {zone} is given, and a chart of {chart.origin} too")
        return zone
    if chart is None or destination is None:
        return Unratable(Why.NO_ZONE, "the price needs a zone, or a chart and a destination")
    if mailing_date < chart.effective:
        return Unratable(
            Why.NO_ZONE,
            f"the zone chart of {chart.origin} is effective {chart.effective}, after the mailing "
            f"date {mailing_date}",
        )
    found = chart.zone(destination)
    if found is None:
        return Unratable(
            Why.NO_ZONE,
            f"the zone chart of {chart.origin} ({chart.effective}) has no zone for {destination!r}",
        )
    return found


def is_parcel_class(mail_class: MailClass) -> bool:
    """Return whether the class has prices by weight and zone."""
    return mail_class in (MailClass.GROUND_ADVANTAGE, MailClass.PRIORITY, MailClass.EXPRESS)


def _inches(thou: int) -> str:
    return f"{thou // 1000}.{thou % 1000:03d}".rstrip("0").rstrip(".") + " in"
