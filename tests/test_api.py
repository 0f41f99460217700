"""The JSON API reads what the page shows, and acts as the page acts."""

import inspect
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Request
from werkzeug.test import TestResponse

from example_app import create_app
from example_app.models import db
from example_app.platform_users import platform_users
from flask_platform_users.api import schemas
from flask_platform_users.door import LARGEST_FORM
from flask_platform_users.errors import ConfigurationError
from flask_platform_users.sessions import RequestLoader

from .conftest import mostly_on_sqlite, on_host
from .harness.fuzz import fuzz
from .office import SOON, Office, failing, verify
from .product import USERS, opened
from .program import JSON, Program, problem
from .world import World


@pytest.fixture
def program(world: World) -> Program:
    return Program(Office(world))


on_one_host = pytest.mark.parametrize("used_world", ["e-token/sqlite"], indirect=True)
"""Run a test once: for what neither a schema nor a database has a part in."""


# Reading


@mostly_on_sqlite
def test_the_api_reads_what_the_page_shows(world: World) -> None:
    platform = world.platform()
    keys = world.add(*world.crowd(platform, 30))
    world.add(world.person(world.platform("Globex"), "somebody.else"))
    office = Office.__new__(Office)
    office.world, office.platform, office.user = world, platform, keys[0]
    office.owner = world.owner(platform)
    office.client = world.client(office.owner)
    program = Program(office)

    summary, cards = program.read("summary"), world.see(office.client).cards
    assert summary["total"] == cards["total"]
    assert {name: summary["channels"][name] for name in summary["channels"]} == {
        name: cards[name] for name in summary["channels"]
    }
    page, users = program.read("users"), []
    while True:
        users += page["users"]
        if page["next"] is None:
            break
        page = program.read("users", cursor=page["next"])
    assert page["start"] == 26
    rows = [row for shown in world.walk(office.client) for row in shown.rows]
    assert [user["username"] or user["email"] for user in users] == [row.name for row in rows]
    assert [user["channels"] for user in users] == [row.channels for row in rows]
    found = program.read("users", q=users[3]["username"])
    assert users[3] in found["users"]
    assert found["matches"] == len(found["users"])

    user = program.read("user", key=users[3]["key"])
    assert set(user) == set(schemas.UserDetailsSchema().fields)
    assert {name: user[name] for name in users[3]} == users[3]
    with world.directory(platform) as directory:
        usage = directory.usage(directory.user(user["key"]))
    assert program.read("usage", key=user["key"]) == {"usage": usage}


@on_host("d-strings")
def test_history_is_read_by_user_and_page(program: Program) -> None:
    office = program.office
    for number in range(3):
        program.do("add_note", office.user, {"text": f"note {number}"})
    program.do("block", office.users["pending"], {"reason": "spam"})
    mine = program.read("history", user=str(office.user))["events"]
    assert [event["reason"] for event in mine] == ["note 2", "note 1", "note 0"]
    assert {event["user"] for event in mine} == {str(office.user)}
    assert program.read("history", before=mine[0]["seq"])["events"] == mine[1:]
    assert program.read("history", action="block", outcome="done")["events"][0]["changes"] == {
        "Status": {"before": "Pending", "after": "Blocked"}
    }
    foreign = office.world.add(office.world.person(office.world.platform("Globex")))[0]
    assert program.read("history", user=str(foreign))["events"] == []
    problem(program.get("history", since="yesterday"), 422)


