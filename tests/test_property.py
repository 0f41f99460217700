"""Whatever a host's data look like, the page agrees with a count by hand."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_platform_users import Directory
from flask_platform_users.directory import ListQuery
from flask_platform_users.results import UserRow

from .conftest import DATABASES, Worlds
from .hosts import NOON, Key, Person
from .world import World
from .world import query as listing

LETTERS = "abkzABKZ019._-%\\ дЖя東خ"
"""Letters for which all databases agree on what is the same in another case."""

TERMS = ("", "a", "B", "ab", "%", "_", "\\", "Я", "東", "خ", " ", "nobody")
PLATFORMS = 3
HOSTS = {"a-enum": 16, "c-membership": 16, "e-token": 8}
"""How many examples each host is tried with on SQLite; on each server half as many."""


@dataclass(frozen=True)
class Sketch:
    """A user before there is a host to keep them in; numbers choose among what the host has."""

    platform: int
    text: str
    status: int
    role: int
    channels: tuple[int, ...]
    created: int
    last_login: int | None
    muddled: bool
    block: str
    shared: bool


sketches = st.builds(
    Sketch,
    platform=st.integers(0, PLATFORMS - 1),
    text=st.text(LETTERS, max_size=6),
    status=st.integers(0, 3),
    role=st.integers(0, 2),
    channels=st.tuples(*[st.integers(0, 2)] * 3),
    created=st.integers(0, 4),
    last_login=st.none() | st.integers(0, 3),
    muddled=st.booleans(),
    block=st.sampled_from(["no", "no", "good", "later", "ended", "elsewhere"]),
    shared=st.booleans(),
)


@dataclass(frozen=True)
class Truth:
    """A user as the oracle knows them."""

    key: Key
    person: Person
    status: str


def person_of(world: World, sketch: Sketch, platforms: Sequence[Key], number: int) -> Person:
    """Turn a sketch into somebody whom the host can keep."""
    can = world.host.CAN
    return Person(
        platform=platforms[sketch.platform],
        username=f"{sketch.text}{number}",
        email=f"{sketch.text[::-1]}-{number}@x",
        roles=(can.roles[sketch.role % len(can.roles)],),
        status=can.statuses[sketch.status % len(can.statuses)],
        channels=dict(zip(can.channels, sketch.channels, strict=True)),
        created=NOON + timedelta(hours=sketch.created),
        last_login=None if sketch.last_login is None else NOON + timedelta(sketch.last_login),
        muddled=sketch.muddled and can.muddle,
    )


def fill(
    world: World, sketches: Sequence[Sketch], platforms: Sequence[Key]
) -> dict[Key, list[Truth]]:
    """Put users into the host, and return them by platform as the oracle knows them."""
    people = [person_of(world, sketch, platforms, n) for n, sketch in enumerate(sketches)]
    keys = world.add(*people)
    members = list(zip(sketches, people, keys, strict=True))
    if world.host.CAN.shared_accounts:
        for sketch, person, key in list(members):
            if sketch.shared:
                other = platforms[(sketch.platform + 1) % PLATFORMS]
                again = Person(
                    **{
                        **vars(person),
                        "platform": other,
                        "account": key,
                        "status": world.host.CAN.statuses[(sketch.status + 1) % 3],
                        "channels": dict.fromkeys(world.host.CAN.channels[:2], 1),
                    }
                )
                world.add(again)
                members.append((sketch, again, key))
    truths: dict[Key, list[Truth]] = {platform: [] for platform in platforms}
    for sketch, person, key in members:
        blocked = False
        if sketch.block != "no" and not (sketch.block == "elsewhere" and person.account):
            ends = {"later": timedelta(days=1), "ended": timedelta(seconds=-1)}.get(sketch.block)
            until = None if ends is None else datetime.now(UTC) + ends
            where = person.platform
            if sketch.block == "elsewhere":
                where = platforms[(sketch.platform + 2) % PLATFORMS]
            world.block(where, key, until=until)
            blocked = sketch.block in {"good", "later"}
        status = "blocked" if blocked else person.status
        truths[person.platform].append(Truth(key, person, status))
    return truths


def holds(truth: Truth, query: ListQuery) -> bool:
    """Say by hand whether a user belongs to a listing."""
    person, term = truth.person, query.words.casefold()
    status, role, channel = (query.value(name) for name in ("status", "role", "channel"))
    statuses = {"inactive", "blocked"} if status == "inactive" else {status}
    return (
        (status is None or truth.status in statuses)
        and (role is None or role in person.roles)
        and (channel is None or person.channels.get(channel, 0) > 0)
        and (term in person.username.casefold() or term in person.email.casefold())
    )


def walk(directory: Directory, sort: str) -> list[UserRow]:
    """Read all pages of a listing, two users at a time, and back again."""
    order = directory.sorts(10)[sort]
    rows: list[UserRow] = []
    first = page = directory.page(ListQuery(per_page=2), order)
    while True:
        assert page.start == len(rows) + 1 or not page.users
        rows += page.users
        if page.next is None:
            break
        page = directory.page(ListQuery(per_page=2, cursor=page.next), order)
    back = list(page.users)
    while page.previous is not None:
        page = directory.page(ListQuery(per_page=2, cursor=page.previous), order)
        back = page.users + back
    assert back == rows
    assert page.users == first.users
    return rows


@pytest.mark.parametrize("name", [f"{host}/{database}" for host in HOSTS for database in DATABASES])
def test_every_number_and_every_listing_agrees_with_a_count_by_hand(
    worlds: Worlds, name: str
) -> None:
    """Random users on three platforms, with every filter combined with every other."""
    world = worlds(name)

    @settings(
        max_examples=HOSTS[world.host.NAME] // (1 if world.database == "sqlite" else 2),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(drawn=st.lists(sketches, max_size=14), sort=st.sampled_from(("contact", "created")))
    def check(drawn: list[Sketch], sort: str) -> None:
        world.clean()
        platforms = [world.platform(name) for name in "ABC"]
        for turn, (platform, truths) in enumerate(fill(world, drawn, platforms).items()):
            with world.directory(platform) as directory:
                compare(directory, world, truths, sort, turn)

    check()


def compare(directory: Directory, world: World, truths: list[Truth], sort: str, turn: int) -> None:
    """Compare all that a directory says with what the oracle knows.

    The platforms share the combinations of filters among them, in turn.
    """
    can = world.host.CAN
    statuses = [truth.status for truth in truths]
    summary = directory.summary()
    assert summary.total == len(truths)
    assert summary.active == statuses.count("active")
    assert summary.pending == statuses.count("pending")
    assert summary.blocked == statuses.count("blocked")
    assert summary.inactive == statuses.count("inactive") + statuses.count("blocked")
    for kind in can.channels:
        total = sum(truth.person.channels.get(kind, 0) for truth in truths)
        assert summary.channels[kind] == total

    everybody = walk(directory, sort)
    shown = {row.key: (row.username, row.status, row.roles, row.channels) for row in everybody}
    assert len(everybody) == len(shown)
    assert shown == {
        truth.key: (
            truth.person.username,
            truth.status,
            truth.person.roles,
            {kind: truth.person.channels.get(kind, 0) for kind in can.channels},
        )
        for truth in truths
    }
    for row in everybody[:2]:
        assert vars(directory.user(str(row.key))).items() >= vars(row).items()

    statuses_and_none = (None, *dict.fromkeys((*can.statuses, "blocked")))
    choices = itertools.product(statuses_and_none, (None, *can.roles), (None, *can.channels))
    order = directory.sorts(10)[sort]
    listings = [(*choice, TERMS[n % len(TERMS)]) for n, choice in enumerate(choices)]
    listings += [(None, None, None, term) for term in TERMS]
    for number, (status, role, channel, term) in enumerate(listings[turn::PLATFORMS]):
        query = listing(term, status=status, role=role, channel=channel, per_page=100)
        rows = directory.page(query, order).users
        expected = [truth.key for truth in truths if holds(truth, query)]
        assert sorted(row.key for row in rows) == sorted(expected), query
        assert [row.key for row in rows] == [row.key for row in everybody if row in rows]
        if number % 4 == 0:
            assert directory.matches(query) == len(expected)
