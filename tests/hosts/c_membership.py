"""Membership by a join table, with the role and the status on it; an account may be in several.

No status for people who have not finished signing up. The plan is the membership's; nothing has
a price.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Flask, redirect, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, ForeignKey, Index, MetaData, String, delete, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import (
    Booked,
    Catalogue,
    Count,
    Held,
    ModelBilling,
    PlatformUsers,
    Policy,
    Status,
    Users,
)

from .interface import ADD_ONS, PLANS, Abilities, Login, Person
from .pages import IMPERSONATION, add_pages

NAME = "c-membership"
CAN = Abilities(
    statuses=("active", "inactive", "blocked"),
    shared_accounts=True,
    prices=False,
    ends=False,
)


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


class Package(Model):
    """A plan of a tenant."""

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id))
    name: Mapped[str] = mapped_column(String(80))
    contacts: Mapped[int | None]
    reports: Mapped[bool]
    white_label: Mapped[bool]


class Extra(Model):
    """An add-on, the same for all tenants."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    contacts: Mapped[int]


class Membership(Model):
    """An account inside a tenant."""

    __table_args__ = (Index("ix_membership_joined", "tenant_id", "joined_at", "account_id"),)

    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    package_id: Mapped[int | None] = mapped_column(ForeignKey(Package.id))


class BookedExtra(Model):
    """How many of an add-on an account has inside a tenant."""

    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.id), primary_key=True)
    extra_id: Mapped[int] = mapped_column(ForeignKey(Extra.id), primary_key=True)
    number: Mapped[int]


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


def billing() -> ModelBilling:
    """Map the plans."""
    return ModelBilling(
        db,
        Catalogue(
            Package,
            name=Package.name,
            platform=Package.tenant_id,
            limits={"contacts": Package.contacts},
            features={"Reports": Package.reports, "White label": Package.white_label},
        ),
        held=Held(Membership.package_id, user=Membership.account_id, platform=Membership.tenant_id),
        add_ons=Catalogue(Extra, name=Extra.name, limits={"contacts": Extra.contacts}),
        booked=Booked(
            BookedExtra.extra_id,
            to=BookedExtra.account_id,
            platform=BookedExtra.tenant_id,
            quantity=BookedExtra.number,
        ),
    )


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
        api=True,
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
        billing=billing(),
        policy=Runners(),
        impersonation=IMPERSONATION,
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
    add_pages(app, lambda key: db.session.get(Account, key))
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


def open_shop(platform: int) -> None:
    """Add the tenant's plans, and the add-ons of all."""
    db.session.add_all(
        Package(
            tenant_id=platform,
            name=plan.name,
            contacts=plan.contacts,
            reports="Reports" in plan.features,
            white_label="White label" in plan.features,
        )
        for plan in PLANS
    )
    if db.session.scalar(select(func.count()).select_from(Extra)) == 0:
        db.session.add_all(Extra(name=extra.name, contacts=extra.contacts) for extra in ADD_ONS)
    db.session.commit()


def subscribe(platform: int, user: int, plan: str | None, *, managed: bool = False) -> None:
    """Write it on the membership."""
    membership = db.session.get_one(Membership, (platform, user))
    sold = select(Package.id).where(Package.tenant_id == platform, Package.name == plan)
    membership.package_id = db.session.scalar(sold)
    db.session.execute(
        delete(BookedExtra).where(BookedExtra.tenant_id == platform, BookedExtra.account_id == user)
    )
    db.session.commit()


def bought(platform: int, user: int) -> tuple[str | None, int]:
    """Read it from the membership."""
    membership = db.session.get_one(Membership, (platform, user), populate_existing=True)
    plan = db.session.scalar(select(Package.name).where(Package.id == membership.package_id))
    number = select(func.sum(BookedExtra.number)).where(
        BookedExtra.tenant_id == platform, BookedExtra.account_id == user
    )
    return plan, int(db.session.scalar(number) or 0)
