"""A Python enum for the status, integer keys, owners among their own users.

Plans and add-ons are enums too: the plan on the user, a row for each add-on, and no dates.

Its layout asks the database for the name of the platform.
"""

import enum
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Flask, redirect, render_template, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from jinja2 import DictLoader
from sqlalchemy import DateTime, ForeignKey, Index, MetaData, String, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import (
    Booked,
    Count,
    Held,
    ModelBilling,
    PlatformUsers,
    Policy,
    Status,
    Users,
)

from .interface import ADD_ONS, OWNER, PLANS, Abilities, Login, Person
from .pages import IMPERSONATION, add_pages

NAME = "a-enum"
CAN = Abilities(
    statuses=("active", "inactive", "blocked", "pending"),
    owner_is_user=True,
    quantities=False,
    ends=False,
)

LAYOUT = """\
<!doctype html>
<html lang="en">
<head><title>{% block title %}{% endblock %} · Acme</title>{% block head %}{% endblock %}</head>
<body><nav>{{ workspace_name() }} · signed in as {{ current_user.username }}</nav>
<main>{% block content %}{% endblock %}</main></body>
</html>
"""


class Base(DeclarativeBase):
    """The declarative base."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class State(enum.Enum):
    """What a user is."""

    LIVE = "live"
    PAUSED = "paused"
    BANNED = "banned"
    INVITED = "invited"


class Tier(enum.Enum):
    """A plan."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Extra(enum.Enum):
    """An add-on."""

    CONTACTS = "more contacts"
    SUPPORT = "support"


class Workspace(Model):
    """A platform."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class User(Model, UserMixin):  # type: ignore[misc]
    """A user; an owner is one with a flag."""

    __table_args__ = (
        Index("ix_user_created", "workspace_id", "created_at", "id"),
        Index("ix_user_state", "workspace_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int | None] = mapped_column(ForeignKey(Workspace.id))
    username: Mapped[str] = mapped_column(String(80), unique=True)
    email: Mapped[str] = mapped_column(String(190))
    phone: Mapped[str | None] = mapped_column(String(30))
    role: Mapped[str] = mapped_column(String(20))
    state: Mapped[State]
    last_login_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    is_owner: Mapped[bool] = mapped_column(default=False)
    tier: Mapped[Tier | None]


class UserExtra(Model):
    """An add-on that a user has."""

    user_id: Mapped[int] = mapped_column(ForeignKey(User.id), primary_key=True)
    extra: Mapped[Extra] = mapped_column(primary_key=True)


class Channel(Model):
    """A connected account of any kind."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id), index=True)
    kind: Mapped[str] = mapped_column(String(20))


class Contact(Model):
    """Somebody in a user's address book."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id), index=True)


class Campaign(Model):
    """A mailing of a user."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id), index=True)


def billing() -> ModelBilling:
    """Map the plans."""
    plans = [sold.offer("plan", sold.name.lower()) for sold in PLANS]
    add_ons = [sold.offer("add_on", sold.name.lower()) for sold in ADD_ONS]
    held, booked = Held(User.tier), Booked(UserExtra.extra, to=UserExtra.user_id)
    return ModelBilling(db, plans, held=held, add_ons=add_ons, booked=booked)


def mount(app: Flask) -> None:
    """Mount the page."""

    class OwnersOnly(Policy):
        def platform_of(self, actor: User) -> int | None:
            return actor.workspace_id if actor.is_owner else None

    PlatformUsers(
        db,
        api=True,
        users=Users(
            User,
            platform=User.workspace_id,
            username=User.username,
            email=User.email,
            phone=User.phone,
            role=User.role,
            status=Status.column(
                User.state,
                active=State.LIVE,
                inactive="PAUSED",
                blocked="banned",
                pending=("invited",),
            ),
            last_login=User.last_login_at,
            created=User.created_at,
        ),
        channels=[
            Count("whatsapp", Channel.user_id, where=Channel.kind == "wa", label="WhatsApp"),
            Count("webchat", Channel.user_id, where=Channel.kind == "web"),
            Count("instagram", Channel.user_id, where=Channel.kind == "ig"),
        ],
        usage=[Count("contacts", Contact.user_id), Count("campaigns", Campaign.user_id)],
        billing=billing(),
        policy=OwnersOnly(),
        impersonation=IMPERSONATION,
    ).init_app(app)


