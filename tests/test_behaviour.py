"""What the page does for the people who use it: the same on every host and every database."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_platform_users import AddOn, Directory, Money, Subscription
from flask_platform_users.binding import Sort
from flask_platform_users.directory import ListQuery
from flask_platform_users.results import UserRow

from .conftest import mostly_on_sqlite, on_hosts_where
from .hosts import NOON, Key, Login, Person
from .html import foreign_scripts, parse
from .world import HOME, World, seen
from .world import query as listing

SIZE = 28


@dataclass(frozen=True)
class Scene:
    """A platform with its users, its owner at a browser, and a second platform that is not theirs.

    Attributes:
        people: everybody who is listed, by their key.
        strangers: the users of the second platform.
        outsider: somebody who may sign in and runs no platform.
    """

    world: World
    platform: Key
    owner: Login
    client: FlaskClient
    people: dict[Key, Person]
    other_platform: Key
    other_owner: Login
    strangers: dict[Key, Person]
    outsider: Login

    @property
    def names(self) -> set[str]:
        """The names of everybody who is listed."""
        return {person.username for person in self.people.values()}

    def names_where(self, condition: Callable[[Person], bool]) -> set[str]:
        """Return the names of those for whom a condition holds."""
        return {person.username for person in self.people.values() if condition(person)}


def build(world: World, size: int = SIZE) -> Scene:
    """Fill a world."""
    platform, other = world.platform("Acme"), world.platform("Umbrella")
    owner, other_owner, outsider = world.owner(platform), world.owner(other), world.stranger()
    crowd = world.crowd(platform, size)
    people = dict(zip(world.add(*crowd), crowd, strict=True))
    foreign = [
        world.person(
            other,
            f"foreigner-{status}",
            status=status,
            channels=dict.fromkeys(world.host.CAN.channels, 2),
            usage=dict.fromkeys(world.host.CAN.usage, 2),
        )
        for status in world.host.CAN.statuses
    ]
    strangers = dict(zip(world.add(*foreign), foreign, strict=True))
    client = world.client(owner)
    if owner.user is not None:
        (listed,) = world.listed_owner(platform)
        names = [row.name for row in world.see(client, per_page="100").rows]
        (name,) = set(names) - {person.username for person in crowd}
        people[owner.user] = replace(listed, username=name)
    return Scene(world, platform, owner, client, people, other, other_owner, strangers, outsider)


@pytest.fixture
def scene(used_world: World) -> Scene:
    """Return a platform of some thirty users; it is the one before if that is untouched."""
    if used_world.kept is None:
        used_world.clean()
        used_world.kept = build(used_world)
    scene: Scene = used_world.kept
    return scene


# Who may open it


@mostly_on_sqlite
def test_somebody_who_is_not_signed_in_is_sent_to_the_products_own_sign_in(scene: Scene) -> None:
    """No page says anything to an anonymous visitor."""
    key = next(iter(scene.people))
    for url in (scene.world.url(), scene.world.user_url(key), scene.world.url(q="x")):
        response = scene.world.client().get(url)
        assert response.status_code == 302
        assert response.location.startswith("/login")
        assert "user0" not in response.text


@mostly_on_sqlite
def test_somebody_who_runs_no_platform_is_refused(scene: Scene) -> None:
    """Being signed in is not enough, and the refusal shows nobody."""
    client = scene.world.client(scene.outsider)
    for url in (scene.world.url(), scene.world.user_url(next(iter(scene.people)))):
        response = client.get(url)
        assert response.status_code == 403
        assert "You may not open this page" in response.text
        assert not any(name in response.text for name in scene.names)


@mostly_on_sqlite
def test_the_policy_may_refuse_a_single_user(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """``allows("view", user)`` is asked with the host's own model instance."""
    key, other = itertools.islice(scene.people, 2)
    asked = []

    def allows(_actor: Any, action: str, user: Any = None) -> bool:
        asked.append(action)
        return user is None or getattr(user, scene.world.extension.mapping.key.key) != key

    monkeypatch.setattr(scene.world.extension.policy, "allows", allows)
    assert scene.client.get(scene.world.user_url(key)).status_code == 403
    assert scene.client.get(scene.world.user_url(other)).status_code == 200
    assert asked[:2] == ["view", "view"]  # to come in, and to see this user


# The summary


def expected_cards(scene: Scene, blocked: set[Key] = frozenset()) -> dict[str, int]:  # type: ignore[assignment]
    """Count by hand what the cards should say."""
    statuses = [
        "blocked" if key in blocked else person.status for key, person in scene.people.items()
    ]
    can = scene.world.host.CAN
    channels = {
        kind: sum(person.channels.get(kind, 0) for person in scene.people.values())
        for kind in can.channels
    }
    return {
        "total": len(statuses),
        "active": statuses.count("active"),
        "inactive": statuses.count("inactive") + statuses.count("blocked"),
        **({"pending": statuses.count("pending")} if "pending" in can.statuses else {}),
        **channels,
        "channels": sum(channels.values()),
    }


def test_the_cards_count_exactly_what_is_there(scene: Scene) -> None:
    """Users by status and channels by kind, and the sums of both."""
    cards = scene.world.see(scene.client).cards
    assert cards == expected_cards(scene)
    assert cards["total"] == cards["active"] + cards["inactive"] + cards.get("pending", 0)


@mostly_on_sqlite
def test_the_cards_do_not_change_with_what_is_searched_for(scene: Scene) -> None:
    """They speak of the whole platform."""
    page = scene.world.see(scene.client, q="nobody at all", status="active")
    assert page.rows == []
    assert page.cards == expected_cards(scene)


@mostly_on_sqlite
def test_a_card_leads_to_the_users_it_counts(scene: Scene) -> None:
    """Following a card of a status or a kind lists them."""
    page = scene.world.see(scene.client, per_page="100")
    for name, number in page.cards.items():
        links = page.page.one("li", class_=f"pu-card-{name}").all("a")
        if name == "channels":
            assert links == []
            continue
        there = scene.world.see(scene.client, links[0].attributes["href"])
        if name in scene.world.host.CAN.channels:
            assert sum(row.channels[name] for row in there.rows) == number
        else:
            assert len(there.rows) == number


@on_hosts_where(lambda can: not can.owner_is_user)
def test_a_platform_without_users_says_so(world: World) -> None:
    """Neither an error nor an empty table."""
    platform = world.platform("Empty")
    page = world.see(world.client(world.owner(platform)))
    assert "This platform has no users yet" in page.text
    assert set(page.cards.values()) == {0}
    assert page.link("next") is page.link("prev") is None


