"""Every built-in action does what it says on every host, and the history tells all of it."""

import itertools
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from flask_platform_users.actions import Block
from flask_platform_users.history import History, HistoryQuery
from flask_platform_users.orders import Order
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.settings import Settings

from .conftest import mostly_on_sqlite, on_host, on_hosts_where
from .hosts import Key, Login
from .html import parse
from .office import SOON, UNTIL, Office, alert, failing, hidden, verify
from .world import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def test_a_blocked_user_is_blocked_for_the_reason_given(office: Office) -> None:
    response = office.do("block", office.user, reason="overdue")
    assert response.status_code == 303
    page = office.client.get(response.location).text
    assert "Blocked: overdue" in parse(page).text
    assert (
        parse(page)
        .one(class_="pu-message")
        .all("span")[0]
        .text.endswith(f" blocked {office.name}.")
    )
    assert office.status(office.user) == "blocked"
    assert office.told() == [("block", "done")]
    (event,) = office.events()
    assert event.reason == "overdue"
    assert event.changes["Status"] == ("Active", "Blocked")
    verify(office)


@mostly_on_sqlite
def test_the_form_shows_what_the_user_will_be_told(office: Office) -> None:
    """The very sentence of the gate, before the block and after it; nobody signs in on some."""
    filled = {"reason": "overdue", "until": UNTIL}
    url = office.world.url("act", name="block", key=str(office.user), **filled)
    shown = [
        " ".join(node.text for node in page.all("p") if "aria-hidden" not in node.attributes)
        for page in parse(office.client.get(url).text).all(class_="pu-foreseen-page")
    ]
    office.do("block", office.user, **filled)
    with office.world.directory(office.platform) as directory:
        record = directory.user(str(office.user)).record
        answer = office.world.extension.may_sign_in(record)
        signs_in = hasattr(record, "get_id")
    assert answer.reason == ("overdue" if signs_in else answer.reason)
    assert shown == ([answer.sentence] if signs_in else [])


@mostly_on_sqlite
def test_a_form_that_is_being_filled_in_does_nothing(office: Office) -> None:
    """It comes back with what the user would see, without complaints, and is in no history."""
    fields = office.hidden("block", office.user) | {"reason": ""}
    answer = office.client.post(
        office.url("block", office.user), data=fields, headers={"X-PU-Part": "foreseen"}
    )
    assert answer.status_code == 200
    assert not parse(answer.text).all(class_="pu-error")
    assert office.status(office.user) == "active"
    assert office.told() == []


@mostly_on_sqlite
def test_what_the_user_will_see_is_hidden_where_they_stay_signed_in(office: Office) -> None:
    """Whichever status is chosen."""
    if len(office.writable()) < 2:
        return
    shut_out = office.world.extension.shut_out
    for status in office.writable():
        url = office.world.url("act", name="set_status", key=str(office.user), status=status)
        with office.world.directory(office.platform) as directory:
            signs_in = hasattr(directory.user(str(office.user)).record, "get_id")
        page = parse(office.client.get(url).text)
        assert bool(page.all(class_="pu-foreseen-page")) == (signs_in and status in shut_out)


