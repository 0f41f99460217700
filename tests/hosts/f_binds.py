"""Users, and what they have, on a second database; platforms and staff on the default one.

It keeps neither roles nor when somebody signed up, and can only switch users on and off.
Plans stand in the first database, and who has which in the second.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from flask import Flask, redirect, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, DateTime, ForeignKey, Index, MetaData, Numeric, String, select
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

NAME = "f-binds"
CAN = Abilities(
    statuses=("active", "inactive"),
    fields=frozenset({"phone", "last_login"}),
    roles=(),
    channels=("whatsapp", "webchat"),
    usage=("contacts",),
    databases=2,
    ends=False,
    add_ons=False,
    managed=True,
)


class Base(DeclarativeBase):
    """The declarative base."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Reseller(Model):
    """A platform."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class Rate(Model):
    """A plan of a platform."""

    id: Mapped[int] = mapped_column(primary_key=True)
    reseller_id: Mapped[int] = mapped_column(ForeignKey(Reseller.id))
    name: Mapped[str] = mapped_column(String(80))
    amount: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    currency: Mapped[str] = mapped_column(String(3))
    contacts: Mapped[int | None]
    features: Mapped[list[str]] = mapped_column(JSON)


class Staff(Model, UserMixin):  # type: ignore[misc]
    """Somebody who runs a platform."""

    id: Mapped[int] = mapped_column(primary_key=True)
    reseller_id: Mapped[int | None] = mapped_column(ForeignKey(Reseller.id))


class Human(Model):
    """A user, in the other database."""

    __bind_key__ = "people"
    __tablename__ = "human"
    __table_args__ = (Index("ix_human_name", "reseller_id", "name", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reseller_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(190))
    phone: Mapped[str | None] = mapped_column(String(30))
    enabled: Mapped[bool]
    logged_in: Mapped[datetime | None] = mapped_column(DateTime)
    rate_id: Mapped[int | None]
    paid_until: Mapped[datetime | None] = mapped_column(DateTime)
    paypal: Mapped[bool] = mapped_column(default=False)


class Line(Model):
    """A channel, in the other database."""

    __bind_key__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    human_id: Mapped[int] = mapped_column(ForeignKey("human.id"), index=True)
    is_web: Mapped[bool]


class Contact(Model):
    """Somebody in a user's address book, in the other database."""

    __bind_key__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    human_id: Mapped[int] = mapped_column(ForeignKey("human.id"), index=True)


def billing() -> ModelBilling:
    """Map the plans."""
    plans = Catalogue(
        Rate,
        name=Rate.name,
        price=Rate.amount,
        currency=Rate.currency,
        platform=Rate.reseller_id,
        limits={"contacts": Rate.contacts},
        features=Rate.features,
    )
    held = Held(Human.rate_id, renews=Human.paid_until, managed=Human.paypal)
    return ModelBilling(db, plans, held=held)


def mount(app: Flask) -> None:
    """Mount the page."""

    class StaffOnly(Policy):
        def platform_of(self, actor: Staff) -> int | None:
            return actor.reseller_id

    PlatformUsers(
        db,
        api=True,
        users=Users(
            Human,
            platform=Human.reseller_id,
            username=Human.name,
            email=Human.email,
            phone=Human.phone,
            status=Status.column(
                Human.enabled, active=True, inactive=False, blocked=None, pending=None
            ),
            last_login=Human.logged_in,
        ),
        channels=[
            Count("whatsapp", Line.human_id, where=Line.is_web.is_(False), label="WhatsApp"),
            Count("webchat", Line.human_id, where=Line.is_web),
        ],
        usage=[Count("contacts", Contact.human_id)],
        billing=billing(),
        policy=StaffOnly(),
    ).init_app(app)


def create_app(url: str, *more: str) -> Flask:
    """Return the product."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="f", SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_BINDS={"people": more[0]}
    )
    db.init_app(app)
    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(lambda key: db.session.get(Staff, int(key)))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        if request.method == "GET":
            return "Who of the staff are you?"
        login_user(db.session.get(Staff, int(request.form["staff"])))
        return redirect("/home")

    @app.route("/home")
    @login_required  # type: ignore[untyped-decorator]
    def home() -> str:
        return f"Hello {current_user.id}"

    mount(app)
    return app


def metadata() -> Sequence[MetaData]:
    """Return where the tables are."""
    return [db.metadatas[None], db.metadatas["people"]]


def add_platform(name: str) -> int:
    """Add a reseller."""
    reseller = Reseller(name=name)
    db.session.add(reseller)
    db.session.commit()
    return reseller.id


def add_users(people: Sequence[Person]) -> list[int]:
    """Add people with what they have."""
    users = [
        Human(
            reseller_id=person.platform,
            name=person.username,
            email=person.email,
            phone=person.phone,
            enabled=person.status == "active",
            logged_in=person.last_login and person.last_login.replace(tzinfo=None),
        )
        for person in people
    ]
    db.session.add_all(users)
    db.session.flush()
    for user, person in zip(users, people, strict=True):
        for kind, number in person.channels.items():
            is_web = kind == "webchat"
            db.session.add_all(Line(human_id=user.id, is_web=is_web) for _ in range(number))
        contacts = person.usage.get("contacts", 0)
        db.session.add_all(Contact(human_id=user.id) for _ in range(contacts))
    keys = [user.id for user in users]
    db.session.commit()
    return keys


def add_owner(platform: int | None) -> Login:
    """Add staff."""
    staff = Staff(reseller_id=platform)
    db.session.add(staff)
    db.session.commit()
    return Login(str(staff.id))


def add_stranger() -> Login:
    """Add staff of nothing."""
    return add_owner(None)


def sign_in(client: FlaskClient, login: Login) -> None:
    """Sign in by key."""
    assert client.post("/login", data={"staff": login.name}).location == "/home"


def open_shop(platform: int) -> None:
    """Add the reseller's plans."""
    db.session.add_all(
        Rate(
            reseller_id=platform,
            name=plan.name,
            amount=plan.price,
            currency="EUR",
            contacts=plan.contacts,
            features=list(plan.features),
        )
        for plan in PLANS
    )
    db.session.commit()


def subscribe(platform: int, user: int, plan: str | None, *, managed: bool = False) -> None:
    """Write it on the user."""
    human = db.session.get_one(Human, user)
    sold = select(Rate.id).where(Rate.reseller_id == platform, Rate.name == plan)
    human.rate_id, human.paypal = db.session.scalar(sold), managed
    db.session.commit()


def bought(platform: int, user: int) -> tuple[str | None, int]:
    """Read it from the user."""
    human = db.session.get_one(Human, user, populate_existing=True)
    rate = db.session.get(Rate, human.rate_id) if human.rate_id else None
    return (rate.name if rate else None), 0