# The list


def test_a_row_shows_everything_that_the_host_maps(scene: Scene) -> None:
    """Contact, phone, channels, role, status and last login of each user, and no other column."""
    can = scene.world.host.CAN
    page = scene.world.see(scene.client, per_page="100")
    by_name = {person.username: person for person in scene.people.values()}
    assert {row.name for row in page.rows} == set(by_name)
    for row in page.rows:
        person = by_name[row.name]
        if person.username.startswith("user"):
            assert row.email == person.email
        assert row.channels == {kind: person.channels.get(kind, 0) for kind in can.channels}
        assert row.cells["Channels"].endswith(f"Total: {sum(person.channels.values())}")
        assert row.cells["Status"] == person.status.capitalize()
        assert ("Phone" in row.cells) == ("phone" in can.fields)
        assert row.cells.get("Phone", person.phone or "None") == (person.phone or "None")
        assert ("Role" in row.cells) == ("role" in can.fields)
        roles = " ".join(sorted(person.roles)) or "None"
        assert row.cells.get("Role", roles) == roles
        if "last_login" in can.fields:
            never = person.last_login is None
            assert (row.cells["Last login"] == "Never") == never
            if person.last_login is not None:
                exact = person.last_login.strftime("1 March 2026, %H:%M UTC")
                assert exact in row.cells["Last login"]
        assert ("Created" in row.cells) == ("created" in can.fields)
        if "created" in can.fields:
            assert person.created.strftime("%B %Y, %H:%M UTC") in row.cells["Created"]


@mostly_on_sqlite
def test_the_link_of_a_row_leads_to_that_user(scene: Scene) -> None:
    """Whatever the keys look like."""
    for row in scene.world.see(scene.client, per_page="100").rows:
        response = scene.client.get(row.link)
        assert response.status_code == 200
        assert row.name in parse(response.text).one("h1").text


# Searching


CHANGES: list[Callable[[str], str]] = [str, str.upper, str.title, "  {}\t".format]


def test_a_search_by_part_of_a_username_or_email_ignores_case_and_margins(scene: Scene) -> None:
    """One box looks in both."""
    scene.world.add(
        scene.world.person(scene.platform, "findable.fellow"),
        scene.world.person(scene.platform, "else", email="unique.address@example.com"),
    )
    for change in CHANGES:
        assert scene.world.see(scene.client, q=change("able.fell")).names == ["findable.fellow"]
        assert scene.world.see(scene.client, q=change("que.addr")).names == ["else"]


def test_a_search_takes_wildcards_and_quotes_literally(world: World) -> None:
    """``%`` finds those with a percent sign, not everybody."""
    platform = world.platform()
    names = ["50%", "a_b", "axb", "a\\b", "a/b", "o'neil", 'the "one"', "plain", "100%%"]
    world.add(*(world.person(platform, name) for name in names))
    with world.directory(platform) as directory:
        for term in ("%", "_", "\\", "50%", "a_b", "/", "'", '"', "%%", "a\\b"):
            assert set(found(directory, search=term)) == {name for name in names if term in name}


def test_a_search_knows_the_letters_of_all_scripts(world: World) -> None:
    """Also composed ones that were typed in parts."""
    terms = {
        "José Éclair": ("ÉCLAIR", "éclair", "josé", "e\u0301clair"),
        "Дмитрий Жуков": ("жуков", "ДМИТР", "й ж"),
        "عمر خالد": ("خالد",),
        "東京 太郎": ("東京",),
        "fox 🦊": ("🦊", "FOX 🦊"),
        "ñandú": ("ÑANDÚ",),
        "plain": ("PLAIN",),
    }
    platform = world.platform()
    world.add(*(world.person(platform, name) for name in terms))
    client = world.client(world.owner(platform))
    for name in terms:
        for term in terms[name]:
            assert world.see(client, q=term).names == [name], term


def found(directory: Directory, search: str = "", **terms: Any) -> list[str | None]:
    """Return the names on the first page of a query."""
    sort = next(iter(directory.sorts(10).values()))
    query = listing(search, per_page=100, **terms)
    return [user.username for user in directory.page(query, sort).users]


@mostly_on_sqlite
def test_a_search_has_at_most_a_hundred_characters(scene: Scene) -> None:
    """A longer one is refused in words; margins do not count."""
    assert scene.world.see(scene.client, q="x" * 100).rows == []
    assert scene.world.see(scene.client, q="x" * 100 + "   ").rows == []
    assert scene.world.see(scene.client, q="é" * 100).rows == []
    response = scene.client.get(scene.world.url(q="x" * 101))
    assert response.status_code == 400
    assert "100" in response.text


@mostly_on_sqlite
def test_an_empty_result_says_what_was_searched_and_offers_to_clear_it(scene: Scene) -> None:
    """Nobody stands before a blank page."""
    page = scene.world.see(scene.client, q="no such <b>body</b>", per_page="50")
    assert page.rows == []
    assert "No user matches “no such <b>body</b>”." in page.page.text
    panel = page.page.one(class_="pu-empty")
    (clear,) = (node for node in panel.all("a") if node.text == "Clear")
    assert scene.world.see(scene.client, clear.attributes["href"]).names
    assert "per_page=50" in clear.attributes["href"]
    assert page.page.one("input", name="q").attributes["value"] == "no such <b>body</b>"


# Filtering


def test_the_filter_of_a_status_shows_who_has_it(scene: Scene) -> None:
    """``inactive`` shows the blocked with the inactive, as its card counts them."""
    statuses = dict.fromkeys((*scene.world.host.CAN.statuses, "blocked"))
    for status in statuses:
        wanted = {status, "blocked"} if status == "inactive" else {status}
        page = scene.world.see(scene.client, status=status, per_page="100")
        assert set(page.names) == scene.names_where(lambda p, w=wanted: p.status in w)  # type: ignore[misc]


def test_the_filter_of_a_role_shows_who_has_it(scene: Scene) -> None:
    """Each role that is offered, and each that somebody has is offered."""
    page = scene.world.see(scene.client)
    selects = page.page.all("select", name="role")
    if not scene.world.host.CAN.roles:
        assert selects == []
        return
    offered = [option.attributes["value"] for option in selects[0].all("option")]
    roles = {role for person in scene.people.values() for role in person.roles}
    assert roles <= set(offered)
    for role in roles:
        page = scene.world.see(scene.client, role=role, per_page="100")
        assert set(page.names) == scene.names_where(lambda p, r=role: r in p.roles)  # type: ignore[misc]
    assert scene.world.see(scene.client, role="astronaut").rows == []


