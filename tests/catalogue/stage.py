"""What a case is played on: a product, an owner who may look, a user who is looked at, browsers."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_platform_users.history import Event, HistoryQuery
from flask_platform_users.impersonation import Impersonations, Receipt
from flask_platform_users.settings import Settings

from ..hosts import Key
from ..hosts.pages import Product, key_of, product_of
from ..world import World

REASON = "Ticket 4711: the list stays empty"
GONE = object()
"""In place of a platform: they run none any more."""


class Stage:
    """A platform of its own on a host's product, with an owner and two users.

    Attributes:
        browser: where the owner is signed in, and starts and stops.
        desk: where the same owner works in the meantime.
        owner_key: the owner's own key, as a person.
        patch: puts everything back after the case.
    """

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.patch = patch
        self.product: Product = product_of(world.app)
        self.product.acted.clear()
        self.product.signed_in.clear()
        self.platform: Key = world.platform()
        self.owner = world.owner(self.platform)
        self.user, self.other = self.add(), self.add()
        self.browser = world.client(self.owner)
        self.owner_key = str(self.who(self.browser))
        self.runs: dict[str, Any] = {}
        patch.setattr(self.product, "forced", False)

    # Who there is

    def add(self, platform: Key = None, **changes: Any) -> Key:
        """Add a user to a platform, the owner's by default."""
        person = self.world.person(self.platform if platform is None else platform, **changes)
        (key,) = self.world.add(person)
        return key

    @cached_property
    def desk(self) -> FlaskClient:
        """Return a second browser of the owner's."""
        return self.world.client(self.owner)

    def id_of(self, key: Key) -> str:
        """Return by what the session knows a person."""
        with self.world.app.app_context():
            model = self.world.extension.users.model
            return str(self.world.host.db.session.get_one(model, int(key)).get_id())

    def person(self, key: Key, *, remember: bool = False) -> FlaskClient:
        """Return a browser in which a user signed in."""
        browser = self.world.client()
        assert self.sign_in(browser, key, remember=remember).status_code == 200
        return browser

    def sign_in(self, browser: FlaskClient, key: Key, *, remember: bool = False) -> TestResponse:
        """Sign a user in by the product's own page."""
        more = {"remember": "1"} if remember else {}
        return self.post(browser, "sign-in", user=str(key), **more)

    def copy(self, browser: FlaskClient, *names: str) -> FlaskClient:
        """Return another browser that has the same cookies, or those of some names."""
        other = self.world.client()
        for name in names or ("session", "remember_token"):
            cookie = browser.get_cookie(name)
            if cookie is not None:
                other.set_cookie(name, cookie.value)
        return other

    @contextmanager
    def forged(self, browser: FlaskClient) -> Iterator[Any]:
        """Let the session of a browser be changed by somebody who knows the secret key."""
        with browser.session_transaction() as session:
            yield session

    def let_run(self, key: Key, platform: Any) -> None:
        """Let a person run a platform, or none (``GONE``), from now on."""
        if not self.runs:
            policy = self.world.extension.policy
            real = policy.platform_of

            def platform_of(actor: Any) -> Any:
                found = self.runs.get(key_of(actor), real)
                return real(actor) if found is real else None if found is GONE else found

            self.patch.setattr(policy, "platform_of", platform_of)
        self.runs[str(key)] = platform

    # What they see and do

    def get(self, browser: FlaskClient, page: str = "page", **more: Any) -> TestResponse:
        """Open a page of the product."""
        return browser.get(f"/product/{page}", **more)

    def who(self, browser: FlaskClient) -> str | None:
        """Return whom the product takes a browser for: a key, or None for nobody."""
        response = self.get(browser, "who")
        return response.json["who"] if response.status_code == 200 and response.json else None

    def token(self, browser: FlaskClient) -> str:
        """Return the token that forms in this browser have."""
        return found[1] if (found := _HIDDEN.search(self.get(browser, "form").text)) else ""

    def post(
        self, browser: FlaskClient, page: str = "note", *, method: str = "POST", **fields: str
    ) -> TestResponse:
        """Send a form of the product."""
        token = self.token(browser)
        headers = {"X-CSRFToken": token}
        return browser.open(
            f"/product/{page}",
            method=method,
            data={"csrf_token": token} | fields,
            headers=headers,
        )

    def send_unseen(self, browser: FlaskClient) -> TestResponse:
        """Send a form without opening anything before."""
        return browser.post("/product/note", data={"csrf_token": "any"})

    # Beginning and ending

    def url(self, key: Key = None, action: str = "impersonate") -> str:
        """Return the address of an action on a user."""
        return self.world.url("act", name=action, key=str(self.user if key is None else key))

    @property
    def stop_url(self) -> str:
        """The address of the button that stops."""
        return self.world.url("stop_impersonation")

    def form(self, key: Key = None, browser: FlaskClient | None = None) -> dict[str, str]:
        """Open the form that begins, and fill it in."""
        browser = browser or self.browser
        page = browser.get(self.url(key))
        hidden = dict(_HIDDEN_FIELDS.findall(page.text))
        hidden.setdefault("csrf_token", self.token(browser))
        return {**hidden, "reason": REASON, "minutes": "30"}

    def send(
        self, fields: dict[str, str], key: Key = None, browser: FlaskClient | None = None
    ) -> TestResponse:
        """Send the form that begins."""
        return (browser or self.browser).post(self.url(key), data=fields)

    def start(
        self, key: Key = None, *, browser: FlaskClient | None = None, **fields: str
    ) -> TestResponse:
        """Begin, or try to."""
        return self.send(self.form(key, browser) | fields, key, browser)

    def begin(self, *, changes: bool = False, browser: FlaskClient | None = None) -> FlaskClient:
        """Begin to see the product as the user, and return the browser."""
        browser = browser or self.browser
        more = {"allow_changes": "y"} if changes else {}
        assert self.start(browser=browser, **more).status_code in {302, 303}
        assert self.who(browser) == str(self.user)
        return browser

    def stop(self, browser: FlaskClient | None = None, **fields: str) -> TestResponse:
        """Press the button that stops."""
        browser = browser or self.browser
        return browser.post(self.stop_url, data={"csrf_token": self.token(browser)} | fields)

    def act(self, action: str, key: Key, **fields: str) -> None:
        """Do something to a user, as the owner, in the second browser."""
        hidden = dict(_HIDDEN_FIELDS.findall(self.desk.get(self.url(key, action)).text))
        response = self.desk.post(self.url(key, action), data=hidden | fields)
        assert response.status_code == 303, response.text

    def block(self, key: Key) -> None:
        """Block a user by the page."""
        self.act("block", key, reason="They send spam")

    def block_quietly(self, key: Key) -> None:
        """Block a user in the tables, as another process does."""
        self.world.block(self.platform, key)

    def block_owner(self) -> None:
        """Block the owner, on hosts where owners are users."""
        self.block_quietly(self.owner.user)

    def remove(self, key: Key) -> None:
        """Delete the row of a user, as a program of the host's may."""
        self.world.remove(key)

    def status(self, key: Key) -> str:
        """Return a user's status."""
        with self.world.directory(self.platform) as directory:
            return directory.user(str(key)).status

    def columns_of(self, key: Key) -> dict[str, Any]:
        """Return the whole row of a user."""
        return self.world.columns_of(key)

    def delete(self, key: Key) -> None:
        """Delete a user by the page."""
        with self.world.directory(self.platform) as directory:
            name = directory.user(str(key)).name
        self.act("delete", key, reason="They left us", confirm=name)

    def sign_out_everywhere(self, key: Key) -> None:
        """End all sessions of a user by the page."""
        self.act("sign_out", key, reason="A lost telephone")

    # What remains of it

    @property
    def impersonations(self) -> Impersonations:
        """What the mount keeps of them; inside an app context."""
        return self.world.extension._impersonations()

    def rows(self) -> list[Receipt]:
        """Return all impersonations of the platform, the first one first."""
        with self.world.app.app_context():
            found, db = self.impersonations, self.world.host.db
            table = found.table.c
            mine = sa.select(table.seq).where(table.platform_key == self.platform)
            numbers = db.session.execute(mine.order_by(table.seq)).scalars().all()
            receipts = [found.receipt(self.platform, number) for number in numbers]
        return [receipt for receipt in receipts if receipt is not None]

    def live(self) -> int:
        """Count those that go on."""
        return sum(row.ended_at is None for row in self.rows())

    def ends(self) -> list[str]:
        """Return why those ended that did."""
        return [row.end for row in self.rows() if row.ended_at is not None]

    def events(self) -> list[Event]:
        """Return what the history tells, oldest first."""
        with self.world.app.app_context():
            return self.world.extension.history(self.platform).page(HistoryQuery()).events[::-1]

    def told(self) -> list[tuple[str, str]]:
        """Return what was done and how that went, oldest first."""
        return [(event.action, event.outcome) for event in self.events()]

    # The world around it

    def later(self, **time: float) -> None:
        """Let time pass for the impersonations of the platform."""
        with self.world.app.app_context():
            db, table = self.world.host.db, self.impersonations.table
            for row in self.rows():
                moved: dict[str, Any] = {
                    name: getattr(row, name) - timedelta(**time)
                    for name in ("started_at", "ends_at", "writes_until")
                    if getattr(row, name) is not None
                }
                db.session.execute(sa.update(table).where(table.c.id == row.id).values(moved))
            db.session.commit()

    def read_only_again(self) -> None:
        """Let the minutes be over in which changes were allowed."""
        with self.world.app.app_context():
            db, table = self.world.host.db, self.impersonations.table
            mine = table.c.platform_key == self.platform
            db.session.execute(sa.update(table).where(mine).values(writes_until=None))
            db.session.commit()

    @contextmanager
    def moved(self, by: timedelta) -> Iterator[None]:
        """Set the clock forward or back."""
        with self.world.app.app_context(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.impersonations, "now", lambda: datetime.now(UTC) + by)
            yield

    @contextmanager
    def failing(self, pattern: str, error: str = "OperationalError") -> Iterator[None]:
        """Let the database fail under statements that match a pattern."""

        def strike(_cursor: Any, statement: str, _parameters: Any, context: Any) -> None:
            if re.search(pattern, statement, re.IGNORECASE):
                raise getattr(context.dialect.dbapi, error)("the disk is on fire")

        engines = self.world.engines
        for engine in engines:
            sa.event.listen(engine, "do_execute", strike)
        try:
            yield
        finally:
            for engine in engines:
                sa.event.remove(engine, "do_execute", strike)

    @contextmanager
    def switched_off(self) -> Iterator[World]:
        """Start the product once more on the same database, with impersonation switched off."""
        of = Settings.of
        world, engines = self.world, self.world.engines
        urls = [engine.url.render_as_string(hide_password=False) for engine in engines]
        with pytest.MonkeyPatch.context() as patch:
            off = lambda app: replace(of(app), impersonation=False)  # noqa: E731
            patch.setattr(Settings, "of", off)
            again = World.build(world.host, world.database, urls)
        yield again
        again.dispose()

    @contextmanager
    def acting_in_the_middle_of_a_page(self, what: Callable[[], object]) -> Iterator[None]:
        """Let something happen while a page is being made."""
        self.product.meanwhile = what
        try:
            yield
        finally:
            self.product.meanwhile = int

    def refused(self, response: TestResponse, *statuses: int) -> None:
        """Check that nothing began: a refusal, no row, and the owner is who they are."""
        assert response.status_code in statuses, (response.status_code, response.text)
        assert self.live() == 0
        assert self.who(self.browser) == self.owner_key


_HIDDEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_HIDDEN_FIELDS = re.compile(r'type="hidden" name="([^"]+)" value="([^"]*)"')
