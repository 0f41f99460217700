"""A host's product on one database, and what a test does to it and sees of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask, url_for
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_platform_users import Directory, PlatformUsers
from flask_platform_users.directory import ListQuery
from flask_platform_users.paging import Cursor
from flask_platform_users.search import Term

from .hosts import NOON, OWNER, Host, Key, Login, Person
from .html import Node, parse

RICH = 40
"""So many people of a crowd have things of their own."""

HOME = "/home"
"""A page of each host that needs its login, and nothing of the plugin."""


@dataclass(frozen=True)
class Statement:
    """A statement as it went to the database."""

    text: str
    parameters: Any


@dataclass(frozen=True)
class SeenRow:
    """A user as a person reads the list."""

    number: int
    name: str
    email: str
    link: str
    cells: dict[str, str]
    channels: dict[str, int]


@dataclass(frozen=True)
class SeenList:
    """The list as a person sees it."""

    page: Node
    text: str

    @property
    def cards(self) -> dict[str, int]:
        """The numbers of the summary."""
        found = {}
        for card in self.page.all("li", class_="pu-card"):
            (name,) = {
                c.removeprefix("pu-card-")
                for c in card.attributes["class"].split()
                if c not in {"pu-card", "pu-card-current"}
            }
            found[name] = int(card.one(class_="pu-card-value").text.replace(",", ""))
        return found

    @property
    def rows(self) -> list[SeenRow]:
        """The users."""
        return [_row(row) for table in self.page.all("tbody") for row in table.all("tr")]

    @property
    def names(self) -> list[str]:
        """The users' names, in order."""
        return [row.name for row in self.rows]

    def link(self, rel: str) -> str | None:
        """Return where the page after (``next``) or before (``prev``) is."""
        found = self.page.all("a", rel=rel)
        return found[0].attributes["href"] if found else None

    @property
    def links(self) -> list[str]:
        """All addresses on the page."""
        return [node.attributes["href"] for node in self.page.all("a")]

    @property
    def columns(self) -> list[str]:
        """The heads of the table."""
        return [node.text for node in self.page.all("th", scope="col")]


def _row(row: Node) -> SeenRow:
    cells = {cell.attributes["data-label"]: cell for cell in row if "data-label" in cell.attributes}
    contact = cells["Contact"]
    link = contact.one("a")
    email = contact.all(class_="pu-contact-email")
    channels = {}
    for count in cells["Channels"].all(class_="pu-count") if "Channels" in cells else ():
        label, _, number = count.attributes["title"].rpartition(": ")
        channels[label.lower()] = int(number)
    return SeenRow(
        number=int(cells["No"].text.replace(",", "")),
        name=link.text,
        email=email[0].text if email else "",
        link=link.attributes["href"],
        cells={label: cell.text for label, cell in cells.items()},
        channels=channels,
    )


