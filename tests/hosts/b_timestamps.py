"""Booleans and timestamps for the status, UUID keys, plain SQLAlchemy models, a table per channel.

Flask-SQLAlchemy gives sessions and engines only. Phones are not kept; nobody can be blocked.
Each brand sells plans of its own; accounts have a row for each contract, paid elsewhere by some.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask import Flask, redirect, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    MetaData,
    Numeric,
    String,
    delete,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import (
    Catalogue,
    Count,
    Held,
    ModelBilling,
    PlatformUsers,
    Policy,
    Status,
    Users,
)

from .interface import PLANS, Abilities, Login, Person

NAME = "b-timestamps"
CAN = Abilities(
    statuses=("active", "inactive", "pending"),
    fields=frozenset({"role", "last_login", "created"}),
    muddle=True,
    add_ons=False,
    managed=True,
    agreed=True,
)

db = SQLAlchemy()


class Base(DeclarativeBase):
    """A declarative base that knows nothing of Flask."""


def new_key() -> Mapped[uuid.UUID]:
    """Return a column of random keys."""
    return mapped_column(primary_key=True, default=uuid.uuid4)


class Brand(Base):
    """A platform."""

    __tablename__ = "brands"

    id: Mapped[uuid.UUID] = new_key()
    name: Mapped[str] = mapped_column(String(80))


class Operator(Base, UserMixin):  # type: ignore[misc]
    """Somebody who runs a brand; no user of it."""

    __tablename__ = "operators"

    id: Mapped[uuid.UUID] = new_key()
    brand_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Brand.id))


class Account(Base):
    """A user."""

    __tablename__ = "accounts"
    __table_args__ = (
        Index("ix_accounts_handle", "brand_id", "handle", "id"),
        Index("ix_accounts_signed_up", "brand_id", "signed_up", "id"),
    )

    id: Mapped[uuid.UUID] = new_key()
    brand_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Brand.id))
    handle: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(190))
    role: Mapped[str] = mapped_column(Enum("admin", "agent", "manager", name="account_role"))
    enabled: Mapped[bool]
    confirmed: Mapped[datetime | None] = mapped_column(DateTime)
    last_seen: Mapped[datetime | None] = mapped_column(DateTime)
    signed_up: Mapped[datetime] = mapped_column(DateTime)


def points_at_account() -> Mapped[uuid.UUID]:
    """Return a foreign key to the user."""
    return mapped_column(ForeignKey(Account.id), index=True)


class Tariff(Base):
    """A plan of a brand, with its price in cents."""

    __tablename__ = "tariffs"

    id: Mapped[uuid.UUID] = new_key()
    brand_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Brand.id), index=True)
    title: Mapped[str] = mapped_column(String(80))
    cents: Mapped[int]
    max_contacts: Mapped[int | None]
    words: Mapped[list[str]] = mapped_column(JSON)


class Contract(Base):
    """What an account was subscribed to from some day on."""

    __tablename__ = "contracts"

    id: Mapped[uuid.UUID] = new_key()
    account_id: Mapped[uuid.UUID] = points_at_account()
    tariff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Tariff.id))
    signed: Mapped[datetime] = mapped_column(DateTime)
    runs_out: Mapped[datetime | None] = mapped_column(DateTime)
    provider_ref: Mapped[str | None] = mapped_column(String(40))
    agreed_price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    agreed_currency: Mapped[str | None] = mapped_column(String(3))


class WhatsAppNumber(Base):
    """A connected number."""

    __tablename__ = "whatsapp_numbers"

    id: Mapped[uuid.UUID] = new_key()
    account_id: Mapped[uuid.UUID] = points_at_account()


class Widget(Base):
    """A web chat."""

    __tablename__ = "widgets"

    id: Mapped[uuid.UUID] = new_key()
    account_id: Mapped[uuid.UUID] = points_at_account()


class InstagramProfile(Base):
    """A connected profile."""

    __tablename__ = "instagram_profiles"

    id: Mapped[uuid.UUID] = new_key()
    account_id: Mapped[uuid.UUID] = points_at_account()


class Contact(Base):
    """Somebody in a user's address book."""

    __tablename__ = "contacts"

    id: Mapped[uuid.UUID] = new_key()
    account_id: Mapped[uuid.UUID] = points_at_account()


class Campaign(Base):
    """A mailing of a user."""

    __tablename__ = "campaigns"

    id: Mapped[uuid.UUID] = new_key()
    account_id: Mapped[uuid.UUID] = points_at_account()


def billing() -> ModelBilling:
    """Map the plans."""
    return ModelBilling(
        db,
        Catalogue(
            Tariff,
            name=Tariff.title,
            price=Tariff.cents / 100.0,
            currency="EUR",
            interval="month",
            platform=Tariff.brand_id,
            limits={"contacts": Tariff.max_contacts},
            features=Tariff.words,
        ),
        held=Held(
            Contract.tariff_id,
            user=Contract.account_id,
            since=Contract.signed,
            ends=Contract.runs_out,
            price=Contract.agreed_price,
            currency=Contract.agreed_currency,
            managed=Contract.provider_ref.is_not(None),
        ),
    )


