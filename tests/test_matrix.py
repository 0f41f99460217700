"""Every address of the product, by every method, for everybody: who is let in, and who is not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import url_for
from flask.testing import FlaskClient

from example_app.models import Conversation, User, db

from .conftest import need
from .office import hidden
from .product import USERS, Product, opened

ACTORS = (
    *("anonymous", "user", "blocked", "owner", "foreign", "viewer"),
    "looking",  # the owner, seeing the product as the user, who may not change anything
    "changing",  # the same, who may
)
EXPECTED = """
      endpoint                          anon user blkd ownr frgn view look chng
GET   auth.login                         200  302  200  302  302  302  302  302
POST  auth.login                         200  302  200  302  302  302  403  302
POST  auth.logout                        302  302  302  302  302  302  403  302
GET   product.brand                      200  200  200  200  200  200  200  200
GET   product.home                       302  200  302  200  200  200  200  200
GET   product.contacts                   302  200  302  200  200  200  200  200
GET   product.inbox                      302  200  302  404  404  404  200  200
POST  product.inbox                      302  200  302  404  404  404  403  200
GET   product.settings                   302  200  302  200  200  200  200  200
POST  product.settings                   302  302  302  302  302  302  403  302
GET   product.team                       302  200  302  200  200  200  200  200
GET   static                             200  200  200  200  200  200  200  200
GET   platform_users.list_users          302  403  302  200  200  200  404  404
GET   platform_users.show_user           302  403  302  200  404  200  404  404
GET   platform_users.act                 302  403  302  200  404  403  404  404
POST  platform_users.act                 302  403  302  409  404  403  404  404
GET   platform_users.show_granted        302  403  302  200  200  200  404  404
GET   platform_users.show_history        302  403  302  200  200  200  404  404
GET   platform_users.show_impersonation  302  403  302  200  404  200  404  404
POST  platform_users.allow_changes       302  403  302  409  409  409  422  422
POST  platform_users.stop_impersonation  302  403  302  409  409  409  303  303
GET   auth.confirm                       302  200  302  200  200  200  403  403
POST  auth.confirm                       302  200  302  200  200  200  403  403
GET   auth.password                      302  200  302  200  200  200  403  403
POST  auth.password                      302  200  302  200  200  200  403  403
POST  product.support_access             302  302  302  302  302  302  403  403
POST  languages.choose                   404  404  404  404  404  404  403  404
POST  platform_users.pick                302  403  302  400  400  403  404  404
GET   platform_users.ask_many            302  403  302  404  404  403  404  404
POST  platform_users.ask_many            302  403  302  404  404  403  404  404
GET   platform_users.list_jobs           302  403  302  200  200  200  404  404
GET   platform_users.show_job            302  403  302  404  404  404  404  404
GET   platform_users.export_job          302  403  302  404  404  404  404  404
POST  platform_users.do_job              302  403  302  404  404  404  404  404
POST  platform_users.cancel_job          302  403  302  404  404  404  404  404
POST  platform_users.undo                302  403  302  404  404  404  404  404
POST  platform_users.choose_columns      302  403  302  303  303  303  404  404
POST  platform_users.keep_view           302  403  302  422  422  422  404  404
POST  platform_users.forget_view         302  403  302  303  303  303  404  404
POST  platform_users.export_users        302  403  302  200  200  403  404  404
POST  platform_users.export_history      302  403  302  200  200  403  404  404
GET   platform_users.static              200  200  200  200  200  200  200  200
GET   platform_users.api.summary            401  403  401  200  200  200  404  404
GET   platform_users.api.users              401  403  401  200  200  200  404  404
GET   platform_users.api.history            401  403  401  200  200  200  404  404
GET   platform_users.api.openapi            401  403  401  200  200  200  404  404
GET   platform_users.api.user               401  403  401  200  404  200  404  404
GET   platform_users.api.usage              401  403  401  200  404  200  404  404
GET   platform_users.api.actions            401  403  401  200  404  200  404  404
GET   platform_users.api.prompt             401  403  401  200  404  403  404  404
POST  platform_users.api.act                401  403  401  415  415  415  404  404
POST  platform_users.api.order              401  403  401  415  415  403  404  404
GET   platform_users.api.jobs               401  403  401  200  200  200  404  404
GET   platform_users.api.job                401  403  401  404  404  404  404  404
GET   platform_users.api.job_users          401  403  401  404  404  404  404  404
POST  platform_users.api.do_job             401  403  401  404  404  404  404  404
POST  platform_users.api.cancel_job         401  403  401  404  404  404  404  404
POST  platform_users.api.undo               401  403  401  404  404  404  404  404
GET   platform_users.api.nothing            401  403  401  404  404  404  404  404
POST  platform_users.api.nothing            401  403  401  404  404  404  404  404
PUT   platform_users.api.nothing            401  403  401  404  404  404  404  404
PATCH platform_users.api.nothing            401  403  401  404  404  404  404  404
DELETE platform_users.api.nothing            401  403  401  404  404  404  404  404
TRACE platform_users.api.nothing            401  403  401  404  404  404  404  404
QUERY platform_users.api.nothing            401  403  401  404  404  404  404  404
"""
"""What everybody is answered; 302 is the way to the sign-in, or from there, or back to the form.

