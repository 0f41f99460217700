"""What the gate and an impersonation add to a page of the host: `python -m bench.gate`.

The page is as cheap as one of a product can be: it loads who is signed in and renders one template.
Whatever a real page does besides makes the share of the gate smaller.
"""

import argparse
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask, render_template_string
from flask_login import LoginManager, UserMixin, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.test import Client

from flask_platform_users import Impersonation, PlatformUsers, Policy, Status, Users

from . import machine, schema
from .contestant import sqlalchemy_statements
from .measure import Timing, measure_parts
from .report import table

HERE = Path(__file__).parent
USERS = 20_000
OWNER, SIGNED_OUT, SEEN, PLAIN = 1, 2, 3, 4  # the keys of those who open the page

PAGE = """<!doctype html><html lang="en"><head><title>Home</title></head><body>
<h1>Welcome, {{ current_user.username }}</h1></body></html>"""


class OwnerPolicy(Policy):
    """The owner runs the platform."""

    def platform_of(self, actor: Any) -> Any:
        """Return the owner's platform."""
        return actor.platform_id if actor.role == "owner" else None


class Host:
    """A product of one page, with or without the plugin."""

    def __init__(self, url: sa.URL, *, plugin: bool = True, signed_out: bool = True) -> None:
        class Base(DeclarativeBase):
            pass

        db = SQLAlchemy(model_class=Base)
        user = _user_model(db)
        self.app = Flask(__name__)
        self.app.config |= {"SECRET_KEY": "bench", "SQLALCHEMY_DATABASE_URI": url}
        db.init_app(self.app)
        login = LoginManager(self.app)
        login.user_loader(lambda key: db.session.get(user, int(key)))

        @self.app.get("/")
        @login_required  # type: ignore[untyped-decorator]
        def home() -> str:
            return render_template_string(PAGE)

        @self.app.get("/sign-in/<int:key>")
        def sign_in(key: int) -> str:
            login_user(db.session.get_one(user, key))
            return "ok"

        if plugin:
            users = Users(
                user,
                platform=user.platform_id,
                username=user.username,
                email=user.email,
                role=user.role,
                status=Status.column(user.status),
                created=user.created_at,
                signed_out=user.signed_out_at if signed_out else None,
            )
            landing = Impersonation(landing="home")
            PlatformUsers(db, users=users, policy=OwnerPolicy(), impersonation=landing).init_app(
                self.app
            )
        self.db, self.user = db, user

    def seed(self) -> None:
        """Make the tables and fill them."""
        now = datetime.now(UTC)
        with self.app.app_context():
            self.db.create_all()
            rows = (
                {
                    "id": key,
                    "platform_id": 1 if key <= PLAIN else 1 + key % 2,
                    "username": f"user{key}",
                    "email": f"user{key}@mail.example",
                    "role": "owner" if key == OWNER else "agent",
                    "status": "active",
                    "created_at": now - timedelta(days=30),
                    "signed_out_at": now - timedelta(days=1) if key == SIGNED_OUT else None,
                }
                for key in range(1, USERS + 1)
            )
            self.db.session.execute(sa.insert(self.user), list(rows))
            self.db.session.commit()

    def browser(self, key: int, *, sees: int | None = None) -> Callable[[], object]:
        """Return what opens the page as a user, or as one who sees it as somebody else."""
        client = Client(self.app)
        assert client.get(f"/sign-in/{key}").status_code == 200
        if sees is not None:
            url = f"/platform/users/do/impersonate/{sees}"
            hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', client.get(url).text)
            form = dict(hidden) | {"reason": "To measure it", "minutes": "60"}
            assert client.post(url, data=form).status_code == 303
        name = f"user{sees or key}"

        def run() -> None:
            answer = client.get("/")
            assert f"Welcome, {name}<" in answer.text, answer.status
            assert ("Seen as" in answer.text) == (sees is not None)

        return run


