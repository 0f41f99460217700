"""The list is narrowed by what was typed and chosen, by filters of ours and of the host."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from flask_platform_users import Card, Directory, Filter, ModelBilling, SavedView
from flask_platform_users.directory import ListQuery
from flask_platform_users.filter_checks import BUILT_IN, filter_faults, view_faults
from flask_platform_users.inspection import is_indexed
from flask_platform_users.search import Search, parse

from .conftest import mostly_on_sqlite, on_host
from .hosts import NOON
from .hosts.a_enum import User
from .office import Office, hidden
from .world import World

DAY = timedelta(days=1)


def names(directory: Directory, text: str, **changes: Any) -> set[str | None]:
    """Return whom a search finds."""
    filters = directory.mapping.filters
    found = parse(text, {name: each.read for name, each in filters.items()})
    query = ListQuery(words=found.words, emails=found.emails, terms=found.terms, per_page=100)
    rows = directory.page(replace(query, **changes), _sort(directory)).users
    assert directory.matches(replace(query, **changes)) == len(rows)
    return {row.username for row in rows}


def _sort(directory: Directory) -> Any:
    return next(iter(directory.sorts(10).values()))


def test_times_are_compared_with_what_the_host_keeps(world: World) -> None:
    """Whatever it keeps them in: with and without a zone."""
    platform = world.platform()
    now = datetime.now(UTC).replace(microsecond=0)
    moments = {"new": now - DAY, "old": now - 40 * DAY, "march": NOON}
    logins = {"new": now - DAY, "old": now - 40 * DAY, "march": None}
    world.add(
        *(
            world.person(platform, name, created=at, last_login=logins[name])
            for name, at in moments.items()
        )
    )
    can = world.host.CAN
    with world.directory(platform) as directory:
        if "created" in can.fields:
            assert names(directory, "created:<30d") == {"new"}
            assert names(directory, "created:>30d created:<60d") == {"old"}
            assert names(directory, "created:2026-03-01") == {"march"}
            assert names(directory, "created:<2026-03-01") == set()
            assert "march" not in names(directory, "created:>2026-03-01")
            assert names(directory, "created:<=2026-03") == {"march"}
        if "last_login" in can.fields:
            assert names(directory, "signed-in:<30d") == {"new"}
            assert names(directory, "signed-in:>30d") == {"old"}
            assert names(directory, "signed-in:never") == {"march"}
            assert names(directory, "signed-in:any") == {"new", "old"}


def test_blocks_that_end_soon_are_found(world: World) -> None:
    """Not those for good, nor those that are over."""
    platform = world.platform()
    ends = {"soon": 3 * DAY, "later": 30 * DAY, "over": -DAY, "for good": None}
    keys = world.add(*(world.person(platform, name) for name in ends))
    for key, length in zip(keys, ends.values(), strict=True):
        until = None if length is None else datetime.now(UTC) + length
        world.block(platform, key, until=until)
    with world.directory(platform) as directory:
        assert names(directory, "block-ends:<7d") == {"soon"}
        assert names(directory, "block-ends:>7d status:blocked") == {"later"}


def test_a_plan_is_asked_for_by_its_name(world: World) -> None:
    """On every host whose plans are read by a mapping, whatever database sells them."""
    platform, other = world.platform(), world.platform()
    people = [world.person(platform, name) for name in ("small", "large", "grown", "none")]
    small, large, grown, _none, away = world.add(*people, world.person(other, "away"))
    with world.app.app_context():
        bought = ((small, "Small"), (large, "Large"), (grown, "Small"), (grown, "Large"))
        for shop in (platform, other):
            world.host.open_shop(shop)
        for user, plan in bought:
            world.host.subscribe(platform, user, plan)
        world.host.subscribe(other, away, "Small")
    with world.directory(platform) as directory:
        billing: Any = directory.billing
        if not isinstance(billing, ModelBilling):
            assert "plan" not in directory.mapping.filters
            return
        own = Filter("plan", directory.mapping.users.email)
        assert replace(directory.mapping, own_filters=[own]).filters["plan"] is own
        assert names(directory, "plan:small") == {"small"}
        assert names(directory, "plan:Large") == {"large", "grown"}
        assert names(directory, "plan:Huge") == set()


def test_many_addresses_find_exactly_who_has_them(world: World) -> None:
    """In whatever letters they are typed; it is told who is nobody."""
    platform, other = world.platform(), world.platform()
    people = [world.person(platform, name) for name in ("ann", "bob", "cy")]
    stranger = world.person(other, "stranger")
    world.add(*people, stranger)
    pasted = f"Ann <{people[0].email.upper()}>; {people[1].email}, {stranger.email} no@x.example"
    with world.directory(platform) as directory:
        assert names(directory, pasted) == {"ann", "bob"}
        assert names(directory, f"{pasted} bo") == {"bob"} or "bo" not in people[1].username
        emails = parse(pasted, {}).emails
        unknown = directory.unknown_emails(ListQuery(emails=emails))
        assert unknown == [stranger.email, "no@x.example"]


@mostly_on_sqlite
def test_the_page_tells_what_it_does_not_understand_and_keeps_what_was_typed(world: World) -> None:
    """Nobody is listed, and nothing is done to anybody."""
    office = Office(world)
    url = world.url(q="stauts:active ann", status="active")
    response = office.client.get(url)
    assert response.status_code == 400
    assert "There is no filter “stauts”; there are status, " in response.text
    assert 'value="stauts:active ann"' in response.text
    assert "<tbody" not in response.text
    token = {"csrf_token": hidden(office.client.get(world.url()))["csrf_token"]}
    for endpoint in ("export_users", "pick"):
        refused = office.client.post(world.url(endpoint, q="stauts:active"), data=token)
        assert refused.status_code == 400
    assert office.events() == []


@mostly_on_sqlite
def test_each_operator_is_a_chip_of_its_own(world: World) -> None:
    """Also where the same was typed and chosen; taking it away leaves the others."""
    office = Office(world)
    page = world.see(office.client, q="status:active user block-ends:<7d", status="active")
    chips = {chip.text: chip.attributes["href"] for chip in page.page.all("a", class_="pu-chip")}
    left = {
        text.removeprefix("Remove filter: "): parse_qs(urlsplit(url).query)
        for text, url in chips.items()
    }
    assert left == {
        "Status: Active": {"q": ["block-ends:<7d user"]},
        "Block ends: within 7 days": {"q": ["status:active user"], "status": ["active"]},
        "“user”": {"q": ["status:active block-ends:<7d"], "status": ["active"]},
    }


SIZES = {"short": "Up to four letters", "long": "More"}
OWN = [
    Filter("verified", User.email.like("%1@%"), label="Verified"),
    Filter("letters", sa.func.length(User.username, type_=sa.Integer)),
    Filter(
        "size",
        lambda size, _platform: (sa.func.length(User.username) < 5) == (size == "short"),
        choices=SIZES,
    ),
    Filter("called", User.username),
]


@on_host("a-enum")
def test_a_filter_of_the_host_is_asked_like_any_other(world: World) -> None:
    """Predicates, numbers, functions and columns."""
    platform = world.platform()
    people = {name: f"{name}{n}@x.example" for n, name in enumerate(("ann", "bobby", "christine"))}
    world.add(*(world.person(platform, name, email=email) for name, email in people.items()))
    with world.directory(platform) as directory:
        directory = replace(directory, mapping=replace(directory.mapping, own_filters=OWN))
        assert names(directory, "verified:yes") == {"bobby"}
        assert names(directory, "verified:No") == {"ann", "christine"}
        assert names(directory, "letters:>=5") == {"bobby", "christine"}
        assert names(directory, "letters:3..5 verified:no") == {"ann"}
        if directory.session.get_bind(**directory.mapping.bind).dialect.name == "sqlite":
            assert names(directory, "size:short") == {"ann"}
        assert names(directory, "called:bobby") == {"bobby"}
        for text, why in {
            "verified:perhaps": "“perhaps” is nothing that “verified:” can be; expected one of",
            "letters:many": "“many” is no number",
            "size:middling": "expected one of short, long",
        }.items():
            with pytest.raises(ValueError, match=why):
                names(directory, text)


def test_what_cannot_be_a_filter_or_a_view_is_refused_in_sentences(world: World) -> None:
    """All of it at once."""
    users = world.extension.mapping.users
    wrong: list[Any] = [
        "status",
        Filter("Company", users.email),
        Filter("status", users.email),
        Filter("cursor", users.email),
        Filter("twice", users.email),
        Filter("twice", users.email),
        Filter("what", 3),  # type: ignore[arg-type]
        Filter("few", users.email, choices=[]),
        Filter("elsewhere", sa.column("x", sa.String, _selectable=sa.table("elsewhere"))),
    ]
    faults = list(filter_faults(wrong, (), users))
    assert len(faults) == 8
    assert all("expected" in fault or "give" in fault for fault in faults)
    assert set(world.extension.mapping.filters) <= {*BUILT_IN, "plan"}
    views: list[Any] = [SavedView("Fine", "status:active"), "x", SavedView("Odd", "stauts:x")]
    faults = list(view_faults(views, (), world.extension.mapping.filters))
    assert len(faults) == 2
    assert faults[1].startswith("SavedView('Odd') cannot search for 'stauts:x': There is no filter")


# Saved views


@mostly_on_sqlite
def test_a_view_is_kept_opened_and_deleted_by_whoever_made_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside those of the host, which everybody has."""
    monkeypatch.setattr(world.extension, "views", (SavedView("Waiting", "status:inactive"),))
    office = Office(world)

    def tabs() -> dict[str, str]:
        page = world.see(office.client).page
        return {tab.text: tab.attributes["href"] for tab in page.all("a", class_="pu-tab")}

    assert list(tabs()) == ["All", "Waiting"]
    world.see(office.client, tabs()["Waiting"])
    narrowed = {"q": "user", "status": "active"}
    page = world.see(office.client, **narrowed).page
    form = page.one("details", class_="pu-keep").one("form")
    data = {"csrf_token": form.one("input", name="csrf_token").attributes["value"]}
    kept = office.client.post(form.attributes["action"], data=data | {"name": " My  active "})
    assert kept.status_code == 303
    assert list(tabs()) == ["All", "Waiting", "My active"]
    shown = world.see(office.client, tabs()["My active"])
    (current,) = (t for t in shown.page.all("a", class_="pu-tab") if "aria-current" in t.attributes)
    assert current.text == "My active"
    assert set(shown.names) == set(world.see(office.client, **narrowed).names)

    other = world.client(world.owner(world.platform()))
    assert "My active" not in other.get(world.url()).text
    assert office.client.post(world.url("forget_view"), data={"name": "x"}).status_code == 400
    office.client.post(world.url("forget_view"), data=data | {"name": "My active"})
    assert list(tabs()) == ["All", "Waiting"]


