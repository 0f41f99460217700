"""The example product with somebody in every state its pages can be in, served to a browser."""

import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import sqlalchemy as sa
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from example_app.models import Channel, Plan, Platform, Subscription, User, db, utc_now
from example_app.platform_users import ProductPolicy
from flask_platform_users import ModelBilling

from .product import USERS, Product
from .skins import dressed

LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff-Nachfahrin der Großbäckerei am Rathausmarkt"
WHY = "She says that a campaign was sent twice; looking at it with her"
SINGLE = "owner@hooli.example"
NOBODYS = "nobody@empty.example"
BROKEN = "broken@mail.example"
BREAKS = {
    "database": sa.exc.OperationalError("SELECT 1", {}, Exception("the server is gone")),
    "question": sa.exc.ProgrammingError("SELECT 1", {}, Exception("no such column")),
    "product": RuntimeError("broken on purpose"),
}
"""What ``?breaks=`` lets happen before a request is answered."""


class Showroom(Product):
    """The product, and the people and jobs that the states are about, each by its name.

    Attributes:
        keys: what stands between braces in the address of a state.
    """

    def __init__(self, app: Flask, address: str) -> None:
        super().__init__(app)
        self.address = address
        self.keys: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self._sessions: dict[str, FlaskClient] = {"owner": self.owner}
        self._numbers = itertools.count(1)
        self.people()
        self.actions()
        self.jobs()
        self.overlays()

    # What is shown

    def people(self) -> None:
        """Make a user for each state, and platforms of one user and of none."""
        find = {
            "active": User.email == "user@acme.example",
            "pending": User.status == "pending",
            "plain": User.status == "inactive",
        }
        with self.app.app_context():
            for name, condition in find.items():
                mine = sa.select(sa.func.min(User.id)).where(User.platform_id == 1, condition)
                self.keys[name] = db.session.scalar(mine)
        for name in ("blocked", "deleted", "over", "impersonated"):
            self.keys[name], self.names[name] = self.some_user()
        self.keys["broken"] = self.add("Billie Broken", BROKEN)
        self.keys["arabic"] = self.add("ليلى حداد", "layla@post.example", language="ar")
        self.keys["long"] = self.add(LONG_NAME, f"{'very.long.name.' * 4}@post.example")
        with self.app.app_context():
            starter = db.session.scalars(
                sa.select(Plan).where(Plan.platform_id == 1).order_by(Plan.id)
            ).first()
            assert starter is not None
            ends = utc_now() + timedelta(days=12)
            over = sa.delete(Subscription).where(Subscription.user_id == self.keys["over"])
            db.session.execute(over)
            for name in ("over", "long"):
                key = self.keys[name]
                db.session.add(Subscription(user_id=key, plan_id=starter.id, ends_at=ends))
                db.session.add_all(
                    Channel(user_id=key, platform_id=1, kind="webchat", name=f"chat {n}")
                    for n in range(5)
                )
            hooli = Platform(slug="hooli", name="Hooli", color="#0f766e", logo="logos/globex.svg")
            db.session.add(hooli)
            db.session.commit()
            alone = hooli.id
        for name in ("second", "third", "fourth", "fifth"):
            self.add(f"{name.title()} Owner", f"{name}@acme.example", role="owner")
        self.add("Solveig Allein", SINGLE, role="owner", platform=alone)
        self.add("Nico Nemo", NOBODYS, role="owner", platform=2)

    def add(
        self,
        name: str,
        email: str,
        *,
        role: str = "agent",
        platform: int = 1,
        language: str | None = None,
    ) -> int:
        """Add somebody, and return their key."""
        with self.app.app_context():
            hashed = db.session.scalars(sa.select(User.password_hash).limit(1)).one()
            user = User(
                platform_id=platform,
                username=name,
                email=email,
                password_hash=hashed,
                phone="+49 151 00000000",
                role=role,
                status="active",
                language=language,
            )
            db.session.add(user)
            db.session.commit()
            return user.id

    def actions(self) -> None:
        """Do to them what the pages tell of."""
        keys = self.keys
        active = keys["active"]
        with self.app.app_context():
            plan = db.session.scalar(sa.select(Plan.id).where(Plan.name == "Scale"))
        for text, pinned in (("Call before anything is changed.", "y"), ("Asked for a demo.", "")):
            self.act("add_note", active, text=text, **({"pinned": pinned} if pinned else {}))
        self.give("assign_plan", active, offer=str(plan), period="month", reason="Pilot customer")
        self.give("assign_plan", keys["long"], offer=str(plan), period="year", reason="Partner")
        blocked = {"reason": "Subscription overdue", "until": self.in_days(40)}
        done = self.act("block", keys["blocked"], **blocked)
        keys["done"] = done.location.partition("done=")[2]
        self.delete(keys["deleted"], self.names["deleted"])
        self.act("block", active, reason="Under review")
        self.act("unblock", active)
        self.act("delete", active, reason="Never", confirm="somebody else")
        self.owner.post(f"{USERS}/do/block/{active}", data={"csrf_token": "wrong"})

    def give(self, action: str, key: int, **fields: str) -> TestResponse:
        """Give something by hand, which shows first what changes."""
        shown = self.act(action, key, **fields)
        return self.owner.post(f"{USERS}/do/{action}/{key}", data=self.hidden(shown.text) | fields)

    def in_days(self, days: int) -> str:
        """Return a moment to come, as a form sends it."""
        return f"{utc_now() + timedelta(days=days):%Y-%m-%dT%H:%M}"

    def jobs(self) -> None:
        """Order jobs, and stop them in each of their states."""
        for owner in ("owner", "second", "third", "fifth"):
            self.session(owner)
        self.order("third", upto="list")
        self.keys["trial"] = self.order("owner")
        self.keys["forbidden"] = self.order("second", alone=True)
        done = self.order("fourth")
        self.send("fourth", f"/jobs/{done}/do")
        self.keys["finished"] = done
        for state in ("checking", "running", "stopped"):
            self.keys[state] = self.order("fourth", reason="Passwords were stolen")
            self.halt(self.keys[state], state)
        self.keys["asked"] = self.order("fifth", upto="form")

    def order(
        self,
        owner: str,
        *,
        alone: bool = False,
        upto: Literal["list", "form", "trial"] = "trial",
        reason: str = "Under review",
    ) -> str:
        """Choose 40 users, ask for blocking them, and return the job; ``alone`` with its owner."""
        browser = self.session(owner)
        with self.app.app_context():
            agents = sa.select(User.id).where(User.role == "agent", User.platform_id == 1)
            active = agents.where(User.status == "active").order_by(User.id).limit(40)
            keys = [str(key) for key in db.session.scalars(active)]
            if alone:
                owners = sa.select(User.id).where(User.role == "owner", User.platform_id == 1)
                keys += [str(key) for key in db.session.scalars(owners)]
        fields = {"key": keys, "listed": keys, "go": "keep" if upto == "list" else "do:block"}
        page = browser.get(f"{USERS}/")
        fields["csrf_token"] = self.hidden(page.text)["csrf_token"]
        chosen = browser.post(f"{USERS}/many", data=fields)
        assert chosen.status_code == 303, chosen.text
        address: str = chosen.location
        if upto != "trial":
            return address.rpartition("/many/")[2].partition("/")[0]
        form = {"reason": reason, "mode": "together" if alone else "each"}
        token = {"csrf_token": self.hidden(browser.get(address).text)["csrf_token"]}
        tried = browser.post(address, data=form | token)
        assert tried.status_code == 303, tried.text
        job: str = tried.location.rpartition("/")[2]
        return job

    def send(self, owner: str, path: str) -> TestResponse:
        """Send an empty form."""
        browser = self.session(owner)
        token = self.hidden(browser.get(f"{USERS}/").text)["csrf_token"]
        return browser.post(f"{USERS}{path}", data={"csrf_token": token})

    def halt(self, job: str, state: str) -> None:
        """Leave a job as it is between two of its units."""
        tables = self.extension.mapping.tables
        rows, items, now = tables.job.c, tables.job_item.c, utc_now()
        half = items.n <= 23
        with self.app.app_context():
            values: dict[str, Any] = {"state": state, "started_at": now}
            if state == "stopped":
                values |= {"ended_at": now, "why": "Its owner may not do this any more."}
            db.session.execute(sa.update(tables.job).where(rows.id == job).values(values))
            part = {"expected": None} if state == "checking" else {"outcome": "done"}
            mine = items.job_id == job
            chosen = sa.and_(mine, ~half) if state == "checking" else sa.and_(mine, half)
            db.session.execute(sa.update(tables.job_item).where(chosen).values(part))
            db.session.commit()

    def overlays(self) -> None:
        """Let an owner see the product as somebody, and another one have done so."""
        self.see(self.session("second"), self.keys["impersonated"])
        third = self.session("third")
        self.see(third, self.keys["active"])
        for path in ("/", "/inbox", "/contacts", "/password"):
            third.get(path)
        banner = third.get("/").text.partition("data-platform-users-banner")[2]
        third.post(f"{USERS}/impersonations/stop", data=self.hidden(banner))
        with self.app.app_context():
            seq = self.extension.mapping.tables.impersonation.c.seq
            self.keys["seen"] = db.session.scalar(sa.select(sa.func.max(seq)))

    def see(self, browser: FlaskClient, key: int, **fields: str) -> None:
        """Begin to see the product as somebody."""
        address = f"{USERS}/do/impersonate/{key}"
        form = self.hidden(browser.get(address).text)
        answer = browser.post(address, data=form | {"reason": WHY, "minutes": "30"} | fields)
        assert answer.status_code == 303, answer.text

    # Who looks

    def session(self, name: str) -> FlaskClient:
        """Return the browser in which somebody is signed in, the same each time."""
        if name not in self._sessions:
            emails = {"nobody": NOBODYS, "single": SINGLE, "guest": ""}
            client = self.app.test_client()
            email = emails.get(name, f"{name}@acme.example")
            self._sessions[name] = self.sign_in(email) if email else client
        return self._sessions[name]

    @property
    def user_agent(self) -> str:
        """What those browsers call themselves, as one has to where a fresh sign-in is asked for."""
        return str(self.owner.environ_base["HTTP_USER_AGENT"])

    def cookie(self, name: str) -> str:
        """Return the session cookie of somebody; ``ended`` is one whose impersonation ran out."""
        browser = self.expired() if name == "ended" else self.session(name)
        cookie = browser.get_cookie("session")
        return cookie.value if cookie else ""

    def expired(self) -> FlaskClient:
        """Return the browser of somebody who saw the product as a user for too long."""
        name = f"late{next(self._numbers)}"
        self.add("Lea Late", f"{name}@acme.example", role="owner")
        browser = self.sign_in(f"{name}@acme.example")
        self.see(browser, self.keys["impersonated"])
        rows = self.extension.mapping.tables.impersonation
        with self.app.app_context():
            late = {"ends_at": utc_now() - timedelta(seconds=1)}
            mine = rows.c.seq == sa.select(sa.func.max(rows.c.seq)).scalar_subquery()
            db.session.execute(sa.update(rows).where(mine).values(late))
            db.session.commit()
        return browser

    def overtake(self, name: str) -> None:
        """Change the status of a user under the hands of whoever has a form open."""
        user = sa.update(User).where(User.id == self.keys[name])
        other = sa.case((User.status == "active", "inactive"), else_="active")
        with self.app.app_context():
            db.session.execute(user.values(status=other))
            db.session.commit()


