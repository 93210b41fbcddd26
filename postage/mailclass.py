"""The classes of mail that a piece may claim, by the names of the Domestic Mail Manual."""

from enum import StrEnum


class MailClass(StrEnum):
    """A class of domestic mail; the value is what files, commands and messages carry.

    Periodicals and Bound Printed Matter are known so that they can be refused: no indicium pays
    for them (DMM 604.4, effective 2015-09-13).

    >>> MailClass("first-class")
    <MailClass.FIRST_CLASS: 'first-class'>
    """

    FIRST_CLASS = "first-class"
    MARKETING = "marketing"
    GROUND_ADVANTAGE = "ground-advantage"
    PRIORITY = "priority"
    EXPRESS = "express"
    PERIODICALS = "periodicals"
    BOUND_PRINTED_MATTER = "bound-printed-matter"
