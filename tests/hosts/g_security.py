"""Flask-Security-Too as it comes: its models, its roles, its sign-in page.

The one column that is the product's own says which platform a user belongs to.
Plans and add-ons are words that a payment provider knows, in tables of subscriptions and items.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask.testing import FlaskClient
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, hash_password
from flask_security.models import fsqla_v3
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, ForeignKey, MetaData, String, delete, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import (
    Booked,
    Count,
    Held,
    Many,
    ModelBilling,
    PlatformUsers,
    Policy,
    Status,
    Users,
)

from .interface import ADD_ONS, OWNER, PLANS, Abilities, Login, Person
from .pages import IMPERSONATION, add_pages

NAME = "g-security"
CAN = Abilities(
    statuses=("active", "inactive", "pending"),
    many_roles=True,
    owner_is_user=True,
    muddle=True,
    managed=True,
)
PASSWORD = "correct horse battery"


class Base(DeclarativeBase):
    """The declarative base."""


db = SQLAlchemy(model_class=Base)
fsqla: Any = fsqla_v3
fsqla.FsModels.set_db_info(db)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Platform(Model):
    """A platform."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class Role(Model, fsqla.FsRoleMixin):  # type: ignore[misc]
    """Flask-Security's role."""


class User(Model, fsqla.FsUserMixin):  # type: ignore[misc]
    """Flask-Security's user, of a platform."""

    platform_id: Mapped[int | None] = mapped_column(ForeignKey(Platform.id), index=True)


class Subscription(Model):
    """What a user subscribed to."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), unique=True)
    product: Mapped[str] = mapped_column(String(40))
    period_end: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    cancel_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    stripe_id: Mapped[str | None] = mapped_column(String(40))


class SubscriptionItem(Model):
    """What was booked beside it."""

    subscription_id: Mapped[int] = mapped_column(ForeignKey(Subscription.id), primary_key=True)
    product: Mapped[str] = mapped_column(String(40), primary_key=True)
    quantity: Mapped[int]


class Channel(Model):
    """A connected account of any kind."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))


class Item(Model):
    """Anything else that a user has."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))


def billing() -> ModelBilling:
    """Map the plans."""
    return ModelBilling(
        db,
        [sold.offer("plan", f"prod_{sold.name}") for sold in PLANS],
        held=Held(
            Subscription.product,
            user=Subscription.user_id,
            renews=Subscription.period_end,
            ends=Subscription.cancel_at,
            managed=Subscription.stripe_id.is_not(None),
        ),
        add_ons=[sold.offer("add_on", f"prod_{sold.name}") for sold in ADD_ONS],
        booked=Booked(
            SubscriptionItem.product,
            to=SubscriptionItem.subscription_id,
            quantity=SubscriptionItem.quantity,
        ),
    )


def mount(app: Flask) -> None:
    """Mount the page."""

    class Owners(Policy):
        def platform_of(self, actor: Any) -> int | None:
            return actor.platform_id if actor.has_role("owner") else None

    def write(user: User, status: str) -> None:
        user.active = status != "inactive"

    PlatformUsers(
        db,
        api=True,
        users=Users(
            User,
            platform=User.platform_id,
            username=User.username,
            email=User.email,
            phone=User.us_phone_number,
            role=Many(Role.name, through=User.roles),
            status=Status(
                active=User.active & User.confirmed_at.is_not(None),
                inactive=~User.active,
                pending=User.confirmed_at.is_(None),
                write=write,
                writes=("active", "inactive"),
            ),
            last_login=User.current_login_at,
            created=User.create_datetime,
        ),
        channels=[
            Count(kind, Channel.user_id, where=Channel.kind == kind) for kind in CAN.channels
        ],
        usage=[Count(kind, Item.user_id, where=Item.kind == kind) for kind in CAN.usage],
        billing=billing(),
        policy=Owners(),
        impersonation=IMPERSONATION,
    ).init_app(app)


def create_app(url: str, *_: str) -> Flask:
    """Return the product."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="g",
        SECURITY_PASSWORD_SALT="salt",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SCHEMES=["plaintext"],
        SECURITY_CONFIRMABLE=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SQLALCHEMY_DATABASE_URI=url,
    )
    db.init_app(app)
    Security(app, SQLAlchemyUserDatastore(db, User, Role))

    @app.route("/home")
    @auth_required("session")
    def home() -> str:
        from flask_security import current_user

        return "Hello owner" if current_user.has_role("owner") else "Hello"

    mount(app)
    add_pages(app, lambda key: db.session.get(User, key))
    return app


