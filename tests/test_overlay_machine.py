"""Sign-ins, impersonations, blocks, the clock and old cookies in any order, beside a small model.

Nobody ever acts as someone they have no live row for, every row ends, and the history tells it.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import Impersonation, PlatformUsers, Policy, Status, Users
from flask_platform_users.history import HistoryQuery

OWNERS, USERS = ("olga", "otto"), ("uma", "udo", "ulf")
BROWSERS = (0, 1)
MINUTES = 30


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Person(db.Model, UserMixin):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[int]
    name: Mapped[str]
    runs: Mapped[bool]
    status: Mapped[str] = mapped_column(default="active")


class Owners(Policy):
    def platform_of(self, actor: Person) -> int | None:
        return actor.platform if actor.runs else None


platform_users = PlatformUsers(
    db,
    users=Users(
        Person,
        platform=Person.platform,
        username=Person.name,
        email=Person.name,
        status=Status.column(Person.status),
    ),
    policy=Owners(),
    impersonation=Impersonation(landing="whoami", minutes=MINUTES),
    name="machine",
)


def create_app(path: Path) -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="machine", SQLALCHEMY_DATABASE_URI=f"sqlite:///{path}")
    db.init_app(app)
    LoginManager(app).user_loader(lambda key: db.session.get(Person, int(key)))
    app.add_url_rule("/", "whoami", lambda: getattr(current_user, "name", "nobody"))
    app.add_url_rule("/out", "out", lambda: str(logout_user()), methods=["POST"])

    @app.post("/in/<name>")
    def sign_in(name: str) -> str:
        person = db.session.execute(sa.select(Person).filter_by(name=name)).scalar_one()
        return str(login_user(person))

    platform_users.init_app(app)
    return app


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = create_app(tmp_path_factory.mktemp("machine") / "machine.sqlite3")
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


@dataclass
class Row:
    """What the model knows of an impersonation."""

    owner: str
    user: str
    left: int = MINUTES
    ended: bool = False


@dataclass(frozen=True)
class Session:
    """What a browser's cookie says, as the model sees it."""

    person: str | None = None
    since: int = 0
    row: int | None = None
    fresh: bool = True


@dataclass
class Model:
    """Who may be whom."""

    blocked: set[str] = field(default_factory=set)
    demoted: set[str] = field(default_factory=set)
    signed_out: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def admits(self, session: Session) -> bool:
        name = session.person
        return (
            name is not None
            and name not in self.blocked
            and session.since > self.signed_out.get(name, -1)
        )

    def good(self, session: Session) -> bool:
        assert session.row is not None
        row = self.rows[session.row]
        return (
            self.admits(session)
            and row.owner == session.person
            and row.owner not in self.demoted
            and not row.ended
            and row.left > 0
            and row.user not in self.blocked
        )


