"""What a host tells the page of a user's subscription."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Money:
    """An amount in a currency (ISO 4217 code, such as ``EUR``)."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class AddOn:
    """Something bought beside the plan."""

    name: str
    price: Money | None = None
    quantity: int = 1


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
    """

    plan: str
    price: Money | None = None
    interval: str | None = None
    renews: datetime | None = None
    ends: datetime | None = None
    add_ons: Sequence[AddOn] = ()


@runtime_checkable
class Billing(Protocol):
    """The host's billing, passed as ``PlatformUsers(billing=...)``."""

    def subscription(self, user: Any) -> Subscription | None:
        """Return what ``user`` (the host's model instance) is subscribed to, None if nothing.

        Whatever it raises is logged and shown as "Subscription is unavailable".
        """
