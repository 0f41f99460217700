"""What can be wrong with a ``ModelBilling``: one sentence each."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from .inspection import clause, mapper_of, pointed_at, python_type, tables_of
from .mapping import Users
from .model_billing import Attribute, Catalogue, ModelBilling, model_of


def model_billing_faults(
    billing: ModelBilling, users: Users, counts: Sequence[str]
) -> Iterator[str]:
    """Find what is wrong with the mapping, as ``checks`` does with the rest of it.

    Args:
        billing: the mapping of the billing.
        users: the mapping of the users.
        counts: the names of all ``Count``s.
    """
    sold = [("plans", billing.plans, billing.held.plan), ("add_ons", billing.add_ons, None)]
    if billing.booked is not None:
        sold[1] = ("add_ons", billing.add_ons, billing.booked.add_on)
    for argument, catalogue, pointing in sold:
        if isinstance(catalogue, Catalogue):
            yield from _catalogue_faults(argument, catalogue, pointing, counts)
    yield from _held_faults(billing, users)
    yield from _booked_faults(billing, users)


def _held_faults(billing: ModelBilling, users: Users) -> Iterator[str]:
    held, model = billing.held, users.model.__name__
    own = tables_of(held.plan) <= set(mapper_of(users.model).tables)
    if held.user is None and not own:
        yield (
            f"Held(plan) was given {held.plan}, a column of another model than {model}; "
            "expected the column that leads to the user beside it, such as "
            "user=Subscription.user_id."
        )
    elif held.user is not None and pointed_at(users.model, held.user) is None:
        yield (
            f"Held(user=...) was given {held.user}, which does not reach {model}; expected a "
            "column that holds a user's key, such as user=Subscription.user_id."
        )
    for argument, attribute in (("since", held.since), ("platform", held.platform)):
        if attribute is not None and attribute.class_ is not held.plan.class_:
            yield (
                f"Held({argument}=...) was given {attribute}; expected a column of "
                f"{model_of(held.plan).__name__}, where the plan is kept."
            )
    for argument, attribute, kind, type_ in (
        ("renews", held.renews, "DateTime", datetime),
        ("ends", held.ends, "DateTime", datetime),
        ("price", held.price, "nullable Numeric", Decimal),
        ("currency", held.currency, "nullable String", str),
    ):
        if attribute is None:
            continue
        elsewhere = attribute.class_ is not held.plan.class_ or python_type(attribute) is not type_
        if elsewhere or ("nullable" in kind and not getattr(clause(attribute), "nullable", False)):
            yield (
                f"Held({argument}=...) was given {attribute}; expected a {kind} column "
                f"of {model_of(held.plan).__name__}, where the plan is kept."
            )


def _booked_faults(billing: ModelBilling, users: Users) -> Iterator[str]:
    if (billing.add_ons is None) != (billing.booked is None):
        given, missing = ("add_ons", "booked") if billing.add_ons else ("booked", "add_ons")
        yield (
            f"ModelBilling({given}=...) was given without {missing}=; expected both, the "
            "model of the add-ons and the join table that says who has them."
        )
    if billing.booked is None:
        return
    platform, add_on = billing.booked.platform, billing.booked.add_on
    if platform is not None and platform.class_ is not add_on.class_:
        yield (
            f"Booked(platform=...) was given {platform}; expected a column of "
            f"{model_of(add_on).__name__}, which says who has which add-on."
        )
    owners = [users.model] + ([] if billing.held.user is None else [model_of(billing.held.user)])
    if all(pointed_at(owner, billing.booked.to) is None for owner in owners):
        names = " nor ".join(owner.__name__ for owner in owners)
        yield (
            f"Booked(to=...) was given {billing.booked.to}, which reaches neither {names}; "
            "expected a column that holds the key of a subscription or a user."
        )


def _catalogue_faults(
    argument: str, catalogue: Catalogue, pointing: Attribute | None, counts: Sequence[str]
) -> Iterator[str]:
    model = catalogue.model.__name__
    if pointing is not None and pointed_at(catalogue.model, pointing) is None:
        yield (
            f"ModelBilling({argument}=...) was given Catalogue({model}), which {pointing} does not "
            f"point at; expected the model whose key {pointing} holds."
        )
    features = catalogue.features if isinstance(catalogue.features, Mapping) else {}
    given = {
        "name": catalogue.name,
        "price": catalogue.price,
        "currency": catalogue.currency,
        "interval": catalogue.interval,
        "platform": catalogue.platform,
        **{f"limits[{name!r}]": column for name, column in catalogue.limits.items()},
        **{f"features[{name!r}]": column for name, column in features.items()},
    }
    for name, value in given.items():
        if value is None or isinstance(value, str):
            continue
        if not tables_of(value) <= set(mapper_of(catalogue.model).tables):
            yield (
                f"Catalogue({model}, {name}=...) was given {value}, a column of another model; "
                f"expected one of {model}."
            )
    if catalogue.price is not None and catalogue.currency is None:
        yield (
            f"Catalogue({model}) has a price= and no currency=; expected a column, or one currency "
            "for all, such as currency='EUR'."
        )
    for name in catalogue.limits:
        if name != "channels" and name not in counts:
            yield (
                f"Catalogue({model}, limits=...) was given a limit of {name!r}, which is the name "
                "of no Count; expected the name of one in channels= or usage=, or 'channels' for "
                "all kinds together."
            )
