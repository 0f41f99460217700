"""What users subscribed to: read for the product's settings and for Platform Users."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from flask_platform_users import billing

from .models import Subscription, SubscriptionAddOn, db


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


class ProductBilling:
    """Tells Platform Users which plan and add-ons a user has."""

    def subscription(self, user: Any) -> billing.Subscription | None:
        """Return the subscription of one of the product's users, or None."""
        held = subscription_of(user.id)
        if held is None:
            return None
        return billing.Subscription(
            plan=held.plan.name,
            price=billing.Money(amount=held.plan.price, currency=held.plan.currency),
            interval=held.plan.interval,
            renews=held.renews_at,
            ends=held.ends_at,
            add_ons=[
                billing.AddOn(
                    name=booked.add_on.name,
                    price=billing.Money(
                        amount=booked.add_on.price, currency=booked.add_on.currency
                    ),
                    quantity=booked.quantity,
                )
                for booked in held.add_ons
            ],
        )
