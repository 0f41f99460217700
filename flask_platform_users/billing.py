"""What a host tells the page of a user's subscription, and how it may be changed by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol, runtime_checkable

from .mapping import Predicate

Limits = Mapping[str, int | None]
"""How many a user may have, by the name of a ``Count`` (``"channels"``: all kinds together).

None is unlimited; what is not named is not limited.
"""


@dataclass(frozen=True)
class Money:
    """An amount in a currency (ISO 4217 code, such as ``EUR``)."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class AddOn:
    """Something bought beside the plan.

    Attributes:
        key: the offer's key in the catalogue; None where the billing cannot be changed by hand.
        limits: by how much one of it raises the plan's limits.
        features: what it adds, in words.
    """

    name: str
    price: Money | None = None
    quantity: int = 1
    key: str | None = None
    limits: Limits = field(default_factory=dict)
    features: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What a user is subscribed to now.

    Attributes:
        plan: the plan's name as the user knows it.
        price: the price of the plan for one ``interval``; None where there is none to show.
        interval: the billing period in a word (``month``, ``year``), or None.
        renews: when it renews by itself, in UTC if naive; None if it does not.
        ends: when it ends, in UTC if naive; None if it goes on.
        add_ons: what is bought beside the plan.
        plan_key: the plan's key in the catalogue; None where it is not to be changed by hand.
        limits: the limits of the plan alone.
        features: what the plan alone includes, in words.
    """

    plan: str
    price: Money | None = None
    interval: str | None = None
    renews: datetime | None = None
    ends: datetime | None = None
    add_ons: Sequence[AddOn] = ()
    plan_key: str | None = None
    limits: Limits = field(default_factory=dict)
    features: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A plan or an add-on that a platform can give.

    Attributes:
        kind: which of the two.
        key: what tells it from the other offers of its kind, on every platform.
        name: what people call it.
        price: what it costs for one ``interval``.
        limits: a plan's limits; by how much an add-on raises them.
        features: what it includes, in words.
    """

    kind: Literal["plan", "add_on"]
    key: str
    name: str
    price: Money | None = None
    interval: str | None = None
    limits: Limits = field(default_factory=dict)
    features: Sequence[str] = ()


@runtime_checkable
class Billing(Protocol):
    """The host's billing, passed as ``PlatformUsers(billing=...)``."""

    def subscription(self, user: Any) -> Subscription | None:
        """Return what ``user`` (the host's model instance) is subscribed to, None if nothing.

        Whatever it raises is logged and shown as "Subscription is unavailable".
        """


@runtime_checkable
class ManualBilling(Billing, Protocol):
    """A billing that an owner may change by hand. Its methods change the models, never commit.

    ``subscription`` then names ``plan_key`` and the ``key`` of each add-on. Where a user of several
    platforms has a subscription on each, it has ``of_platform`` as well.
    """

    def offers(self, platform: Any) -> Sequence[Offer]:
        """Return the plans and add-ons of a platform, as they are to be listed."""

    def managed(self, user: Any) -> bool:
        """Say whether a payment provider manages the user's subscription: then it is not touched.

        Asked before each change, and again when what was given ends.
        """

    def assign(
        self,
        user: Any,
        plan: str | None,
        *,
        price: Money | None = None,
        renews: datetime | None = None,
        ends: datetime | None = None,
    ) -> None:
        """Subscribe the user to a plan in place of whatever they have; None ends it.

        Args:
            user: the host's model instance.
            plan: the offer's key.
            price: what was agreed on instead of the plan's own price; None where nothing was. The
                page remembers it too.
            renews: when it renews by itself.
            ends: when it ends, in UTC.
        """

    def give(self, user: Any, add_on: str) -> None:
        """Give the user one of an add-on, by the offer's key."""

    def take(self, user: Any, add_on: str) -> None:
        """Take one of an add-on from the user; nothing happens where there is none."""


@runtime_checkable
class SearchedBilling(Billing, Protocol):
    """A billing that the list can ask who holds a plan: ``plan:pro``."""

    def plan_test(self, users: type[Any]) -> Callable[[str, Any], Predicate] | None:
        """Return what says, given a plan's name and a platform, which users hold that plan.

        Args:
            users: the user model, which the predicate is about.

        Returns:
            None where no statement reads both, as with two databases.
        """


@runtime_checkable
class SharedBilling(Billing, Protocol):
    """A billing for users who belong to several platforms, with a subscription on each."""

    def of_platform(self, platform: Any) -> Billing:
        """Return the billing of one platform, which is asked for everything from then on."""
