"""Values as people read them.

What the core says of a moment, in a form or in the history, it says as a *stamp*: UTC, in ISO 8601.
Templates turn stamps into the time zone of whoever reads (``Reading.parts``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from .billing import Money

STATUS_LABELS = {
    "active": "Active",
    "inactive": "Inactive",
    "blocked": "Blocked",
    "pending": "Pending",
    "deleted": "Deleted",
}

FILTER_LABELS = STATUS_LABELS | {"inactive": "Inactive or blocked"}
"""The statuses as filters: as on its card, ``inactive`` includes the blocked."""

_UNITS = (
    ("year", 365 * 24 * 3600),
    ("month", 30 * 24 * 3600),
    ("day", 24 * 3600),
    ("hour", 3600),
    ("minute", 60),
)


def number(value: int) -> str:
    """Return a whole number with its thousands apart: ``1,204``."""
    return f"{value:,}"


def money(value: Money) -> str:
    """Return an amount with its currency: ``49.00 EUR``."""
    return f"{value.amount:,.2f} {value.currency}"


def moment(value: datetime, zone: tzinfo = UTC) -> str:
    """Return a moment to the minute, in a time zone: ``3 May 2026, 14:05 UTC``."""
    local = in_zone(value, zone)
    return f"{local.day} {local:%B %Y, %H:%M %Z}"


def day(value: datetime, zone: tzinfo = UTC) -> str:
    """Return the date of a moment in a time zone: ``3 May 2026``."""
    local = in_zone(value, zone)
    return f"{local.day} {local:%B %Y}"


def in_zone(value: datetime, zone: tzinfo) -> datetime:
    """Return a moment as a time zone's clocks show it; in UTC at either end of the calendar."""
    try:
        return value.astimezone(zone)
    except OverflowError:
        return value


def stamp(value: datetime) -> str:
    """Return a moment to the minute for a text that is kept: ``2026-05-03T14:05Z``."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def ago(value: datetime, now: datetime | None = None) -> str:
    """Return how long ago a moment was, in its largest unit: ``3 hours ago``."""
    seconds = ((now or datetime.now(UTC)) - value).total_seconds()
    for unit, length in _UNITS:
        count = int(abs(seconds) // length)
        if count:
            amount = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {amount}" if seconds < 0 else f"{amount} ago"
    return "just now"


_STAMP = re.compile("([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z)")


@dataclass(frozen=True)
class Reading:
    """How one person reads values: what the templates know as ``pu``.

    Args:
        zone: the time zone that moments are shown in.
    """

    zone: tzinfo = UTC

    number = staticmethod(number)
    money = staticmethod(money)
    ago = staticmethod(ago)

    def moment(self, value: datetime) -> str:
        """Return a moment to the minute: ``3 May 2026, 16:05 CEST``."""
        return moment(value, self.zone)

    def clock(self, value: datetime) -> str:
        """Return the time of day of a moment, to the second: ``16:05:09``."""
        return f"{in_zone(value, self.zone):%H:%M:%S}"

    def day(self, value: datetime) -> str:
        """Return the date of a moment: ``3 May 2026``."""
        return day(value, self.zone)

    stamp = staticmethod(stamp)

    def parts(self, text: object) -> Iterator[str | datetime]:
        """Yield a text piece by piece, with each stamp in it as a moment."""
        for piece in _STAMP.split(str(text)):
            try:
                yield datetime.fromisoformat(piece) if _STAMP.fullmatch(piece) else piece
            except ValueError:
                yield piece