@mostly_on_sqlite
def test_a_view_without_a_proper_name_is_not_kept_and_nothing_is_lost(world: World) -> None:
    """Nor one more than can be kept."""
    office = Office(world)
    data = {"csrf_token": hidden(office.client.get(world.url()))["csrf_token"]}
    url = world.url("keep_view", q="user")
    for name in ("", " ", "x" * 41, "a\u202eb"):
        refused = office.client.post(url, data=data | {"name": name})
        assert refused.status_code == 422
        assert "Give the view a name of up to 40 characters." in refused.text
        assert 'value="user"' in refused.text
    for n in range(20):
        assert office.client.post(url, data=data | {"name": f"v{n}"}).status_code == 303
    assert office.client.post(url, data=data | {"name": "v3"}).status_code == 303
    full = office.client.post(url, data=data | {"name": "v20"})
    assert full.status_code == 422
    assert "You keep 20 views already." in full.text
    assert 'value="v20"' in full.text


def test_a_view_is_the_same_in_whatever_order_it_is_typed() -> None:
    """So that its tab is marked."""
    operators = {"status": str, "role": str}
    one = parse("role:x status:y Ann", operators)
    assert one.is_like(parse("ann status:y role:x", operators))
    assert not one.is_like(Search(words="Ann"))


# Cards


