"""Moments and numbers as filters are asked for them: ``<30d``, ``>2026-01-01``, ``never``, ``>=5``.

A length of time counts from now; a day, a month or a year is that of the reader's time zone.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from .i18n import _, ngettext
from .search import SearchError

_AGE = re.compile(r"([<>]?)=?([0-9]{1,4})([hdwmy])")
_DAY = re.compile(r"(<=|>=|<|>|)([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?")
_NUMBER = re.compile(r"(<=|>=|<|>|=|)(-?[0-9]{1,15}(?:\.[0-9]{1,6})?)")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24}
_LONGEST = 100 * _HOURS["y"]


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time.

    Attributes:
        start: the first moment in it; None for no beginning.
        end: the first moment after it; None for no end.
    """

    start: datetime | None = None
    end: datetime | None = None


def read_moment(value: str, *, nullable: bool) -> str:
    """Return what a filter of moments is asked, as it is kept.

    Args:
        value: what was typed.
        nullable: whether there may be none.

    Raises:
        SearchError: it is none of what can be asked.
    """
    text = value.casefold()
    if nullable and text in {"never", "any"}:
        return text
    age = _AGE.fullmatch(text)
    if age and int(age[2]) * _HOURS[age[3]] <= _LONGEST:
        return f"{age[1] or '<'}{int(age[2])}{age[3]}"
    parts = text.split("..", 1)
    try:
        signs = [_period(part, UTC)[0] for part in parts]
        if len(parts) > 1 and any(signs):
            raise ValueError(text)
    except ValueError:
        raise SearchError(
            _(
                "“%(value)s” is no time; expected such as %(examples)s.",
                value=value,
                examples=", ".join(["<30d", ">2026-01-31", *(["never"] if nullable else [])]),
            )
        ) from None
    return text


def span_of(value: str, *, ahead: bool, now: datetime, zone: tzinfo) -> Span:
    """Return the stretch of time that a value means, as ``read_moment`` returned it."""
    age = _AGE.fullmatch(value)
    if age:
        length = timedelta(hours=int(age[2]) * _HOURS[age[3]])
        near = age[1] == "<"
        if ahead:
            return Span(start=now, end=now + length) if near else Span(start=now + length)
        return Span(start=now - length) if near else Span(end=now - length)
    first, _dots, last = value.partition("..")
    sign, start, end = _period(first, zone)
    if last:
        return Span(start=start, end=_period(last, zone)[2])
    return {
        "": Span(start=start, end=end),
        "<": Span(end=start),
        "<=": Span(end=end),
        ">": Span(start=end),
        ">=": Span(start=start),
    }[sign]


def say_moment(value: str, *, ahead: bool) -> str:
    """Return in words what a value means."""
    age = _AGE.fullmatch(value)
    if value == "never":
        return _("never")
    if value == "any":
        return _("at some time")
    if age:
        length, near = _say_length(int(age[2]), age[3]), age[1] == "<"
        if ahead:
            if near:
                return _("within %(time)s", time=length)
            return _("in more than %(time)s", time=length)
        if near:
            return _("in the last %(time)s", time=length)
        return _("more than %(time)s ago", time=length)
    first, _dots, last = value.partition("..")
    if last:
        return _("from %(first)s to %(last)s", first=first, last=last)
    sign = first.rstrip("0123456789-")
    day = first[len(sign) :]
    return {
        "": day,
        "<": _("before %(day)s", day=day),
        "<=": _("until %(day)s", day=day),
        ">": _("after %(day)s", day=day),
        ">=": _("from %(day)s on", day=day),
    }[sign]


def _say_length(number: int, unit: str) -> str:
    if unit == "h":
        return ngettext("%(num)s hour", "%(num)s hours", number)
    if unit == "d":
        return ngettext("%(num)s day", "%(num)s days", number)
    if unit == "w":
        return ngettext("%(num)s week", "%(num)s weeks", number)
    if unit == "m":
        return ngettext("%(num)s month", "%(num)s months", number)
    return ngettext("%(num)s year", "%(num)s years", number)


def _period(text: str, zone: tzinfo) -> tuple[str, datetime, datetime]:
    """Return the sign of a day, month or year, when it begins and when it is over."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(text)
    sign, year, month, day = found[1], int(found[2]), int(found[3] or 1), int(found[4] or 1)
    if not 1000 <= year < 9999:  # the ends of the calendar are not the same in every zone
        raise ValueError(text)
    start = datetime(year, month, day, tzinfo=zone)
    if found[4]:
        end = start + timedelta(days=1)
    elif found[3]:
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    else:
        end = datetime(year + 1, 1, 1, tzinfo=zone)
    return sign, start.astimezone(UTC), end.astimezone(UTC)


def read_number(value: str) -> str:
    """Return what a filter of numbers is asked, as it is kept.

    Raises:
        SearchError: it is no number.
    """
    found = [_NUMBER.fullmatch(part) for part in value.split("..", 1)]
    if all(found) and (len(found) == 1 or not any(part and part[1] for part in found)):
        return value
    raise SearchError(
        _("“%(value)s” is no number; expected such as %(example)s.", value=value, example=">=5")
    )


def bounds_of(value: str) -> list[tuple[str, Decimal]]:
    """Return the comparisons that a value means, as ``read_number`` returned it."""
    first, _dots, last = value.partition("..")
    if last:
        return [(">=", Decimal(first)), ("<=", Decimal(last))]
    found = _NUMBER.fullmatch(first)
    assert found is not None  # noqa: S101  (it was read)
    return [(found[1] or "=", Decimal(found[2]))]