@dataclass
class World:
    """A host's product on one database.

    Attributes:
        kept: what a test may leave to the next because nothing was written since.
    """

    host: Host
    database: str
    app: Flask
    extension: PlatformUsers
    kept: Any = None
    _counter: int = field(default=0, repr=False)

    @classmethod
    def build(cls, host: Host, database: str, urls: Sequence[str]) -> "World":
        """Make the app and its tables."""
        app = host.create_app(*urls)
        app.testing = True
        (extension,) = app.extensions["platform_users"].values()
        found = cls(host, database, app, extension)
        with app.app_context():
            for engine in host.db.engines.values():
                if database == "sqlite":
                    sa.event.listen(engine, "connect", _hurry)
            for metadata in host.metadata():
                metadata.create_all(found._engine(metadata))
        return found

    def _empty(self, connection: sa.Connection, table: sa.Table) -> None:
        if table is not self.extension.mapping.tables.event:
            connection.execute(table.delete())
        elif connection.execute(sa.select(table).limit(1)).first():
            empty_history(connection, table)

    def _engine(self, metadata: sa.MetaData) -> sa.Engine:
        return self.host.db.engines[metadata.info.get("bind_key")]

    @property
    def login_manager(self) -> Any:
        """The app's login manager."""
        return self.app.login_manager  # type: ignore[attr-defined]

    @property
    def engines(self) -> list[sa.Engine]:
        """The engines of all binds."""
        with self.app.app_context():
            return list(self.host.db.engines.values())

    def clean(self) -> None:
        """Delete all rows."""
        self.kept = None
        with self.app.app_context():
            for metadata in self.host.metadata():
                with self._engine(metadata).begin() as connection:
                    for table in reversed(metadata.sorted_tables):
                        self._empty(connection, table)

    def dispose(self) -> None:
        """Close all connections."""
        for engine in self.engines:
            engine.dispose()

    # Filling it

    def platform(self, name: str = "Acme") -> Key:
        """Add a platform."""
        self.kept = None
        with self.app.app_context():
            return self.host.add_platform(name)

    def owner(self, platform: Key) -> Login:
        """Add an owner."""
        self.kept = None
        with self.app.app_context():
            return self.host.add_owner(platform)

    def stranger(self) -> Login:
        """Add somebody who may sign in and see nothing."""
        self.kept = None
        with self.app.app_context():
            return self.host.add_stranger()

    def add(self, *people: Person) -> list[Key]:
        """Add users."""
        self.kept = None
        with self.app.app_context():
            return self.host.add_users(people)

    def person(self, platform: Key, username: str | None = None, **changes: Any) -> Person:
        """Return somebody unremarkable, whose username and email nobody else has."""
        self._counter += 1
        name = username or f"user{self._counter:04d}"
        person = Person(
            platform=platform,
            username=name,
            email=f"mail{self._counter:04d}@example.com",
            roles=(self.host.CAN.roles or ("none",))[:1],
            created=NOON + timedelta(hours=self._counter),
        )
        return replace(person, **changes)

    def crowd(self, platform: Key, number: int) -> list[Person]:
        """Return people of every status, role and channel that the host knows, in turn.

        The first of them have channels and other things; the rest would only take time.
        """
        can = self.host.CAN
        people = []
        for index in range(number):
            person = self.person(
                platform,
                phone=f"+4930{index:06d}" if index % 3 and "phone" in can.fields else None,
                status=can.statuses[index % len(can.statuses)],
                last_login=NOON + timedelta(minutes=7 * (index % 11)) if index % 4 else None,
                created=NOON - timedelta(days=index % 5, minutes=index % 3),
                channels={
                    kind: (index + place) % 3 if index < RICH else 0
                    for place, kind in enumerate(can.channels)
                },
                usage={
                    kind: (index * (place + 1)) % 4 if index < RICH else 0
                    for place, kind in enumerate(can.usage)
                },
                muddled=can.muddle and index % 2 == 0,
            )
            if can.roles:
                person = replace(person, roles=(can.roles[index % len(can.roles)],))
            if can.many_roles:
                person = replace(person, roles=can.roles[: index % (len(can.roles) + 1)])
            people.append(person)
        return people

    def remove(self, *keys: Key) -> None:
        """Delete users with all that points at them."""
        self.kept = None
        column = sa.inspect(self.extension.mapping.users.model).primary_key[0]
        with self.app.app_context(), self._engine(column.table.metadata).begin() as connection:
            for table in reversed(column.table.metadata.sorted_tables):
                for pointer in table.foreign_keys:
                    if pointer.column is column:
                        connection.execute(table.delete().where(pointer.parent.in_(keys)))
            connection.execute(column.table.delete().where(column.in_(keys)))

    def block(
        self, platform: Key, key: Key, *, until: datetime | None = None, reason: str = "spam"
    ) -> None:
        """Block a user in the plugin's own table."""
        self.kept = None
        table = self.extension.mapping.tables.state
        with self.app.app_context():
            engine = self._engine(table.metadata)
            with engine.begin() as connection:
                connection.execute(
                    table.insert().values(
                        platform_key=platform,
                        user_key=key,
                        block_reason=reason,
                        blocked_until=until,
                        blocked_at=datetime.now(UTC),
                    )
                )

    def columns_of(self, key: Key) -> dict[str, Any]:
        """Return the whole row of a user."""
        mapping = self.extension.mapping
        table: Any = mapping.key.class_.__table__
        with self.app.app_context():
            statement = sa.select(table).where(table.c[mapping.key.key] == key)
            row = self.host.db.session.execute(statement, bind_arguments=mapping.bind).one()
            return dict(row._mapping)

    def listed_owner(self, platform: Key) -> list[Person]:
        """Return the owner as a user of their platform, on hosts where they are one."""
        if not self.host.CAN.owner_is_user:
            return []
        return [replace(OWNER, platform=platform)]

    # Looking at it

    def url(self, endpoint: str = "list_users", **values: Any) -> str:
        """Return the address of a page of the plugin."""
        with self.app.test_request_context():
            return url_for(f"{self.extension.name}.{endpoint}", **values)

    def user_url(self, key: Key) -> str:
        """Return the address of a user's details."""
        return self.url("show_user", key=str(key))

    def client(self, login: Login | None = None) -> FlaskClient:
        """Return a browser, signed in if somebody is given."""
        client = self.app.test_client()
        if login is not None:
            self.host.sign_in(client, login)
        return client

    def see(self, client: FlaskClient, url: str | None = None, **arguments: Any) -> SeenList:
        """Open the list."""
        response = client.get(url or self.url(**arguments))
        assert response.status_code == 200, response.text
        return seen(response)

    def walk(self, client: FlaskClient, **arguments: Any) -> list[SeenList]:
        """Open all pages of a listing, from the first to the last."""
        pages = [self.see(client, **arguments)]
        while (url := pages[-1].link("next")) is not None:
            pages.append(self.see(client, url))
            assert len(pages) < 100, "the pages have no end"
        return pages

    @contextmanager
    def directory(self, platform: Key) -> Iterator[Directory]:
        """Open what reads one platform, in a session of its own."""
        with self.app.app_context():
            yield self.extension.directory(platform)

    @contextmanager
    def statements(self) -> Iterator[list[Statement]]:
        """Collect every statement that any engine runs meanwhile."""
        found: list[Statement] = []

        def note(_c: Any, _cursor: Any, text: str, parameters: Any, _ctx: Any, _m: bool) -> None:
            found.append(Statement(text, parameters))

        engines = self.engines
        for engine in engines:
            sa.event.listen(engine, "before_cursor_execute", note)
        try:
            yield found
        finally:
            for engine in engines:
                sa.event.remove(engine, "before_cursor_execute", note)

    def cost(self, client: FlaskClient, url: str) -> int:
        """Count the statements of a request beside those of the host's own login."""
        with self.statements() as login:
            assert client.get(HOME).status_code == 200
        with self.statements() as all_:
            client.get(url)
        return len(all_) - len(login)


def query(
    words: str = "",
    *,
    per_page: int = 25,
    cursor: Cursor | None = None,
    descending: bool = False,
    **terms: str | None,
) -> ListQuery:
    """Return what the list is asked for: words, and a value for each of some filters."""
    return ListQuery(
        words=words,
        terms=tuple(Term(name, value) for name, value in terms.items() if value is not None),
        descending=descending,
        per_page=per_page,
        cursor=cursor,
    )


def seen(response: TestResponse) -> SeenList:
    """Read a page."""
    return SeenList(parse(response.text), response.text)


def empty_history(connection: sa.Connection, table: sa.Table) -> None:
    """Delete all events past the triggers that refuse it, as only an owner of the table can."""
    name = connection.dialect.identifier_preparer.format_table(table)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER USER")
        connection.execute(table.delete())
        connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE TRIGGER USER")
    elif connection.dialect.name == "sqlite":
        table.drop(connection)
        table.create(connection)
    else:  # which fires no trigger for it
        connection.exec_driver_sql(f"TRUNCATE {name}")


def _hurry(connection: Any, _record: object) -> None:
    """Let SQLite be as forgetful as it likes, but not in its foreign keys."""
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA foreign_keys = ON")