def test_growth_counts_who_signed_up_lately_by_what_they_are_now(world: World) -> None:
    """In fifteen steps of two days, without those who were there before or elsewhere."""
    if "created" not in world.host.CAN.fields:
        return
    platform, other = world.platform(), world.platform()
    now = datetime.now(UTC).replace(microsecond=0)
    ages = {"today": 0, "two weeks": 14, "a month": 29, "old": 31}
    keys = world.add(*(world.person(platform, n, created=now - a * DAY) for n, a in ages.items()))
    world.add(world.person(other, "elsewhere", created=now))
    world.block(platform, keys[1])
    with world.directory(platform) as directory:
        growth = directory.growth(4)
        assert growth is not None
        assert growth.total == 3
        assert (growth.steps[-1], growth.steps[0], len(growth.steps)) == (1, 1, 15)
        assert {name: n for name, n in growth.statuses.items() if n} == {"active": 2, "blocked": 1}
        with world.statements() as statements:
            directory.growth(4)
        assert len(statements) == 1
        mapping = replace(directory.mapping, users=replace(directory.mapping.users, created=None))
        assert replace(directory, mapping=mapping).growth(4) is None


def test_a_large_platform_has_a_trend_only_where_it_is_cheap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an index, and of no more users than are read quickly."""
    platform = world.platform()
    world.add(*(world.person(platform, created=datetime.now(UTC) - DAY) for _ in range(3)))
    monkeypatch.setattr("flask_platform_users.counting.NEWEST", 2)
    with world.directory(platform) as directory:
        assert directory.growth(3) is None
        users = directory.mapping.users
        indexed = users.created is not None and is_indexed(users.platform, users.created)
        with world.statements() as statements:
            assert directory.growth(1_000_000) is None
        assert len(statements) == indexed


@on_host("a-enum")
def test_a_card_of_the_host_is_counted_with_the_others_and_leads_to_whom_it_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predicates cost no statement; a function that fails spoils nothing else."""
    office = Office(world)
    world.add(world.person(office.platform, "zed"))
    cards = (
        Card("zeds", User.username.like("z%"), label="Called Z"),
        ...,
        Card("forty", lambda _platform: 42, query="status:active"),
        Card("broken", lambda _platform: 1 // 0),
    )
    mapping = replace(world.extension.mapping, cards=cards)
    monkeypatch.setattr(world.extension, "_mapping", mapping)
    with world.directory(office.platform) as directory, world.statements() as statements:
        assert directory.summary().cards == {"zeds": 1}
    assert len(statements) == 1
    page = world.see(office.client)
    shown = [
        card.one(class_="pu-card-label").text for card in page.page.all("li", class_="pu-card")
    ]
    assert shown[:2] == ["Called Z", "Total users"]
    assert "Unavailable" in page.page.one("li", class_="pu-card-own-broken").text
    link = page.page.one("li", class_="pu-card-own-zeds").one("a").attributes["href"]
    there = world.see(office.client, link)
    assert there.names == ["zed"]
    assert "aria-current" in there.page.one("li", class_="pu-card-own-zeds").one("a").attributes
    link = page.page.one("li", class_="pu-card-own-forty").one("a").attributes["href"]
    assert set(world.see(office.client, link).names) >= {"zed", office.name}


def test_what_cannot_be_a_card_is_refused_in_sentences(world: World) -> None:
    """All of it at once."""
    users = world.extension.mapping.users
    cards: list[Any] = [
        ...,
        "total",
        Card("Odd", users.email.is_(None)),
        Card("email", users.email, query="status:active"),
        Card("status", users.email.is_(None)),
        Card("total", users.email.is_(None)),
        Card("waiting", lambda: 1),  # type: ignore[arg-type,misc]
        Card("fine", users.email.is_(None)),
    ]
    faults = list(filter_faults((), cards, users))
    assert [fault.partition(" ")[0] for fault in faults] == [
        "PlatformUsers(cards=...)",
        "Card(name)",
        "Card('email')",
        "Card('status')",
        "Card('total')",
        "Card('waiting')",
    ]
    assert faults[-1] == (
        "Card('waiting') was given <lambda>(); expected a predicate, or a function value(platform) "
        "that returns a number."
    )
    odd = [Card("odd", users.email.is_(None), query="stauts:x")]
    (fault,) = view_faults((), odd, world.extension.mapping.filters)
    assert fault.startswith("Card('odd') cannot search for 'stauts:x': There is no filter “stauts”")