The forms are empty but for a good token: 409 and 422 are the answers to those who may send them.
The conversation of the inbox is the user's.
"""

OTHER_METHODS_OF_API = {
    "anonymous": 401,
    "user": 403,
    "blocked": 401,
    "looking": 404,
    "changing": 404,
}
"""What the JSON API answers to a method that an address has not, where that is not 405."""

ACTIONS = {
    **dict.fromkeys(("assign_plan", "give_add_on", "remove_add_on"), 422),
    **dict.fromkeys(("extend_grant", "keep_grant", "lapse_grant"), 409),
    **dict.fromkeys(("set_status", "block", "unblock", "sign_out"), 409),
    **dict.fromkeys(("add_note", "remove_note", "delete", "restore"), 409),
    **dict.fromkeys(("send_onboarding_email", "extend_trial", "impersonate"), 409),
    **dict.fromkeys(("begin_grant", "end_grant", "end_block", "purge"), 404),
    **dict.fromkeys(("allow_changes", "end_impersonation", "many", "undo"), 404),
}
"""What whoever may do each action is answered to the same empty form; 404 is nobody's to do."""

OTHERS = {
    "anonymous": 302,
    "user": 403,
    "blocked": 302,
    "foreign": 404,
    "viewer": 403,
    "looking": 404,
    "changing": 404,
}
"""What everybody else is answered to it."""

ENDS = {"auth.logout", "platform_users.stop_impersonation", "platform_users.allow_changes"}
"""After these nobody is who they were; they begin anew."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    need(request.param)
    with opened(request.param, tmp_path_factory.mktemp("matrix")) as product:
        yield product


@dataclass
class Scene:
    """Everybody of ``ACTORS``, and what the addresses are about.

    Attributes:
        begin: returns each one's browser.
        other: the key of a user of the same platform to whom nothing happens.
        deleted: the key of one who was deleted.
        arguments: what stands in the addresses, by endpoint.
    """

    product: Product
    begin: dict[str, Callable[[], FlaskClient]]
    other: int
    deleted: int
    arguments: dict[str, dict[str, Any]]

    def url(self, endpoint: str) -> str:
        """Return an address of an endpoint."""
        with self.product.app.test_request_context():
            return url_for(endpoint, **self.arguments.get(endpoint, {}))

    def act(self, name: str) -> str:
        """Return the address of an action on a user of whom it can be done."""
        (action,) = (one for one in self.product.extension.actions if one.name == name)
        return f"{USERS}/do/{name}/{self.deleted if action.among == 'deleted' else self.other}"

    def browser(self, actor: str) -> Callable[[str, str], int]:
        """Return what sends a request, with a good token where it is no GET."""
        client = self.begin[actor]()
        token = hidden(client.get("/contacts", follow_redirects=True))["csrf_token"]

        def ask(method: str, url: str) -> int:
            data = None if method == "GET" else {"csrf_token": token}
            with client.open(url, method=method, data=data) as answer:
                return answer.status_code

        return ask


def has_add_on(product: Product, key: int) -> bool:
    """Return whether there is an add-on to be taken from a user."""
    return product.owner.get(f"{USERS}/do/remove_add_on/{key}").status_code == 200


def rules(product: Product) -> dict[str, set[str]]:
    """Return every endpoint of the product, its own and the plugin's, with its methods."""
    found: dict[str, set[str]] = {}
    for rule in product.app.url_map.iter_rules():
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found[rule.endpoint] = found.get(rule.endpoint, set()) | methods
    return found


