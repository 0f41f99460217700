"""What is typed into the search box, and what it is taken for."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_platform_users.moments import (
    Span,
    bounds_of,
    read_moment,
    read_number,
    say_moment,
    span_of,
)
from flask_platform_users.search import EMAILS, Read, Search, SearchError, Term, parse

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def read_status(value: str) -> str:
    """Read as a filter of two words does."""
    if value not in {"active", "blocked"}:
        raise SearchError(f"{value} is no status.")
    return value


OPERATORS: dict[str, Read] = {"status": read_status, "signed_in": str, "role": str}


def typed(text: str) -> Search:
    """Read what was typed."""
    return parse(text, OPERATORS)


def refused(text: str) -> str:
    """Return why it is not understood."""
    with pytest.raises(SearchError) as caught:
        typed(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("", Search()),
        ("ann  lee", Search(words="ann  lee")),
        ("status:blocked", Search(terms=(Term("status", "blocked"),))),
        ("ann status:blocked lee", Search(words="ann lee", terms=(Term("status", "blocked"),))),
        ("Signed-In:<30d", Search(terms=(Term("signed_in", "<30d"),))),
        ("signed_in:never", Search(terms=(Term("signed_in", "never"),))),
        ('role:"team lead" ann', Search(words="ann", terms=(Term("role", "team lead"),))),
        ("status:active status:active", Search(terms=(Term("status", "active"),))),
        ('"status:blocked"', Search(words="status:blocked")),
        ('the "one"', Search(words='the "one"')),
        ('"', Search(words='"')),
        ("12:30 a/b", Search(words="12:30 a/b")),
        ("ann@x.example", Search(words="ann@x.example")),
        ("a@x.example b@x.example", Search(emails=("a@x.example", "b@x.example"))),
        ("a@x.example;b@x.example,\na@x.example", Search(emails=("a@x.example", "b@x.example"))),
        (
            "Ann Lee <a@x.example>, “B” <b@x.example>; <mailto:c@x.example>",
            Search(emails=("a@x.example", "b@x.example", "c@x.example")),
        ),
        (
            "status:active maria a@x.example, b@x.example",
            Search(
                words="maria",
                emails=("a@x.example", "b@x.example"),
                terms=(Term("status", "active"),),
            ),
        ),
    ],
)
def test_what_is_typed_is_words_addresses_and_operators(text: str, search: Search) -> None:
    """However they are mixed."""
    assert typed(text) == search


def test_what_is_not_understood_is_named_with_what_would_be() -> None:
    """All of it at once."""
    sentence = refused("stauts:blocked status:blokced ann")
    assert "There is no filter “stauts”; there are status, signed-in, role." in sentence
    assert '"stauts:blocked"' in sentence
    assert "blokced is no status." in sentence
    assert refused("status:") == "Say what “status:” shall be, without a blank."


def test_more_than_can_be_searched_for_is_refused_by_its_number() -> None:
    """Words by their length, addresses by how many they are."""
    assert "100" in refused("x" * 101)
    many = [f"user{n}@x.example" for n in range(EMAILS + 1)]
    assert len(typed(" ".join(many[1:])).emails) == EMAILS
    assert f"These are {EMAILS + 1} email addresses; up to {EMAILS}" in refused(" ".join(many))


WORDS = st.text(st.sampled_from('ab:@".,; <>é'), max_size=12)


@given(text=WORDS)
def test_whatever_is_typed_is_read_or_refused_in_a_sentence(text: str) -> None:
    """And what was read can be typed again and means the same."""
    try:
        found = typed(text)
    except SearchError:
        return
    if '"' not in found.words:
        assert typed(found.typed) == found


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("<30d", "2026-02-08T12:00", None),
        (">2w", None, "2026-02-24T12:00"),
        ("12h", "2026-03-10T00:00", None),
        ("2026-01-31", "2026-01-31T00:00", "2026-02-01T00:00"),
        (">2026-01-31", "2026-02-01T00:00", None),
        (">=2026-01-31", "2026-01-31T00:00", None),
        ("<2026-01-31", None, "2026-01-31T00:00"),
        ("<=2026-01-31", None, "2026-02-01T00:00"),
        ("2025-12", "2025-12-01T00:00", "2026-01-01T00:00"),
        (">2025", "2026-01-01T00:00", None),
        ("2026-01-01..2026-02", "2026-01-01T00:00", "2026-03-01T00:00"),
    ],
)
def test_a_time_is_a_stretch_from_a_moment_to_another(
    value: str, start: str | None, end: str | None
) -> None:
    """Ages count back from now; days, months and years are whole."""
    span = span_of(read_moment(value, nullable=False), ahead=False, now=NOW, zone=UTC)
    assert span == Span(start=_moment(start), end=_moment(end))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_day_is_one_of_the_reader_and_a_time_ahead_counts_forward() -> None:
    """By the clocks of their zone."""
    berlin = ZoneInfo("Europe/Berlin")
    day = span_of("2026-03-29", ahead=False, now=NOW, zone=berlin)
    assert day.start == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert day.end == datetime(2026, 3, 29, 22, tzinfo=UTC)
    week = span_of("<7d", ahead=True, now=NOW, zone=UTC)
    assert week == Span(start=NOW, end=datetime(2026, 3, 17, 12, tzinfo=UTC))
    assert span_of(">7d", ahead=True, now=NOW, zone=UTC) == Span(start=week.end)


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "2026-13-01",
        "2026-02-30",
        "<",
        "30",
        "9999y",
        "0000",
        "9999",
        ">2026..2027",
        "1..",
        "d",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(value: str) -> None:
    """Such as days that there are not."""
    with pytest.raises(SearchError, match=f"“{value}” is no time; expected such as <30d"):
        read_moment(value, nullable=False)


def test_a_time_is_said_in_words() -> None:
    """On its chip and in the toolbar."""
    past = {
        "<30d": "in the last 30 days",
        ">1w": "more than 1 week ago",
        "never": "never",
        "any": "at some time",
        "2026-01": "2026-01",
        ">2026-01-31": "after 2026-01-31",
        ">=2026-01-31": "from 2026-01-31 on",
        "<2026-01-31": "before 2026-01-31",
        "<=2026-01-31": "until 2026-01-31",
        "2026-01..2026-02": "from 2026-01 to 2026-02",
    }
    assert {value: say_moment(value, ahead=False) for value in past} == past
    assert say_moment("<7d", ahead=True) == "within 7 days"
    assert say_moment(">1y", ahead=True) == "in more than 1 year"


def test_a_number_is_compared_as_it_is_typed() -> None:
    """With a sign, or from one to another."""
    for value in (">5", "<=2.50", "-3", "=7", "1..10"):
        assert read_number(value) == value
    assert [(sign, int(at)) for sign, at in bounds_of("1..10")] == [(">=", 1), ("<=", 10)]
    assert [sign for sign, _ in (*bounds_of("7"), *bounds_of("<7"))] == ["=", "<"]
    for value in ("many", ">", "1..>5", "1e9", "", "5 6"):
        with pytest.raises(SearchError, match="is no number; expected such as >=5"):
            read_number(value)
