"""What the suite knows of a host product: how to fill it, to sign in, and what it can express."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from flask import Flask
from flask.testing import FlaskClient
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData

from flask_platform_users import Billing, Money, Offer

Key = Any
"""A platform's or a user's key, of whatever type the host keeps it in."""

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Person:
    """A platform user in words that are no host's own.

    Attributes:
        platform: the key that ``add_platform`` returned.
        roles: hosts with one role keep the first.
        muddled: the host's data shall contradict itself wherever it can, while the status stays
            what it is by the precedence that ``Status`` documents.
        account: an account that is there already and joins one more platform.
    """

    platform: Key
    username: str
    email: str
    phone: str | None = None
    roles: tuple[str, ...] = ("agent",)
    status: str = "active"
    last_login: datetime | None = None
    created: datetime = NOON
    channels: Mapping[str, int] = field(default_factory=dict)
    usage: Mapping[str, int] = field(default_factory=dict)
    muddled: bool = False
    account: Key = None


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a host can express, so that the suite asks nothing else of it.

    Attributes:
        statuses: the statuses its own schema can keep; the plugin can block beside that.
        fields: which of the optional fields it maps.
        roles: the words it has for roles.
        many_roles: whether a user may have several roles, or none.
        owner_is_user: whether its owners are rows of the user model, and so listed.
        shared_accounts: whether an account may be a user of several platforms.
        muddle: whether its data can contradict itself.
        databases: how many databases it needs.
        twin: whether it is another host in all that a database server could tell, so that SQLite is
            enough for it.
        add_ons: whether it sells add-ons.
        quantities: whether a user may have several of one.
        prices: whether what it sells has a price.
        managed: whether a payment provider manages some subscriptions.
        ends: whether it notes when a subscription ends.
        agreed: whether it notes a price that was agreed on.
    """

    statuses: tuple[str, ...]
    fields: frozenset[str] = frozenset({"phone", "role", "last_login", "created"})
    roles: tuple[str, ...] = ("admin", "agent", "manager")
    channels: tuple[str, ...] = ("whatsapp", "webchat", "instagram")
    usage: tuple[str, ...] = ("contacts", "campaigns")
    many_roles: bool = False
    owner_is_user: bool = False
    shared_accounts: bool = False
    muddle: bool = False
    databases: int = 1
    twin: bool = False
    add_ons: bool = True
    quantities: bool = True
    prices: bool = True
    managed: bool = False
    ends: bool = True
    agreed: bool = False


@dataclass(frozen=True)
class Login:
    """Somebody who can sign in.

    Attributes:
        name: what ``sign_in`` types.
        user: the key under which they are listed themselves; None where they are not.
    """

    name: str
    user: Key = None


OWNER = Person(
    platform=None, username="the.owner", email="owner@example.org", roles=("owner",), created=NOON
)
"""How an owner is listed where owners are users."""


@dataclass(frozen=True)
class Sold:
    """A plan or an add-on in words that are no host's own.

    Attributes:
        price: in EUR, where the host keeps prices.
        contacts: how many a user may have, or by how many an add-on raises that; None is unlimited.
    """

    name: str
    price: Decimal
    contacts: int | None
    features: tuple[str, ...] = ()

    def offer(self, kind: Literal["plan", "add_on"], key: str) -> Offer:
        """Return it as a product offers it that keeps what it sells in code."""
        return Offer(
            kind=kind,
            key=key,
            name=self.name,
            price=Money(self.price, "EUR"),
            interval="month",
            limits={} if self.contacts == 0 else {"contacts": self.contacts},
            features=self.features,
        )


PLANS = (
    Sold("Small", Decimal(9), 2),
    Sold("Medium", Decimal("29.50"), 10, ("Reports",)),
    Sold("Large", Decimal(99), None, ("Reports", "White label")),
)
ADD_ONS = (Sold("More contacts", Decimal(3), 5), Sold("Support", Decimal(5), 0))


class Host(Protocol):
    """A host product. Each module of this package is one.

    Everything that reads or writes its tables is called inside an app context.
    """

    NAME: str
    CAN: Abilities
    db: SQLAlchemy

    def metadata(self) -> Sequence[MetaData]:
        """Return where its tables are."""

    def create_app(self, url: str, *more: str) -> Flask:
        """Return the product on a database, with the page mounted."""

    def billing(self) -> Billing:
        """Return its billing, as its developer would map or write it."""

    def mount(self, app: Flask) -> None:
        """Mount the page: the whole integration, as its developer would write it."""

    def add_platform(self, name: str) -> Key:
        """Add a platform."""

    def add_users(self, people: Sequence[Person]) -> list[Key]:
        """Add users."""

    def add_owner(self, platform: Key) -> Login:
        """Add somebody who runs a platform."""

    def add_stranger(self) -> Login:
        """Add somebody who can sign in and runs no platform."""

    def sign_in(self, client: FlaskClient, login: Login) -> None:
        """Sign in through the product's own page."""

    def open_shop(self, platform: Key) -> None:
        """Let a platform sell ``PLANS`` and ``ADD_ONS``, where tables keep such things."""

    def subscribe(
        self, platform: Key, user: Key, plan: str | None, *, managed: bool = False
    ) -> None:
        """Give a user a plan by name in place of whatever they have, as if they had bought it."""

    def bought(self, platform: Key, user: Key) -> tuple[str | None, int]:
        """Return what its own tables say: the plan's name, and the number of add-ons."""
