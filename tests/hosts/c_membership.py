"""Membership by a join table, with the role and the status on it; an account may be in several.

No status for people who have not finished signing up.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Flask, redirect, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, ForeignKey, Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import Count, PlatformUsers, Policy, Status, Users

from .interface import Abilities, Login, Person

NAME = "c-membership"
CAN = Abilities(statuses=("active", "inactive", "blocked"), shared_accounts=True)


class Base(DeclarativeBase):
    """The declarative base."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Tenant(Model):
    """A platform."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class Account(Model, UserMixin):  # type: ignore[misc]
    """A person, with one sign-in for all tenants."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    email: Mapped[str] = mapped_column(String(190), unique=True)
    mobile: Mapped[str | None] = mapped_column(String(30))
    seen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    runs_tenant_id: Mapped[int | None] = mapped_column(ForeignKey(Tenant.id))


class Membership(Model):
    """An account inside a tenant."""

    __table_args__ = (Index("ix_membership_joined", "tenant_id", "joined_at", "account_id"),)

    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Inbox(Model):
    """A channel, of one account inside one tenant."""

    __table_args__ = (Index("ix_inbox", "tenant_id", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id))
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id))
    kind: Mapped[str] = mapped_column(String(20))


class Thing(Model):
    """Anything else that an account has inside a tenant."""

    __table_args__ = (Index("ix_thing", "tenant_id", "account_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id))
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id))
    kind: Mapped[str] = mapped_column(String(20))


def mount(app: Flask) -> None:
    """Mount the page."""

    class Runners(Policy):
        def platform_of(self, actor: Account) -> int | None:
            return actor.runs_tenant_id

    def things(name: str) -> Count:
        kind = Thing.kind == name
        return Count(name, Thing.account_id, where=kind, platform=Thing.tenant_id)

    def inboxes(name: str) -> Count:
        kind = Inbox.kind == name
        return Count(name, Inbox.account_id, where=kind, platform=Inbox.tenant_id)

    PlatformUsers(
        db,
        users=Users(
            Account,
            platform=Membership.tenant_id,
            join=[(Membership, Membership.account_id == Account.id)],
            username=Account.name,
            email=Account.email,
            phone=Account.mobile,
            role=Membership.role,
            status=Status.column(Membership.state, pending=None),
            last_login=Account.seen_at,
            created=Membership.joined_at,
        ),
        channels=[inboxes(kind) for kind in ("whatsapp", "webchat", "instagram")],
        usage=[things(kind) for kind in ("contacts", "campaigns")],
        policy=Runners(),
    ).init_app(app)


def create_app(url: str, *_: str) -> Flask:
    """Return the product."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="c", SQLALCHEMY_DATABASE_URI=url)
    db.init_app(app)
    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(lambda key: db.session.get(Account, int(key)))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        if request.method == "GET":
            return "Which account is yours?"
        login_user(db.session.get(Account, int(request.form["account"])))
        return redirect("/home")

    @app.route("/home")
    @login_required  # type: ignore[untyped-decorator]
    def home() -> str:
        return f"Hello {current_user.name}"

    mount(app)
    return app


def metadata() -> Sequence[MetaData]:
    """Return where the tables are."""
    return [Base.metadata]


def add_platform(name: str) -> int:
    """Add a tenant."""
    tenant = Tenant(name=name)
    db.session.add(tenant)
    db.session.commit()
    return tenant.id


def add_users(people: Sequence[Person]) -> list[int]:
    """Add accounts and their memberships, or the membership alone."""
    accounts = []
    for person in people:
        if person.account is None:
            account = Account(name=person.username, email=person.email, mobile=person.phone)
            account.seen_at = person.last_login
            db.session.add(account)
        else:
            account = db.session.get_one(Account, person.account)
        accounts.append(account)
    db.session.flush()
    keys = [account.id for account in accounts]
    for key, person in zip(keys, people, strict=True):
        at = {"tenant_id": person.platform, "account_id": key}
        db.session.add(
            Membership(**at, role=person.roles[0], state=person.status, joined_at=person.created)
        )
        for kind, number in person.channels.items():
            db.session.add_all(Inbox(**at, kind=kind) for _ in range(number))
        for kind, number in person.usage.items():
            db.session.add_all(Thing(**at, kind=kind) for _ in range(number))
    db.session.commit()
    return keys


def add_owner(platform: int | None) -> Login:
    """Add an account that runs a tenant and is no member of it."""
    account = Account(
        name="the.owner", email=f"owner{platform}@example.org", runs_tenant_id=platform
    )
    db.session.add(account)
    db.session.commit()
    return Login(str(account.id))


def add_stranger() -> Login:
    """Add an account that runs nothing."""
    return add_owner(None)


def sign_in(client: FlaskClient, login: Login) -> None:
    """Sign in by key."""
    assert client.post("/login", data={"account": login.name}).location == "/home"