def metadata() -> Sequence[MetaData]:
    """Return where the tables are."""
    return [Base.metadata]


def add_platform(name: str) -> int:
    """Add a platform."""
    platform = Platform(name=name)
    db.session.add(platform)
    db.session.commit()
    return platform.id


def _naive(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=None)


def _users(people: Sequence[Person]) -> list[Any]:
    names = {name for person in people for name in person.roles}
    roles = {role.name: role for role in db.session.query(Role)}
    roles |= {name: Role(name=name) for name in sorted(names - set(roles))}
    users = []
    for person in people:
        pending = person.status == "pending"
        users.append(
            User(
                platform_id=person.platform,
                username=person.username,
                email=person.email,
                us_phone_number=person.phone,
                roles=[roles[name] for name in person.roles],
                active=person.status != "inactive",
                confirmed_at=None
                if pending or (person.muddled and person.status == "inactive")
                else _naive(person.created),
                current_login_at=_naive(person.last_login),
                create_datetime=_naive(person.created),
                fs_uniquifier=uuid.uuid4().hex,
            )
        )
    db.session.add_all(users)
    db.session.flush()
    return users


def add_users(people: Sequence[Person]) -> list[int]:
    """Add users with what they have."""
    users = _users(people)
    for user, person in zip(users, people, strict=True):
        for kind, number in person.channels.items():
            db.session.add_all(Channel(user_id=user.id, kind=kind) for _ in range(number))
        for kind, number in person.usage.items():
            db.session.add_all(Item(user_id=user.id, kind=kind) for _ in range(number))
    keys = [user.id for user in users]
    db.session.commit()
    return keys


def _login(person: Person) -> Login:
    (user,) = _users([person])
    user.password = hash_password(PASSWORD)
    db.session.commit()
    return Login(person.email, user.id)


def add_owner(platform: int) -> Login:
    """Add a user with the role of an owner."""
    name = f"owner{platform}"
    return _login(replace(OWNER, platform=platform, username=name, email=f"{name}@example.com"))


def add_stranger() -> Login:
    """Add a user of no platform."""
    return _login(Person(platform=None, username="stranger", email="stranger@example.com"))


def sign_in(client: FlaskClient, login: Login) -> None:
    """Sign in on Flask-Security's own page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
    assert found is not None
    form = {"email": login.name, "password": PASSWORD, "csrf_token": found[1]}
    assert client.post("/login", data=form).status_code == 302


def open_shop(platform: int) -> None:
    """All platforms sell the same."""


def subscribe(platform: int, user: int, plan: str | None, *, managed: bool = False) -> None:
    """Write the row anew."""
    own = select(Subscription.id).where(Subscription.user_id == user).scalar_subquery()
    db.session.execute(
        delete(SubscriptionItem)
        .where(SubscriptionItem.subscription_id == own)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(delete(Subscription).where(Subscription.user_id == user))
    if plan is not None:
        product, stripe_id = f"prod_{plan}", "sub_1" if managed else None
        db.session.add(Subscription(user_id=user, product=product, stripe_id=stripe_id))
    db.session.commit()


def bought(platform: int, user: int) -> tuple[str | None, int]:
    """Read the row and its items."""
    row = db.session.scalar(select(Subscription).where(Subscription.user_id == user))
    if row is None:
        return None, 0
    number = select(func.sum(SubscriptionItem.quantity)).where(
        SubscriptionItem.subscription_id == row.id
    )
    return row.product.removeprefix("prod_"), int(db.session.scalar(number) or 0)