@on_one_host
def test_a_read_user_is_not_sent_again_until_something_changed(program: Program) -> None:
    key = str(program.office.user)
    tag = program.get("user", key=key).headers["ETag"]
    again = program.get("user", key=key, headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    program.do("block", key, {"reason": "spam"})
    changed = program.get("user", key=key, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


# Acting


def test_an_action_is_the_same_whoever_orders_it(program: Program) -> None:
    office, key = program.office, str(program.office.user)
    offered = {action["name"] for action in program.read("actions", key=key)["actions"]}
    assert {"block", "delete", "add_note"} <= offered
    assert not {"unblock", "impersonate", "restore", "purge", "end_block"} & offered
    prompt = program.read("prompt", name="block", key=key)
    assert prompt["question"] == f"Block {office.name}? They are kept out until somebody " + (
        "unblocks them."
    )
    assert [(f["name"], f["type"], f["required"], f["max_length"]) for f in prompt["fields"]] == [
        ("reason", "text", True, 500),
        ("until", "moment", False, None),
    ]
    headers = {"Idempotency-Key": '"8e03978e-40d5"'}
    order = {"reason": "spam", "until": SOON.isoformat()}
    done = program.do("block", key, order, headers=headers)
    assert done.status_code == 200, done.text
    assert done.json is not None
    event = done.json["event"]
    assert (event["action"], event["user"], event["reason"]) == ("block", key, "spam")
    assert office.status(office.user) == "blocked"
    assert office.status(office.user, at=SOON.replace(year=SOON.year + 1)) == "active"

    assert program.do("block", key, order, headers=headers).data == done.data
    other = problem(program.do("block", key, {"reason": "x"}, headers=headers), 422)
    assert "sent before, with another request" in other["detail"]
    refused = problem(program.do("block", key, {"reason": "again"}), 409)
    assert refused["detail"] == f"{office.name} is blocked already."
    assert program.do("unblock", key).status_code == 200
    assert office.status(office.user) == "active"
    assert office.told() == [("block", "done"), ("block", "refused"), ("unblock", "done")]
    verify(office)


@on_host("a-enum")
def test_a_key_of_somebody_else_is_another_key(program: Program) -> None:
    office, world = program.office, program.world
    headers = {"Idempotency-Key": "1"}
    assert program.do("add_note", office.user, {"text": "mine"}, headers=headers).json
    colleague = Program(Office(world))
    theirs = colleague.do("add_note", colleague.office.user, {"text": "x"}, headers=headers)
    assert theirs.status_code == 200
    assert [len(o.told()) for o in (office, colleague.office)] == [1, 1]


@pytest.mark.parametrize("read", ["user", "prompt"])
@on_host("b-timestamps")
def test_what_changed_since_it_was_read_is_refused_with_both_values(
    program: Program, read: str
) -> None:
    key = str(program.office.user)
    where = {"key": key} | ({"name": "add_note"} if read == "prompt" else {})
    headers = {"If-Match": program.get(read, **where).headers["ETag"]}
    assert program.do("add_note", key, {"text": "x"}, headers=headers).status_code == 200
    program.do("block", key, {"reason": "spam"})
    stale = problem(program.do("add_note", key, {"text": "y"}, headers=headers), 412)
    assert stale["changed"] == {"Status": {"seen": "Active", "now": "Blocked"}}
    for tag in ('"made-up"', "W/" + headers["If-Match"], '""'):
        problem(program.do("add_note", key, {"text": "y"}, headers={"If-Match": tag}), 412)
    elsewhere = {
        "If-Match": program.get("user", key=program.office.users["pending"]).headers["ETag"]
    }
    problem(program.do("add_note", key, {"text": "y"}, headers=elsewhere), 412)
    assert program.do("add_note", key, {"text": "z"}, headers={"If-Match": "*"}).status_code == 200
    assert [name for name, _ in program.office.told()] == ["add_note", "block", "add_note"]


@on_one_host
def test_a_deletion_that_is_sent_again_is_answered_the_same(program: Program) -> None:
    office, key = program.office, str(program.office.user)
    headers = {"Idempotency-Key": "bye", "If-Match": program.get("user", key=key).headers["ETag"]}
    order = {"reason": "left us", "confirm": office.name}
    first = program.do("delete", key, order, headers=headers)
    assert first.status_code == 200, first.text
    assert program.do("delete", key, order, headers=headers).data == first.data
    problem(program.do("delete", key, order), 404)
    assert program.read("users", status="deleted")["users"][0]["key"] == key


@on_one_host
def test_what_the_form_says_is_told_by_field(program: Program) -> None:
    key = str(program.office.user)
    found = problem(program.do("block", key, {"until": "2020-01-01T00:00:00Z"}), 422)
    assert found["errors"] == {
        "reason": ["Say why."],
        "until": ["Choose a moment that is still to come."],
    }
    for body, errors in (
        ({"reason": 5, "until": ["x"]}, {"reason", "until"}),
        ({"reason": "a\x00b"}, {"reason"}),
        ({"reason": "\ud800"}, {"reason"}),
        ({"reason": "x" * 501}, {"reason"}),
        ({"reason": "x", "platform_id": 2, "status": "active", "seen": "", "version": 1}, None),
    ):
        found = problem(program.do("block", key, body), 422)
        assert set(found["errors"]) == (errors or {"platform_id", "status", "seen", "version"})
    for value in (1, "yes", 1.0):
        pinned = program.do("add_note", key, {"text": "x", "pinned": value})
        assert problem(pinned, 422)["errors"] == {"pinned": ["Not a valid boolean."]}
    prices: tuple[Any, ...] = (True, [], {})
    for price in prices:
        found = problem(program.do("assign_plan", key, {"price": price}), 422)
        assert found["errors"]["price"] == ["Not a valid number."]
    assert program.office.told() == []
    assert program.do("add_note", key, {"text": "x", "pinned": True}).status_code == 200
    with program.world.directory(program.office.platform) as directory:
        assert [note.pinned for note in directory.notes(directory.user(key))] == [True]


@on_one_host
def test_the_impact_is_told_of_what_is_filled_in(program: Program) -> None:
    key, world = str(program.office.user), program.world
    with world.app.app_context():
        world.host.subscribe(program.office.platform, program.office.user, "Small")
    prompt = program.read("prompt", name="assign_plan", key=key)
    (offer,) = [f for f in prompt["fields"] if f["name"] == "offer"]
    assert offer["type"] == "choice"
    large = next(c["value"] for c in offer["choices"] if c["label"].startswith("Large"))
    told = program.read("prompt", name="assign_plan", key=key, offer=large)["impact"]
    assert "Plan: Small → Large" in {line["what"] for line in told}
    order = {"offer": large, "period": "month", "price": 12.5, "reason": "agreed"}
    assert program.do("assign_plan", key, order).status_code == 200
    problem(program.get("prompt", name="assign_plan", key=key, colour="red"), 422)


# Who may


def everything(program: Program, key: Any) -> dict[str, TestResponse]:
    """Return what each address answers for a user."""
    key = str(key)
    found = {
        name: program.get(name, key=key, **({"name": "block"} if name == "prompt" else {}))
        for name in ("user", "usage", "actions", "prompt")
    }
    return found | {"act": program.do("block", key, {"reason": "spam"})}


def test_foreign_missing_and_impossible_users_are_all_the_same(program: Program) -> None:
    world = program.world
    (foreign,) = world.add(world.person(world.platform("Globex")))
    (gone,) = world.add(world.person(program.office.platform))
    world.remove(gone)
    impossible = ("0", "１２", "1 OR 1", "x" * 300, "1\n2", "\n")
    answers = [everything(program, key) for key in (foreign, gone, *impossible)]
    for name, first in answers[0].items():
        assert problem(first, 404)["detail"] == "There is no such user on this platform."
        for other in answers[1:]:
            assert (other[name].data, dict(other[name].headers)) == (
                first.data,
                dict(first.headers),
            )
    assert program.office.told() == []


@mostly_on_sqlite
def test_nothing_leaves_that_is_not_named(program: Program) -> None:
    world, key = program.world, program.office.user
    program.do("add_note", key, {"text": "x"})
    model: Any = world.extension.mapping.users.model
    users = world.extension.mapping.users
    named = {getattr(c, "key", None) for c in (users.username, users.email, users.phone)}
    with world.app.app_context():
        person = world.host.db.session.get(model, key)
        secrets = {
            column.key: value
            for column in sa.inspect(model).column_attrs
            if column.key not in named
            and isinstance(value := getattr(person, column.key), str)
            and len(value) > 20
        }
    answers = [program.get(n, key=str(key)) for n in ("user", "usage", "actions")]
    answers += [program.get(n) for n in ("summary", "users", "history", "openapi")]
    for answer in answers:
        assert answer.status_code == 200
        assert not [name for name, value in secrets.items() if value in answer.text]
        assert "password" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@on_one_host
def test_nobody_and_strangers_get_problems_and_no_redirect(program: Program) -> None:
    world = program.world
    for client, status in ((world.client(), 401), (world.client(world.stranger()), 403)):
        program.client = client
        for answer in everything(program, program.office.user).values():
            problem(answer, status)
        for name in ("summary", "users", "history", "openapi"):
            problem(program.get(name), status)
        problem(client.get(program.url("nothing", unknown="else")), status)


@on_host("d-strings")
def test_staff_do_what_they_may(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = program.world.extension.policy
    monkeypatch.setattr(policy, "allows", lambda _actor, action, _user=None: action == "view")
    answers = everything(program, program.office.user)
    assert answers["actions"].json == {"actions": []}
    problem(answers["prompt"], 403)
    assert problem(answers["act"], 403)["detail"] == "You may not do this: block."
    assert program.office.told() == [("block", "refused")]


@mostly_on_sqlite
def test_a_token_needs_no_form_and_a_session_does(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, manager = program.office, program.world.app.login_manager  # type: ignore[attr-defined]
    with office.client.session_transaction() as session:
        login = session["_user_id"]

    def load(asked: Request) -> Any:
        return manager.user_callback.host(login) if asked.headers.get("X-Key") == "good" else None

    monkeypatch.setattr(manager, "_request_callback", RequestLoader(load))
    program.token = ""
    key = {"X-Key": "good", "Authorization": "Bearer good"}
    refused = problem(program.do("add_note", office.user, {"text": "x"}, headers=key), 400)
    assert "CSRF token" in refused["detail"]
    program.client = program.world.client()
    assert program.do("add_note", office.user, {"text": "y"}, headers=key).status_code == 200
    problem(program.do("add_note", office.user, {"text": "z"}, headers={"X-Key": "bad"}), 401)
    assert office.told() == [("add_note", "refused"), ("add_note", "done")]


@on_one_host
def test_a_form_from_another_site_is_refused(program: Program) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = program.do("add_note", program.office.user, {"text": "x"}, headers=headers)
    assert "another site" in problem(answer, 400)["detail"]
    preflight = program.client.options(
        program.url("summary"), headers={"Origin": "https://evil.example"}
    )
    assert "Access-Control-Allow-Origin" not in preflight.headers


# What is sent


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ('{"reason": "x"}', "text/plain", 415),
        ('{"reason": "x"}', None, 415),
        ("reason=x", "application/x-www-form-urlencoded", 415),
        ('{"reason": "x"}', "application/json-patch+json", 415),
        ("", JSON, 400),
        ('{"reason": "x"', JSON, 400),
        ('{"reason": NaN}', JSON, 400),
        ('{"reason": -Infinity}', JSON, 400),
        ('{"reason": 1e99999999999999999999}', JSON, 400),
        ('{"reason": ' + "9" * 5000 + "}", JSON, 400),
        ('{"reason": "x", "reason": "y"}', JSON, 400),
        (b'{"reason": "\xff"}', JSON, 400),
        ("[" * 100_000, JSON, 400),
        ('{"reason": ' + "[" * 50_000 + "]" * 50_000 + "}", JSON, 400),
        ("[]", JSON, 422),
        ("null", JSON, 422),
        ('"x"', JSON, 422),
        ('{"reason": "' + "x" * LARGEST_FORM + '"}', JSON, 413),
    ],
)
@on_one_host
def test_what_is_no_order_is_a_problem(
    program: Program, body: str | bytes, content_type: str | None, status: int
) -> None:
    problem(program.send("block", program.office.user, body, content_type=content_type), status)
    assert program.office.told() == []


@on_one_host
def test_ten_megabytes_are_not_read(program: Program) -> None:
    body = io.BytesIO(b'{"reason": "' + b"x" * 10_000_000 + b'"}')
    refused = program.client.post(
        program.url("act", name="block", key=str(program.office.user)),
        input_stream=body,
        content_type=JSON,
        headers={"X-CSRFToken": program.token},
        environ_overrides={"wsgi.input_terminated": True},
    )
    problem(refused, 413)
    assert body.tell() <= 4 * LARGEST_FORM


@on_one_host
def test_a_query_string_is_taken_at_its_word(program: Program) -> None:
    for arguments, name in (
        ({"sort": "password_hash"}, "sort"),
        ({"status": "gone"}, "status"),
        ({"per_page": "1000000000"}, "per_page"),
        ({"per_page": "１２"}, "per_page"),
        ({"cursor": "made-up"}, "cursor"),
        ({"direction": "asc"}, "direction"),
        ({"q": "x" * 101}, "q"),
        ({"q": "a\x00b"}, "q"),
        ({"platform_id": "2"}, "platform_id"),
        ({"status": ["active", "blocked"]}, "status"),
    ):
        found = problem(program.get("users", **arguments), 422)
        assert list(found["errors"]) == [name], arguments


@on_one_host
def test_other_addresses_and_methods_are_problems_too(program: Program) -> None:
    headers = {"X-CSRFToken": program.token}
    for path in ("", "else", "users/", "do/block", "do/no_such/1", "do/end_block/1"):
        problem(program.client.get(program.url("nothing") + path), 404)
    for method in ("POST", "PUT", "DELETE"):
        answer = program.client.open(program.url("summary"), method=method, headers=headers)
        problem(answer, 405)
        assert answer.headers["Allow"] == "GET"
    wrong = program.client.put(
        program.url("act", name="block", key=str(program.office.user)), headers=headers
    )
    problem(wrong, 405)
    assert wrong.headers["Allow"] == "GET, POST"


@on_host("f-binds")
def test_no_get_writes(program: Program) -> None:
    key = str(program.office.user)
    with program.world.statements() as statements:
        for name in ("summary", "users", "history", "openapi"):
            program.read(name)
        for name in ("user", "usage", "actions"):
            program.read(name, key=key)
        program.read("prompt", name="delete", key=key)
    assert statements
    assert not [s for s in statements if not s.text.lstrip().upper().startswith("SELECT")]


# What fails


@pytest.mark.parametrize("number", [0, 3])
@on_one_host
def test_a_database_that_fails_is_asked_again_later(program: Program, number: int) -> None:
    asks: tuple[Callable[[], TestResponse], ...] = (
        lambda: program.get("users"),
        lambda: program.do("block", program.office.user, {"reason": "spam"}),
    )
    for ask in asks:
        with failing(program.world, number):
            answer = ask()
        found = problem(answer, 503)
        assert answer.headers["Retry-After"] == "10"
        assert "fire" not in json.dumps(found)
    assert program.office.told() == []


@on_one_host
def test_code_of_the_host_that_fails_is_named(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any) -> None:
        raise ValueError("secret")

    monkeypatch.setattr(program.world.extension.policy, "outranks", explode)
    found = problem(program.do("block", program.office.user, {"reason": "spam"}), 500)
    assert "Policy.outranks" in found["detail"]
    assert "secret" not in found["detail"]
    assert program.office.told() == [("block", "failed")]


# Its description, and the product as a whole


@on_one_host
def test_every_action_is_described_as_its_form_is(program: Program) -> None:
    described = program.read("openapi")
    assert described["openapi"] == "3.1.0"
    (server,) = described["servers"]
    assert server["url"] + "/" == program.url("nothing")
    rules = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(server["url"]))
        for rule in program.world.app.url_map.iter_rules()
        if ".api." in rule.endpoint and not rule.endpoint.endswith(("nothing", "openapi"))
    }
    actions = {path.split("/")[2] for path in described["paths"] if path.startswith("/do/")}
    paths = {re.sub(r"^/(do|many)/\w+", r"/\1/{name}", path) for path in described["paths"]}
    assert paths == rules
    assert "block" in actions
    assert not {"end_block", "impersonate"} & actions
    block = described["components"]["schemas"]["block_form"]
    assert block["required"] == ["reason"]
    assert set(block["properties"]) == {"reason", "until"}
    for schema in (value for value in vars(schemas).values() if inspect.isclass(value)):
        if issubclass(schema, schemas.Answer) and schema is not schemas.Answer:
            name = schema.__name__.removesuffix("Schema")
            assert set(described["components"]["schemas"][name]["required"])


