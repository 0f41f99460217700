"""A cursor carries its place unchanged, and nobody but the mount can make one."""

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_platform_users.errors import CursorError
from flask_platform_users.paging import Cursor, Cursors

CURSORS = Cursors([b"secret"], "here")

values = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    st.datetimes(),
    st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))),
    st.dates(),
    st.uuids(),
    st.binary(),
)


@given(key=values, value=values, number=st.integers(min_value=1), backward=st.booleans())
def test_what_is_read_is_what_was_written(
    key: Any, value: Any, number: int, backward: bool
) -> None:
    cursor = Cursor(key=key, value=value, number=number, backward=backward)
    read = CURSORS.load(CURSORS.dump(cursor))
    assert read == cursor
    assert [type(read.key), type(read.value)] == [type(key), type(value)]


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        CURSORS.load(text)


@given(position=st.integers(min_value=0, max_value=1000), letter=st.sampled_from("aZ0-_."))
def test_a_changed_character_is_refused(position: int, letter: str) -> None:
    good = CURSORS.dump(Cursor(key=1, value="x", number=25))
    position %= len(good) - 1  # the last one carries two bits that base64 ignores
    bad = good[:position] + letter + good[position + 1 :]
    if bad != good:
        with pytest.raises(CursorError):
            CURSORS.load(bad)


def test_a_cursor_of_another_listing_or_another_secret_is_refused() -> None:
    text = CURSORS.dump(Cursor(key=1, value=None, number=1))
    for other in (Cursors([b"secret"], "there"), Cursors([b"another"], "here")):
        with pytest.raises(CursorError):
            other.load(text)


def test_a_cursor_signed_with_an_older_secret_still_counts() -> None:
    cursor = Cursor(key=uuid.uuid4(), value=datetime(2026, 5, 3, tzinfo=UTC), number=7)
    assert Cursors([b"secret", b"newer"], "here").load(CURSORS.dump(cursor)) == cursor


def test_a_value_that_cannot_be_carried_is_refused() -> None:
    with pytest.raises(TypeError, match="a cursor cannot carry"):
        CURSORS.dump(Cursor(key=1, value=object(), number=1))


def test_dates_and_decimals_stay_what_they_are() -> None:
    cursor = Cursor(key=Decimal("1.10"), value=date(2026, 5, 3), number=1)
    assert CURSORS.load(CURSORS.dump(cursor)) == cursor