class Machine(RuleBasedStateMachine):
    """Two browsers, two owners, three users."""

    app: Flask

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.clock = itertools.count(1)
        self.sessions = dict.fromkeys(BROWSERS, Session())
        self.kept: list[tuple[str | None, Session]] = []
        with self.app.app_context():
            for table in (
                platform_users.mapping.tables.state,
                platform_users.mapping.tables.visit,
                platform_users.mapping.tables.impersonation,
                Person.__table__,
            ):
                db.session.execute(sa.delete(table))
            db.session.add_all(Person(platform=1, name=n, runs=True) for n in OWNERS)
            db.session.add_all(Person(platform=1, name=n, runs=False) for n in USERS)
            db.session.commit()
            people = db.session.execute(sa.select(Person.name, Person.id))
            self.ids = {row.name: row.id for row in people}
            self.seq = platform_users.chain(1).head()[0]
        self.clients: dict[int, FlaskClient] = {n: self.app.test_client() for n in BROWSERS}

    # What may happen

    @rule(browser=st.sampled_from(BROWSERS), name=st.sampled_from((*OWNERS, *USERS)))
    def sign_in(self, browser: int, name: str) -> None:
        session = self.settled(browser)
        response = self.clients[browser].post(f"/in/{name}")
        if session.row is not None:  # reading only: nobody signs in from within
            assert response.status_code == 403
            return
        assert response.status_code == 200
        self.sessions[browser] = Session(name, next(self.clock))

    @rule(browser=st.sampled_from(BROWSERS))
    def sign_out(self, browser: int) -> None:
        session = self.settled(browser)
        response = self.clients[browser].post("/out")
        if session.row is not None:
            assert response.status_code == 403
        else:
            self.sessions[browser] = Session()

    @rule(browser=st.sampled_from(BROWSERS), name=st.sampled_from((*OWNERS, *USERS)))
    def start(self, browser: int, name: str) -> None:
        session = self.settled(browser)
        url = f"/platform/users/do/impersonate/{self.ids[name]}"
        form = self.clients[browser].get(url)
        runs = session.person in OWNERS and session.person not in self.model.demoted
        may = (
            runs
            and session.fresh
            and session.row is None
            and (name in USERS or name in self.model.demoted)
            and name not in self.model.blocked
        )
        assert (form.status_code == 200) == may, form.text
        if not may:
            return
        sent = self.clients[browser].post(
            url, data=hidden(form.text) | {"reason": "looking into it", "minutes": str(MINUTES)}
        )
        assert sent.location == "/", sent.text
        assert session.person is not None
        for row in self.model.rows:
            row.ended = row.ended or row.owner == session.person
        self.model.rows.append(Row(session.person, name))
        self.sessions[browser] = replace(session, row=len(self.model.rows) - 1)

    @rule(browser=st.sampled_from(BROWSERS))
    def stop(self, browser: int) -> None:
        session = self.settled(browser)
        page = self.clients[browser].get("/platform/users/history")
        token = csrf_of(self.clients[browser])
        response = self.clients[browser].post(
            "/platform/users/impersonations/stop",
            data={"csrf_token": token, "id": str(self.ids["olga"]), "user_id": "1"},
        )
        if session.row is None:
            assert response.status_code != 303, page.text
            return
        assert response.status_code == 303
        self.model.rows[session.row].ended = True
        self.sessions[browser] = replace(session, row=None, fresh=True)

    @rule(name=st.sampled_from((*OWNERS, *USERS)))
    def block(self, name: str) -> None:
        self.set_status(name, "blocked")
        self.model.blocked.add(name)

    @rule(name=st.sampled_from((*OWNERS, *USERS)))
    def unblock(self, name: str) -> None:
        self.set_status(name, "active")
        self.model.blocked.discard(name)

    @rule(name=st.sampled_from((*OWNERS, *USERS)))
    def sign_out_everywhere(self, name: str) -> None:
        table = platform_users.mapping.tables.state
        with self.app.app_context():
            db.session.execute(sa.delete(table).where(table.c.user_key == self.ids[name]))
            db.session.execute(
                sa.insert(table).values(
                    platform_key=1, user_key=self.ids[name], signed_out_at=datetime.now(UTC)
                )
            )
            db.session.commit()
        self.model.signed_out[name] = next(self.clock)

    @rule(name=st.sampled_from(OWNERS), runs=st.booleans())
    def demote(self, name: str, runs: bool) -> None:
        with self.app.app_context():
            db.session.execute(sa.update(Person).filter_by(name=name).values(runs=runs))
            db.session.commit()
        (self.model.demoted.discard if runs else self.model.demoted.add)(name)

    @rule(minutes=st.sampled_from((1, MINUTES - 1, MINUTES, 24 * 60)))
    def wait(self, minutes: int) -> None:
        table = platform_users.mapping.tables.impersonation
        with self.app.app_context():
            for row in db.session.execute(sa.select(table)).all():
                moved = {
                    name: getattr(row, name) - timedelta(minutes=minutes)
                    for name in ("started_at", "ends_at")
                }
                db.session.execute(sa.update(table).where(table.c.id == row.id).values(moved))
            db.session.commit()
        for known in self.model.rows:
            known.left -= minutes

    @rule(browser=st.sampled_from(BROWSERS))
    def keep_the_cookie(self, browser: int) -> None:
        self.kept.append((cookie_of(self.clients[browser]), self.sessions[browser]))

    @rule(browser=st.sampled_from(BROWSERS), which=st.integers(min_value=0, max_value=20))
    def replay_a_cookie(self, browser: int, which: int) -> None:
        if not self.kept:
            return
        value, session = self.kept[which % len(self.kept)]
        client = self.clients[browser]
        client.delete_cookie("session")
        if value is not None:
            client.set_cookie("session", value)
        self.sessions[browser] = session

    # What has to hold

    @invariant()
    def everybody_is_who_they_may_be(self) -> None:
        for browser in BROWSERS:
            session = self.sessions[browser]
            response = self.clients[browser].get("/")
            if session.row is None:
                expected = session.person if self.model.admits(session) else "nobody"
                assert response.text == expected
            elif self.model.good(session):
                assert response.text.startswith(self.model.rows[session.row].user)
                assert response.headers["X-Impersonating"] == "1"
            else:
                assert response.status_code in {401, 409}
                if session.person == self.model.rows[session.row].owner:
                    self.model.rows[session.row].ended = True
                left = self.model.admits(session)
                ended = replace(session, row=None, fresh=False)
                self.sessions[browser] = ended if left else Session()
                again = self.clients[browser].get("/").text
                assert again == (self.sessions[browser].person or "nobody")

    def teardown(self) -> None:
        """Every row ends, and each that began is told of twice."""
        self.wait(24 * 60)
        with self.app.app_context():
            platform_users.end_impersonations()
            table = platform_users.mapping.tables.impersonation
            assert not db.session.execute(sa.select(table).where(table.c.ended_at.is_(None))).all()
            query = HistoryQuery(after=self.seq, per_page=10_000)
            told = [e.action for e in platform_users.history(1).page(query).events]
            begun = told.count("impersonate")
            assert begun == told.count("end_impersonation") == len(self.model.rows)
            assert platform_users.chain(1).verify() is None

    def settled(self, browser: int) -> Session:
        """Return a browser's session once what has ended is out of it."""
        self.everybody_is_who_they_may_be()
        session = self.sessions[browser]
        return session if self.model.admits(session) else Session()

    def set_status(self, name: str, status: str) -> None:
        with self.app.app_context():
            db.session.execute(sa.update(Person).filter_by(name=name).values(status=status))
            db.session.commit()


def hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', html))


def cookie_of(client: FlaskClient) -> str | None:
    found = client.get_cookie("session")
    return None if found is None else found.value


def csrf_of(client: FlaskClient) -> str:
    """Return a token that fits the browser's session, as any form of the product would."""
    with client.session_transaction() as session:
        session.setdefault("csrf_token", "0" * 40)
        raw: Any = session["csrf_token"]
    with client.application.test_request_context():
        from itsdangerous import URLSafeTimedSerializer

        return URLSafeTimedSerializer(
            client.application.secret_key or "", salt="wtf-csrf-token"
        ).dumps(raw)


def test_nobody_is_ever_taken_for_whom_they_may_not_be(product: Flask) -> None:
    Machine.app = product
    Machine.TestCase.settings = settings(
        max_examples=25,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Machine.TestCase("runTest").runTest()