@contextmanager
def opened(folder: Path | None = None, *, skin: str | None = None) -> Iterator[Showroom]:
    """Make everything on a SQLite database, and serve it until the end, in the layout of a skin."""
    with tempfile.TemporaryDirectory(dir=folder) as place, _spoilt():
        app = dressed(f"sqlite:///{Path(place) / 'showroom.sqlite3'}", skin)
        app.logger.disabled = True  # what breaks here breaks on purpose

        @app.before_request
        def _break() -> None:
            if error := BREAKS.get(request.args.get("breaks", "")):
                raise error

        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Showroom(app, f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


@contextmanager
def _spoilt() -> Iterator[None]:
    """Let the billing fail for one user, and one owner run a platform that has no users."""
    subscription: Callable[..., Any] = ModelBilling.subscription
    platform_of: Callable[..., Any] = ProductPolicy.platform_of

    def failing(self: Any, user: Any) -> Any:
        if user.email == BROKEN:
            raise ConnectionError("the billing does not answer")
        return subscription(self, user)

    def of_nobody(self: Any, actor: Any) -> Any:
        return 10**6 if actor.email == NOBODYS else platform_of(self, actor)

    with (
        mock.patch.object(ModelBilling, "subscription", failing),
        mock.patch.object(ProductPolicy, "platform_of", of_nobody),
    ):
        yield