def test_the_filter_of_a_channel_shows_who_has_one(scene: Scene) -> None:
    """At least one."""
    for kind in scene.world.host.CAN.channels:
        page = scene.world.see(scene.client, channel=kind, per_page="100")
        assert set(page.names) == scene.names_where(lambda p, k=kind: p.channels.get(k, 0) > 0)  # type: ignore[misc]


def test_filters_combine(scene: Scene) -> None:
    """Each of status, role, channel and search narrows what the others leave."""
    can = scene.world.host.CAN
    with scene.world.directory(scene.platform) as directory:
        for status, role, kind, term in itertools.product(
            can.statuses, can.roles or (None,), can.channels, ("", "user", "1")
        ):
            names = found(directory, status=status, role=role, channel=kind, search=term)
            wanted = {status, "blocked"} if status == "inactive" else {status}
            assert set(names) == {
                person.username
                for person in scene.people.values()
                if person.status in wanted
                and (role is None or role in person.roles)
                and person.channels.get(kind, 0) > 0
                and (term in person.username or term in person.email)
            }


@mostly_on_sqlite
def test_every_link_and_form_of_the_list_keeps_the_filters(world: World) -> None:
    """Sorting, another page size and the next page lose nothing that was chosen."""
    platform = world.platform()
    kind, role = world.host.CAN.channels[0], (world.host.CAN.roles or (None,))[0]
    world.add(*(world.person(platform, channels={kind: 1}) for _ in range(30)))
    client = world.client(world.owner(platform))
    filters = {"q": "mail", "status": "active", "channel": kind}
    if role:
        filters["role"] = role
    page = world.see(client, **filters)
    sorting = [a for th in page.page.all("th") for a in th.all("a", class_="pu-sort")]
    sizes = page.page.all("a", class_="pu-size")
    links = [node.attributes["href"] for node in (*sorting, *sizes)]
    links.append(page.link("next") or "")
    assert len(sorting) >= 2
    assert len(sizes) == 2
    for link in links:
        arguments = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
        assert filters.items() <= arguments.items()
        assert world.see(client, link).rows
    form = page.page.one("form", role="search")
    assert form.one("input", name="q").attributes["value"] == "mail"
    for name in set(filters) - {"q"}:
        (chosen,) = (
            option for option in form.one("select", name=name).all("option")
            if "selected" in option.attributes
        )  # fmt: skip
        assert chosen.attributes["value"] == filters[name]


@mostly_on_sqlite
def test_each_chip_drops_one_filter_and_keeps_the_others(scene: Scene) -> None:
    """What narrows the list is named, and can be taken back one by one."""
    kind = scene.world.host.CAN.channels[0]
    page = scene.world.see(scene.client, q="user", status="active", channel=kind)
    chips = page.page.one("ul", class_="pu-chips").all("a")
    kept = [set(parse_qs(urlsplit(chip.attributes["href"]).query)) for chip in chips]
    assert sorted(kept, key=sorted) == sorted(
        [{"status", "channel"}, {"q", "channel"}, {"q", "status"}], key=sorted
    )


# Paging


@mostly_on_sqlite
def test_the_pages_show_every_user_once_and_in_order_forward_and_backward(world: World) -> None:
    """With serial numbers that run through, also where many were created at the same moment."""
    scene = build(world, 110)
    for per_page in (25, 50, 100):
        pages = world.walk(scene.client, per_page=str(per_page))
        rows = [row for page in pages for row in page.rows]
        assert [row.number for row in rows] == list(range(1, len(scene.people) + 1))
        assert len(rows) == len({row.link for row in rows})
        assert {row.name for row in rows} == scene.names
        assert [len(page.rows) for page in pages[:-1]] == [per_page] * (len(pages) - 1)
        if "created" in world.host.CAN.fields:
            by_name = {person.username: person.created for person in scene.people.values()}
            created = [by_name[row.name] for row in rows]
            assert created == sorted(created, reverse=True)
        else:
            assert [row.name for row in rows] == sorted(scene.names)
        for page in pages:
            first, last = page.rows[0].number, page.rows[-1].number
            assert page.page.one(class_="pu-range").text == f"{first}–{last} of {len(rows)}"
        page, back = pages[-1], [pages[-1]]
        while (url := page.link("prev")) is not None:
            page = world.see(scene.client, url)
            back.insert(0, page)
        assert [row for page in back for row in page.rows] == rows


def test_users_who_come_or_go_between_two_pages_move_nobody_else(world: World) -> None:
    """Nobody is seen twice and nobody is left out, on whichever side of the place rows change."""
    platform = world.platform()
    people = [
        world.person(platform, f"name-{index:03d}", created=NOON - timedelta(hours=index))
        for index in range(70)
    ]
    keys = world.add(*people)
    client = world.client(world.owner(platform))
    names = [person.username for person in people]
    sort = "contact"
    first = world.see(client, sort=sort, direction="asc")
    assert first.names == names[:25]
    world.remove(*keys[3:6], keys[24], keys[30])
    world.add(world.person(platform, "name-001-new"), world.person(platform, "name-040-new"))
    second = world.see(client, first.link("next"))
    expected = [*names[25:30], *names[31:41], "name-040-new", *names[41:50]]
    assert second.names == expected
    assert second.rows[0].number == 26
    third = world.see(client, second.link("next"))
    owners = third.names[len(names[50:]) :]
    assert third.names[: -len(owners) or None] == names[50:]
    assert len(owners) == len(world.listed_owner(platform))
    back = world.see(client, third.link("prev"))
    assert back.names == expected
    again = world.see(client, back.link("prev"))
    assert again.names == ["name-000", "name-001", "name-001-new", "name-002", *names[6:24]]
    assert again.rows[0].number == 1
    assert again.link("prev") is None


def test_users_with_the_same_value_stay_apart_on_both_sides_of_a_page(world: World) -> None:
    """Sixty users who never signed in, in the order of their last login."""
    platform = world.platform()
    keys = world.add(*(world.person(platform, created=NOON) for _ in range(60)))
    with world.directory(platform) as directory:
        for sort, descending in itertools.product(directory.sorts(60).values(), (True, False)):
            users = all_pages(directory, sort, descending=descending)
            assert sorted(user.key for user in users) == sorted(keys)


