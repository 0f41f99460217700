"""Mounting: several apps, several mounts, other addresses, other templates."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Flask, Response, url_for
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from jinja2 import DictLoader, TemplateNotFound
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import (
    ConfigurationError,
    Impersonation,
    Panel,
    PlatformUsers,
    Policy,
    Status,
    Users,
)
from flask_platform_users.panels import Subject

from .conftest import lines_of
from .hosts import HOSTS
from .html import parse
from .office import hidden
from .world import seen

LIMIT = 40


class Base(DeclarativeBase):
    """The declarative base of a small shop."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Clerk(Model, UserMixin):  # type: ignore[misc]
    """A user; the first of a shop runs it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    shop: Mapped[int] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    email: Mapped[str] = mapped_column(sa.String(80))
    state: Mapped[str] = mapped_column(sa.String(10), default="active")


class Customer(Model):
    """A user of another kind."""

    id: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    shop: Mapped[int] = mapped_column(index=True)
    nick: Mapped[str] = mapped_column(sa.String(80))
    email: Mapped[str] = mapped_column(sa.String(80))
    open: Mapped[bool] = mapped_column(default=True)


class OwnShop(Policy):
    """Everybody sees their own shop."""

    def platform_of(self, actor: Any) -> int:
        """Return the shop."""
        shop: int = actor.shop
        return shop


clerks = PlatformUsers(
    db,
    users=Users(
        Clerk,
        platform=Clerk.shop,
        username=Clerk.name,
        email=Clerk.email,
        status=Status.column(Clerk.state),
    ),
    policy=OwnShop(),
)
customers = PlatformUsers(
    db,
    users=Users(
        Customer,
        platform=Customer.shop,
        username=Customer.nick,
        email=Customer.email,
        status=Status.column(
            Customer.open, active=True, inactive=False, blocked=None, pending=None
        ),
    ),
    policy=OwnShop(),
    name="clients",
)


class OneRuns(OwnShop):
    """The first clerk runs the shop."""

    def platform_of(self, actor: Any) -> int | None:  # type: ignore[override]
        """Return the shop."""
        return actor.shop if actor.id == 1 else None


supported = PlatformUsers(
    db,
    users=clerks.users,
    policy=OneRuns(),
    impersonation=Impersonation(landing="till"),
    name="supported",
)


class Confused(OwnShop):
    """Takes a clerk for a shop."""

    def platform_of(self, actor: Any) -> Any:
        """Return no key."""
        return actor


confused = PlatformUsers(db, users=clerks.users, policy=Confused(), name="confused")

support: list[Any] = []
"""What ``tickets_of`` returns or, where it is an exception or a statement, does first."""


def tickets_of(subject: Subject) -> list[str] | None:
    """Return somebody's tickets."""
    for ticket in support:
        if isinstance(ticket, Exception):
            raise ticket
        if ticket.startswith("SELECT"):
            subject.session.execute(sa.text(ticket))
    return [f"{ticket} ({subject.user.record.email})" for ticket in support] or None


panelled = PlatformUsers(
    db,
    users=clerks.users,
    policy=OwnShop(),
    panels=[
        Panel("history", template="_own.html"),
        ...,
        Panel("tickets", template="_tickets.html", data=tickets_of, label="Support"),
    ],
    name="panelled",
)
PANELS = {
    "_own.html": "History of ours: {{ view.user.name }}",
    "_tickets.html": "{% for text in data %}<p>{{ text }} of {{ pu.number(1204) }}</p>{% endfor %}",
}

NewApp = Callable[..., Flask]


@pytest.fixture
def new_app(tmp_path: Path) -> Iterator[NewApp]:
    """Make shops, each with a database of its own: ``new_app(*mounts, templates=…, KEY=…)``."""
    made: list[Flask] = []

    def make(
        *mounts: PlatformUsers, templates: Mapping[str, str] | None = None, **config: Any
    ) -> Flask:
        app = Flask(__name__)
        made.append(app)
        app.jinja_loader = DictLoader(templates or {})
        url = f"sqlite:///{tmp_path / f'{len(made)}.sqlite3'}"
        app.config.update(TESTING=True, SECRET_KEY="k", SQLALCHEMY_DATABASE_URI=url, **config)
        db.init_app(app)
        LoginManager(app).user_loader(lambda key: db.session.get(Clerk, int(key)))
        app.add_url_rule(
            "/login/<int:key>", "login", lambda key: f"{login_user(db.session.get(Clerk, key))}"
        )
        for mount in mounts:
            mount.init_app(app, url_prefix=f"/{mount.name}")
        with app.app_context():
            db.create_all()
        return app

    yield make
    for app in made:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def fill(app: Flask, *rows: Any) -> None:
    """Put rows into a shop."""
    with app.app_context():
        db.session.add_all(rows)
        db.session.commit()


