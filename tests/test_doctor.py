"""The doctor finds what a mounted host lacks, and what it says to do mends it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from flask import Flask, Response
from flask_babel import Babel
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from jinja2 import DictLoader
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_platform_users import (
    Action,
    Card,
    Count,
    Impersonation,
    PlatformUsers,
    Policy,
    Status,
    Unit,
    Users,
    with_defaults,
)
from flask_platform_users.doctor import moments
from flask_platform_users.doctor.command import examine
from flask_platform_users.doctor.finding import Finding
from flask_platform_users.statements import BOUNDED

from .conftest import NewDatabase
from .world import World


class Base(DeclarativeBase):
    """The declarative base of a product that forgot its indexes."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Guest(Model, UserMixin):  # type: ignore[misc]
    """A user, with names longer than some databases index."""

    id: Mapped[int] = mapped_column(primary_key=True)
    hotel: Mapped[str] = mapped_column("hotel key", sa.String(255))
    name: Mapped[str] = mapped_column(sa.Text)
    email: Mapped[str] = mapped_column(sa.String(1000))
    state: Mapped[str] = mapped_column(sa.String(10))
    came: Mapped[datetime]


class Line(Model):
    """A channel. It points at its user without a foreign key, so that no database indexes it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    guest_id: Mapped[int]
    hotel: Mapped[str] = mapped_column(sa.String(255))
    kind: Mapped[str] = mapped_column(sa.Enum("web", "phone", name="line_kind"))


class Wish(Model):
    """Anything else."""

    id: Mapped[int] = mapped_column(primary_key=True)
    guest_id: Mapped[int]


class Nobody(Policy):
    """Opens the page to nobody."""

    def platform_of(self, actor: Any) -> str | None:  # noqa: ARG002
        """Return none."""
        return None


Granted = aliased(Wish)
guests = PlatformUsers(
    db,
    users=Users(
        Guest,
        platform=Guest.hotel,
        username=Guest.name,
        email=Guest.email,
        status=Status.column(Guest.state),
        created=Guest.came,
    ),
    channels=[
        Count("webchat", Line.guest_id, where=Line.kind == "web", platform=Line.hotel),
        Count("whatsapp", Line.guest_id, where=Line.kind == "phone", platform=Line.hotel),
    ],
    usage=[Count("wishes", Wish.guest_id), Count("granted", Granted.guest_id)],
    policy=Nobody(),
    name="guests",
)
watched = PlatformUsers(
    db,
    users=guests.users,
    policy=Nobody(),
    impersonation=Impersonation(landing="lobby", forbidden=("safe", "key")),
    name="watched",
)


class Greet(Action):
    """Says hello."""

    name = "greet"
    label = "Greet"
    icon = "hand"
    done = "{who} greeted {user}."

    def perform(self, unit: Unit) -> None:
        """Say it."""


drawn = PlatformUsers(
    db,
    users=guests.users,
    cards=[..., Card("vip", Guest.name == "vip", icon="star"), Card("all", lambda _hotel: 1)],
    usage=[Count("wishes", Wish.guest_id, icon="lamp")],
    actions=with_defaults(Greet()),
    policy=Nobody(),
    name="drawn",
)
SAFE = {
    f"{cookie}_COOKIE_{flag}": value
    for cookie in ("SESSION", "REMEMBER")
    for flag, value in {"SECURE": True, "SAMESITE": "Lax"}.items()
}


def hotel(url: str = "sqlite://", mount: PlatformUsers = guests, **config: Any) -> Flask:
    """Return the product on a database."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="h", SQLALCHEMY_DATABASE_URI=url, **(SAFE | config))
    db.init_app(app)
    LoginManager(app).user_loader(lambda key: db.session.get(Guest, int(key)))
    mount.init_app(app)
    with app.app_context():
        db.create_all()
    return app


@dataclass(frozen=True)
class Visit:
    """A visit of the doctor's."""

    code: int
    said: str
    findings: list[dict[str, Any]]

    @classmethod
    def at(cls, app: Flask) -> "Visit":
        """Let the doctor come, once to talk and once to write."""
        runner = app.test_cli_runner()
        told = runner.invoke(args=["platform-users", "doctor"])
        written = runner.invoke(args=["platform-users", "doctor", "--json"])
        assert told.exit_code == written.exit_code, (told.output, written.output)
        return cls(told.exit_code, told.output, json.loads(written.output)["findings"])

    def levels(self, check: str) -> set[str]:
        """Return the levels of what one check found."""
        return {finding["level"] for finding in self.findings if finding["check"] == check}

    def sql(self, *checks: str) -> list[str]:
        """Return the statements that some checks advise."""
        found = [one for one in self.findings if one["check"] in checks]
        return [statement for finding in found for statement in finding["sql"]]


