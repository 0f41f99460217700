"""A session token that is not the key, CSRF protection, ``disabled_at`` and JSON for the status.

Its billing is code of its own, over a JSON column. The role is an expression. Flask-Babel is
installed, and not initialised.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, redirect, render_template_string, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import JSON, DateTime, ForeignKey, Index, MetaData, String, case, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import (
    AddOn,
    Count,
    Money,
    Offer,
    PlatformUsers,
    Policy,
    Status,
    Subscription,
    Users,
)

from .interface import ADD_ONS, OWNER, PLANS, Abilities, Login, Person
from .pages import IMPERSONATION, add_pages

NAME = "e-token"
CAN = Abilities(
    statuses=("active", "inactive", "blocked", "pending"),
    roles=("admin", "agent"),
    owner_is_user=True,
    muddle=True,
    managed=True,
)


class Base(DeclarativeBase):
    """The declarative base."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Site(Model):
    """A platform."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class Member(Model, UserMixin):  # type: ignore[misc]
    """A user, known to the session by a token that can be changed."""

    __table_args__ = (Index("ix_member_made", "site_id", "made_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey(Site.id))
    token: Mapped[str] = mapped_column(String(64), unique=True)
    username: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(190))
    phone: Mapped[str | None] = mapped_column(String(30))
    level: Mapped[int]
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime)
    profile: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    account: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    login_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    def get_id(self) -> str:
        """Return the token."""
        return self.token


class Channel(Model):
    """A connected account of any kind."""

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey(Site.id), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey(Member.id), index=True)
    kind: Mapped[str] = mapped_column(String(20))


class Item(Model):
    """Anything else that a user has. It points at the user without a foreign key."""

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(20))


EDITIONS = {f"plan:{plan.name}": plan.offer("plan", f"plan:{plan.name}") for plan in PLANS}
EXTRAS = {f"extra:{extra.name}": extra.offer("add_on", f"extra:{extra.name}") for extra in ADD_ONS}


class JsonBilling:
    """What members subscribed to: ``{"plan", "ends", "extras", "provider"}``."""

    def offers(self, platform: int) -> list[Offer]:  # noqa: ARG002
        """Return what all sites sell."""
        return [*EDITIONS.values(), *EXTRAS.values()]

    def subscription(self, user: Member) -> Subscription | None:
        """Read the column."""
        account = user.account or {}
        if not account.get("plan"):
            return None
        plan = EDITIONS[account["plan"]]
        return Subscription(
            plan=plan.name,
            plan_key=plan.key,
            price=plan.price,
            ends=account.get("ends") and datetime.fromisoformat(account["ends"]),
            add_ons=[self._add_on(*item) for item in account.get("extras", {}).items()],
            limits=plan.limits,
            features=plan.features,
        )

    def managed(self, user: Member) -> bool:
        """Members may pay in an app store."""
        return bool((user.account or {}).get("provider"))

    def assign(
        self,
        user: Member,
        plan: str | None,
        *,
        price: Money | None = None,  # noqa: ARG002
        renews: datetime | None = None,  # noqa: ARG002
        ends: datetime | None = None,
    ) -> None:
        """Write plan and end."""
        end = ends and ends.isoformat()
        user.account = {**(user.account or {}), "plan": plan, "ends": end}

    def give(self, user: Member, add_on: str) -> None:
        """Count one more."""
        self._change(user, add_on, 1)

    def take(self, user: Member, add_on: str) -> None:
        """Count one less."""
        self._change(user, add_on, -1)

    def _change(self, user: Member, add_on: str, step: int) -> None:
        account = user.account or {}
        extras = {**account.get("extras", {})}
        extras[add_on] = extras.get(add_on, 0) + step
        user.account = {**account, "extras": {key: n for key, n in extras.items() if n > 0}}

    def _add_on(self, key: str, quantity: int) -> AddOn:
        offer = EXTRAS[key]
        return AddOn(
            name=offer.name, price=offer.price, quantity=quantity, key=key, limits=offer.limits
        )


billing = JsonBilling


def mount(app: Flask) -> None:
    """Mount the page."""

    class Owners(Policy):
        def platform_of(self, actor: Member) -> int | None:
            return actor.site_id if actor.level >= 100 else None

    def channel(kind: str) -> Count:
        return Count(kind, Channel.member_id, where=Channel.kind == kind, platform=Channel.site_id)

    def write(member: Member, status: str) -> None:
        member.disabled_at = datetime.now() if status == "inactive" else None  # noqa: DTZ005
        member.profile = {"state": {"blocked": "banned", "pending": "invited"}.get(status)}

    PlatformUsers(
        db,
        api=True,
        users=Users(
            Member,
            platform=Member.site_id,
            username=Member.username,
            email=Member.email,
            phone=Member.phone,
            role=case((Member.level >= 100, "owner"), (Member.level >= 10, "admin"), else_="agent"),
            status=Status(
                active=Member.disabled_at.is_(None),
                inactive=Member.disabled_at.is_not(None),
                blocked=Member.profile["state"].as_string() == "banned",
                pending=Member.profile["state"].as_string() == "invited",
                write=write,
            ),
            last_login=Member.login_at,
            created=Member.made_at,
        ),
        channels=[channel(kind) for kind in CAN.channels],
        usage=[Count(kind, Item.member_id, where=Item.kind == kind) for kind in CAN.usage],
        billing=billing(),
        policy=Owners(),
        impersonation=IMPERSONATION,
    ).init_app(app, url_prefix="/site/members")


FORM = "<form method='post'><input name='csrf_token' value='{{ csrf_token() }}'></form>"


def create_app(url: str, *_: str) -> Flask:
    """Return the product."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="e", SQLALCHEMY_DATABASE_URI=url)
    db.init_app(app)
    CSRFProtect(app)
    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(
        lambda token: db.session.execute(select(Member).filter_by(token=token)).scalar()
    )

    @login_manager.request_loader  # type: ignore[untyped-decorator]
    def by_header(asked: Request) -> Member | None:
        token = asked.headers.get("X-Token")
        if token is None:
            return None
        return db.session.execute(select(Member).filter_by(token=token)).scalar()

    @app.route("/login", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        if request.method == "GET":
            return render_template_string(FORM)
        email = request.form["email"]
        login_user(db.session.execute(select(Member).filter_by(email=email)).scalar_one())
        return redirect("/home")

    @app.route("/home")
    @login_required  # type: ignore[untyped-decorator]
    def home() -> str:
        return f"Hello {current_user.username}"

    mount(app)
    add_pages(app, lambda key: db.session.get(Member, key))
    return app


def metadata() -> Sequence[MetaData]:
    """Return where the tables are."""
    return [Base.metadata]


def add_platform(name: str) -> int:
    """Add a site."""
    site = Site(name=name)
    db.session.add(site)
    db.session.commit()
    return site.id


LEVELS = {"owner": 100, "admin": 10, "agent": 1}
WORDS = {"blocked": "banned", "pending": "invited"}


def _member(person: Person) -> Member:
    off = person.status == "inactive" or (person.muddled and person.status == "blocked")
    word = WORDS.get(person.status)
    if person.muddled and person.status == "inactive":
        word = "invited"
    profile: dict[str, Any] | None = {"colour": "red"}
    if word:
        profile = {"state": word}
    elif person.muddled:
        profile = None
    return Member(
        site_id=person.platform,
        token=secrets.token_hex(16),
        username=person.username,
        email=person.email,
        phone=person.phone,
        level=LEVELS[person.roles[0]],
        disabled_at=(person.created + timedelta(days=1)).replace(tzinfo=None) if off else None,
        profile=profile,
        login_at=person.last_login,
        made_at=person.created,
    )


def add_users(people: Sequence[Person]) -> list[int]:
    """Add members with what they have."""
    members = [_member(person) for person in people]
    db.session.add_all(members)
    db.session.flush()
    for member, person in zip(members, people, strict=True):
        at = {"site_id": member.site_id, "member_id": member.id}
        for kind, number in person.channels.items():
            db.session.add_all(Channel(**at, kind=kind) for _ in range(number))
        for kind, number in person.usage.items():
            db.session.add_all(Item(member_id=member.id, kind=kind) for _ in range(number))
    keys = [member.id for member in members]
    db.session.commit()
    return keys


def add_owner(platform: int) -> Login:
    """Add an owner among the users."""
    email = f"owner{platform}@example.org"
    owner = _member(replace(OWNER, platform=platform, email=email))
    db.session.add(owner)
    db.session.commit()
    return Login(email, owner.id)


def add_stranger() -> Login:
    """Add a member of nothing."""
    stranger = _member(Person(platform=None, username="stranger", email="s@example.org"))
    db.session.add(stranger)
    db.session.commit()
    return Login("s@example.org")


def sign_in(client: FlaskClient, login: Login) -> None:
    """Sign in by email address, with the form's token."""
    form = client.get("/login").text
    found = re.search(r"value='([^']+)'", form)
    assert found is not None
    answer = client.post("/login", data={"email": login.name, "csrf_token": found[1]})
    assert answer.location == "/home"


def open_shop(platform: int) -> None:
    """All sites sell the same."""


def subscribe(platform: int, user: int, plan: str | None, *, managed: bool = False) -> None:
    """Write the column."""
    member = db.session.get_one(Member, user)
    member.account = {"plan": plan and f"plan:{plan}", "provider": "app store" if managed else None}
    db.session.commit()


def bought(platform: int, user: int) -> tuple[str | None, int]:
    """Read the column."""
    account = db.session.get_one(Member, user, populate_existing=True).account or {}
    plan = account.get("plan")
    return plan and plan.removeprefix("plan:"), sum(account.get("extras", {}).values())