def clerk(key: int, name: str, shop: int = 1) -> Clerk:
    """Return a clerk."""
    return Clerk(id=key, shop=shop, name=name, email=f"{name}@example.com")


def signed_in(app: Flask, key: int = 1) -> FlaskClient:
    """Return the browser of a clerk."""
    client = app.test_client()
    assert client.get(f"/login/{key}").text == "True"
    return client


@pytest.mark.parametrize("host", HOSTS)
def test_the_whole_integration_fits_in_forty_lines(host: str) -> None:
    """Policy, mapping and mounting, on every host."""
    lines = lines_of(HOSTS[host].mount)
    print(f"{host}: {lines} lines")
    assert lines <= LIMIT


def test_one_object_serves_several_apps(new_app: NewApp) -> None:
    """Each with its own database and its own settings."""
    apps = [new_app(clerks), new_app(clerks, customers), new_app(clerks)]
    for number, app in enumerate(apps):
        fill(app, clerk(1, f"first{number}"), clerk(2, f"second{number}"))
    for number, app in enumerate(apps):
        names = seen(signed_in(app).get("/platform_users/")).names
        assert names == [f"first{number}", f"second{number}"]
    assert signed_in(apps[0]).get("/clients/").status_code == 404
    assert len({id(app.extensions["platform_users"]["platform_users"]) for app in apps}) == 1


def test_two_mounts_in_one_app_know_nothing_of_each_other(new_app: NewApp) -> None:
    """Two names, two user models, two addresses, two tables of blocks."""
    app = new_app(clerks, customers)
    fill(
        app,
        clerk(1, "anna"),
        clerk(2, "bert"),
        Customer(id="1", shop=1, nick="zoe", email="z@example.com"),
        Customer(id="x", shop=2, nick="far", email="f@example.com"),
    )
    client = signed_in(app)
    with app.app_context():
        tables = set(sa.inspect(db.engine).get_table_names())
        assert {"clients_state", "platform_users_state"} <= tables
    lists = {name: seen(client.get(f"/{name}/")) for name in ("platform_users", "clients")}
    assert {name: page.names for name, page in lists.items()} == {
        "platform_users": ["anna", "bert"],
        "clients": ["zoe"],
    }
    for name, page in lists.items():
        own = [link for link in page.links if not link.startswith("#")]
        assert own
        assert all(link.startswith(f"/{name}/") for link in own)
        assert client.get(page.rows[0].link).status_code == 200
    state = clerks.mapping.tables.state
    with app.app_context():
        values = {"platform_key": 1, "user_key": 2, "blocked_at": datetime.now(UTC)}
        db.session.execute(state.insert().values(values))
        db.session.commit()
    assert seen(client.get("/platform_users/")).rows[1].cells["Status"] == "Blocked"
    assert seen(client.get("/clients/")).rows[0].cells["Status"] == "Active"


def test_a_cursor_of_one_mount_is_refused_by_another(new_app: NewApp) -> None:
    """Though both are signed with the same secret."""
    app = new_app(clerks, customers)
    fill(app, *(clerk(n, f"c{n:02d}") for n in range(1, 31)))
    client = signed_in(app)
    link = seen(client.get("/platform_users/")).link("next")
    assert link is not None
    assert client.get(link).status_code == 200
    moved = client.get(link.replace("/platform_users/", "/clients/"))
    assert moved.status_code == 400


