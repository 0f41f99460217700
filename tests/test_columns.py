"""A column is an object: placed, sorted, searched and sent in files as the host says."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from flask_platform_users import Column, columns
from flask_platform_users.columns import laid_out
from flask_platform_users.formatting import Reading
from flask_platform_users.results import UserRow

from .conftest import mostly_on_sqlite, on_host
from .office import Office, hidden
from .product import USERS, opened
from .world import SeenRow, World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


@pytest.fixture
def own(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A product whose list has a few more columns."""
    mapping = world.extension.mapping
    users = mapping.users
    mine = [
        Column("mail", users.email, label="Mailbox", sort=True, search=True),
        Column("odd", users.email.contains("1"), sort=True),
        Column("size", sa.func.length(users.email), sort=True, end=True),
    ]
    if users.phone is not None:
        mine.append(Column("mobile", users.phone, sort=True, search=True))
    if users.last_login is not None:
        mine.append(Column("seen", users.last_login, sort=True))
    monkeypatch.setattr(
        world.extension, "_mapping", replace(mapping, columns=laid_out([..., *mine]))
    )
    return world


def names(given: Any) -> list[str]:
    return [column.name for column in laid_out(given)]


def test_three_dots_stand_for_the_default_columns() -> None:
    company, city = Column("company", cell="x.html"), Column("city", cell="x.html")
    default = [column.name for column in columns.DEFAULT_COLUMNS]
    assert names([...]) == default
    assert names([..., company]) == [*default[:-1], "company", "actions"]
    assert names([columns.CONTACT, company, ..., city]) == [
        "contact",
        "company",
        *(name for name in default if name not in {"contact", "actions"}),
        "city",
        "actions",
    ]
    assert names([columns.ACTIONS, ...]) == ["actions", *default[:-1]]
    assert names([columns.CONTACT, company]) == ["contact", "company"]
    mine = replace(columns.CREATED, label="Since", cell="since.html")
    (created,) = (column for column in laid_out([mine, ...]) if column.name == "created")
    assert (created.title, created.cell) == ("Since", "since.html")


def test_the_list_is_ordered_by_an_own_column_and_who_has_no_value_comes_last(own: World) -> None:
    platform = own.platform()
    people = own.crowd(platform, 60)
    own.add(*people)
    client = own.client(own.owner(platform))
    values: dict[str, dict[str, Any]] = {
        "mail": {p.username: p.email for p in people},
        "odd": {p.username: "1" in p.email for p in people},
        "size": {p.username: len(p.email) for p in people},
        "mobile": {p.username: p.phone for p in people},
        "seen": {p.username: p.last_login for p in people},
    }
    for column in own.extension.mapping.own_columns:
        for direction in ("asc", "desc"):
            rows = [
                row
                for page in own.walk(client, sort=column.name, direction=direction)
                for row in page.rows
                if row.name in values["mail"]
            ]
            found = [values[column.name][row.name] for row in rows]
            valued = [value for value in found if value is not None]
            assert sorted(row.name for row in rows) == sorted(values["mail"])
            assert found == [
                *sorted(valued, reverse=direction == "desc"),
                *[None] * (len(found) - len(valued)),
            ]


def test_the_search_looks_in_own_columns_that_ask_for_it(own: World) -> None:
    if own.extension.mapping.users.phone is None:
        pytest.skip("no other text on this host")
    platform = own.platform()
    (key,) = own.add(own.person(platform, phone="+49 30 1%2"))
    own.add(own.person(platform, phone="+49 30 152"))
    page = own.see(own.client(own.owner(platform)), q="1%2")
    assert [row.link for row in page.rows] == [own.user_url(key)]


@mostly_on_sqlite
def test_an_own_column_stands_before_the_actions_and_in_the_file(own: World) -> None:
    office = Office(own)
    page = own.see(office.client)
    heads = [head for head in page.columns if head]
    assert heads[-1] == "Actions"
    assert heads.index("Mailbox") > heads.index("Status")
    answer = office.export("export_users").get_data(as_text=True)
    lines = list(csv.DictReader(io.StringIO(answer, newline="")))
    assert [line["Mailbox"] for line in lines] == [row.cells["Mailbox"] for row in page.rows]
    assert [line["Size"] for line in lines] == [row.cells["Size"] for row in page.rows]
    for row in page.rows:
        assert isinstance(row, SeenRow)
        assert row.cells["Mailbox"] == row.email or row.name == row.cells["Mailbox"]