def execute(app: Flask, statements: list[str], engine: sa.Engine | None = None) -> None:
    """Do what the doctor says, statement by statement, outside of any transaction."""
    with app.app_context(), (engine or db.engine).connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def app(database: str, new_database: NewDatabase) -> Iterator[Flask]:
    """Return the product on each database in turn."""
    app = hotel(new_database(database, "hotel"))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


INDEXES = ("list", "counts", "search")


def test_missing_indexes_are_faults_once_there_are_many_rows_and_its_statements_mend_them(
    app: Flask,
) -> None:
    few = Visit.at(app)
    assert few.code == 0, few.said
    assert few.levels("list") == few.levels("counts") == {"warning"}
    with app.app_context():
        guest: dict[str, Any] = {"hotel": "h", "name": "n", "email": "e", "state": "active"}
        guest["came"] = datetime.now(UTC).replace(tzinfo=None)
        line = {"guest_id": 1, "hotel": "h", "kind": "web"}
        db.session.execute(sa.insert(Guest), [guest] * (BOUNDED + 1))
        db.session.execute(sa.insert(Line), [line] * (BOUNDED + 1))
        db.session.commit()
    before = Visit.at(app)
    assert before.code == 1
    assert before.levels("list") == {"fault", "warning"}, before.said  # by name is not offered
    assert before.levels("counts") == {"fault", "warning"}, before.said  # wishes are few
    statements = before.sql(*INDEXES)
    assert all(f"{statement};" in before.said for statement in statements)
    execute(app, statements)
    after = Visit.at(app)
    assert after.code == 0, after.said
    assert after.sql(*INDEXES) == []
    assert after.levels("counts") == after.levels("search") == {"ok"}
    assert "No model declares the index for the list ordered by created" in after.said