def all_pages(directory: Directory, sort: Sort, *, descending: bool) -> list[UserRow]:
    """Return the users of all pages of the whole list."""
    query = ListQuery(descending=descending)
    pages = [directory.page(query, sort)]
    while (cursor := pages[-1].next) is not None:
        pages.append(directory.page(replace(query, cursor=cursor), sort))
    return [user for page in pages for user in page.users]


# Sorting


def values_of(scene: Scene, sort: str) -> dict[str, Any]:
    """Return what each user is ordered by, by name."""
    value: dict[str, Callable[[Person], Any]] = {
        "contact": lambda person: person.username,
        "created": lambda person: person.created,
        "last_login": lambda person: person.last_login,
        "status": lambda person: person.status,
        "channels": lambda person: sum(person.channels.values()),
    }
    return {person.username: value[sort](person) for person in scene.people.values()}


def check_order(values: list[Any], *, descending: bool) -> None:
    """Check that values are in order, with those that are missing at the end."""
    known = [value for value in values if value is not None]
    assert values == known + [None] * (len(values) - len(known))
    assert known == sorted(known, reverse=descending)


@pytest.mark.parametrize("descending", [False, True])
def test_every_order_holds_over_all_pages_with_missing_values_last(
    scene: Scene, descending: bool
) -> None:
    """In both directions, those who never signed in come last."""
    with scene.world.directory(scene.platform) as directory:
        for name, sort in directory.sorts(len(scene.people)).items():
            values, users = (
                values_of(scene, name),
                all_pages(directory, sort, descending=descending),
            )
            assert sorted(str(user.username) for user in users) == sorted(scene.names)
            check_order([values[str(user.username)] for user in users], descending=descending)


@mostly_on_sqlite
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_the_heads_of_the_table_offer_every_order_and_say_which_it_is(
    scene: Scene, direction: str
) -> None:
    """What a head leads to is in that order, on all its pages."""
    page = scene.world.see(scene.client)
    links = [a.attributes["href"] for a in page.page.all("a", class_="pu-sort")]
    offered = {parse_qs(urlsplit(link).query)["sort"][0] for link in links}
    assert offered >= {"contact", "status", "channels"}
    assert ("last_login" in offered) == ("last_login" in scene.world.host.CAN.fields)
    assert ("created" in offered) == ("created" in scene.world.host.CAN.fields)
    for sort in offered:
        values = values_of(scene, sort)
        pages = scene.world.walk(scene.client, sort=sort, direction=direction)
        names = [name for page in pages for name in page.names]
        assert sorted(names) == sorted(scene.names)
        check_order([values[name] for name in names], descending=direction == "desc")
        aria = {"asc": "ascending", "desc": "descending"}[direction]
        heads = [th for th in pages[0].page.all("th") if "aria-sort" in th.attributes]
        assert [th.attributes["aria-sort"] for th in heads] == [aria]


# What it costs


@mostly_on_sqlite
def test_a_list_costs_at_most_seven_statements_however_many_users_there_are(world: World) -> None:
    """First page or last, narrowed or not; two ask what its reader prefers, and has chosen."""
    small = build(world, 30)
    costs = measure(small)
    world.clean()
    assert measure(build(world, 300)) == costs
    assert max(costs.values()) <= 7


def measure(scene: Scene) -> dict[str, int]:
    """Count what several lists cost beside the host's own login."""
    world, client = scene.world, scene.client
    last = world.walk(client)[-2].link("next")
    assert last is not None
    return {
        "first": world.cost(client, world.url()),
        "last": world.cost(client, last),
        "narrowed": world.cost(client, world.url(q="user")),
        "sorted": world.cost(client, world.url(sort="channels", per_page="100")),
    }


@mostly_on_sqlite
@pytest.mark.parametrize("times", [0, 1, 5])
def test_the_number_of_kinds_changes_no_number_of_statements(world: World, times: int) -> None:
    """A summary is one statement and a page is one, with no kind of channel or with fifteen."""
    scene = build(world, 5)
    mapping = world.extension.mapping
    channels = [
        replace(count, name=f"{count.name}_{n}") for n in range(times) for count in mapping.channels
    ]
    with world.app.app_context():
        session = world.host.db.session
        directory = Directory(replace(mapping, channels=channels), session, scene.platform)
        with world.statements() as statements:
            summary = directory.summary()
            sort = directory.sorts(summary.total)["contact"]
            page = directory.page(ListQuery(), sort)
        assert len(statements) == 2
    assert summary.total == len(page.users) == len(scene.people)
    assert summary.total_channels == times * sum(
        sum(person.channels.values()) for person in scene.people.values()
    )


@mostly_on_sqlite
def test_details_cost_five_statements_beside_the_billings_own(scene: Scene) -> None:
    """The user, what they have, were given, what was noted of them and what was done to them."""
    for key in itertools.islice(scene.people, 3):
        with scene.world.directory(scene.platform) as directory:
            record, billing = directory.user(str(key)).record, directory.by_hand
            assert billing is not None
            with scene.world.statements() as own:
                billing.subscription(record)
                billing.managed(record)
        assert scene.world.cost(scene.client, scene.world.user_url(key)) == 5 + len(own)


@mostly_on_sqlite
def test_the_other_pages_of_the_product_cost_nothing(scene: Scene) -> None:
    """A page that asks nothing of the database keeps asking nothing."""
    with scene.world.statements() as statements:
        assert scene.world.client().get("/login").status_code == 200
    assert statements == []


# Details


def test_the_details_show_who_it_is_and_what_they_have(scene: Scene) -> None:
    """Identity, channels and usage."""
    can = scene.world.host.CAN
    for key, person in itertools.islice(scene.people.items(), 8):
        page = parse(scene.client.get(scene.world.user_url(key)).text)
        facts = {
            fact.one("dt").text.lower(): fact.one("dd").text
            for facts in page.all("dl", class_="pu-facts")
            for fact in facts.all("div")
        }
        assert page.one("h1").text == person.username
        assert page.one(class_="pu-status").text == person.status.capitalize()
        assert facts["email"] == person.email
        assert facts["key"] == " ".join(str(key).split())
        for kind in can.channels:
            assert facts[kind] == str(person.channels.get(kind, 0))
        assert facts["total"] == str(sum(person.channels.values()))
        for kind in can.usage:
            assert facts[kind] == str(person.usage.get(kind, 0))
        if "phone" in can.fields:
            assert facts["phone"] == (person.phone or "None")
        if "role" in can.fields:
            assert facts["role"] == (", ".join(sorted(person.roles)) or "None")
        assert ("last login" in facts) == ("last_login" in can.fields)
        if "last_login" in can.fields and person.last_login is None:
            assert facts["last login"] == "Never"
        assert "No subscription." in page.text


