"""One action to many users from the list: choosing them, trying it, doing it, and being told."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from flask_platform_users.job_records import Job
from flask_platform_users.jobs import Jobs

from .conftest import DATABASES
from .hosts import Key
from .html import Node, parse
from .office import Office, alert, hidden, verify
from .world import World

SHAPES = pytest.mark.parametrize(
    "used_world",
    [f"{host}/{name}" for host in ("a-enum", "c-membership", "d-strings") for name in DATABASES],
    indirect=True,
)
"""Keys of integers and of words, users by column and by membership."""

ANYWHERE = pytest.mark.parametrize("used_world", ["a-enum/sqlite"], indirect=True)
"""For what neither schema nor database has a part in."""


class Desk(Office):
    """An owner at work on a platform with more users than a page has."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        people = [world.person(self.platform, f"agent{n:02}") for n in range(40)]
        self.crowd: list[Key] = world.add(*people)

    def page(self, **query: str) -> Node:
        """Open the list."""
        return self.world.see(self.client, **query).page

    def pick(self, go: str, *ticked: Key, listed: Sequence[Key] = (), **query: str) -> TestResponse:
        """Tick users, some of those who are listed, and press a button."""
        form = hidden(self.client.get(self.world.url()))
        form.pop("listed", None)
        fields = {"csrf_token": form["csrf_token"], "go": go}
        keys = {"key": [str(key) for key in ticked], "listed": [str(key) for key in listed]}
        return self.client.post(self.world.url("pick", **query), data=fields | keys)

    def order(self, action: str, *ticked: Key, **fields: str) -> str:
        """Tick users, fill in the form of an action and return where it is tried."""
        asked = self.pick(f"do:{action}", *ticked)
        assert asked.status_code == 303, asked.text
        form = hidden(self.client.get(asked.location))
        answer = self.client.post(asked.location, data=form | fields)
        assert answer.status_code == 303, answer.text
        return answer.location

    def press(self, address: str, button: str) -> TestResponse:
        """Press a button of a job's page, by its words."""
        page = parse(self.client.get(address).text)
        (form,) = [
            form
            for form in page.all("form")
            for found in form.all("button")
            if found.text == button
        ]
        fields = {
            node.attributes["name"]: node.attributes["value"]
            for node in [*form.all("input"), *form.all("button")]
            if "name" in node.attributes
        }
        return self.client.post(form.attributes["action"], data=fields)

    def see(self, address: str) -> Node:
        """Open a page."""
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.text
        return parse(answer.text)

    def job(self, address: str) -> Job:
        """Return the job behind an address."""
        with self.world.directory(self.platform) as directory:
            found = Jobs(directory).get(urlsplit(address).path.rpartition("/")[2])
            assert found is not None
            return found


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def chosen(page: Node) -> int:
    """Return how many the bar says are chosen."""
    return int(page.one(class_="pu-bar").one("strong").text.replace(",", ""))


def ticked(page: Node) -> set[str]:
    """Return the keys of those who come back ticked."""
    return {
        node.attributes["value"]
        for node in page.all("input", name="key")
        if "checked" in node.attributes
    }


def facts(page: Node) -> list[int]:
    """Return how many change, are so already and are left out."""
    return [int(node.text.replace(",", "")) for node in page.all("dd")]


@SHAPES
def test_ticks_are_kept_from_page_to_page(desk: Desk) -> None:
    first = desk.page()
    listed = [node.attributes["value"] for node in first.all("input", name="listed")]
    assert len(listed) == 25
    names = [node.attributes["aria-label"] for node in first.all("input", name="key")]
    assert names[0] == f"Choose {first.all(class_='pu-contact-name')[0].text}"
    (onward,) = [
        button.attributes["value"]
        for button in first.all("button", form="pu-many")
        if button.text == "Next"
    ]
    answer = desk.pick(onward, *listed[:2], listed=listed)
    second = desk.see(answer.location)
    there = [node.attributes["value"] for node in second.all("input", name="listed")]
    assert not set(there) & set(listed)
    assert (chosen(second), ticked(second)) == (2, set())
    address = second.one("form", id="pu-many").attributes["action"]
    form = hidden(desk.client.get(answer.location))
    sent = {"csrf_token": form["csrf_token"], "go": "keep", "listed": there, "key": there[:1]}
    assert ticked(desk.see(desk.client.post(address, data=sent).location)) == {there[0]}
    assert (chosen(desk.page()), ticked(desk.page())) == (3, set(listed[:2]))
    desk.pick("keep", listed[0], listed=listed)
    assert (chosen(desk.page()), ticked(desk.page())) == (2, {listed[0]})
    desk.pick("none")
    assert (chosen(desk.page()), ticked(desk.page())) == (0, set())