def test_importing_does_nothing() -> None:
    """No app, no engine, no connection, no thread; and nothing is printed."""
    script = """
import socket, threading
import flask, flask_login, flask_sqlalchemy, flask_wtf, marshmallow, sqlalchemy
import sqlalchemy.dialects.postgresql
from sqlalchemy import event

def refuse(*_args, **_kwargs):
    raise AssertionError("importing did something")

flask.Flask.__init__ = refuse
flask.Blueprint.__init__ = refuse
flask_sqlalchemy.SQLAlchemy.__init__ = refuse
sqlalchemy.create_engine = sqlalchemy.engine.create_engine = refuse
sqlalchemy.MetaData.__init__ = refuse
sqlalchemy.event.listen = refuse
socket.socket.connect = refuse
threading.Thread.start = refuse
filters = list(__import__("warnings").filters)
import flask_platform_users
assert list(__import__("warnings").filters) == filters
for name in flask_platform_users.__all__:
    getattr(flask_platform_users, name)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_app_that_never_mounts_it_is_left_alone(new_app: NewApp) -> None:
    """The object may exist without being used."""
    app = new_app()
    assert "platform_users" not in app.extensions
    assert not app.blueprints


@pytest.mark.parametrize("how", ["SCRIPT_NAME", "APPLICATION_ROOT"])
def test_every_link_stands_below_the_apps_own_root(new_app: NewApp, how: str) -> None:
    """Where the product itself is served below a path."""
    app = new_app(clerks, **({how: "/brand"} if how == "APPLICATION_ROOT" else {}))
    fill(app, *(clerk(n, f"c{n:02d}") for n in range(1, 31)))
    client = signed_in(app)
    environ = {"SCRIPT_NAME": "/brand"}
    for path in ("/platform_users/", "/platform_users/?q=c", "/platform_users/id/1"):
        response = client.get(path, environ_overrides=environ)
        assert response.status_code == 200
        page = parse(response.text)
        links = [node.attributes["href"] for node in page if "href" in node.attributes]
        links = [link for link in links if not link.startswith("#")]
        links += [form.attributes["action"] for form in page.all("form")]
        assert links
        assert all(link.startswith("/brand/platform_users/") for link in links)
    with app.test_request_context(environ_overrides=environ):
        assert url_for("platform_users.list_users") == "/brand/platform_users/"
    if how == "APPLICATION_ROOT":
        with app.test_request_context():
            assert url_for("platform_users.show_user", key="7") == "/brand/platform_users/id/7"


OVERRIDDEN = """\
{% extends "@platform_users/list.html" %}
{% block list_header_extra %}<p class="ours">{{ view.summary.total }} clerks</p>{% endblock %}
"""


def test_a_host_may_extend_a_page_and_change_one_block(new_app: NewApp) -> None:
    """A file of the same name extends the original below ``@platform_users/``."""
    app = new_app(clerks, templates={"platform_users/list.html": OVERRIDDEN})
    fill(app, clerk(1, "anna"))
    page = seen(signed_in(app).get("/platform_users/"))
    assert page.page.one(class_="ours").text == "1 clerks"
    assert page.names == ["anna"]


def test_a_host_may_replace_a_partial(new_app: NewApp) -> None:
    """Its own ``_row.html`` wins, also inside the original page."""
    row = "<tr><td>{{ number }} {{ user.name }} of ours</td></tr>"
    app = new_app(clerks, templates={"platform_users/_row.html": row})
    fill(app, clerk(1, "anna"), clerk(2, "bo <b>"))
    page = parse(signed_in(app).get("/platform_users/").text)
    rows = [tr.text for tr in page.one("tbody").all("tr")]
    assert rows == ["1 anna of ours", "2 bo <b> of ours"]


def test_a_host_may_replace_a_whole_page(new_app: NewApp) -> None:
    """It receives the same view; its own layout may be anything that has our content's place."""
    details = (
        '{% extends "platform_users/shell.html" %}'
        "{% block pu_content %}<h1>Just {{ view.user.name }}</h1>{% endblock %}"
    )
    app = new_app(clerks, templates={"platform_users/details.html": details})
    fill(app, clerk(1, "anna"))
    page = parse(signed_in(app).get("/platform_users/id/1").text)
    assert page.one("h1").text == "Just anna"


def sections(app: Flask, key: int = 2) -> dict[str, str]:
    """Return the sections of a clerk's page by their headings, in order."""
    answer = signed_in(app).get(f"/panelled/id/{key}")
    assert answer.status_code == 200
    found = parse(answer.text).all("section")
    return {s.one("h2").text: s.text.removeprefix(s.one("h2").text).strip() for s in found}


def test_a_host_may_add_a_panel_and_replace_one_where_it_wants(new_app: NewApp) -> None:
    """Beside the default ones, in the order given; one that has nothing to show is not there."""
    app = new_app(panelled, templates=PANELS)
    fill(app, clerk(1, "anna"), clerk(2, "bo"))
    support[:] = ["Cannot sign in"]
    found = sections(app)
    assert list(found) == ["Identity", "History", "Support"]
    assert found["History"] == "History of ours: bo"
    assert found["Support"] == "Cannot sign in (bo@example.com) of 1,204"
    support.clear()
    assert list(sections(app)) == ["Identity", "History"]


@pytest.mark.parametrize(
    "fault", [ConnectionError("secret detail"), "SELECT secret FROM no_such_table"]
)
def test_a_panel_that_fails_says_so_in_its_place(new_app: NewApp, fault: Any) -> None:
    """Everything else on the page stands, and no word of the error is shown."""
    app = new_app(panelled, templates=PANELS)
    fill(app, clerk(1, "anna"), clerk(2, "bo"))
    support[:] = [fault]
    found = sections(app)
    assert found["Support"] == "Support is unavailable. Everything else on this page is right."
    assert "bo@example.com" in found["Identity"]
    assert found["History"] == "History of ours: bo"