@on_host("e-token-babel")
def test_the_user_will_be_told_in_their_own_language(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page around it stays in the owner's."""
    monkeypatch.setattr(type(office.world.extension.policy), "language_of", lambda *_: "es-MX")
    page = parse(office.ask("block", office.user).text)
    (seen,) = page.all(class_="pu-foreseen-page")
    assert seen.text == "Esta cuenta está bloqueada."
    assert seen.attributes["lang"] == "es-MX"
    assert page.one("h1").text == "Block"


def test_a_block_ends_by_itself_and_the_status_from_before_comes_back(office: Office) -> None:
    for status, key in office.users.items():
        if status == "blocked":
            continue
        office.do("block", key, reason="pause", until=UNTIL)
        assert office.status(key) == "blocked"
        assert office.status(key, SOON - timedelta(seconds=1)) == "blocked"
        assert office.status(key, SOON) == status
        assert office.status(key, SOON + timedelta(days=1)) == status


def test_unblocking_brings_back_the_status_from_before(office: Office) -> None:
    for status, key in office.users.items():
        if status == "blocked":
            continue
        office.do("block", key, reason="mistake")
        assert office.do("unblock", key).status_code == 303
        assert office.status(key) == status
    verify(office)


def test_a_block_of_the_products_own_is_not_lifted_by_unblock(office: Office) -> None:
    if "blocked" not in office.statuses:  # then every block is the plugin's own
        office.do("block", office.user, reason="x")
        assert office.ask("unblock", office.user).status_code == 200
        return
    response = office.ask("unblock", office.users["blocked"])
    assert response.status_code == 409
    assert "was blocked elsewhere in the product; set a status instead." in alert(response)


def test_each_status_that_the_host_can_express_can_be_set_and_no_other(office: Office) -> None:
    writable = office.writable()
    assert set(writable) <= set(office.statuses) | {"inactive"}
    for status in writable:
        if status == office.status(office.user):
            continue
        assert office.do("set_status", office.user, status=status).status_code == 303
        assert office.status(office.user) == status
    response = office.do("set_status", office.user, status="gone", reason="kept as typed")
    assert response.status_code == 422
    assert "kept as typed" in response.text
    verify(office)


def test_setting_a_status_ends_a_block(office: Office) -> None:
    office.do("block", office.user, reason="pause")
    other = next(name for name in office.writable() if name not in {"blocked", "active"})
    office.do("set_status", office.user, status=other)
    assert office.status(office.user) == other
    assert office.ask("unblock", office.user).status_code == 409


@mostly_on_sqlite
def test_an_empty_reason_is_asked_for_again_and_nothing_typed_is_lost(office: Office) -> None:
    response = office.do("block", office.user, reason=" ", until=UNTIL)
    assert response.status_code == 422
    page = parse(response.text)
    assert page.one("input", name="until").attributes["value"] == UNTIL
    assert page.one(class_="pu-error").text == "Say why."
    assert office.told() == []
    assert office.status(office.user) == "active"


@mostly_on_sqlite
def test_an_end_that_has_passed_is_refused(office: Office) -> None:
    response = office.do("block", office.user, reason="x", until="2020-01-01T00:00")
    assert response.status_code == 422
    assert "still to come" in response.text


def test_a_form_that_the_user_changed_under_is_refused_with_both_values(office: Office) -> None:
    old = office.hidden("block", office.user)
    other = next(name for name in office.writable() if name not in {"blocked", "active"})
    office.do("set_status", office.user, status=other)
    response = office.send("block", office.user, old | {"reason": "typed"})
    assert response.status_code == 409
    assert f"Status was “Active” when you opened this form and is “{other.title()}” now." in alert(
        response
    )
    assert "typed" in response.text
    assert (
        office.send("block", office.user, hidden(response) | {"reason": "typed"}).status_code == 303
    )


@mostly_on_sqlite
@pytest.mark.parametrize("seen", [None, ""])
def test_a_form_that_does_not_say_what_was_seen_is_refused_and_shown_anew(
    office: Office, seen: str | None
) -> None:
    fields = office.hidden("block", office.user) | {"reason": "typed"}
    del fields["seen"]
    response = office.send("block", office.user, fields if seen is None else fields | {"seen": ""})
    assert response.status_code == 409
    assert "does not say what you saw of this user" in alert(response)
    assert "typed" in response.text
    assert (office.status(office.user), office.told()) == ("active", [])
    again = {
        node.attributes["name"]: node.attributes["value"]
        for node in parse(response.text).all("input", type="hidden")
    }
    assert office.send("block", office.user, again | {"reason": "typed"}).status_code == 303


def test_the_same_request_twice_is_done_once(office: Office) -> None:
    fields = office.hidden("block", office.user) | {"reason": "twice"}
    first, second = (office.send("block", office.user, fields) for _ in range(2))
    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert office.told() == [("block", "done")]


def test_a_form_that_was_edited_and_sent_again_is_a_request_of_its_own(office: Office) -> None:
    """Back, change a word, send: the identifier is the same, what is asked for is not."""
    fields = office.hidden("add_note", office.user)
    for text in ("first", "second", "second"):
        assert office.send("add_note", office.user, fields | {"text": text}).status_code == 303
    assert office.told() == [("add_note", "done"), ("add_note", "done")]


@pytest.mark.parametrize("identifier", ["a\0b", "x" * 5000, "é"])
def test_any_request_identifier_is_taken(office: Office, identifier: str) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x", "request_id": identifier}
    assert office.send("block", office.user, fields).status_code == 303


def test_an_identifier_used_for_one_user_answers_for_no_other(office: Office) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x"}
    office.send("block", office.user, fields)
    response = office.send("block", "987654321", fields)
    assert response.status_code == 404
    assert office.told() == [("block", "done")]


@pytest.mark.parametrize("key", ["2147483648", "9223372036854775807", "-2147483649", "1" * 19, "é"])
def test_keys_that_no_column_holds_are_not_found_by_any_door(office: Office, key: str) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x", "seen": ""}
    assert office.send("block", key, fields).status_code == 404
    assert office.client.get(office.world.url("show_history", user=key)).status_code == 200
    assert office.export("export_history", user=key).status_code == 200


@mostly_on_sqlite
def test_an_end_too_far_away_to_be_meant_is_refused(office: Office) -> None:
    response = office.do("block", office.user, reason="x", until="9999-12-31T23:59")
    assert response.status_code == 422
    assert office.status(office.user) == "active"


@mostly_on_sqlite
def test_what_one_seal_was_made_for_is_refused_for_another(office: Office) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x"}
    fields["seen"] = fields["seen"][:-3] + "AAA"
    assert office.send("block", office.user, fields).status_code == 400


def test_characters_that_no_database_keeps_are_dropped_from_a_reason(office: Office) -> None:
    assert office.do("block", office.user, reason="a\0b\x80c").status_code == 303
    (event,) = office.events()
    assert event.reason == "abc"


@mostly_on_sqlite
def test_the_csv_tells_each_change_in_words(office: Office) -> None:
    office.do("block", office.user, reason="=1+1")
    lines = office.export("export_history").text.splitlines()
    assert '"Status: Active > Blocked' in lines[1]
    assert '"\'=1+1"' in lines[1]


def test_what_somebody_may_not_do_is_refused_and_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x"}
    policy = office.world.extension.policy
    monkeypatch.setattr(policy, "allows", lambda _actor, action, _user=None: action == "view")
    assert office.ask("block", office.user).status_code == 403
    assert office.send("block", office.user, fields).status_code == 403
    assert office.told() == [("block", "refused")]
    assert office.status(office.user) == "active"


def test_blocking_the_blocked_is_refused_and_told(office: Office) -> None:
    fields = office.hidden("block", office.user)
    office.do("block", office.user, reason="first")
    fields |= {"reason": "second", "seen": "", "request_id": "another"}
    response = office.send("block", office.user, fields)
    assert response.status_code == 409
    assert "is blocked already." in alert(response)
    assert office.told() == [("block", "done"), ("block", "refused")]
    verify(office)


def test_nothing_to_do_leaves_no_trace(office: Office) -> None:
    response = office.do("set_status", office.user, status="active")
    assert response.status_code == 303
    page = parse(office.client.get(response.location).text)
    message = page.one(class_="pu-message")
    assert "There was nothing to do." in message.text
    assert not page.all(class_="pu-message-done")
    assert office.told() == []


def test_nobody_acts_on_themselves_or_on_another_owner(office: Office) -> None:
    if not office.world.host.CAN.owner_is_user:  # then they are not found among the users
        assert "the.owner" not in office.world.see(office.client).names
        return
    other = office.world.owner(office.world.platform("Globex"))
    move(office.world, other, office.platform)
    fields = office.hidden("block", office.user) | {"reason": "x", "seen": ""}
    for key, sentence in (
        (office.owner.user, "You cannot do this to yourself."),
        (other.user, "helps to run this platform, as you do."),
    ):
        assert office.ask("block", key).status_code == 403
        response = office.send("block", key, fields | {"request_id": str(key)})
        assert response.status_code == 403
        assert sentence in alert(response)
        assert office.status(key) == "active"
    assert office.told() == [("block", "refused"), ("block", "refused")]


def move(world: World, login: Login, platform: Key) -> None:
    """Let an owner run another platform from now on."""
    column: Any = world.extension.mapping.users.platform
    key = world.extension.mapping.key
    with world.app.app_context():
        statement = sa.update(column.parent.entity).where(key == login.user)
        world.host.db.session.execute(statement.values({column.key: platform}))
        world.host.db.session.commit()


def test_users_of_other_platforms_are_not_found(office: Office) -> None:
    world = office.world
    elsewhere = world.platform("Globex")
    (foreign,) = world.add(world.person(elsewhere))
    fields = office.hidden("block", office.user) | {"reason": "x", "seen": ""}
    pages = set()
    for key in (str(foreign), "no such key"):
        assert office.ask("block", key).status_code == 404
        response = office.send("block", key, fields | {"request_id": key})
        assert response.status_code == 404
        pages.add(response.text)
    assert len(pages) == 1
    assert office.told() == []
    with world.directory(elsewhere) as directory:
        assert directory.user(str(foreign)).status == "active"


@on_hosts_where(lambda can: can.owner_is_user)
def test_an_owner_who_moved_acts_on_the_new_platform_only(office: Office) -> None:
    world, elsewhere = office.world, office.world.platform("Globex")
    (there,) = world.add(world.person(elsewhere))
    fields = office.hidden("block", office.user) | {"reason": "x"}
    move(world, office.owner, elsewhere)
    assert office.send("block", office.user, fields).status_code == 404
    assert office.client.get(world.user_url(office.user)).status_code == 404
    assert office.do("block", there, reason="x").status_code == 303
    assert (office.status(office.user), office.told()) == ("active", [])
    with world.directory(elsewhere) as directory:
        assert directory.user(str(there)).status == "blocked"
        (event,) = History(directory).page(HistoryQuery()).events
    assert (event.action, event.user_key) == ("block", there)


@on_host("d-strings")
def test_no_name_and_no_reason_begins_a_line_of_the_log(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, forged = office.world, "x\r\n2030-01-01 CRITICAL forged\x1b[31m"
    (key,) = world.add(world.person(office.platform, forged))
    private = world.extension.mapping.tables.event_private.name
    broken: Any = world.engines[0].dialect.loaded_dbapi.OperationalError

    def fail(*_: Any) -> None:
        raise RuntimeError("The product is broken.")

    def strike(_cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT") and private in statement:
            raise broken("disk I/O error")

    fields = office.hidden("block", key) | {"reason": forged}
    for engine in world.engines:
        sa.event.listen(engine, "do_execute", strike)
    try:
        assert office.send("block", key, fields).status_code == 503
    finally:
        for engine in world.engines:
            sa.event.remove(engine, "do_execute", strike)
    with monkeypatch.context() as patch:
        patch.setattr(type(world.extension.billing), "subscription", fail)
        assert office.client.get(world.user_url(key)).status_code == 200
        patch.setattr(Block, "perform", fail)
        assert office.send("block", key, fields).status_code == 500
        patch.undo()
        patch.setattr(Block, "committed", fail)
        assert office.send("block", key, fields).status_code == 303
    written = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert len(caplog.records) >= 4
    assert "\x1b" not in written
    assert not [line for line in written.splitlines() if line.startswith("2030")]
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("used_world", ["d-strings/sqlite"], indirect=True)
def test_the_refusals_of_one_person_are_kept_twenty_a_minute_and_two_hundred_a_day(
    office: Office,
) -> None:
    world, now = office.world, [datetime.now(UTC) - timedelta(hours=3)]
    with world.app.app_context():
        extension = world.extension
        directory = extension.directory(office.platform)
        object.__setattr__(directory, "now", lambda: now[0])
        keys = Settings.of(world.app).keys(world.app)
        somebody = SimpleNamespace(name="Mallory", get_id=lambda: "17")
        pipeline = Pipeline(directory, extension.policy, somebody, keys)
        kept = []
        for _ in range(12):
            for _ in range(22):
                pipeline.refuse(Order(action=Block(), key="nobody"), "No.")
            kept.append(pipeline.chain.head()[0])
            now[0] += timedelta(minutes=2)
    assert kept == [20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 200, 200]
    verify(office)


@mostly_on_sqlite
@pytest.mark.parametrize("token", [None, "", "stale"])
def test_a_form_without_a_good_token_is_refused(office: Office, token: str | None) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x"}
    del fields["csrf_token"]
    if token is not None:
        fields["csrf_token"] = token
    assert office.send("block", office.user, fields).status_code == 400
    assert office.status(office.user) == "active"
    assert office.told() == [("block", "refused")]
    assert office.events()[0].reason == "The form's token was missing, wrong or too old."


@mostly_on_sqlite
def test_forms_that_are_refused_unread_never_fill_the_history(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_platform_users.refusals.KEPT_A_MINUTE", 3)
    monkeypatch.setattr("flask_platform_users.refusals.KEPT_A_DAY", 4)
    for key in (office.user, "nobody", office.user, office.user, office.user):
        assert office.send("block", key, {}).status_code == 400
    assert office.told() == [("block", "refused")] * 3
    assert [event.user_key for event in office.events()] == [office.user, None, office.user]
    history = office.client.get(office.world.url("show_history")).text
    assert "tried “Block”, which was refused." in history
    monkeypatch.setattr("flask_platform_users.refusals.KEPT_A_MINUTE", 1000)
    for _ in range(3):
        office.send("block", office.user, {})
    assert len(office.told()) == 4
    assert office.do("block", office.user, reason="x").status_code == 303
    verify(office)


@mostly_on_sqlite
def test_a_form_from_another_site_is_refused(office: Office) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x"}
    response = office.client.post(
        office.url("block", office.user), data=fields, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 400
    assert office.told() == [("block", "refused")]
    assert office.events()[0].reason == "The form was sent from another site."


@mostly_on_sqlite
def test_opening_forms_and_history_writes_nothing(office: Office) -> None:
    office.do("block", office.user, reason="x")
    with office.world.statements() as statements:
        for action in office.world.extension.actions:
            office.ask(action.name, office.user)
        for endpoint in ("show_history", "show_granted"):
            assert office.client.get(office.world.url(endpoint)).status_code == 200
    verbs = {statement.text.split()[0].upper() for statement in statements}
    assert verbs <= {"SELECT", "WITH", "PRAGMA", "SET", "SHOW"}


def test_the_history_leads_to_whom_it_tells_of_as_long_as_they_are_there(office: Office) -> None:
    office.do("block", office.user, reason="Overdue")
    url, details = office.world.url("show_history"), office.world.url("show_user", key=office.user)
    shown = parse(office.client.get(url).text)
    name = shown.one("a", href=details).text
    left = office.do("delete", office.user, reason="x", confirm=name)
    assert left.status_code == 303
    assert not parse(office.client.get(url).text).all("a", href=details)


def test_the_history_is_filtered_and_paged(office: Office) -> None:
    for _ in range(3):
        office.do("block", office.user, reason="x")
        office.do("unblock", office.user)
    assert [event.action for event in office.events(action="block")] == ["block"] * 3
    first = office.events(per_page=4)
    assert [event.seq for event in first] == [6, 5, 4, 3]
    assert [event.seq for event in office.events(per_page=4, before=3)] == [2, 1]
    assert [event.seq for event in office.events(per_page=4, after=2)] == [6, 5, 4, 3]
    assert office.events(user="no such key") == []
    assert len(office.events(user=str(office.user))) == 6
    page = office.client.get(office.world.url("show_history", action="unblock")).text
    assert page.count("pu-event-what") == 3


def test_the_history_is_searched_by_whom_and_by_what_they_are_called(office: Office) -> None:
    world = office.world
    mia, max_ = world.add(
        world.person(office.platform, "Mia Ångström"), world.person(office.platform, "Max 100%")
    )
    for key in (mia, max_, max_):
        office.do("add_note", key, text="x")
    elsewhere = Office(world)
    elsewhere.do("add_note", elsewhere.user, text="x")
    name = office.events()[0].actor_name

    def found(**query: str) -> int:
        page = office.client.get(world.url("show_history", **query))
        assert page.status_code == 200
        return page.text.count("pu-event-what")

    for query, number in (
        ({"user": "ångström"}, 1),
        ({"user": "100%"}, 2),
        ({"user": "max", "action": "block"}, 0),
        ({"user": str(max_)}, 2),
        ({"user": "m"}, 3),
        ({"user": "nobody here"}, 0),
        ({"actor": name[:4].upper()}, 3),
        ({"actor": office.events()[0].actor or ""}, 3),
        ({"actor": "nobody here"}, 0),
        ({"actor": name, "user": "mia"}, 1),
    ):
        assert found(**query) == number, query
    for query in ({"user": "max", "action": "add_note"}, {"actor": name, "user": str(max_)}):
        assert office.export("export_history", **query).text.count("\r\n") == 1 + 2
    page = parse(office.client.get(world.url("show_history", user="max", actor=name)).text)
    assert page.one("input", name="user").attributes["value"] == "max"
    assert [node.attributes["value"] for node in page.one("datalist").all("option")] == [name]


@mostly_on_sqlite
def test_a_search_of_the_history_costs_the_same_however_much_there_is(office: Office) -> None:
    url = office.world.url("show_history", user="user", actor="owner")
    office.do("add_note", office.user, text="x")
    few = office.world.cost(office.client, url)
    for key in office.users.values():
        office.do("add_note", key, text="x")
    assert office.world.cost(office.client, url) == few <= 5


@mostly_on_sqlite
def test_a_name_that_too_many_bear_is_asked_for_more(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.do("add_note", office.user, text="x")
    for module in ("history", "page_views"):
        monkeypatch.setattr(f"flask_platform_users.{module}.MEANT", 1)
    page = office.client.get(office.world.url("show_history", user="user")).text
    assert "Type more of the name." in page


def test_a_failing_database_leaves_nothing_half_done(office: Office) -> None:
    fields = office.hidden("block", office.user) | {"reason": "x"}
    office.send("block", office.user, fields)
    office.do("unblock", office.user)
    before = office.told()
    for number in itertools.count():
        broken = office.hidden("block", office.user) | {"reason": "x"}
        with failing(office.world, number):
            response = office.send("block", office.user, broken)
        if response.status_code == 303:
            break
        assert response.status_code == 503
        assert office.status(office.user) == "active"
        assert office.told() == before
    assert number > 8
    assert office.told() == [*before, ("block", "done")]
    verify(office)