@SHAPES
def test_many_are_tried_then_done_and_each_is_told_of(desk: Desk) -> None:
    three = desk.crowd[:3]
    asked = desk.pick("do:block", *three).location
    form = hidden(desk.client.get(asked)) | {"until": "2020-01-01T00:00"}
    wrong = desk.client.post(asked, data=form | {"mode": "each"})
    assert wrong.status_code == 422
    assert alert(wrong) == "Some fields need another look."
    assert parse(wrong.text).one("input", name="until").attributes["value"] == "2020-01-01T00:00"
    assert "checked" in parse(wrong.text).one("input", value="each").attributes
    tried = desk.order("block", *three, reason="Spam <b>")
    page = desk.see(tried)
    assert facts(page) == [3, 0, 0]
    assert "Ticked one by one." in page.text
    assert "Reason: Spam <b>" in page.text
    assert {desk.status(key) for key in three} == {"active"}
    assert desk.told() == []
    done = desk.press(tried, "Block: 3 users").location
    assert desk.see(done).one(role="status").text == "It is done."
    assert facts(desk.see(done)) == [3, 0, 0]
    assert {desk.status(key) for key in three} == {"blocked"}
    assert desk.told() == [("block", "done")] * 3 + [("many", "done")]
    verify(desk)
    rows = list(csv.reader(io.StringIO(desk.client.get(f"{done}.csv").text)))
    told = sorted(row[2:5] for row in rows[1:])
    assert told == [[f"agent{n:02}", "done", "done"] for n in range(3)]
    assert "Block: 3 users" in desk.see(desk.world.url("list_jobs")).text


@SHAPES
def test_who_joins_a_filter_after_it_was_chosen_is_not_touched(desk: Desk) -> None:
    matched = desk.page(q="agent0").one("button", value="all")
    assert matched.text == "Choose all 10 that match"
    desk.pick("all", q="agent0")
    assert chosen(desk.page()) == 10
    (late,) = desk.world.add(desk.world.person(desk.platform, "agent0late"))
    tried = desk.order("block", reason="Spam")
    assert "All that matched “agent0”." in desk.see(tried).text
    desk.press(tried, "Block: 10 users")
    assert {desk.status(key) for key in desk.crowd[:10]} == {"blocked"}
    assert desk.status(late) == desk.status(desk.crowd[10]) == "active"


@SHAPES
def test_all_or_nothing_says_so_and_offers_to_leave_some_out(desk: Desk) -> None:
    blocked = desk.crowd[0]
    desk.do("block", blocked, reason="before")
    tried = desk.order("block", *desk.crowd[:3], reason="Spam")
    page = desk.see(tried)
    assert facts(page) == [2, 0, 1]
    assert "nothing would be done to anybody" in page.one(role="status").text
    assert "agent00 is blocked already." in page.text
    assert not [button for button in page.all("button") if button.text.startswith("Block: ")]
    each = desk.press(tried, "Leave them out and do the others").location
    assert facts(desk.see(each)) == [2, 0, 1]
    done = desk.press(each, "Block: 2 users").location
    assert facts(desk.see(done)) == [2, 0, 1]
    assert {desk.status(key) for key in desk.crowd[:3]} == {"blocked"}
    assert desk.told()[1:] == [("block", "done")] * 2 + [("many", "done")]


@ANYWHERE
def test_all_or_nothing_does_nobody_where_somebody_cannot_be_done(desk: Desk) -> None:
    tried = desk.order("block", *desk.crowd[:3], reason="Spam")
    desk.do("block", desk.crowd[1], reason="meanwhile")
    page = desk.see(desk.press(tried, "Block: 3 users").location)
    assert page.one(role="status").text == (
        "agent01 is blocked already. Nothing was done to 3 users."
    )
    assert [desk.status(key) for key in desk.crowd[:3]] == ["active", "blocked", "active"]