def test_triggers_that_were_dropped_are_a_fault_until_they_are_made_again(app: Flask) -> None:
    with app.app_context():
        table = guests.mapping.tables.event.name
        postgresql = db.engine.dialect.name == "postgresql"
    names = ("no_change",) if postgresql else ("no_update", "no_delete")
    on = f" ON {table}" if postgresql else ""
    assert Visit.at(app).levels("triggers") == {"ok"}
    execute(app, [f"DROP TRIGGER {table}_{name}{on}" for name in names])
    if postgresql:
        execute(app, [f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate"])
    found = Visit.at(app)
    assert found.code == 1
    assert found.levels("triggers") == {"fault"}
    execute(app, found.sql("triggers"))
    assert Visit.at(app).levels("triggers") == {"ok"}


def test_what_is_missing_of_the_tables_is_a_fault(app: Flask) -> None:
    with app.app_context():
        tables = guests.mapping.tables
        (index,) = [one for one in tables.note.indexes if one.name == "ix_guests_note_user"]
        index.drop(db.engine)
        tables.grant.drop(db.engine)
    execute(app, [f"ALTER TABLE {tables.state.name} DROP COLUMN block_reason"])
    found = Visit.at(app)
    assert found.code == 1
    assert "The table guests_grant is missing." in found.said
    assert "The table guests_state lacks block_reason." in found.said
    execute(app, found.sql("tables"))
    assert "ix_guests_note_user" not in Visit.at(app).said


def test_words_that_make_nobody_active_are_a_fault(app: Flask) -> None:
    assert Visit.at(app).levels("status") == {"ok"}  # there is nobody yet
    with app.app_context():
        guest: dict[str, Any] = {"hotel": "h", "name": "n", "email": "e"}
        guest["came"] = datetime.now(UTC).replace(tzinfo=None)
        states = ["live", "live", "blocked", "gone"]
        db.session.execute(sa.insert(Guest), [guest | {"state": state} for state in states])
        db.session.commit()
    found = Visit.at(app)
    assert found.code == 1
    assert (
        "status: None of 4 users is active by Status.column(Guest.state, ...), and no status names "
        "'live', 'gone', which that column holds." in found.said
    )
    with app.app_context():
        db.session.execute(sa.update(Guest).values(state="pending"))
        db.session.commit()
    assert "None of 4 users is active by Status(active=...).\n" in Visit.at(app).said
    with app.app_context():
        db.session.execute(sa.update(Guest).where(Guest.id == 1).values(state="active"))
        db.session.commit()
    assert Visit.at(app).levels("status") == {"ok"}


def test_a_local_time_zone_matters_where_times_do_not_say_theirs(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        engine = db.engine
    assert Visit.at(app).levels("time zone") == {"ok"}
    local = {
        "postgresql": "SET TIME ZONE 'Asia/Tokyo'",
        "mysql": "SET time_zone = '+09:00'",
        "mariadb": "SET time_zone = '+09:00'",
    }.get(engine.dialect.name)
    if local is not None:
        engine.dispose()

        @sa.event.listens_for(engine, "engine_connect")
        def move(connection: sa.Connection) -> None:
            connection.exec_driver_sql(local)

        found = Visit.at(app)
        assert found.levels("time zone") == {"warning"}
        assert "Guest.came is kept without one" in found.said
        assert found.levels("clock") == {"ok"}, found.said
    wrong = dict.fromkeys(moments._NOW, "SELECT '2020-01-01 00:00:00'")
    monkeypatch.setattr(moments, "_NOW", wrong)
    found = Visit.at(app)
    assert found.levels("clock") == {"fault"}
    assert found.code == 1


def test_a_database_that_does_not_answer_is_a_fault_of_each_check_that_needs_it() -> None:
    found = Visit.at(lost())
    assert found.code == 1
    assert found.levels("tables") == found.levels("clock") == {"fault"}
    assert found.levels("login") == {"ok"}


def lost() -> Flask:
    """Return the product without its database."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="h", SQLALCHEMY_DATABASE_URI="sqlite:////nowhere/x.sqlite3")
    db.init_app(app)
    LoginManager(app).user_loader(lambda _: None)
    guests.init_app(app)
    return app


CSP = "Content-Security-Policy"
SCRIPTS = "script-src 'self'; connect-src 'self'"


@pytest.mark.parametrize(
    ("header", "level"),
    [
        (None, "warning"),
        ("default-src 'self'", "ok"),
        (f"default-src 'none'; style-src 'self'; form-action 'self'; {SCRIPTS}", "ok"),
        ("default-src 'none'; style-src 'self'; form-action 'self'", "warning"),
        ("default-src 'self'; script-src 'self' 'nonce-abc' 'strict-dynamic'", "warning"),
        ("default-src 'none'; form-action 'self'", "fault"),
        ("default-src 'self'; form-action 'none'", "fault"),
    ],
)
def test_the_content_policy_has_to_let_the_page_have_its_style_and_forms(
    header: str | None, level: str
) -> None:
    app = hotel()

    @app.after_request
    def send(response: Response) -> Response:
        if header is not None:
            response.headers[CSP] = header
        return response

    assert Visit.at(app).levels("content policy") == {level}


@pytest.mark.parametrize(
    ("sources", "level"),
    [
        ("'self'", "fault"),
        ("https://other.example", "fault"),
        ("https://cdn.example", "ok"),
        ("https://cdn.example/pu/", "ok"),
        ("*.example", "ok"),
        ("https:", "ok"),
    ],
)
def test_files_on_another_server_have_to_be_let_in_from_there(sources: str, level: str) -> None:
    app = hotel(PLATFORM_USERS_STATIC_URL="https://cdn.example/pu/")
    policy = f"default-src 'self'; style-src {sources}; script-src {sources}"
    app.after_request(lambda answer: answer.headers.set(CSP, policy) or answer)
    found = Visit.at(app)
    assert found.levels("content policy") == {level}
    remedy = "Add https://cdn.example to style-src and https://cdn.example to script-src."
    assert (remedy in found.said) == (level == "fault")


def test_a_page_that_fails_or_opens_to_nobody_signed_in_is_a_fault() -> None:
    broken, open_ = hotel(), hotel()

    @broken.before_request
    def fail() -> None:
        raise LookupError("no such tenant")

    @open_.before_request
    def answer() -> str:
        return "come in"

    assert Visit.at(broken).levels("content policy") == {"fault"}
    assert "answers with 200 to somebody who is not signed in" in Visit.at(open_).said


@pytest.mark.parametrize(
    ("config", "level"),
    [
        ({}, "ok"),
        ({"SESSION_COOKIE_SECURE": False}, "fault"),
        ({"SESSION_COOKIE_SECURE": False, "TESTING": True}, "warning"),
        ({"SESSION_COOKIE_HTTPONLY": False}, "fault"),
        ({"REMEMBER_COOKIE_HTTPONLY": False}, "fault"),
        ({"SESSION_COOKIE_SAMESITE": None}, "warning"),
        ({"REMEMBER_COOKIE_SECURE": False}, "warning"),
        ({"REMEMBER_COOKIE_SAMESITE": "None"}, "warning"),
    ],
)
def test_cookies_that_others_can_read_or_send_are_found(config: dict[str, Any], level: str) -> None:
    found = Visit.at(hotel(**config))
    assert found.levels("cookies") == {level}
    assert found.code == (level == "fault")
    assert all(f'app.config["{key}"]' in found.said for key in config if "COOKIE" in key)


def test_login_proxy_and_translations_are_seen() -> None:
    app = hotel()
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=2)  # type: ignore[method-assign]
    Babel(app)
    found = Visit.at(app)
    assert "X-Forwarded-For of 2" in found.said
    assert found.levels("translations") == found.levels("login") == {"ok"}
    bare = hotel()
    LoginManager(bare)
    found = Visit.at(bare)
    assert found.levels("login") == {"fault"}
    assert found.levels("proxies") == found.levels("translations") == {"warning"}
    assert found.code == 1


def test_a_user_loader_that_was_set_too_late_is_a_fault() -> None:
    app = hotel()
    app.login_manager.user_loader(lambda _: None)  # type: ignore[attr-defined]
    found = Visit.at(app)
    assert found.levels("login") == {"fault"}
    assert "Set it before platform_users.init_app(app)." in found.said


def test_an_impersonation_that_begins_nowhere_or_forbids_nothing_is_a_fault() -> None:
    app = hotel(mount=watched)
    app.add_url_rule("/key/<number>", "key", str)
    found = Visit.at(app)
    assert found.levels("impersonation") == {"fault"}
    assert "Impersonation(landing='lobby') is not an endpoint of the app" in found.said
    assert "Impersonation(forbidden=...) has 'safe', which is no endpoint of the app" in found.said
    assert "'key'" not in found.said
    app = hotel(mount=watched)
    for endpoint in ("lobby", "safe", "key"):
        app.add_url_rule(f"/{endpoint}", endpoint, str)
    assert Visit.at(app).levels("impersonation") == {"ok"}


@pytest.mark.parametrize(
    ("name", "text", "level", "said"),
    [
        (
            "layout.html",
            "{% block head %}{% endblock %}{% block content %}{% endblock %}",
            "ok",
            "",
        ),
        ("other.html", "", "fault", "was given 'layout.html', which is no template of the app"),
        ("layout.html", "{% block head %}{% endblock %}", "fault", "has no block named 'content'"),
        ("layout.html", "{{ current_user.hotel.name }}", "warning", "who is not signed in: Undef"),
    ],
)
def test_the_layout_has_to_take_the_page(name: str, text: str, level: str, said: str) -> None:
    app = hotel(PLATFORM_USERS_BASE_TEMPLATE="layout.html")
    app.jinja_loader = DictLoader({name: text})
    found = Visit.at(app)
    assert found.levels("layout") == {level}
    assert said in found.said


def test_icons_without_a_drawing_are_named_unless_the_host_draws_its_own() -> None:
    app = hotel(mount=drawn)
    found = Visit.at(app)
    assert found.levels("layout") == {"warning"}
    for icon in ("Card('vip') has the icon 'star'", "Count('wishes') has the icon 'lamp'"):
        assert f"{icon}, of which there is no drawing." in found.said
    assert "Greet has the icon 'hand', of which there is no drawing." in found.said
    own = '<svg><path id="pu-icon-{{ x }}"/></svg>'
    for icons, level in ((("star", "lamp", "hand"), "warning"), ((), "ok")):
        app = hotel(mount=drawn)
        sprite = "".join(own.replace("{{ x }}", icon) for icon in icons)
        app.jinja_loader = DictLoader({"platform_users/_icons.html": sprite})
        found = Visit.at(app)
        assert found.levels("layout") == {level}  # of their own drawings, not all are there
        assert "Greet" not in found.said


def test_an_unknown_mount_is_a_clear_sentence() -> None:
    result = hotel().test_cli_runner().invoke(args=["platform-users", "doctor", "--mount", "x"])
    assert result.exit_code == 2
    assert "There is no such mount on this app; there is one of guests." in result.output


def without_fault(world: World) -> dict[str, list[Finding]]:
    """Return what is found on a host, by check; nothing of it a fault."""
    found: dict[str, list[Finding]] = {}
    with world.app.app_context():
        for check, finding in examine(world.extension, world.app):
            assert finding.level != "fault", finding
            found.setdefault(check, []).append(finding)
    return found


def test_each_host_can_be_examined_and_its_indexes_be_made(used_world: World) -> None:
    statements = [
        statement
        for findings in without_fault(used_world).values()
        for finding in findings
        for statement in finding.sql
    ]
    with used_world.app.app_context():
        engine = used_world.extension.db.session.get_bind(**used_world.extension.mapping.bind)
    assert isinstance(engine, sa.Engine)
    execute(used_world.app, statements, engine)
    try:
        after = without_fault(used_world)
        assert [f for name in INDEXES for f in after[name] if f.sql] == []
    finally:
        execute(used_world.app, [undone(one, used_world.database) for one in statements], engine)


def undone(statement: str, database: str) -> str:
    """Return what takes a statement back."""
    if statement.startswith("CREATE EXTENSION"):
        return "SELECT 1"
    found = re.match(r"CREATE INDEX (?:CONCURRENTLY )?(\S+) ON (\S+) ", statement)
    assert found is not None
    on = f" ON {found[2]}" if database == "mariadb" else ""
    return f"DROP INDEX {found[1]}{on}"
