"""String keys of every kind, words of its own, counters on the user row, naive beside aware times.

The plan is a key on the user row, with the day it runs until; add-ons are bought several at once.

Its layout has blocks with other names, so it brings a ``platform_users/shell.html``.
"""

import itertools
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask import Flask, redirect, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from jinja2 import DictLoader
from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    Numeric,
    String,
    delete,
    func,
    select,
)
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

NAME = "d-strings"
CAN = Abilities(
    statuses=("active", "inactive", "blocked", "pending"),
    channels=("whatsapp", "telegram"),
    usage=("contacts", "seats"),
)

TEMPLATES = {
    "frame.html": (
        "<!doctype html><html lang='en'><head><title>{% block page_title %}{% endblock %}</title>"
        "{% block styles %}<meta name='host' content='d'>{% endblock %}</head>"
        "<body><main>{% block body %}{% endblock %}</main></body></html>"
    ),
    "platform_users/shell.html": """\
{% extends "frame.html" %}
{% block page_title %}{% block pu_title %}{% endblock %}{% endblock %}
{% block styles %}{{ super() }}<link rel="stylesheet" href="{{ pu_stylesheet }}">
{% block pu_head %}{% endblock %}{% endblock %}
{% block body %}<div class="pu">{% include "platform_users/_icons.html" %}
{% block pu_content %}{% endblock %}</div>{% endblock %}
""",
}


class Base(DeclarativeBase):
    """The declarative base."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class House(Model):
    """A platform, keyed by its name."""

    code: Mapped[str] = mapped_column(String(40), primary_key=True)


class Steward(Model, UserMixin):  # type: ignore[misc]
    """Somebody who runs a house."""

    login: Mapped[str] = mapped_column(String(60), primary_key=True)
    house_code: Mapped[str | None] = mapped_column(ForeignKey(House.code))

    def get_id(self) -> str:
        """Return what the session keeps."""
        return self.login


class Tariff(Model):
    """A plan of a house."""

    code: Mapped[str] = mapped_column(String(80), primary_key=True)
    house_code: Mapped[str] = mapped_column(ForeignKey(House.code))
    label: Mapped[str] = mapped_column(String(40))
    fee: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    cards: Mapped[int | None]
    perks: Mapped[list[str]] = mapped_column(JSON)


class Option(Model):
    """An add-on of a house."""

    code: Mapped[str] = mapped_column(String(80), primary_key=True)
    house_code: Mapped[str] = mapped_column(ForeignKey(House.code))
    label: Mapped[str] = mapped_column(String(40))
    fee: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    cards: Mapped[int]


class Client(Model):
    """A user."""

    __table_args__ = (
        Index("ix_client_since", "house_code", "since", "ref"),
        Index("ix_client_seen", "house_code", "seen", "ref"),
        Index("ix_client_nick", "house_code", "nick", "ref"),
    )

    ref: Mapped[str] = mapped_column(String(60), primary_key=True)
    house_code: Mapped[str] = mapped_column(ForeignKey(House.code))
    nick: Mapped[str] = mapped_column(String(80))
    mail: Mapped[str | None] = mapped_column(String(190))
    tel: Mapped[str | None] = mapped_column(String(30))
    job: Mapped[str | None] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    wa_numbers: Mapped[int | None]
    bots: Mapped[int] = mapped_column(default=0)
    seats: Mapped[int] = mapped_column(default=0)
    seen: Mapped[datetime | None] = mapped_column(DateTime)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    tariff_code: Mapped[str | None] = mapped_column(ForeignKey(Tariff.code))
    paid_until: Mapped[datetime | None] = mapped_column(DateTime)


class ClientOption(Model):
    """How often a client has an add-on."""

    id: Mapped[int] = mapped_column(primary_key=True)
    client_ref: Mapped[str] = mapped_column(ForeignKey(Client.ref), index=True)
    option_code: Mapped[str] = mapped_column(ForeignKey(Option.code))
    times: Mapped[int]


class Card(Model):
    """Somebody in a user's address book."""

    id: Mapped[int] = mapped_column(primary_key=True)
    client_ref: Mapped[str] = mapped_column(ForeignKey(Client.ref), index=True)


def billing() -> ModelBilling:
    """Map the plans."""

    def sold(model: Any, **more: Any) -> Catalogue:
        return Catalogue(
            model,
            name=model.label,
            price=model.fee,
            currency="EUR",
            interval="year",
            platform=model.house_code,
            limits={"contacts": model.cards},
            **more,
        )

    return ModelBilling(
        db,
        sold(Tariff, features=Tariff.perks),
        held=Held(Client.tariff_code, ends=Client.paid_until),
        add_ons=sold(Option),
        booked=Booked(
            ClientOption.option_code, to=ClientOption.client_ref, quantity=ClientOption.times
        ),
    )