@SHAPES
def test_many_are_deleted_by_their_number_and_restored_from_the_deleted(desk: Desk) -> None:
    asked = desk.pick("do:delete", *desk.crowd[:2]).location
    form = hidden(desk.client.get(asked)) | {"reason": "left us"}
    assert "Type 2, the number of users, to confirm" in desk.see(asked).text
    assert desk.client.post(asked, data=form | {"confirm": "agent00"}).status_code == 422
    tried = desk.order("delete", *desk.crowd[:2], reason="left us", confirm="2")
    desk.press(tried, "Delete: 2 users")
    offered = [
        button.attributes["value"]
        for button in desk.page(status="deleted").one(class_="pu-bar").all("button")
    ]
    assert [value for value in offered if value.startswith("do:")] == ["do:restore"]
    desk.pick("all", status="deleted")
    desk.press(desk.order("restore", reason="came back"), "Restore: 2 users")
    assert {desk.status(key) for key in desk.crowd[:2]} == {"active"}


@SHAPES
def test_whom_it_makes_sense_for_is_found_among_those_it_does_not(desk: Desk) -> None:
    """The form opens by one of those who can be done, wherever they stand among the others."""
    last = desk.crowd[-1]
    desk.do("block", last, reason="before")
    tried = desk.order("unblock", *desk.crowd, mode="each")
    assert facts(desk.see(tried)) == [1, 0, 39]
    desk.press(tried, "Unblock: 1 user")
    assert desk.status(last) == "active"
    asked = desk.pick("do:unblock", *desk.crowd).location
    refused = desk.client.get(asked)
    assert refused.status_code == 409
    assert "This cannot be done to any of those who are chosen." in refused.text


@ANYWHERE
def test_a_filter_that_was_changed_by_hand_says_so(desk: Desk) -> None:
    desk.pick("all", q="agent0")
    desk.pick("keep", listed=desk.crowd[:1])
    desk.pick("keep", *desk.crowd[1:3], listed=desk.crowd[1:3])
    tried = desk.order("block", reason="Spam")
    assert "All that matched “agent0”, then changed by hand." in desk.see(tried).text
    assert desk.job(tried).total == 9


@SHAPES
def test_users_are_done_in_the_order_in_which_they_were_ticked(desk: Desk) -> None:
    """Whatever order the database finds them in."""
    ticked = [desk.crowd[n] for n in (7, 2, 9, 4, 0)]
    tried = desk.order("block", *ticked, reason="Spam")
    with desk.world.directory(desk.platform) as directory:
        jobs = Jobs(directory)
        assert [item.user_key for page in jobs.pages(desk.job(tried)) for item in page] == ticked
        found = directory.users([str(key) for key in ticked])
    assert list(found) == [str(key) for key in ticked]


@ANYWHERE
def test_the_form_shows_what_the_users_will_see(desk: Desk) -> None:
    """As the first of them will read it, also while it is being filled in, which does nothing.

    An end that has passed, which the form refuses, is not shown.
    """
    asked = desk.pick("do:block", *desk.crowd[:2])
    form = desk.client.get(asked.location)
    assert parse(form.text).one(class_="pu-foreseen-page").text
    coming = datetime.now(UTC).year + 1
    for year, shown in ((coming, True), (2001, False)):
        filled = hidden(form) | {"reason": "Overdue", "until": f"{year}-01-01T10:00"}
        answer = desk.client.post(asked.location, data=filled, headers={"X-PU-Part": "foreseen"})
        assert answer.status_code == 200
        page = parse(answer.text)
        seen = page.one(class_="pu-foreseen-page").text
        assert (f"1 January {year}" in seen) == shown
        assert not page.all(class_="pu-error")
    assert parse(desk.client.get(desk.world.url("list_jobs")).text).all(class_="pu-empty")
    assert desk.events() == []


@ANYWHERE
def test_the_form_comes_back_as_it_was_filled_in(desk: Desk) -> None:
    tried = desk.order("set_status", *desk.crowd[:2], status="inactive", reason="Moved away")
    assert "Status: Inactive" in desk.see(tried).text
    (again,) = [
        a.attributes["href"] for a in desk.see(tried).all("a") if a.text == "Change the form"
    ]
    page = desk.see(again)
    assert page.one("input", name="reason").attributes["value"] == "Moved away"
    assert "checked" in page.one("input", value="inactive").attributes
    both = desk.pick("do:set_status", *desk.crowd[:2]).location
    assert not [n for n in desk.see(both).all("input", name="status") if "checked" in n.attributes]