def malformed(key: Key) -> list[str]:
    """Return addresses of users that cannot be, beside a real key."""
    text = str(key)
    other_case = [] if text == text.swapcase() else [text.swapcase()]
    return [
        *other_case,
        "0",
        "-1",
        "00",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "9" * 30,
        "9" * 5000,
        "1.0",
        "1e3",
        "0x1",
        "+1",
        "１２",
        "²",
        "abc",
        "None",
        "null",
        "'",
        "' OR 1=1 --",
        "%",
        "_",
        "a/b",
        "{" + text + "}",
        f"{text} ",
        f" {text}",
        f"{text}\t",
        f"{text}\x00",
        f"0{text}",
        f"{text}/x",
        "\x00",
        "00000000-0000-0000-0000-000000000000",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
        "é",
        "😀",
        "x" * 60,
        "x" * 5000,
        "\\",
        "<script>",
    ]


def test_foreign_missing_and_malformed_keys_are_the_same_404(scene: Scene) -> None:
    """Same status, same body, same cost: nobody learns which users another platform has."""
    own = next(iter(scene.people))
    foreign = next(iter(scene.strangers))
    (gone,) = scene.world.add(scene.world.person(scene.platform))
    scene.world.remove(gone)
    urls = [scene.world.user_url(key) for key in (foreign, gone, *malformed(own))]
    urls += [scene.world.user_url("X").removesuffix("X") + raw for raw in ("%ED%A0%80", "%FF")]
    with scene.world.statements() as statements:
        expected = scene.client.get(urls[0])
    cost = len(statements)
    assert expected.status_code == 404
    assert "There is no such user on this platform." in expected.text
    for url in urls:
        with scene.world.statements() as statements:
            response = scene.client.get(url)
        assert response.status_code == 404, url
        assert response.text == expected.text, url
        assert dict(response.headers) == dict(expected.headers)
        assert len(statements) == cost, url


# Nothing crosses platforms


def test_no_user_of_another_platform_is_ever_shown(scene: Scene) -> None:
    """By no order, filter, search, size or address."""
    can = scene.world.host.CAN
    arguments: list[dict[str, str]] = [
        {},
        {"q": "foreigner"},
        *({"status": status} for status in (*can.statuses, "blocked")),
        *({"role": role} for role in can.roles),
        *({"channel": kind} for kind in can.channels),
        *({"sort": sort} for sort in scene.world.extension.mapping.sort_names),
        {"platform": str(scene.other_platform), "platform_id": str(scene.other_platform)},
    ]
    for one in arguments:
        for page in scene.world.walk(scene.client, per_page="50", **one):
            assert not re.search('foreigner(?!”|"|&)', page.page.text.replace("“foreigner”", ""))
            assert "foreigner-" not in page.text
    for key in scene.strangers:
        assert "foreigner" not in scene.client.get(scene.world.user_url(key)).text
    theirs = scene.world.see(scene.world.client(scene.other_owner), per_page="100")
    assert {n for n in theirs.names if "owner" not in n} == {
        person.username for person in scene.strangers.values()
    }
    assert not set(theirs.names) & (scene.names - {"the.owner"})


@on_hosts_where(lambda can: can.shared_accounts)
def test_an_account_of_two_platforms_shows_each_its_own_side(world: World) -> None:
    """Role, status, channels and usage belong to the membership, not to the account."""
    here, there = world.platform("Here"), world.platform("There")
    person = world.person(here, "both", roles=("admin",), status="active")
    person = replace(person, channels={"whatsapp": 1}, usage={"contacts": 3})
    (key,) = world.add(person)
    world.add(
        replace(
            person,
            platform=there,
            account=key,
            roles=("agent",),
            status="blocked",
            channels={"whatsapp": 4, "webchat": 2},
            usage={"contacts": 7},
        )
    )
    world.block(there, key, reason="only there")
    expected = {
        here: ("Active", "admin", {"whatsapp": 1, "webchat": 0, "instagram": 0}, "3"),
        there: ("Blocked", "agent", {"whatsapp": 4, "webchat": 2, "instagram": 0}, "7"),
    }
    for platform, (status, role, channels, contacts) in expected.items():
        client = world.client(world.owner(platform))
        page = world.see(client)
        (row,) = page.rows
        assert (row.cells["Status"], row.cells["Role"], row.channels) == (status, role, channels)
        assert page.cards["channels"] == sum(channels.values())
        assert world.see(client, role=role).names == ["both"]
        webchat = ["both"] if channels["webchat"] else []
        assert world.see(client, channel="webchat").names == webchat
        details = parse(client.get(world.user_url(key)).text)
        assert f"Contacts {contacts}" in details.text
        assert ("only there" in details.text) == (platform == there)


# Blocks of the plugin


@pytest.mark.parametrize(
    ("ends", "live"),
    [(None, True), (timedelta(hours=2), True), (timedelta(seconds=-2), False)],
    ids=["for-good", "later", "just-over"],
)
def test_the_plugin_can_block_on_every_host(
    scene: Scene, ends: timedelta | None, live: bool
) -> None:
    """A block counts until it ends, by itself, everywhere: card, row, filter and details."""
    keys = [key for key in scene.people if key != scene.owner.user]
    one_each = {scene.people[key].status: key for key in keys}
    until = None if ends is None else datetime.now(UTC) + ends
    for key in one_each.values():
        scene.world.block(scene.platform, key, until=until, reason="Sent <spam>")
    blocked = set(one_each.values()) if live else set()
    page = scene.world.see(scene.client, per_page="100")
    assert page.cards == expected_cards(scene, blocked)
    names = {scene.people[key].username for key in blocked}
    shown = {row.name for row in page.rows if row.cells["Status"] == "Blocked"}
    assert shown == names | scene.names_where(lambda p: p.status == "blocked")
    listed = scene.world.see(scene.client, status="blocked", per_page="100").names
    assert set(listed) == shown
    active = scene.world.see(scene.client, status="active", per_page="100").names
    assert set(active) == scene.names_where(lambda p: p.status == "active") - names
    details = parse(scene.client.get(scene.world.user_url(one_each["active"])).text)
    assert ("Sent <spam>" in details.text) == live
    assert (details.one(class_="pu-status").text == "Blocked") == live
    if live and until is not None:
        assert f"until {until.day} {until:%B %Y, %H:%M} UTC" in details.text