@mostly_on_sqlite
def test_an_own_column_costs_no_statement(own: World, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(own)
    cost = own.cost(office.client, own.url())
    few = replace(own.extension.mapping, columns=columns.DEFAULT_COLUMNS)
    monkeypatch.setattr(own.extension, "_mapping", few)
    assert own.cost(office.client, own.url()) == cost


@on_host("a-enum")
def test_the_list_is_ordered_by_the_words_of_an_enum(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = world.extension.mapping
    kept = mapping.users.status.kept_in
    assert kept is not None
    column = Column("state", kept.column, sort=True)
    laid = laid_out([..., column])
    monkeypatch.setattr(world.extension, "_mapping", replace(mapping, columns=laid))
    platform = world.platform()
    world.add(*world.crowd(platform, 60))
    client = world.client(world.owner(platform))
    for direction in ("asc", "desc"):
        pages = world.walk(client, sort="state", direction=direction)
        found = [row.cells["State"] for page in pages for row in page.rows]
        assert len(found) >= 60
        assert found == sorted(found, reverse=direction == "desc")


@on_host("a-enum")
def test_the_cell_of_an_own_column_suits_its_value(world: World) -> None:
    cell = world.app.jinja_env.get_template("platform_users/cells/value.html")
    with world.app.app_context():
        for value, shown in (
            (None, "None"),
            ("", "None"),
            (True, "yes"),
            (False, "no"),
            (1234567, "1,234,567"),
            (Decimal("2.50"), "2.50"),
            ("<b>", "&lt;b&gt;"),
            (date(2026, 3, 1), "2026-03-01"),
        ):
            html = cell.render(value=value, pu=Reading())
            assert f">{shown}<" in f">{html.strip()}<"
        moment = datetime.now(UTC) - timedelta(hours=3, minutes=1)
        html = cell.render(value=moment, pu=Reading())
        assert "3 hours ago" in html


@on_host("a-enum")
def test_a_host_replaces_one_cell(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    world = office.world
    mapping = world.extension.mapping
    mine = replace(columns.STATUS, cell="platform_users/cells/value.html", label="State")
    laid = laid_out([columns.CONTACT, mine, columns.ACTIONS])
    monkeypatch.setattr(world.extension, "_mapping", replace(mapping, columns=laid))
    html = office.client.get(world.url()).text
    assert "pu-status-active" not in html
    assert "active</bdi>" in html


def test_an_own_column_is_in_the_api_and_in_its_description(tmp_path: Path) -> None:
    with opened("sqlite", tmp_path) as product:

        def read(path: str, **query: str) -> Any:
            return product.owner.get(f"{USERS}/api/{path}", query_string=query).get_json()

        users = read("users", sort="company", direction="asc")["users"]
        companies = [user["columns"]["company"] for user in users]
        assert companies == sorted(companies)
        assert read(f"users/{users[0]['key']}")["columns"] == users[0]["columns"]
        assert users[0] in read("users", q=companies[0])["users"]
        described = read("openapi.json")["components"]["schemas"]["Columns"]["properties"]
        assert described["company"].items() >= {"type": ["string", "null"]}.items()


@on_host("a-enum")
def test_an_own_column_is_on_the_details_page(own: World) -> None:
    office = Office(own)
    page = office.client.get(own.user_url(office.user)).text
    assert "Mailbox</dt>" in page


def choose(office: Office, *names: str, **arguments: str) -> TestResponse:
    """Send the form that says which columns to show."""
    token = hidden(office.client.get(office.world.url()))["csrf_token"]
    data: dict[str, Any] = {"csrf_token": token, "column": list(names)} if names else {"reset": "1"}
    url = office.world.url("choose_columns", **arguments)
    return office.client.post(url, data=data | {"csrf_token": token})


@mostly_on_sqlite
def test_each_person_chooses_the_columns_of_the_list_and_of_its_file(own: World) -> None:
    office = Office(own)
    usual = own.see(office.client).columns
    answer = choose(office, "mail", "status", q="mail")
    assert (answer.status_code, answer.location) == (303, own.url(q="mail"))
    assert own.see(office.client).columns == ["Contact", "Status", "Mailbox", "Actions"]
    text = office.export("export_users").get_data(as_text=True)
    heads = next(csv.reader(io.StringIO(text, newline="")))
    assert heads == ["No", "Username", "Email", "Status", "Mailbox"]
    somebody_else = Office(own)
    assert own.see(somebody_else.client).columns == usual
    assert office.told() == [("export_users", "done")]
    assert choose(office).status_code == 303
    assert own.see(office.client).columns == usual


@on_host("a-enum")
def test_a_column_that_the_host_hides_is_there_for_who_chooses_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = office.world
    mapping = world.extension.mapping
    hidden_one = Column("mail", mapping.users.email, label="Mailbox", shown=False)
    laid = laid_out([columns.CONTACT, hidden_one, columns.STATUS])
    monkeypatch.setattr(world.extension, "_mapping", replace(mapping, columns=laid))
    assert world.see(office.client).columns == ["Contact", "Status"]
    choose(office, "mail", "nonsense")
    assert world.see(office.client).columns == ["Contact", "Mailbox"]


@on_host("a-enum")
def test_columns_are_chosen_by_a_form_of_this_page_alone(office: Office) -> None:
    url = office.world.url("choose_columns")
    assert office.client.get(url).status_code == 405
    assert office.client.post(url, data={"column": "status"}).status_code == 400


def test_initials_stand_for_a_user() -> None:
    for name, initials in (
        ("Ada Holm", "AH"),
        ("ada", "A"),
        ("maria.lopez12", "ML"),
        ("j_r-smith@mail.example", "JS"),
        ("Лесь Черінько", "ЛЧ"),
        ("42", "4"),
    ):
        user = UserRow(
            key=1,
            username=name,
            email=None,
            phone=None,
            roles=(),
            status="active",
            last_login=None,
            created=None,
            channels={},
        )
        assert user.initials == initials