@ANYWHERE
def test_what_is_sent_twice_is_done_once(desk: Desk) -> None:
    tried = desk.order("block", *desk.crowd[:2], reason="Spam")
    form = {"csrf_token": hidden(desk.client.get(tried))["csrf_token"]}
    for _ in range(2):
        assert desk.client.post(f"{tried}/do", data=form).location == tried
    assert desk.told() == [("block", "done")] * 2 + [("many", "done")]
    answer = desk.client.get(desk.world.url("ask_many", job_id=desk.job(tried).id, name="unblock"))
    assert answer.location == tried


@ANYWHERE
def test_cancelling_what_was_only_tried_forgets_it(desk: Desk) -> None:
    tried = desk.order("block", *desk.crowd[:2], reason="Spam")
    assert desk.press(tried, "Cancel").location == desk.world.url()
    assert desk.client.get(tried).status_code == 404
    assert desk.told() == []


# Who may not, and what cannot be


@ANYWHERE
def test_more_users_than_a_page_has_are_refused_before_anything_is_asked(desk: Desk) -> None:
    form = hidden(desk.client.get(desk.world.url()))
    for field in ("key", "listed"):
        fields = {"csrf_token": form["csrf_token"], "go": "keep", field: list(range(10_000))}
        with desk.world.statements() as login:
            desk.client.post(desk.world.url("pick"), data={})
        with desk.world.statements() as statements:
            answer = desk.client.post(desk.world.url("pick"), data=fields)
        assert answer.status_code == 413
        assert len(statements) <= len(login)
    assert chosen(desk.page()) == 0


@ANYWHERE
def test_a_button_that_does_not_exist_is_refused(desk: Desk) -> None:
    for go in ("", "page:", "do:", "keep:1", "all:1", "do", "everybody", "page"):
        answer = desk.pick(go, desk.crowd[0])
        assert answer.status_code == 400, go
    for name in ("no_such_action", "add_note", "purge", "view", "block:1"):
        assert desk.pick(f"do:{name}", desk.crowd[0]).status_code == 404, name
    assert chosen(desk.page()) == 0
    assert desk.pick("do:block").status_code == 409
    assert desk.pick("keep", desk.crowd[0], status="no").status_code == 400
    assert desk.client.post(desk.world.url("pick"), data={"go": "all"}).status_code == 400
    assert desk.client.get(desk.world.url("pick")).status_code == 405
    there = desk.order("block", desk.crowd[0], desk.crowd[1], reason="Spam")
    address = desk.world.url("ask_many", job_id=desk.job(there).id, name="block")
    assert (
        desk.client.post(address, data=hidden(desk.client.get(address)) | {"mode": "x"}).status_code
        == 400
    )


@ANYWHERE
def test_the_way_back_leads_to_the_list_and_nowhere_else(desk: Desk) -> None:
    odd = {"_external": "1", "_scheme": "javascript", "_anchor": "x", "next": "//evil.example"}
    answer = desk.client.post(
        desk.world.url("pick", q="agent") + "&" + "&".join(f"{k}={v}" for k, v in odd.items()),
        data={"csrf_token": hidden(desk.client.get(desk.world.url()))["csrf_token"], "go": "none"},
    )
    assert answer.location == desk.world.url(q="agent")


@SHAPES
def test_users_and_jobs_of_other_platforms_are_not_there(desk: Desk) -> None:
    world, elsewhere = desk.world, desk.world.platform("Globex")
    foreign = world.add(world.person(elsewhere), world.person(elsewhere))
    strange = ["", "0", "-1", "9" * 19, "9" * 40, "x", "%00", "'"]
    desk.pick("keep", *foreign, *strange, desk.crowd[0], listed=[*foreign, *strange])
    assert chosen(desk.page()) == 1
    tried = desk.order("block", *desk.crowd[:2], reason="Spam")
    other = Desk.__new__(Desk)
    other.world, other.client = world, world.client(world.owner(elsewhere))
    token = {"csrf_token": hidden(other.client.get(world.url()))["csrf_token"]}
    for url in (
        tried,
        f"{tried}.csv",
        world.url("ask_many", job_id=desk.job(tried).id, name="block"),
    ):
        assert other.client.get(url).status_code == 404, url
    for url in (f"{tried}/do", f"{tried}/cancel"):
        assert other.client.post(url, data=token).status_code == 404, url
    assert "Block" not in other.see(world.url("list_jobs")).text
    assert desk.job(tried).state == "ready"