def test_a_block_of_one_platform_means_nothing_on_another(scene: Scene) -> None:
    """Even where keys are the same."""
    before = scene.world.see(scene.client, per_page="100")
    for key in scene.people:
        scene.world.block(scene.other_platform, key)
    after = scene.world.see(scene.client, per_page="100")
    assert (after.cards, after.rows) == (before.cards, before.rows)


# Cursors


@mostly_on_sqlite
def test_a_cursor_that_was_changed_is_refused(scene: Scene) -> None:
    """Never an error of the server, whatever was done to it."""
    link = scene.world.see(scene.client).link("next")
    assert link is not None
    (cursor,) = parse_qs(urlsplit(link).query)["cursor"]
    payload, _, signature = cursor.rpartition(".")
    ugly = [
        cursor[:-1],
        cursor[1:],
        cursor[::-1],
        payload,
        f".{signature}",
        f"{payload}.",
        f"{payload}.{signature[::-1]}",
        f"{payload[:-2]}AA.{signature}",
        "WyJpMSIsbnVsbCwxLDBd",
        "WyJpMSIsbnVsbCwxLDBd.x",
        "x",
        ".",
        "..",
        "....",
        "é",
        "\x00",
        "１２",
        "a" * 3000,
        cursor + "\n.x",
        "[]",
        "null",
    ]
    for one in ugly:
        response = scene.client.get(scene.world.url(cursor=one))
        assert response.status_code == 400, one
        assert "Traceback" not in response.text
    assert scene.world.see(scene.client, link).rows


@mostly_on_sqlite
def test_a_cursor_is_good_for_its_own_listing_only(scene: Scene) -> None:
    """Not under another filter, another order, another platform or another person's page."""
    link = scene.world.see(scene.client, q="user").link("next")
    assert link is not None
    (cursor,) = parse_qs(urlsplit(link).query)["cursor"]
    kind = scene.world.host.CAN.channels[0]
    others: list[dict[str, str]] = [
        {},
        {"q": "use"},
        {"q": "user", "status": "active"},
        {"q": "user", "channel": kind},
        {"q": "user", "sort": "status"},
        {"q": "user", "sort": "channels", "direction": "asc"},
    ]
    for arguments in others:
        response = scene.client.get(scene.world.url(cursor=cursor, **arguments))
        assert response.status_code == 400, arguments
        assert "not valid" in response.text
    theirs = scene.world.client(scene.other_owner)
    response = theirs.get(link)
    assert response.status_code == 400
    assert "user0" not in response.text


@mostly_on_sqlite
def test_a_cursor_may_take_another_page_size(scene: Scene) -> None:
    """Somebody in the middle may ask for longer pages."""
    link = scene.world.see(scene.client).link("next")
    assert len(scene.world.see(scene.client, f"{link}&per_page=100").rows) == len(scene.people) - 25


# Ugly requests


REFUSED = [
    "per_page=1" + "0" * 30,
    "per_page=１２",
    "per_page=-1",
    "per_page=0",
    "per_page=24",
    "per_page=25.0",
    "per_page=" + "9" * 5000,
    "per_page=abc",
    "per_page=25%00",
    "sort=zzmarker",
    "sort=id;DROP TABLE zzmarker",
    "sort=contact,zzmarker",
    "direction=zzmarker",
    "direction=descending",
    "status=zzmarker",
    "status=Active",
    "status=ACTIVE' OR 1=1--zzmarker",
    "channel=zzmarker",
    "channel=WhatsApp",
    "channel=%27zzmarker",
    "q=" + "x" * 5000,
    "q=a%00zzmarker",
    "q=a%1Fb",
    "q=a%7Fb",
    "role=%00zzmarker",
    "role=" + "x" * 5000,
    "cursor=zzmarker",
    "cursor=" + "9" * 5000,
]
TAKEN = [
    "",
    "?",
    "&&&",
    "=",
    "=zzmarker",
    "q=",
    "q=%20%09%20",
    "q=zzmarker%27--",
    "q=%25zzmarker%25%27%22%5C%3B",
    "q=%27%29%29%20OR%201%3D1%20--zzmarker",
    "q=:zzmarker",
    "q=%25(zzmarker)s",
    "q={zzmarker}",
    "q={{zzmarker}}",
    "q=zzmarker%ED%A0%80",
    "q=%FF%FEzzmarker",
    "q=%F0%9F%98%80zzmarker",
    "q=%E2%80%AEzzmarker",
    "role=%27%20OR%201=1--zzmarker",
    "role=zzmarker%ED%A0%80",
    "role=zzmarker",
    "status=",
    "channel=",
    "sort=",
    "direction=",
    "direction=asc",
    "per_page=",
    "cursor=",
    "cursor=%20",
    "per_page=25&per_page=50",
    "q=zzmarker&q=b&q=c",
    "status=active&status=zzmarker",
    "unknown=zzmarker",
    "q[]=zzmarker",
    "q[$ne]=zzmarker",
    "per_page=%2025%20",
    "per_page=100&sort=contact&direction=desc",
]


@mostly_on_sqlite
@pytest.mark.parametrize(
    ("queries", "statuses"), [(REFUSED, {400}), (TAKEN, {200})], ids=["refused", "taken"]
)
def test_an_ugly_query_string_is_taken_or_refused_and_never_becomes_sql(
    scene: Scene, queries: list[str], statuses: set[int]
) -> None:
    """What was typed reaches the database as a bound value or not at all."""
    client = scene.world.client(scene.other_owner)
    known = scene.world.extension.mapping.filters
    for query in queries:
        if query.startswith("role=") and "role" not in known:
            continue
        with scene.world.statements() as statements:
            response = client.get(f"{scene.world.url()}?{query}")
        assert response.status_code in statuses, query
        parse(response.text)
        assert not [one.text for one in statements if "zzmarker" in one.text]


@mostly_on_sqlite
def test_a_refused_query_string_costs_nothing_beside_the_login(scene: Scene) -> None:
    """It is read before the database is asked."""
    for query in ("per_page=0", "status=zzmarker", "cursor=" + "x" * 2001):
        assert scene.world.cost(scene.client, f"{scene.world.url()}?{query}") == 0


