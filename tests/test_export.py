"""The list and the history are sent as files: whole, safe to open, and noted in the history."""

import csv
import io
from typing import Any

import pytest

from flask_platform_users import Policy, listing
from flask_platform_users import history as history_module

from .conftest import mostly_on_sqlite, on_host
from .office import Office, hidden, verify
from .test_bad_input import FORMULAS
from .world import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def rows_of(office: Office, **arguments: str) -> list[dict[str, str]]:
    """Return the users of a file, each cell by the head of its column."""
    answer = office.export("export_users", **arguments)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


@mostly_on_sqlite
def test_the_file_has_what_all_pages_of_the_list_show(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(world)
    world.add(*world.crowd(office.platform, 12))
    monkeypatch.setattr(listing.all_users, "__kwdefaults__", {"batch": 5})
    for arguments in ({}, {"status": "inactive"}, {"q": "user", "sort": "contact"}):
        shown = [row for page in world.walk(office.client, **arguments) for row in page.rows]
        rows = rows_of(office, **arguments)
        assert [row["Username"] for row in rows] == [row.name for row in shown]
        assert [int(row["No"]) for row in rows] == [row.number for row in shown]
        assert [row["Email"] for row in rows] == [row.email for row in shown]
        assert [row["Status"] for row in rows] == [row.cells["Status"] for row in shown]
        totals = [sum(row.channels.values()) for row in shown]
        assert [int(row["Total channels"]) for row in rows] == totals
        event = office.events()[0]
        assert (event.action, event.changes) == ("export_users", {"Rows": ("", str(len(rows)))})
        assert ("status:inactive" in event.reason) == ("status" in arguments)
    verify(office)


@on_host("b-timestamps")
def test_no_cell_of_a_user_is_a_formula_and_moments_are_in_utc(office: Office) -> None:
    office.world.add(*(office.world.person(office.platform, text) for text in FORMULAS))
    rows = rows_of(office)
    for row in rows:
        assert not any(cell.strip().startswith(("=", "+", "-", "@", "|")) for cell in row.values())
        assert row["Created"].endswith("+00:00")
    assert len(rows) == len(FORMULAS) + len(office.users)


@on_host("c-membership")
def test_nobody_of_another_platform_is_in_the_file(office: Office) -> None:
    Office(office.world)
    assert len(rows_of(office)) == len(office.world.see(office.client).rows)


@on_host("a-enum")
def test_a_file_is_for_who_may_export(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    world = office.world
    addresses = {"list_users": "export_users", "show_history": "export_history"}
    for page, file in addresses.items():
        assert "Export CSV" in office.client.get(world.url(page)).text
        assert office.client.post(world.url(file)).status_code == 400
        assert office.client.get(world.url(file)).status_code == 405
    token = hidden(office.client.get(world.url()))

    def allows(self: Policy, actor: Any, action: str, user: Any = None) -> bool:
        return action != "export"

    monkeypatch.setattr(type(world.extension.policy), "allows", allows)
    for page, file in addresses.items():
        assert "Export CSV" not in office.client.get(world.url(page)).text
        assert office.client.post(world.url(file), data=token).status_code == 403
    assert office.told() == []


@on_host("a-enum")
def test_the_deleted_are_sent_to_who_may_see_them(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.do("delete", office.user, reason="x", confirm=office.name)
    (row,) = rows_of(office, status="deleted")
    assert (row["Username"], row["Status"]) == (office.name, "Deleted")
    assert "Restorable until" in row

    def allows(self: Policy, actor: Any, action: str, user: Any = None) -> bool:
        return action != "restore"

    monkeypatch.setattr(type(office.world.extension.policy), "allows", allows)
    assert office.export("export_users", status="deleted").status_code == 400


@on_host("f-binds")
def test_it_is_noted_before_the_first_line_is_sent(office: Office) -> None:
    answer = office.export("export_users", q=office.name)
    (event,) = office.events()
    assert event.reason == f"“{office.name}”"
    page = office.client.get(office.world.url("show_history")).text
    assert "exported the list of users." in page
    assert office.name in answer.text


@on_host("b-timestamps")
def test_the_whole_history_is_sent_oldest_first(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "BATCH", 2)
    for _ in range(3):
        office.do("block", office.user, reason="x")
        office.do("unblock", office.user)
    text = office.export("export_history", action="block").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["No"] for row in rows] == ["1", "3", "5"]
    text = office.export("export_history").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(row["No"]) for row in rows] == list(range(1, 8))
    assert (rows[6]["Did"], rows[6]["Reason"]) == ("export_history", "action: block")