def test_generated_requests_are_answered_as_described(tmp_path: Path) -> None:
    with opened("sqlite", tmp_path) as product:
        seen = fuzz(product, 200, repeatable=True)
        assert sum(seen.values()) >= 200
        assert seen[200]
        with product.app.app_context():
            assert product.extension.chain(1).verify() is None


def test_whoever_is_seen_as_a_user_has_no_api(tmp_path: Path) -> None:
    with opened("sqlite", tmp_path) as product:
        key, _ = product.some_user()
        api = f"{USERS}/api/summary"
        assert product.owner.get(api).status_code == 200
        began = product.act("impersonate", key, reason="asked for help", minutes="30")
        assert began.status_code == 303, began.text
        problem(product.owner.get(api), 404)
        running = product.extension.mapping.tables.impersonation
        with product.app.app_context():
            over = {"ends_at": datetime.now(UTC) - timedelta(seconds=1)}
            db.session.execute(sa.update(running).values(over))
            db.session.commit()
        problem(product.owner.get(api), 409)
        assert product.owner.get(api).status_code == 200


def test_there_is_no_api_where_none_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_users, "api", False)
    app = create_app("sqlite://", config={"SECRET_KEY": "secret"})
    answer = app.test_client().get(f"{USERS}/api/summary")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_the_api_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_platform_users.checks.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError) as refused:
        create_app("sqlite://", config={"SECRET_KEY": "secret"})
    assert refused.value.faults == (
        "PlatformUsers(api=True) needs apispec, which is not installed; "
        "run pip install 'flask-platform-users[api]'.",
    )
