"""What users subscribed to: read for the product's settings, and mapped for Platform Users."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from flask_platform_users import Booked, Catalogue, Held, ModelBilling

from .models import AddOn, Plan, Subscription, SubscriptionAddOn, db

billing = ModelBilling(
    db,
    Catalogue(
        Plan,
        name=Plan.name,
        price=Plan.price,
        currency=Plan.currency,
        interval=Plan.interval,
        platform=Plan.platform_id,
        limits={
            "channels": Plan.max_channels,
            "contacts": Plan.max_contacts,
            "team_members": Plan.max_team_members,
        },
        features=Plan.features,
    ),
    held=Held(
        Subscription.plan_id,
        user=Subscription.user_id,
        renews=Subscription.renews_at,
        ends=Subscription.ends_at,
        price=Subscription.agreed_price,
        currency=Subscription.agreed_currency,
    ),
    add_ons=Catalogue(
        AddOn,
        name=AddOn.name,
        price=AddOn.price,
        currency=AddOn.currency,
        platform=AddOn.platform_id,
        limits={"channels": AddOn.channels, "contacts": AddOn.contacts},
    ),
    booked=Booked(
        SubscriptionAddOn.add_on_id,
        to=SubscriptionAddOn.subscription_id,
        quantity=SubscriptionAddOn.quantity,
    ),
)


def subscription_of(user_id: int) -> Subscription | None:
    """Return the subscription of a user, its plan and add-ons loaded."""
    return db.session.scalar(
        select(Subscription)
        .where(Subscription.user_id == user_id)
        .options(
            joinedload(Subscription.plan),
            selectinload(Subscription.add_ons).joinedload(SubscriptionAddOn.add_on),
        )
    )