def test_a_key_reaches_the_database_as_a_bound_value_only(scene: Scene) -> None:
    """Whatever stands in the address of a user."""
    for key in (
        "zzmarker",
        "' OR zzmarker --",
        "zzmarker%",
        "); DROP TABLE zzmarker",
        "1 zzmarker",
    ):
        with scene.world.statements() as statements:
            assert scene.client.get(scene.world.user_url(key)).status_code == 404
        assert not [one.text for one in statements if "zzmarker" in one.text]


# Requests as such


@pytest.fixture
def forbid_writing() -> Iterator[None]:
    """Make every flush with something to write, and every commit, an error."""

    def refuse(session: sa.orm.Session, *_: Any) -> None:
        raise AssertionError("a GET wrote to the database")

    events = ("before_flush", "before_commit", "after_bulk_update", "after_bulk_delete")
    for name in events:
        sa.event.listen(sa.orm.Session, name, refuse)
    yield
    for name in events:
        sa.event.remove(sa.orm.Session, name, refuse)


def test_reading_writes_nothing(scene: Scene, request: pytest.FixtureRequest) -> None:
    """Neither the list nor the details flush or commit, nor run anything but a SELECT."""
    key = next(iter(scene.people))
    foreign = next(iter(scene.strangers))
    urls = [
        scene.world.url(),
        scene.world.url(q="user", status="active", sort="channels"),
        scene.world.url(per_page="7"),
        scene.world.user_url(key),
        scene.world.user_url(foreign),
    ]
    request.getfixturevalue("forbid_writing")
    with scene.world.statements() as statements:
        answers = [scene.client.get(url).status_code for url in urls]
    assert answers == [200, 200, 400, 200, 404]
    assert {one.text.split()[0].upper() for one in statements} <= {"SELECT", "WITH"}


def test_what_the_host_has_not_written_yet_is_not_written_by_reading(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    """A change that waits in the host's session waits on."""
    key = next(iter(scene.people))
    with scene.world.directory(scene.platform) as directory:
        record = directory.user(str(key)).record
        setattr(record, scene.world.extension.mapping.users.username.key, "changed")  # type: ignore[attr-defined]
        request.getfixturevalue("forbid_writing")
        summary = directory.summary()
        for sort in directory.sorts(summary.total).values():
            assert "changed" not in [
                row.username for row in directory.page(ListQuery(), sort).users
            ]
        user = directory.user(str(key))
        assert user.record is record
        directory.usage(user)
        assert record in scene.world.host.db.session.dirty


@mostly_on_sqlite
def test_head_is_a_get_without_its_body(scene: Scene) -> None:
    """For tools that look before they fetch."""
    for url in (scene.world.url(), scene.world.user_url(next(iter(scene.people)))):
        response = scene.client.head(url)
        assert response.status_code == 200
        assert response.data == b""


@mostly_on_sqlite
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_but_reading_is_offered(scene: Scene, method: str) -> None:
    """Any other method is 405."""
    for url in (scene.world.url(), scene.world.user_url(next(iter(scene.people)))):
        assert scene.client.open(url, method=method).status_code == 405


def answers(scene: Scene) -> Iterator[TestResponse]:
    """Return each kind of answer that the plugin gives."""
    key = next(iter(scene.people))
    yield scene.client.get(scene.world.url())
    yield scene.client.get(scene.world.user_url(key))
    yield scene.client.get(scene.world.url(per_page="3"))
    yield scene.client.get(scene.world.user_url(next(iter(scene.strangers))))
    yield scene.world.client(scene.outsider).get(scene.world.url())


@mostly_on_sqlite
def test_an_answer_to_a_wrong_method_is_kept_out_of_caches_and_frames_too(scene: Scene) -> None:
    """It is the framework's own answer, and no page of the product changes by it."""
    for url in (scene.world.url(), scene.world.user_url(next(iter(scene.people)))):
        response = scene.client.put(url)
        assert response.status_code == 405
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Frame-Options"] == "DENY"
    home = scene.client.get(HOME)
    assert "frame-ancestors 'none'" not in home.headers.getlist("Content-Security-Policy")
    assert "Cross-Origin-Opener-Policy" not in home.headers


@mostly_on_sqlite
def test_every_answer_keeps_personal_data_out_of_caches_and_frames(scene: Scene) -> None:
    """The refusals too."""
    for response in answers(scene):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        policies = response.headers.getlist("Content-Security-Policy")
        assert policies[-1] == "frame-ancestors 'none'"


@mostly_on_sqlite
def test_no_answer_holds_a_style_a_script_or_a_handler(scene: Scene) -> None:
    """A strict Content-Security-Policy changes nothing, and nothing comes from elsewhere."""
    for response in answers(scene):
        page = parse(response.text)
        assert page.all("style") == foreign_scripts(page) == []
        for node in page:
            assert not [name for name in node.attributes if name.startswith("on")]
            assert "style" not in node.attributes
            for name in ("href", "src", "action"):
                address = node.attributes.get(name, "")
                assert not urlsplit(address).scheme
                assert not urlsplit(address).netloc
        identifiers = [node.attributes["id"] for node in page if "id" in node.attributes]
        assert len(identifiers) == len(set(identifiers))


@mostly_on_sqlite
def test_the_page_stands_in_the_hosts_layout(scene: Scene) -> None:
    """With its title, its stylesheet and its content where the host's blocks are."""
    page = scene.world.see(scene.client).page
    assert page.one("head").one("title").text.startswith("Platform users")
    sheet = page.one("head").one("link", rel="stylesheet").attributes["href"]
    response = scene.world.client().get(sheet)
    assert response.status_code == 200
    response.close()
    if "layout.html" in scene.world.app.jinja_env.list_templates():
        assert page.all("nav")[0].text.startswith("Acme · signed in as")
        assert page.one("head").one("title").text.endswith("· Acme")


XSS = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- ",
    "]]>",
    "&lt;b&gt;",
    "`${alert(1)}`",
    "<a href='//evil.example'>",
    "\u202e<b>",
]  # fmt: skip