def create_app(url: str, *_: str) -> Flask:
    """Return the product."""
    app = Flask(__name__)
    app.jinja_loader = DictLoader({"layout.html": LAYOUT})
    app.config.update(
        SECRET_KEY="a",
        SQLALCHEMY_DATABASE_URI=url,
        PLATFORM_USERS_BASE_TEMPLATE="layout.html",
    )
    db.init_app(app)
    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(lambda key: db.session.get(User, int(key)))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        if request.method == "GET":
            return "Who are you?"
        name = request.form["username"]
        login_user(db.session.execute(select(User).filter_by(username=name)).scalar_one())
        return redirect("/home")

    @app.route("/home")
    @login_required  # type: ignore[untyped-decorator]
    def home() -> str:
        return render_template("layout.html")

    @app.context_processor
    def workspace() -> dict[str, Any]:
        name = select(Workspace.name).filter_by(id=current_user.workspace_id)
        return {"workspace_name": lambda: db.session.execute(name).scalar()}

    mount(app)
    add_pages(app, lambda key: db.session.get(User, key))
    return app


def metadata() -> Sequence[MetaData]:
    """Return where the tables are."""
    return [Base.metadata]


def add_platform(name: str) -> int:
    """Add a workspace."""
    workspace = Workspace(name=name)
    db.session.add(workspace)
    db.session.commit()
    return workspace.id


STATES = {
    "active": State.LIVE,
    "inactive": State.PAUSED,
    "blocked": State.BANNED,
    "pending": State.INVITED,
}
KINDS = {"whatsapp": "wa", "webchat": "web", "instagram": "ig"}


def _user(person: Person) -> User:
    return User(
        workspace_id=person.platform,
        username=person.username,
        email=person.email,
        phone=person.phone,
        role=person.roles[0],
        state=STATES[person.status],
        last_login_at=person.last_login,
        created_at=person.created,
    )


def add_users(people: Sequence[Person]) -> list[int]:
    """Add users with what they have."""
    users = [_user(person) for person in people]
    db.session.add_all(users)
    db.session.flush()
    for user, person in zip(users, people, strict=True):
        for kind, number in person.channels.items():
            db.session.add_all(Channel(user_id=user.id, kind=KINDS[kind]) for _ in range(number))
        for model, name in ((Contact, "contacts"), (Campaign, "campaigns")):
            db.session.add_all(model(user_id=user.id) for _ in range(person.usage.get(name, 0)))
    keys = [user.id for user in users]
    db.session.commit()
    return keys


def add_owner(platform: int) -> Login:
    """Add an owner among the users."""
    name = f"{OWNER.username}.{platform}"
    owner = _user(replace(OWNER, platform=platform, username=name))
    owner.is_owner = True
    db.session.add(owner)
    db.session.commit()
    return Login(name, owner.id)


def add_stranger() -> Login:
    """Add a user of no workspace."""
    stranger = _user(Person(platform=None, username="stranger", email="s@example.org"))
    db.session.add(stranger)
    db.session.commit()
    return Login("stranger")


def sign_in(client: FlaskClient, login: Login) -> None:
    """Sign in by username."""
    assert client.post("/login", data={"username": login.name}).location == "/home"


def open_shop(platform: int) -> None:
    """All workspaces sell the same."""


def subscribe(platform: int, user: int, plan: str | None, *, managed: bool = False) -> None:
    """Write it on the user."""
    db.session.execute(delete(UserExtra).where(UserExtra.user_id == user))
    db.session.get_one(User, user).tier = Tier(plan.lower()) if plan else None
    db.session.commit()


def bought(platform: int, user: int) -> tuple[str | None, int]:
    """Read it from the user."""
    tier = db.session.scalar(select(User.tier).where(User.id == user))
    extras = db.session.scalars(select(UserExtra).where(UserExtra.user_id == user)).all()
    return tier and tier.value.title(), len(extras)
