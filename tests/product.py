"""The example product on a database of its own, as its owner and its operator use it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from example_app import create_app
from example_app.models import User, db
from example_app.seed import seed
from flask_platform_users import PlatformUsers
from flask_platform_users.history import Event, HistoryQuery

SERVERS = {
    "postgresql": (
        os.environ.get("TEST_POSTGRES_URL") or "postgresql+psycopg://postgres@127.0.0.1:5432/test",
        "postgres",
    ),
    "mariadb": (
        os.environ.get("TEST_MARIADB_URL")
        or "mariadb+pymysql://root@127.0.0.1:3306/test?charset=utf8mb4",
        "",
    ),
}
DATABASES = ("sqlite", *SERVERS)
USERS = "/platform/users"


UNTIL = f"{datetime.now(UTC) + timedelta(days=300):%Y-%m-%dT%H:%M}"
"""A moment to come, as a form sends it."""


class Product:
    """The seeded product, with its owner signed in."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.extension: PlatformUsers = app.extensions["platform_users"]["platform_users"]
        self.state = self.extension.mapping.tables.state
        with app.app_context():
            fill()
            self._unused = list(
                db.session.scalars(
                    sa.select(User.id)
                    .where(User.platform_id == 1, User.status == "active", User.role == "agent")
                    .order_by(User.id)
                )
            )
            db.session.remove()
        self.owner = self.sign_in("owner@acme.example")

    def sign_in(self, email: str) -> FlaskClient:
        """Return a browser in which somebody is signed in."""
        client = self.app.test_client()
        form = self.hidden(client.get("/login").text) | {"email": email, "password": "demo"}
        assert client.post("/login", data=form).status_code == 302
        return client

    def some_user(self) -> tuple[int, str]:
        """Return key and name of an active user of the first platform that no test had yet."""
        key = self._unused.pop()
        with self.app.app_context():
            return key, db.session.get_one(User, key).username

    def hidden(self, page: str) -> dict[str, str]:
        """Return the hidden fields of the form on a page."""
        found = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
        fields = {}
        for field in found:
            name, value = re.search(r'name="(\w+)"', field), re.search(r'value="([^"]*)"', field)
            if name and value:
                fields[name[1]] = value[1]
        return fields

    def form(self, action: str, key: int) -> dict[str, str]:
        """Open the form of an action."""
        answer = self.owner.get(f"{USERS}/do/{action}/{key}")
        assert answer.status_code == 200, answer.text
        return self.hidden(answer.text)

    def act(self, action: str, key: int, **fields: str) -> TestResponse:
        """Open the form of an action and send it."""
        return self.owner.post(f"{USERS}/do/{action}/{key}", data=self.form(action, key) | fields)

    def delete(self, key: int, name: str) -> TestResponse:
        """Delete a user as it is meant to be done."""
        return self.act("delete", key, reason="left us", confirm=name)

    def cards(self) -> dict[str, int]:
        """Return the numbers on the cards."""
        with self.app.app_context():
            summary = self.extension.directory(1).summary()
        return {
            "total": summary.total,
            "active": summary.active,
            "inactive": summary.inactive,
            "channels": summary.total_channels,
        }

    def channels_of(self, key: int) -> int:
        """Return how many channels a user has."""
        with self.app.app_context():
            return self.extension.directory(1).user(str(key)).total_channels

    def events(self, key: int | None = None) -> list[Event]:
        """Return what the history tells of a user, oldest first."""
        with self.app.app_context():
            query = HistoryQuery(user=None if key is None else str(key))
            return self.extension.history(1).page(query).events[::-1]

    def keep(self, key: int, **values: Any) -> None:
        """Write into the plugin's row of a user, as if time had passed."""
        with self.app.app_context():
            mine = (self.state.c.platform_key == 1) & (self.state.c.user_key == key)
            db.session.execute(sa.update(self.state).where(mine).values(**values))
            db.session.commit()

    def end_grace(self, key: int) -> None:
        """Let the time in which a deleted user can be restored be over."""
        self.keep(key, purge_at=datetime.now(UTC) - timedelta(seconds=1))

    def user(self, key: int) -> User | None:
        """Return the product's own row of a user."""
        with self.app.app_context():
            return db.session.get(User, key)

    def run(self, *arguments: str, **options: Any) -> tuple[int, str]:
        """Run ``flask platform-users`` and return its exit code and what it said."""
        result = self.app.test_cli_runner().invoke(args=["platform-users", *arguments], **options)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output


def fill() -> None:
    """Make the tables of the product, and put into them what its seed makes."""
    db.create_all()
    with db.engine.begin() as connection:
        for table, rows in _seeded():
            connection.execute(table.insert(), rows)
            if connection.dialect.name == "postgresql" and "id" in table.c:
                sequence = sa.func.pg_get_serial_sequence(table.name, "id")
                last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(sequence, last)))


@cache
def _seeded() -> list[tuple[sa.Table, list[dict[str, Any]]]]:
    """Return all rows of the seed, which is the slow part, made once in each process."""
    app = create_app("sqlite://", config={"SECRET_KEY": "secret"})
    with app.app_context():
        db.create_all()
        seed()
        found = [
            (table, [dict(row) for row in db.session.execute(sa.select(table)).mappings()])
            for table in db.metadata.sorted_tables
        ]
        db.session.remove()
        db.engine.dispose()
    return [(table, rows) for table, rows in found if rows]


@contextmanager
def opened(database: str, folder: Path) -> Iterator[Product]:
    """Make the product on an empty database, which is dropped at the end; skip without one."""
    with _empty(database, folder) as url:
        app = create_app(url, config={"SECRET_KEY": "secret"})
        yield Product(app)
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@contextmanager
def _empty(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder / 'product.sqlite3'}"
        return
    address, admin = SERVERS[database]
    name = f"del_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    engine = sa.create_engine(
        sa.make_url(address).set(database=admin),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
        connect_args={"connect_timeout": 3},
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except sa.exc.OperationalError:
        pytest.skip(f"{database} does not answer at {address}")
    yield sa.make_url(address).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        force = " WITH (FORCE)" if database == "postgresql" else ""
        connection.exec_driver_sql(f"DROP DATABASE {name}{force}")