def main() -> None:
    """Run the bench on both databases."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="measured requests of each kind")
    parser.add_argument("--write", action="store_true", help="write GATE.md beside this file")
    options = parser.parse_args()
    sections = []
    with tempfile.TemporaryDirectory() as folder:
        sqlite = sa.URL.create("sqlite", database=f"{folder}/gate.sqlite3")
        sections.append(f"## SQLite\n\n{_measured(sqlite, options.rounds)}")
    with _postgresql() as url:
        sections.append(f"## PostgreSQL\n\n{_measured(url, options.rounds)}")
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            facts = machine.describe(connection, ("Flask", "SQLAlchemy", "psycopg"))
        engine.dispose()
    document = "\n\n".join((_introduction(facts, options.rounds), *sections)) + "\n"
    print(document)
    if options.write:
        (HERE / "GATE.md").write_text(document)


def _user_model(db: SQLAlchemy) -> Any:
    class User(db.Model, UserMixin):  # type: ignore[name-defined, misc]
        __tablename__ = "users"

        id: Mapped[int] = mapped_column(primary_key=True)
        platform_id: Mapped[int]
        username: Mapped[str] = mapped_column(sa.String(80))
        email: Mapped[str] = mapped_column(sa.String(255))
        role: Mapped[str] = mapped_column(sa.String(20))
        status: Mapped[str] = mapped_column(sa.String(20))
        created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
        signed_out_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))

    return User


def _measured(url: sa.URL, rounds: int) -> str:
    without, asking, mapped = (
        Host(url, plugin=False),
        Host(url, signed_out=False),
        Host(url),
    )
    mapped.seed()
    runs = {
        "no plugin": without.browser(PLAIN),
        "plugin, no `signed_out=`": asking.browser(PLAIN),
        "plugin, `signed_out=` empty": mapped.browser(PLAIN),
        "plugin, signed out everywhere once, and in again": mapped.browser(SIGNED_OUT),
        "plugin, seeing it as a user": mapped.browser(OWNER, sees=SEEN),
    }
    statements = {}
    for name, run in runs.items():
        with sqlalchemy_statements() as counted:
            run()
        statements[name] = counted.number
    timings = measure_parts(runs, rounds=rounds)
    for host in (without, asking, mapped):
        with host.app.app_context():
            host.db.engine.dispose()
    return table(
        ["", "statements", "ms", "more statements", "more ms"],
        [_row(name, statements, timings) for name in runs],
    )


def _row(name: str, statements: dict[str, int], timings: dict[str, Timing]) -> list[str]:
    base = next(iter(statements))
    timing = timings[name]
    row = [name, str(statements[name]), f"{timing.median:.2f} ({timing.p90:.2f})"]
    if name == base:
        return [*row, "", ""]
    more = timing.median - timings[base].median
    return [*row, str(statements[name] - statements[base]), f"{more:+.2f}"]


@contextmanager
def _postgresql() -> Iterator[sa.URL]:
    """Give an empty database, which is dropped at the end."""
    url = schema.URL.set(database="platform_users_gate")
    server = sa.create_engine(schema.URL.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {url.database}")
        connection.exec_driver_sql(f"CREATE DATABASE {url.database}")
    try:
        yield url
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {url.database} WITH (FORCE)")
        server.dispose()


def _introduction(facts: list[str], rounds: int) -> str:
    return "\n".join(
        (
            "# What the gate adds to a page of the host",
            "",
            f"A page that loads who is signed in, of {USERS:,} users, and renders one template, as "
            f"whole requests in process: {rounds} of each, taking turns, after a warm-up. Median "
            "(90th percentile). Seeing it as a user takes one statement for the impersonation, one "
            "for the user, and one that lists the request; the commit of the last, which waits for "
            "the disk, is most of its time. `python -m bench.gate` repeats this.",
            "",
            *(f"- {line}" for line in facts),
        )
    )


if __name__ == "__main__":
    main()
