"""Values as people read them.

What the core says of a moment, in a form or in the history, it says as a *stamp*: UTC, in ISO 8601.
Templates turn stamps into the time zone of whoever reads (``Reading.parts``).

Where texts are in another language (``i18n``), so are numbers, money and moments, by Babel.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from .billing import Money
from .i18n import Language, Text, _, again, language, lazy, ngettext

STATUS_LABELS = {
    "active": lazy("Active"),
    "inactive": lazy("Inactive"),
    "blocked": lazy("Blocked"),
    "pending": lazy("Pending"),
    "deleted": lazy("Deleted"),
}

FILTER_LABELS = STATUS_LABELS | {"inactive": lazy("Inactive or blocked")}
"""The statuses as filters: as on its card, ``inactive`` includes the blocked."""

_UNITS: tuple[tuple[int, Callable[[int], str], Callable[[int], str]], ...] = (
    (
        365 * 24 * 3600,
        lambda num: ngettext("%(num)s year ago", "%(num)s years ago", num),
        lambda num: ngettext("in %(num)s year", "in %(num)s years", num),
    ),
    (
        30 * 24 * 3600,
        lambda num: ngettext("%(num)s month ago", "%(num)s months ago", num),
        lambda num: ngettext("in %(num)s month", "in %(num)s months", num),
    ),
    (
        24 * 3600,
        lambda num: ngettext("%(num)s day ago", "%(num)s days ago", num),
        lambda num: ngettext("in %(num)s day", "in %(num)s days", num),
    ),
    (
        3600,
        lambda num: ngettext("%(num)s hour ago", "%(num)s hours ago", num),
        lambda num: ngettext("in %(num)s hour", "in %(num)s hours", num),
    ),
    (
        60,
        lambda num: ngettext("%(num)s minute ago", "%(num)s minutes ago", num),
        lambda num: ngettext("in %(num)s minute", "in %(num)s minutes", num),
    ),
)


def number(value: int) -> str:
    """Return a whole number with its thousands apart: ``1,204``."""
    english, locale = f"{value:,}", language().locale
    if locale is None:
        return english
    from babel.numbers import format_decimal

    return Text.of(format_decimal(value, locale=locale), english)


def percent(value: float) -> str:
    """Return a part of one in hundredths: ``12%``, and below ten of them ``4.5%``."""
    digits = 0 if value >= 0.1 else 1
    english, locale = f"{value:.{digits}%}", language().locale
    if locale is None:
        return english
    from babel.numbers import format_percent

    return Text.of(format_percent(round(value, 2 + digits), "0.#%", locale=locale), english)


def money(value: Money) -> str:
    """Return an amount with its currency: ``49.00 EUR``."""
    english, locale = f"{value.amount:,.2f} {value.currency}", language().locale
    if locale is None:
        return english
    from babel.numbers import format_currency

    return Text.of(format_currency(value.amount, value.currency, locale=locale), english)


def channels(kind: str) -> str:
    """Return what the channels of a kind are called: ``WhatsApp channels``."""
    return _("%(kind)s channels", kind=kind)


def cost(price: Money, interval: str | None) -> str:
    """Return what something costs for its interval: ``49.00 EUR a month``."""
    amount = money(price)
    if not interval:
        return amount
    texts = {
        "day": _("%(price)s a day", price=amount),
        "week": _("%(price)s a week", price=amount),
        "month": _("%(price)s a month", price=amount),
        "year": _("%(price)s a year", price=amount),
    }
    return texts.get(interval) or _("%(price)s a %(interval)s", price=amount, interval=interval)


def moment(value: datetime, zone: tzinfo = UTC) -> str:
    """Return a moment to the minute, in a time zone: ``3 May 2026, 14:05 UTC``."""
    local, locale = in_zone(value, zone), language().locale
    english = f"{local.day} {local:%B %Y, %H:%M %Z}"
    if locale is None:
        return english
    from babel.dates import format_date, get_datetime_format

    both = str(get_datetime_format("long", locale=locale)).replace("'", "")
    date = format_date(local, "long", locale)
    said = both.replace("{0}", minute(value, zone)).replace("{1}", date)
    return Text.of(said, english)


def minute(value: datetime, zone: tzinfo = UTC) -> str:
    """Return the time of day of a moment, to the minute, in a time zone: ``16:05 CEST``."""
    local, locale = in_zone(value, zone), language().locale
    if locale is None:
        return f"{local:%H:%M %Z}"
    from babel.dates import format_time

    return f"{format_time(local, 'short', locale=locale)} {local:%Z}"


def clock(value: datetime, zone: tzinfo = UTC) -> str:
    """Return the time of day of a moment in a time zone, to the second: ``16:05:09``."""
    local, locale = in_zone(value, zone), language().locale
    if locale is None:
        return f"{local:%H:%M:%S}"
    from babel.dates import format_time

    return format_time(local, "medium", locale=locale)


def day(value: datetime, zone: tzinfo = UTC, *, short: bool = False) -> str:
    """Return the date of a moment in a time zone: ``3 August 2026``, or short ``3 Aug 2026``."""
    local, locale = in_zone(value, zone), language().locale
    english = f"{local.day} {local:%b %Y}" if short else f"{local.day} {local:%B %Y}"
    if locale is None:
        return english
    from babel.dates import format_date

    return Text.of(format_date(local, "medium" if short else "long", locale), english)


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
    for length, past, future in _UNITS:
        count = int(abs(seconds) // length)
        if count:
            return future(count) if seconds < 0 else past(count)
    return _("just now")


_STAMP = re.compile("([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z)")


@dataclass(frozen=True)
class Reading:
    """How one person reads values: what the templates know as ``pu``.

    Args:
        zone: the time zone that moments are shown in.
    """

    zone: tzinfo = UTC

    number = staticmethod(number)
    percent = staticmethod(percent)
    money = staticmethod(money)
    cost = staticmethod(cost)
    ago = staticmethod(ago)
    again = staticmethod(again)

    @property
    def language(self) -> Language:
        """The language that they read."""
        return language()

    def moment(self, value: datetime) -> str:
        """Return a moment to the minute: ``3 May 2026, 16:05 CEST``."""
        return moment(value, self.zone)

    def clock(self, value: datetime) -> str:
        """Return the time of day of a moment, to the second: ``16:05:09``."""
        return clock(value, self.zone)

    def minute(self, value: datetime) -> str:
        """Return the time of day of a moment, to the minute: ``16:05 CEST``."""
        return minute(value, self.zone)

    def day(self, value: datetime) -> str:
        """Return the date of a moment: ``3 August 2026``."""
        return day(value, self.zone)

    def short_day(self, value: datetime) -> str:
        """Return the date of a moment where there is little room: ``3 Aug 2026``."""
        return day(value, self.zone, short=True)

    def parts(self, text: object) -> Iterator[str | datetime]:
        """Yield a text piece by piece, with each stamp in it as a moment."""
        for piece in _STAMP.split(str(text)):
            try:
                yield datetime.fromisoformat(piece) if _STAMP.fullmatch(piece) else piece
            except ValueError:
                yield piece
