"""A platform at work: its owner at a browser, a few users, and forms to fill in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_platform_users.audit import Chain, Keys
from flask_platform_users.history import Event, History, HistoryQuery
from flask_platform_users.settings import Settings

from .hosts import Key, Login
from .html import parse
from .world import World

SOON = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=300)
UNTIL = f"{SOON:%Y-%m-%dT%H:%M}"


class Office:
    """A platform with an owner at work and a few users."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.platform: Key = world.platform()
        self.owner: Login = world.owner(self.platform)
        self.client: FlaskClient = world.client(self.owner)
        self.statuses = world.host.CAN.statuses
        people = [world.person(self.platform, status=status) for status in self.statuses]
        self.users = dict(zip(self.statuses, world.add(*people), strict=True))
        self.user: Key = self.users["active"]
        self.name = people[self.statuses.index("active")].username

    def ask(self, action: str, key: Key) -> TestResponse:
        """Open the form of an action."""
        return self.client.get(self.url(action, key))

    def do(self, action: str, key: Key, **fields: str) -> TestResponse:
        """Open it and send it."""
        return self.send(action, key, self.hidden(action, key) | fields)

    def send(self, action: str, key: Key, fields: dict[str, str]) -> TestResponse:
        """Send it."""
        return self.client.post(self.url(action, key), data=fields)

    def hidden(self, action: str, key: Key) -> dict[str, str]:
        """Open it and return what goes along."""
        return hidden(self.ask(action, key))

    def export(self, endpoint: str, **arguments: str) -> TestResponse:
        """Ask for a file, by the form of the page that it is of."""
        page = {"export_users": "list_users", "export_history": "show_history"}[endpoint]
        token = hidden(self.client.get(self.world.url(page)))["csrf_token"]
        return self.client.post(self.world.url(endpoint, **arguments), data={"csrf_token": token})

    def url(self, action: str, key: Key) -> str:
        """Return its address."""
        return self.world.url("act", name=action, key=str(key))

    def status(self, key: Key, at: datetime | None = None) -> str:
        """Return a user's status, now or at another moment."""
        with self.world.directory(self.platform) as directory:
            if at is not None:
                object.__setattr__(directory, "now", lambda: at)
            return directory.user(str(key)).status

    def events(self, **query: Any) -> list[Event]:
        """Return what the history tells, newest first."""
        with self.world.directory(self.platform) as directory:
            return History(directory).page(HistoryQuery(**query)).events

    def told(self) -> list[tuple[str, str]]:
        """Return what was done and how that went, oldest first."""
        return [(event.action, event.outcome) for event in reversed(self.events())]

    def writable(self) -> tuple[str, ...]:
        """Return the statuses that the host can write."""
        return self.world.extension.mapping.writable


def hidden(form: TestResponse) -> dict[str, str]:
    """Return what goes along with a form."""
    return {
        node.attributes["name"]: node.attributes["value"]
        for node in parse(form.text).all("input", type="hidden")
    }


def alert(response: TestResponse) -> str:
    """Return the sentence that says why something was not done."""
    return parse(response.text).one(role="alert").text


def verify(office: Office) -> None:
    """Check that the history of the office's platform is as it was written."""
    world = office.world
    with world.directory(office.platform) as directory:
        keys: Keys = Settings.of(world.app).keys(world.app)
        mapping = directory.mapping
        chain = Chain(mapping.tables, directory.session, office.platform, keys, mapping.bind)
        assert chain.verify(chain.head()) is None


class failing:  # noqa: N801  # read as "with failing(...)"
    """Have one statement fail, by its number from 0."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.left = world, number

    def _fail(self, _c: Any, _cursor: Any, text: str, *_: Any) -> None:
        self.left -= 1
        if self.left == -1:
            raise sa.exc.OperationalError(text, {}, Exception("the disk is on fire"))

    def __enter__(self) -> None:
        for engine in self.world.engines:
            sa.event.listen(engine, "before_cursor_execute", self._fail)

    def __exit__(self, *_: object) -> None:
        for engine in self.world.engines:
            sa.event.remove(engine, "before_cursor_execute", self._fail)
