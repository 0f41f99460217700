"""What the list of users can be narrowed by in this product, beside what every product has."""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from flask_platform_users import Card, Filter, SavedView
from flask_platform_users.cards import Arranged

from .languages import lazily
from .models import (
    AddOn,
    Channel,
    Contact,
    Plan,
    Subscription,
    SubscriptionAddOn,
    User,
    WhatsAppNumber,
)


def number_of(column: Any) -> ColumnElement[int]:
    """Count the rows that point at a user."""
    return select(func.count()).where(column == User.id).scalar_subquery()


def room_for(limit: Any, more: Any) -> ColumnElement[int]:
    """Return how many a user's plan and add-ons allow; NULL where there is no limit."""
    added = (
        select(func.sum(more * SubscriptionAddOn.quantity))
        .select_from(SubscriptionAddOn)
        .join(AddOn)
        .where(SubscriptionAddOn.subscription_id == Subscription.id)
        .scalar_subquery()
    )
    held = select(limit + func.coalesce(added, 0)).select_from(Subscription).join(Plan)
    return held.where(Subscription.user_id == User.id).scalar_subquery()


CHANNELS = number_of(WhatsAppNumber.user_id) + number_of(Channel.user_id)

OVER_LIMIT = (number_of(Contact.owner_id) > room_for(Plan.max_contacts, AddOn.contacts)) | (
    room_for(Plan.max_channels, AddOn.channels) < CHANNELS
)

filters = [
    Filter("over_limit", OVER_LIMIT, label=lazily("Over a limit")),
    Filter("contacts", number_of(Contact.owner_id), shown=False),
]

never = Card(
    "never",
    User.last_login_at.is_(None),
    label=lazily("Never signed in"),
    icon="last_login",
    query="signed-in:never",
)
cards: Arranged = [..., never]

views = [
    SavedView(lazily("New this month"), "created:<30d"),
    SavedView(lazily("Never signed in"), "signed-in:never"),
    SavedView(lazily("Block ends this week"), "block-ends:<7d"),
    SavedView(lazily("Over a limit"), "over-limit:yes"),
]