def mount(app: Flask) -> None:
    """Mount the page."""

    class Operators(Policy):
        def platform_of(self, actor: Operator) -> uuid.UUID | None:
            return actor.brand_id

    def write(account: Account, status: str) -> None:
        account.enabled = status != "inactive"

    PlatformUsers(
        db,
        api=True,
        users=Users(
            Account,
            platform=Account.brand_id,
            username=Account.handle,
            email=Account.address,
            role=Account.role,
            status=Status(
                active=Account.enabled & Account.confirmed.is_not(None),
                pending=Account.enabled & Account.confirmed.is_(None),
                inactive=~Account.enabled,
                write=write,
                writes=("active", "inactive"),
            ),
            last_login=Account.last_seen,
            created=Account.signed_up,
        ),
        channels=[
            Count("whatsapp", WhatsAppNumber.account_id, label="WhatsApp"),
            Count("webchat", Widget.account_id),
            Count("instagram", InstagramProfile.account_id),
        ],
        usage=[Count("contacts", Contact.account_id), Count("campaigns", Campaign.account_id)],
        billing=billing(),
        policy=Operators(),
    ).init_app(app, url_prefix="/team/people")


def create_app(url: str, *_: str) -> Flask:
    """Return the product."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="b", SQLALCHEMY_DATABASE_URI=url)
    db.init_app(app)
    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(lambda key: db.session.get(Operator, uuid.UUID(key)))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        if request.method == "GET":
            return "Which operator are you?"
        login_user(db.session.get(Operator, uuid.UUID(request.form["operator"])))
        return redirect("/home")

    @app.route("/home")
    @login_required  # type: ignore[untyped-decorator]
    def home() -> str:
        return f"Hello {current_user.id}"

    mount(app)
    return app


def metadata() -> Sequence[MetaData]:
    """Return where the tables are."""
    return [Base.metadata]


def add_platform(name: str) -> uuid.UUID:
    """Add a brand."""
    brand = Brand(name=name)
    db.session.add(brand)
    db.session.commit()
    return brand.id


def _naive(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=None)


def add_users(people: Sequence[Person]) -> list[uuid.UUID]:
    """Add users with what they have."""
    accounts = [
        Account(
            id=uuid.uuid4(),
            brand_id=person.platform,
            handle=person.username,
            address=person.email,
            role=person.roles[0],
            enabled=person.status != "inactive",
            confirmed=None
            if person.status == "pending" or (person.muddled and person.status == "inactive")
            else _naive(person.created),
            last_seen=_naive(person.last_login),
            signed_up=_naive(person.created),
        )
        for person in people
    ]
    db.session.add_all(accounts)
    db.session.flush()
    tables: dict[str, type[WhatsAppNumber | Widget | InstagramProfile | Contact | Campaign]] = {
        "whatsapp": WhatsAppNumber,
        "webchat": Widget,
        "instagram": InstagramProfile,
        "contacts": Contact,
        "campaigns": Campaign,
    }
    for account, person in zip(accounts, people, strict=True):
        for name, number in {**person.channels, **person.usage}.items():
            db.session.add_all(tables[name](account_id=account.id) for _ in range(number))
    keys = [account.id for account in accounts]
    db.session.commit()
    return keys


def add_owner(platform: uuid.UUID | None) -> Login:
    """Add an operator."""
    operator = Operator(brand_id=platform)
    db.session.add(operator)
    db.session.commit()
    return Login(str(operator.id))


def add_stranger() -> Login:
    """Add an operator of nothing."""
    return add_owner(None)


def sign_in(client: FlaskClient, login: Login) -> None:
    """Sign in by key."""
    assert client.post("/login", data={"operator": login.name}).location == "/home"


def open_shop(platform: uuid.UUID) -> None:
    """Add the brand's plans."""
    db.session.add_all(
        Tariff(
            brand_id=platform,
            title=plan.name,
            cents=int(plan.price * 100),
            max_contacts=plan.contacts,
            words=list(plan.features),
        )
        for plan in PLANS
    )
    db.session.commit()


def subscribe(
    platform: uuid.UUID, user: uuid.UUID, plan: str | None, *, managed: bool = False
) -> None:
    """Add a contract behind the others; without a plan, there never was one."""
    contracts = select(Contract).where(Contract.account_id == user)
    for contract in db.session.scalars(contracts):
        contract.signed -= timedelta(days=400)
        contract.runs_out = contract.signed + timedelta(days=300)
    if plan is None:
        db.session.execute(delete(Contract).where(Contract.account_id == user))
    else:
        sold = select(Tariff).where(Tariff.brand_id == platform, Tariff.title == plan)
        db.session.add(
            Contract(
                account_id=user,
                tariff_id=db.session.scalars(sold).one().id,
                signed=datetime.now(UTC).replace(tzinfo=None),
                provider_ref="sub_1" if managed else None,
            )
        )
    db.session.commit()


def bought(platform: uuid.UUID, user: uuid.UUID) -> tuple[str | None, int]:
    """Read the last contract."""
    last = (
        select(Tariff.title)
        .join(Contract, Contract.tariff_id == Tariff.id)
        .where(Contract.account_id == user, Tariff.brand_id == platform)
        .order_by(Contract.signed.desc())
    )
    return db.session.scalars(last).first(), 0