@ANYWHERE
def test_a_job_of_somebody_else_can_be_seen_and_not_changed(desk: Desk) -> None:
    tried = desk.order("block", *desk.crowd[:2], reason="Spam")
    picking = desk.pick("do:block", desk.crowd[5]).location
    job, mapping = desk.world.extension.mapping.tables.job, desk.world.extension.mapping
    with desk.world.directory(desk.platform) as directory:
        theirs = sa.update(job).values(owner_id="another", actor_name="Bea")
        directory.session.execute(theirs, bind_arguments=mapping.bind)
        directory.session.commit()
    assert desk.see(tried).one(class_="pu-panel").all("button") == []
    token = {"csrf_token": hidden(desk.client.get(desk.world.url()))["csrf_token"]}
    for url in (f"{tried}/do", f"{tried}/cancel", picking):
        answer = desk.client.post(url, data=token)
        assert answer.status_code == 403, url
        assert "This is a job of Bea." in answer.text
    assert desk.client.get(picking).status_code == 403
    assert desk.job(tried).state == "ready"
    assert chosen(desk.page()) == 0


@ANYWHERE
def test_staff_choose_for_what_they_may_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = desk.order("block", *desk.crowd[:2], reason="Spam")
    may: set[str] = {"view", "unblock"}
    policy = type(desk.world.extension.policy)

    def allows(_: object, __: object, action: str, ___: object = None) -> bool:
        return action in may

    monkeypatch.setattr(policy, "allows", allows)
    buttons = [b.attributes["value"] for b in desk.page().one(class_="pu-bar").all("button")]
    assert [value for value in buttons if value.startswith("do:")] == ["do:unblock"]
    assert desk.pick("do:block", desk.crowd[0]).status_code == 403
    token = {"csrf_token": hidden(desk.client.get(desk.world.url()))["csrf_token"]}
    assert desk.client.post(f"{tried}/do", data=token).status_code == 403
    may.remove("unblock")
    page = desk.page()
    assert page.all("form", id="pu-many") == page.all("input", name="key") == []
    assert page.one("a", rel="next").text == "Next"
    assert desk.client.post(desk.world.url("pick"), data=token | {"go": "all"}).status_code == 403
    assert {desk.status(key) for key in desk.crowd} == {"active"}


@ANYWHERE
def test_looking_writes_nothing_and_costs_one_statement_more_with_somebody_chosen(
    desk: Desk,
) -> None:
    world = desk.world
    before = world.cost(desk.client, world.url())
    tried = desk.order("block", *desk.crowd[:2], reason="Spam")
    assert world.cost(desk.client, world.url()) == before
    asked = desk.pick("do:block", *desk.crowd[2:4]).location
    assert world.cost(desk.client, world.url()) == before + 1
    for url in (world.url(), asked, tried, f"{tried}.csv", world.url("list_jobs")):
        with world.statements() as statements:
            assert desk.client.get(url).status_code == 200
        assert {one.text.split()[0].upper() for one in statements} <= {"SELECT", "WITH"}, url


@SHAPES
def test_a_job_is_taken_back_for_those_whom_nothing_touched_since(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(  # whoever may block may take it back; there is no permission beside that
        desk.world.extension.policy,
        "allows",
        lambda _actor, action, _user=None: action in {"view", "block", "unblock"},
    )
    three = desk.crowd[:3]
    done = desk.press(desk.order("block", *three, reason="Spam"), "Block: 3 users").location
    desk.do("unblock", three[0])
    desk.do("block", three[0], reason="Once more")
    undone = desk.press(done, "Undo").location
    assert [desk.status(key) for key in three] == ["blocked", "active", "active"]
    page = desk.see(undone).text
    assert "Left out 1 agent00 was changed since then: Status from “Active” to “Blocked”." in page
    assert [action for action, _ in desk.told()][-3:] == ["undo", "undo", "many"]
    assert not [button for button in desk.see(undone).all("button") if button.text == "Undo"]
    verify(desk)