@mostly_on_sqlite
def test_what_users_call_themselves_is_only_ever_text(world: World) -> None:
    """In names, addresses, phones and searches, on the list and in the details."""
    platform = world.platform("<b>Acme</b>")
    people = [
        replace(
            world.person(platform, f"{payload}{index}"),
            email=f"{payload}{index}@example.com",
            phone=f"<i>{payload[:20]}{index}" if "phone" in world.host.CAN.fields else None,
        )
        for index, payload in enumerate(XSS)
    ]
    keys = world.add(*people)
    client = world.client(world.owner(platform))
    page = world.see(client, per_page="100")
    rows = {row.name: row for row in page.rows}
    plain = [node.tag for node in page.page if node.tag in {"img", "b", "i"}]
    assert foreign_scripts(page.page) == []
    assert plain == []
    for key, person in zip(keys, people, strict=True):
        row = rows[" ".join(person.username.split())]
        assert row.email == " ".join(person.email.split())
        if person.phone:
            assert row.cells["Phone"] == " ".join(person.phone.split())
        details = parse(client.get(world.user_url(key)).text)
        assert details.one("h1").text == " ".join(person.username.split())
        assert not foreign_scripts(details) + details.all("img") + details.all("i")
    for payload in XSS:
        found = seen(client.get(world.url(q=payload)))
        assert not foreign_scripts(found.page) + found.page.all("img")
        assert found.page.one("input", name="q").attributes["value"] == payload.strip()


# When something else fails


class Plans:
    """Billing that knows a plan."""

    def subscription(self, user: Any) -> Subscription | None:
        """Return what everybody has."""
        assert type(user).__name__
        return Subscription(
            plan="Growth <b>",
            price=Money(Decimal("1249.5"), "EUR"),
            interval="month",
            renews=datetime(2026, 7, 9),  # noqa: DTZ001
            add_ons=[AddOn(name="Seats", price=Money(Decimal(5), "EUR"), quantity=3)],
        )


@mostly_on_sqlite
def test_the_details_show_the_subscription(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, price, renewal and add-ons."""
    monkeypatch.setattr(
        scene.world.extension, "_mapping", replace(scene.world.extension.mapping, billing=Plans())
    )
    page = parse(scene.client.get(scene.world.user_url(next(iter(scene.people)))).text)
    text = page.one("section", aria_labelledby="pu-subscription").text
    assert text == (
        "Subscription Plan Growth <b> Price 1,249.50 EUR a month Renews 9 July 2026 "
        "Add-ons Seats × 3 5.00 EUR Limits and features Seats Seats × 3"
    )


@mostly_on_sqlite
def test_no_subscription_is_said_plainly(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is an answer."""

    class Free:
        def subscription(self, user: Any) -> Subscription | None:  # noqa: ARG002
            return None

    monkeypatch.setattr(
        scene.world.extension, "_mapping", replace(scene.world.extension.mapping, billing=Free())
    )
    text = scene.client.get(scene.world.user_url(next(iter(scene.people)))).text
    assert "No subscription." in text


@pytest.mark.parametrize("fault", ["exception", "sql", "constraint"])
def test_billing_that_fails_spoils_nothing_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Whether it raises or leaves the transaction broken."""
    world = scene.world

    class Broken:
        def subscription(self, user: Any) -> Subscription | None:
            if fault == "exception":
                raise ConnectionError("secret detail")
            if fault == "constraint":
                table = world.extension.mapping.tables.state
                world.host.db.session.execute(
                    table.insert().values(platform_key=None, user_key=None),
                    bind_arguments={"mapper": type(user)},
                )
            session = world.host.db.session
            session.execute(sa.text("SELECT secret FROM no_such_table"))
            return None

    monkeypatch.setattr(
        world.extension, "_mapping", replace(world.extension.mapping, billing=Broken())
    )
    key, person = next(iter(scene.people.items()))
    response = scene.client.get(world.user_url(key))
    assert response.status_code == 200
    assert "Subscription is unavailable" in response.text
    assert "secret" not in response.text
    assert person.email in response.text
    assert parse(response.text).one("h1").text == person.username
    monkeypatch.undo()
    assert scene.client.get(world.user_url(key)).status_code == 200


class Fault:
    """Makes the database fail from one statement on, for a number of statements."""

    def __init__(self, world: World, kind: str, first: int, times: int) -> None:
        self.world, self.kind, self.first, self.times = world, kind, first, times
        self.count = 0
        self.struck = False

    def strike(self, _cursor: Any, statement: str, _parameters: Any, context: Any) -> None:
        """Fail if it is time."""
        self.count += 1
        if self.first <= self.count < self.first + self.times:
            self.struck = True
            error = getattr(context.dialect.dbapi, self.kind)
            raise error(f"broken under {statement}")

    def __enter__(self) -> "Fault":
        for engine in self.world.engines:
            sa.event.listen(engine, "do_execute", self.strike)
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self.world.engines:
            sa.event.remove(engine, "do_execute", self.strike)


@mostly_on_sqlite
@pytest.mark.parametrize(
    ("kind", "status", "times"),
    [
        ("OperationalError", 503, 1),
        ("OperationalError", 503, 1000),
        ("InterfaceError", 503, 1),
        ("ProgrammingError", 500, 1),
        ("DataError", 500, 1000),
    ],
    ids=["lost-once", "lost", "interface-once", "refused-once", "refused"],
)
def test_a_database_that_fails_is_answered_with_a_plain_page(
    scene: Scene, kind: str, status: int, times: int
) -> None:
    """Whichever statement fails; no word of it is shown, and the next request works."""
    key = next(iter(scene.people))
    for url in (scene.world.url(q="user", status="active"), scene.world.user_url(key)):
        for first in itertools.count(1):
            with Fault(scene.world, kind, first, times) as fault:
                response = scene.client.get(url)
            if not fault.struck:
                assert response.status_code == 200
                assert first > 2
                break
            if "Subscription is unavailable" in response.text:  # billing spoils nothing else
                assert response.status_code == 200
                continue
            assert response.status_code == status, (first, response.text)
            assert "Platform users is unavailable" in response.text
            assert not re.search("SELECT|broken under|Traceback|user0", response.text)
            assert response.headers["Cache-Control"] == "no-store"
            assert ("Retry-After" in response.headers) == (status == 503)
            assert scene.client.get(url).status_code == 200
    assert scene.client.get(HOME).status_code == 200


@mostly_on_sqlite
def test_the_addresses_stay_when_somebody_is_renamed(scene: Scene) -> None:
    """A user is addressed by their key."""
    with scene.world.app.test_request_context():
        for row in seen(scene.client.get(scene.world.url())).rows:
            assert row.name not in row.link
