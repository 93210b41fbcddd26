"""What a verifier demands beyond arithmetic: which mode, how old, how well printed, how placed."""

from dataclasses import dataclass
from typing import Final, Literal

from sorter.errors import PolicyError

TrustMode = Literal["production", "rehearsal"]
MODES: Final = ("production", "rehearsal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one verifier; the defaults are those of domain.md 8.

    ``mode`` is the only switch between postage and practice: "production" trusts production
    devices alone, "rehearsal" trusts rehearsal devices too and every verdict then says so. Days
    count whole local days; inches are those of DMM 604.4.3.3, less what a camera of
    ``pixels_per_inch`` cannot see. ``pixels_per_inch`` 0 switches placement and grading off.

    Raises:
        PolicyError: a value outside its range.

    >>> Policy().mode
    'production'
    """

    mode: TrustMode = "production"
    max_days_back: int = 10
    max_days_ahead: int = 1
    pixels_per_inch: float = 0.0
    edge_in: float = 0.25
    edge_tolerance_in: float = 0.005  # measured: a camera of 200 dpi, 3 degrees of skew
    min_grade: float = 2.0
    min_reflectance_difference: float = 0.30
    crop_margin_modules: int = 8

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise PolicyError(f"mode {self.mode!r} is not one of {', '.join(MODES)}")
        _demand_ranges(
            self,
            ("max_days_back", 0, 3_650),
            ("max_days_ahead", 0, 3_650),
            ("pixels_per_inch", 0, 10_000),
            ("edge_in", 0, 12),
            ("edge_tolerance_in", 0, 1),
            ("min_grade", 0, 4),
            ("min_reflectance_difference", 0, 1),
            ("crop_margin_modules", 0, 1_000),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePolicy:
    """What is asked of an account, when its customer is notified, when a post is tried again.

    A deficiency below ``min_adjust_mills`` is told and not asked; a day's asked total below
    ``notify_mills`` is no notice to the customer (disc.* of domain.md 8; no threshold is public).
    A failed post is tried again after ``first_pause_s``, then twice as long each time up to
    ``longest_pause_s``, for ever.

    Raises:
        PolicyError: a value outside its range.

    >>> [NoticePolicy().pause_us(tries) // 1_000_000 for tries in (0, 1, 2, 99)]
    [60, 120, 240, 21600]
    """

    min_adjust_mills: int = 0
    notify_mills: int = 10
    first_pause_s: int = 60
    longest_pause_s: int = 21_600

    def __post_init__(self) -> None:
        _demand_ranges(
            self,
            ("min_adjust_mills", 0, 1_000_000),
            ("notify_mills", 0, 1_000_000),
            ("first_pause_s", 1, 86_400),
            ("longest_pause_s", 1, 864_000),
        )

    def pause_us(self, tries: int) -> int:
        """Return microseconds until the next post, after so many that failed before this one."""
        return min(self.first_pause_s << min(tries, 20), self.longest_pause_s) * 1_000_000


def _demand_ranges(policy: object, *ranges: tuple[str, float, float]) -> None:
    for name, least, most in ranges:
        value = getattr(policy, name)
        if isinstance(value, bool) or not least <= value <= most:  # NaN is refused too
            raise PolicyError(f"{name} is {value}; it may be {least} to {most}")