def mount(app: Flask) -> None:
    """Mount the page."""

    class Stewards(Policy):
        def platform_of(self, actor: Steward) -> str | None:
            return actor.house_code

    PlatformUsers(
        db,
        api=True,
        users=Users(
            Client,
            platform=Client.house_code,
            username=Client.nick,
            email=Client.mail,
            phone=Client.tel,
            role=Client.job,
            status=Status.column(
                Client.state,
                active="live",
                pending=("new", "invited"),
                blocked="banned",
                inactive="closed",
            ),
            last_login=Client.seen,
            created=Client.since,
        ),
        channels=[
            Count("whatsapp", Client.wa_numbers, label="WhatsApp"),
            Count("telegram", Client.bots, label="Telegram"),
        ],
        usage=[Count("contacts", Card.client_ref), Count("seats", Client.seats)],
        billing=billing(),
        policy=Stewards(),
        name="clients",
    ).init_app(app, url_prefix="/house/clients")


def create_app(url: str, *_: str) -> Flask:
    """Return the product."""
    app = Flask(__name__)
    app.jinja_loader = DictLoader(TEMPLATES)
    app.config.update(SECRET_KEY="d", SQLALCHEMY_DATABASE_URI=url)
    db.init_app(app)
    login_manager = LoginManager(app)
    login_manager.login_view = "login"
    login_manager.user_loader(lambda login: db.session.get(Steward, login))

    @app.route("/login", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        if request.method == "GET":
            return "Which steward are you?"
        login_user(db.session.get(Steward, request.form["login"]))
        return redirect("/home")

    @app.route("/home")
    @login_required  # type: ignore[untyped-decorator]
    def home() -> str:
        return f"Hello {current_user.login}"

    mount(app)
    return app


def metadata() -> Sequence[MetaData]:
    """Return where the tables are."""
    return [Base.metadata]


_numbers = itertools.count(1)
STATES = {
    "active": ["live"],
    "inactive": ["closed"],
    "blocked": ["banned"],
    "pending": ["new", "invited"],
}
REFS = (
    "Nº{:05d} Größe/ab c",
    "{:05d}?q=1&x=%2F#top",
    "MiXed-{:05d}",
    "пользователь {:05d}",
    "<b>{:05d}</b>\"'",
    "{:05d}/../x",
    "{:05d}.edit",
    "+{:05d};a,b",
    "{:05d}//x/",
)
"""The shapes of keys that users get in turn."""


def add_platform(name: str) -> str:
    """Add a house."""
    house = House(code=f"{name} & Söhne/{next(_numbers)}")
    db.session.add(house)
    db.session.commit()
    return house.code


def add_users(people: Sequence[Person]) -> list[str]:
    """Add clients with what they have."""
    keys = []
    for index, person in enumerate(people):
        words = STATES[person.status]
        client = Client(
            ref=REFS[index % len(REFS)].format(next(_numbers)),
            house_code=person.platform,
            nick=person.username,
            mail=person.email,
            tel=person.phone,
            job=person.roles[0],
            state=words[index % len(words)],
            wa_numbers=person.channels.get("whatsapp"),
            bots=person.channels.get("telegram", 0),
            seats=person.usage.get("seats", 0),
            seen=person.last_login and person.last_login.replace(tzinfo=None),
            since=person.created,
        )
        keys.append(client.ref)
        db.session.add(client)
    db.session.flush()
    for key, person in zip(keys, people, strict=True):
        db.session.add_all(Card(client_ref=key) for _ in range(person.usage.get("contacts", 0)))
    db.session.commit()
    return keys


def add_owner(platform: str | None) -> Login:
    """Add a steward."""
    steward = Steward(login=f"Steward №{next(_numbers)}", house_code=platform)
    db.session.add(steward)
    db.session.commit()
    return Login(steward.login)


def add_stranger() -> Login:
    """Add a steward of no house."""
    return add_owner(None)


def sign_in(client: FlaskClient, login: Login) -> None:
    """Sign in by name."""
    assert client.post("/login", data={"login": login.name}).location == "/home"


def open_shop(platform: str) -> None:
    """Add the house's plans and add-ons."""
    for plan in PLANS:
        key = {"code": f"{platform}/{plan.name} +1", "house_code": platform}
        db.session.add(
            Tariff(
                **key,
                label=plan.name,
                fee=plan.price,
                cards=plan.contacts,
                perks=list(plan.features),
            )
        )
    for extra in ADD_ONS:
        key = {"code": f"{platform}/{extra.name}?", "house_code": platform}
        db.session.add(Option(**key, label=extra.name, fee=extra.price, cards=extra.contacts))
    db.session.commit()


def subscribe(platform: str, user: str, plan: str | None, *, managed: bool = False) -> None:
    """Write it on the client."""
    client = db.session.get_one(Client, user)
    sold = select(Tariff.code).where(Tariff.house_code == platform, Tariff.label == plan)
    client.tariff_code = db.session.scalar(sold)
    client.paid_until = None
    db.session.execute(delete(ClientOption).where(ClientOption.client_ref == user))
    db.session.commit()


def bought(platform: str, user: str) -> tuple[str | None, int]:
    """Read it from the client."""
    label = (
        select(Tariff.label)
        .join(Client, Client.tariff_code == Tariff.code)
        .where(Client.ref == user)
    )
    times = select(func.sum(ClientOption.times)).where(ClientOption.client_ref == user)
    return db.session.scalar(label), int(db.session.scalar(times) or 0)
