"""What was done can be taken back, as long as nothing else has touched the user since."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from .conftest import on_hosts_where
from .html import parse
from .office import Office, verify
from .test_plans import Desk
from .world import World

TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def undo(office: Office, done: TestResponse) -> TestResponse:
    """Press the button that the message carries."""
    page = office.client.get(done.location)
    form = re.search(
        r'action="([^"]*/undo/\d+)".*?name="csrf_token" value="([^"]+)"', page.text, re.S
    )
    assert form is not None, page.text
    return office.client.post(form[1], data={"csrf_token": form[2]})


def test_a_block_is_taken_back_and_the_status_from_before_comes_back(office: Office) -> None:
    for status in office.world.host.CAN.statuses:
        if status == "blocked":
            continue
        (key,) = office.world.add(office.world.person(office.platform, status=status))
        assert undo(office, office.do("block", key, reason="A mistake")).status_code == 303
        assert office.status(key) == status
        assert office.told()[-1] == ("undo", "done")


def test_an_unblocking_is_taken_back_with_its_reason_and_end(office: Office) -> None:
    office.do("block", office.user, reason="Overdue since May", until=TOMORROW)
    undone = undo(office, office.do("unblock", office.user))
    page = parse(office.client.get(undone.location).text).text
    assert office.status(office.user) == "blocked"
    assert "Overdue since May" in page
    assert office.do("unblock", office.user).status_code == 303
    assert office.status(office.user) == "active"


def test_a_status_and_the_block_that_it_ended_come_back(office: Office) -> None:
    if "inactive" not in office.writable():
        return
    office.do("block", office.user, reason="Under review")
    done = office.do("set_status", office.user, status="inactive")
    undo(office, done)
    assert office.status(office.user) == "blocked"
    assert "Under review" in office.client.get(office.world.user_url(office.user)).text


def test_a_deletion_and_a_restoring_are_taken_back(office: Office) -> None:
    deleted = office.do("delete", office.user, reason="Asked for", confirm=office.name)
    assert undo(office, deleted).status_code == 303
    assert office.status(office.user) == "active"
    office.do("delete", office.user, reason="Asked for", confirm=office.name)
    restored = office.do("restore", office.user)
    undo(office, restored)
    assert office.do("restore", office.user).status_code == 303
    verify(office)


def test_what_was_touched_since_is_not_taken_back_and_it_says_what(office: Office) -> None:
    blocked = office.do("block", office.user, reason="First")
    office.do("unblock", office.user)
    refused = undo(office, blocked)
    assert refused.status_code == 409
    assert "was changed since then: Status from “Blocked” to “Active”" in parse(refused.text).text
    assert office.status(office.user) == "active"


def test_what_the_product_itself_changed_since_is_not_taken_back(office: Office) -> None:
    if "blocked" in office.writable():  # its own word would stay
        return
    blocked = office.do("block", office.user, reason="First")
    with office.world.directory(office.platform) as directory:
        directory.session.execute(
            sa.delete(directory.mapping.tables.state), bind_arguments=directory.mapping.bind
        )
        directory.session.commit()
    refused = undo(office, blocked)
    assert refused.status_code == 409
    assert "Status was “Blocked” and is “Active” now." in parse(refused.text).text


def test_nothing_is_taken_back_twice_nor_by_whoever_may_not(office: Office) -> None:
    blocked = office.do("block", office.user, reason="First")
    page = office.client.get(blocked.location).text
    assert undo(office, blocked).status_code == 303
    form = re.search(r'action="([^"]*/undo/\d+)"', page)
    assert form is not None
    token = {"csrf_token": office.hidden("block", office.user)["csrf_token"]}
    assert office.client.post(form[1], data=token).status_code == 409
    assert office.client.post(form[1]).status_code == 400
    stranger = office.world.client(office.world.stranger())
    assert stranger.post(form[1]).status_code in {400, 403}
    assert [action for action, outcome in office.told() if outcome == "done"] == ["block", "undo"]


def test_an_undo_is_taken_back_by_doing_it_again_only(office: Office) -> None:
    undone = undo(office, office.do("block", office.user, reason="First"))
    assert "/undo/" not in office.client.get(undone.location).text


@on_hosts_where(lambda can: can.add_ons)
@pytest.mark.parametrize("action", ["assign_plan", "give_add_on", "remove_add_on"])
def test_plans_and_add_ons_are_taken_back(desk: Desk, action: str) -> None:
    if action == "remove_add_on":
        desk.give("give_add_on", "Support")
    before = desk.kept()
    done = desk.assign("Large") if action == "assign_plan" else desk.give(action, "Support")
    assert desk.kept() != before
    assert undo(desk, done).status_code == 303
    assert desk.kept() == before
