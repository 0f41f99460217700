"""Values as people read them."""

from datetime import UTC, datetime

from .billing import Money

STATUS_LABELS = {
    "active": "Active",
    "inactive": "Inactive",
    "blocked": "Blocked",
    "pending": "Pending",
    "deleted": "Deleted",
}

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


def moment(value: datetime) -> str:
    """Return a moment to the minute, in UTC: ``3 May 2026, 14:05 UTC``."""
    return f"{value.day} {value:%B %Y, %H:%M} UTC"


def day(value: datetime) -> str:
    """Return the date of a moment: ``3 May 2026``."""
    return f"{value.day} {value:%B %Y}"


def ago(value: datetime, now: datetime | None = None) -> str:
    """Return how long ago a moment was, in its largest unit: ``3 hours ago``."""
    seconds = ((now or datetime.now(UTC)) - value).total_seconds()
    for unit, length in _UNITS:
        count = int(abs(seconds) // length)
        if count:
            amount = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {amount}" if seconds < 0 else f"{amount} ago"
    return "just now"
