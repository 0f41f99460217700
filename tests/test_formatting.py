"""Values are shown as people read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from flask_platform_users import Money
from flask_platform_users.formatting import ago, day, moment, money, number

NOW = datetime(2026, 5, 3, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=45), "1 month ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(hours=-3), "in 3 hours"),
    ],
)
def test_a_moment_is_told_in_its_largest_unit(before: timedelta, said: str) -> None:
    assert ago(NOW - before, NOW) == said


def test_moments_and_days_have_no_leading_zero() -> None:
    assert moment(NOW) == "3 May 2026, 14:05 UTC"
    assert day(NOW) == "3 May 2026"


def test_thousands_are_kept_apart() -> None:
    assert number(1204) == "1,204"
    assert money(Money(Decimal("1204.5"), "EUR")) == "1,204.50 EUR"