@pytest.fixture
def scene(product: Product, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr("flask_platform_users.actions.impersonation.STARTS_A_MINUTE", 1000)
    with product.app.app_context():
        user = db.session.scalars(sa.select(User.id).where(User.email == "user@acme.example")).one()
        own = sa.select(Conversation.id).where(Conversation.owner_id == user).limit(1)
        conversation = db.session.scalars(own).one()
    (spare, _), (deleted, name) = (product.some_user() for _ in range(2))
    other, _ = next(one for one in iter(product.some_user, None) if has_add_on(product, one[0]))
    with product.app.app_context():
        blocked = product.sign_in(db.session.get_one(User, spare).email)
    assert product.act("block", spare, reason="spam").status_code == 303
    assert product.delete(deleted, name).status_code == 303

    def sign_in(email: str) -> Callable[[], FlaskClient]:
        return lambda: product.sign_in(email)

    def see_as_user(**fields: str) -> FlaskClient:
        with product.app.app_context():  # an empty form of the settings forbids it
            db.session.execute(sa.update(User).values(open_to_support=True))
            db.session.commit()
        client = product.sign_in("owner@acme.example")
        url = f"{USERS}/do/impersonate/{user}"
        fields |= hidden(client.get(url)) | {"reason": "Asked for help by mail", "minutes": "30"}
        assert client.post(url, data=fields).status_code == 303
        return client

    see_as_user()
    (began,) = (event.seq for event in product.events(user)[-1:])
    return Scene(
        product,
        {
            "anonymous": product.app.test_client,
            "user": sign_in("user@acme.example"),
            "blocked": lambda: blocked,
            "owner": sign_in("owner@acme.example"),
            "foreign": sign_in("owner@globex.example"),
            "viewer": sign_in("staff@acme.example"),
            "looking": see_as_user,
            "changing": lambda: see_as_user(allow_changes="y"),
        },
        other,
        deleted,
        {
            "static": {"filename": "app.css"},
            "product.brand": {"slug": "acme"},
            "product.inbox": {"conversation_id": conversation},
            "platform_users.static": {"filename": "platform_users.css"},
            "platform_users.show_user": {"key": other},
            "platform_users.act": {"name": "block", "key": other},
            "platform_users.show_impersonation": {"seq": began},
            **{f"platform_users.{n}": {"seq": 2**62} for n in ("undo", "api.undo")},
            "platform_users.api.order": {"name": "block"},
            "platform_users.ask_many": {"job_id": "0" * 32, "name": "block"},
            **{
                f"platform_users.{n}": {"job_id": "0" * 32}
                for n in ("show_job", "do_job", "cancel_job", "export_job")
            },
            **{
                f"platform_users.api.{n}": {"job_id": "0" * 32}
                for n in ("job", "job_users", "do_job", "cancel_job")
            },
            **{f"platform_users.api.{n}": {"key": other} for n in ("user", "usage", "actions")},
            **{
                f"platform_users.api.{n}": {"name": "block", "key": other}
                for n in ("prompt", "act")
            },
        },
    )


def expected() -> dict[tuple[str, str], dict[str, int]]:
    """Return what everybody is answered, by endpoint and method."""
    found = {}
    for line in EXPECTED.strip().splitlines()[1:]:
        method, endpoint, *statuses = line.split()
        found[endpoint, method] = dict(zip(ACTORS, map(int, statuses), strict=True))
    return found


@pytest.mark.parametrize("product", ["sqlite"], indirect=True)
def test_every_address_answers_everybody_as_it_is_said_here(scene: Scene) -> None:
    declared, there = expected(), rules(scene.product)
    pairs = {(endpoint, method) for endpoint, methods in there.items() for method in methods}
    assert set(declared) == pairs, "say above who may open the new address"
    for actor in ACTORS:
        found, ask = {}, scene.browser(actor)
        for endpoint, method in declared:
            found[endpoint, method] = ask(method, scene.url(endpoint))
            if method == "POST" and endpoint in ENDS:
                ask = scene.browser(actor)
        assert found == {pair: declared[pair][actor] for pair in declared}, actor
        for endpoint in there:
            others = OTHER_METHODS_OF_API if ".api." in endpoint else {"looking": 403}
            url = scene.url(endpoint)
            taken = (found for other, found in there.items() if scene.url(other) == url)
            for method in {"POST", "DELETE"}.difference(*taken):
                answer = ask(method, url)
                assert answer == others.get(actor, 405), (actor, method, endpoint)


def test_every_action_is_done_by_those_only_who_may_do_it(scene: Scene) -> None:
    product = scene.product
    assert set(ACTIONS) == {action.name for action in product.extension.actions}
    before = product.cards()
    for actor, refused in OTHERS.items():
        ask = scene.browser(actor)
        for name, status in ACTIONS.items():
            wanted = status if actor == "viewer" and status == 404 else refused
            assert ask("POST", scene.act(name)) == wanted, (actor, name)
    ask = scene.browser("owner")
    assert {name: ask("POST", scene.act(name)) for name in ACTIONS} == ACTIONS
    ask = scene.browser("viewer")
    offered = [name for name, status in ACTIONS.items() if status != 404]
    for permission in offered:
        permit(product, "view", permission)
        for name in offered:
            status = ACTIONS[name] if name == permission else 403
            assert ask("POST", scene.act(name)) == status, (permission, name)
    permit(product, "view")
    assert product.cards() == before
    assert {event.outcome for event in product.events(scene.other)} == {"refused"}


def permit(product: Product, *permissions: str) -> None:
    """Let the staff do this, and nothing else."""
    with product.app.app_context():
        staff = sa.update(User).where(User.email == "staff@acme.example")
        db.session.execute(staff.values(permissions=list(permissions)))
        db.session.commit()