@pytest.mark.parametrize(
    ("missing", "layout"),
    [
        ("content", "<html><head>{% block head %}{% endblock %}</head><body></body></html>"),
        ("head", "<html><body>{% block content %}{% endblock %}</body></html>"),
    ],
)
def test_a_layout_without_a_place_for_the_page_is_said_so(
    new_app: NewApp, missing: str, layout: str
) -> None:
    """Instead of a page that stays empty, or plain, for no visible reason."""
    app = new_app(
        clerks, templates={"layout.html": layout}, PLATFORM_USERS_BASE_TEMPLATE="layout.html"
    )
    fill(app, clerk(1, "anna"))
    client = signed_in(app)
    for path in ("/platform_users/", "/platform_users/id/1"):
        with pytest.raises(ConfigurationError) as caught:
            client.get(path)
        assert str(caught.value) == (
            "app.config['PLATFORM_USERS_BASE_TEMPLATE'] was given 'layout.html', which has no "
            f"block named '{missing}' to put the page into; add that block to it, or name a "
            "template that extends it and has that block within one of its own."
        )


def test_a_layout_that_is_not_there_is_said_so(new_app: NewApp) -> None:
    """By the setting that names it; any other missing template stays its own error."""
    app = new_app(clerks, PLATFORM_USERS_BASE_TEMPLATE="layout.html")
    fill(app, clerk(1, "anna"))
    with pytest.raises(ConfigurationError) as caught:
        signed_in(app).get("/platform_users/")
    assert str(caught.value) == (
        "app.config['PLATFORM_USERS_BASE_TEMPLATE'] was given 'layout.html', which is no template "
        "of the app; add the file to your templates, or register the blueprint that has it."
    )
    extending = {"layout.html": "{% extends 'missing.html' %}"}
    app = new_app(clerks, templates=extending, PLATFORM_USERS_BASE_TEMPLATE="layout.html")
    fill(app, clerk(1, "anna"))
    with pytest.raises(TemplateNotFound, match=r"missing\.html"):
        signed_in(app).get("/platform_users/")


def test_a_platform_instead_of_its_key_is_said_so(new_app: NewApp) -> None:
    """On the page and in the history that the host writes, before the database is asked."""
    app = new_app(confused)
    fill(app, clerk(1, "anna"))
    sentence = "Confused.platform_of returned a Clerk; expected its key, which Users"
    with pytest.raises(ConfigurationError, match=sentence):
        signed_in(app).get("/confused/")
    with app.app_context(), pytest.raises(ConfigurationError, match=sentence):
        confused.record(action="greeted", actor=db.session.get(Clerk, 1))


def test_seeing_the_product_as_a_user_begins_somewhere_or_not_at_all(
    new_app: NewApp, caplog: pytest.LogCaptureFixture
) -> None:
    """A landing that is nowhere is told in the log, and leaves no impersonation behind."""
    address, why = "/supported/do/impersonate/2", {"reason": "looking into it", "minutes": "30"}
    for landing in (None, "/till"):
        app = new_app(supported)
        if landing is not None:
            app.add_url_rule(landing, "till", str)
        fill(app, clerk(1, "anna"), clerk(2, "bo"))
        client = signed_in(app)
        begun = client.post(address, data=hidden(client.get(address)) | why)
        assert begun.location == landing
        if landing is None:
            assert begun.status_code == 500
            assert "Nothing was changed" in parse(begun.text).text
            assert "Impersonation(landing='till') is not an endpoint of the app" in caplog.text
            assert client.get("/supported/").status_code == 200  # nobody is seen as anybody


@pytest.mark.parametrize("first", [True, False])
def test_headers_that_the_host_sets_stay(new_app: NewApp, first: bool) -> None:
    """Whichever of the two was set up first."""
    app = new_app() if first else new_app(clerks)

    @app.after_request
    def set_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", "script-src 'self'")
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
        return response

    if first:
        clerks.init_app(app, url_prefix="/platform_users")
        with app.app_context():
            db.create_all()
    fill(app, clerk(1, "one"))
    headers = signed_in(app).get("/platform_users/").headers
    assert headers.getlist("Content-Security-Policy") == [
        "script-src 'self'",
        "frame-ancestors 'none'",
    ]
    assert headers.getlist("Cross-Origin-Opener-Policy") == ["same-origin-allow-popups"]


def test_settings_of_one_app_do_not_reach_another(new_app: NewApp) -> None:
    """The layout belongs to the app, not to the object."""
    layout = (
        "<html><head><title>{% block title %}{% endblock %}</title>{% block head %}{% endblock %}"
        "</head><body><p class='ours'>x</p>{% block content %}{% endblock %}</body></html>"
    )
    own = new_app(
        clerks, templates={"layout.html": layout}, PLATFORM_USERS_BASE_TEMPLATE="layout.html"
    )
    plain = new_app(clerks)
    for app in (own, plain):
        fill(app, clerk(1, "anna"))
    assert len(parse(signed_in(own).get("/platform_users/").text).all("p", class_="ours")) == 1
    assert parse(signed_in(plain).get("/platform_users/").text).all("p", class_="ours") == []
