"""``ModelBilling``: serves a host's own tables of plans, subscriptions and add-ons without code."""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import QueryableAttribute

from .billing import AddOn, Money, Offer, Subscription
from .errors import RefusedError
from .i18n import _
from .inspection import (
    binds_of,
    clause,
    known_words,
    mapper_of,
    parse_key,
    pointed_at,
    python_type,
    word,
)
from .mapping import Expression, Predicate
from .models import as_kept, as_utc

Kind = Literal["plan", "add_on"]
Attribute = QueryableAttribute[Any]


@dataclass(frozen=True)
class Catalogue:
    """A model whose rows are what platforms sell: plans, or add-ons.

    Every value but ``model`` is a column or another SQL expression of ``model``.

    Args:
        model: the mapped class.
        name: what people call it.
        price: what it costs for one ``interval``; None where prices are not kept.
        currency: a column, or one currency for all: ``"EUR"``.
        interval: a column, or one word for all: ``"month"``.
        platform: the platform that sells it; None where all sell the same.
        limits: how many each may have of what is counted, by the ``Count``'s name, and by
            ``"channels"`` for all kinds together. NULL is unlimited for a plan, nothing for an
            add-on.
        features: a column that holds a list of words (JSON), or a predicate for each word.
    """

    model: type[Any]
    _: KW_ONLY
    name: Expression
    price: Expression | None = None
    currency: Expression | str | None = None
    interval: Expression | str | None = None
    platform: Expression | None = None
    limits: Mapping[str, Expression] = field(default_factory=dict)
    features: Expression | Mapping[str, Expression] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """Where it says which plan a user has.

    Args:
        plan: the column that holds the plan's key: of the user's own row (``User.plan_id``), or
            of another table (``Subscription.plan_id``), of which the last row counts.
        user: the other table's column that points at the user; None on the user's own row.
        platform: the other table's column that holds the platform, where a user of several
            platforms has a plan on each: ``Membership.tenant_id``.
        since: by which the last of a user's rows is known; None where that is their key.
        renews: when it renews by itself.
        ends: when it ends.
        price: a nullable column for a price that was agreed on instead of the plan's own.
        currency: a nullable column for its currency; without it, it is in that of the plan.
        managed: when a payment provider manages it, so that it is not changed by hand:
            ``Subscription.provider_id.is_not(None)``.
    """

    plan: Attribute
    _: KW_ONLY
    user: Attribute | None = None
    platform: Attribute | None = None
    since: Attribute | None = None
    renews: Attribute | None = None
    ends: Attribute | None = None
    price: Attribute | None = None
    currency: Attribute | None = None
    managed: Predicate | None = None


@dataclass(frozen=True)
class Booked:
    """The join table that says which add-ons a user has.

    Args:
        add_on: the column that points at the add-on.
        to: the column that points at the subscription, or at the user.
        platform: the column that holds the platform, where a user of several platforms has add-ons
            on each.
        quantity: how many; None where a row is one.
    """

    add_on: Attribute
    _: KW_ONLY
    to: Attribute
    platform: Attribute | None = None
    quantity: Attribute | None = None


class ModelBilling:
    """A billing made of a mapping: ``PlatformUsers(billing=ModelBilling(db, ...))``.

    Args:
        db: the host's Flask-SQLAlchemy object.
        plans: the model of the plans, or the plans themselves where no table keeps them and every
            platform sells the same.
        held: which plan a user has.
        add_ons: the model of the add-ons, or the add-ons themselves, as with plans.
        booked: which add-ons a user has.
    """

    def __init__(
        self,
        db: SQLAlchemy,
        plans: Catalogue | Sequence[Offer],
        *,
        held: Held,
        add_ons: Catalogue | Sequence[Offer] | None = None,
        booked: Booked | None = None,
    ) -> None:
        self.db = db
        self.platform: Any = None
        self.plans = plans
        self.held = held
        self.add_ons = add_ons
        self.booked = booked

    def of_platform(self, platform: Any) -> "ModelBilling":
        """Return the billing of one platform, where users may have a plan on each of several."""
        bound = copy.copy(self)
        bound.platform = platform
        return bound

    def subscription(self, user: Any) -> Subscription | None:
        """Read it. At most three statements."""
        row = self._row(user)
        key = None if row is None else getattr(row, self.held.plan.key)
        if key is None:
            return None
        plan = self._plan(key)
        return Subscription(
            plan=plan.name,
            price=self._agreed(row, plan) or plan.price,
            interval=plan.interval,
            renews=_moment_in(row, self.held.renews),
            ends=_moment_in(row, self.held.ends),
            add_ons=self._booked(user, row),
            plan_key=plan.key,
            limits=plan.limits,
            features=plan.features,
        )

    def offers(self, platform: Any) -> Sequence[Offer]:
        """Read the catalogue. At most two statements."""
        found = self._sold(self.plans, "plan", self.held.plan, platform)
        if self.add_ons and self.booked:
            found += self._sold(self.add_ons, "add_on", self.booked.add_on, platform)
        return found

    def managed(self, user: Any) -> bool:
        """Ask the predicate about the row that counts."""
        row = self._row(user)
        if self.held.managed is None or row is None:
            return False
        found = self.db.session.scalar(
            sa.select(sa.literal(1)).where(_same(row), self.held.managed).limit(1),
            bind_arguments={"mapper": mapper_of(type(row))},
        )
        return found is not None

    def assign(
        self,
        user: Any,
        plan: str | None,
        *,
        price: Money | None = None,
        renews: datetime | None = None,
        ends: datetime | None = None,
    ) -> None:
        """Write the plan, its moments and its price; a subscription that is not there is made."""
        held, row = self.held, self._row(user)
        if row is None and plan is not None:
            assert held.user is not None  # noqa: S101  (a user's own row is always there)
            row = model_of(held.user)()
            setattr(row, held.user.key, _pointed_value(user, held.user))
            if held.platform is not None:
                setattr(row, held.platform.key, self.platform)
            if held.since is not None:
                setattr(row, held.since.key, as_kept(held.since, datetime.now(UTC)))
            self.db.session.add(row)
        elif row is None:
            return
        elif plan is None and not clause(held.plan).nullable:
            self._delete(row)
            return
        setattr(row, held.plan.key, None if plan is None else _key_in(held.plan, plan))
        for attribute, moment in ((held.renews, renews), (held.ends, ends)):
            if attribute is not None:
                setattr(row, attribute.key, as_kept(attribute, moment))
        if held.price is not None:
            setattr(row, held.price.key, None if price is None else price.amount)
        if held.currency is not None:
            setattr(row, held.currency.key, None if price is None else price.currency)

    def give(self, user: Any, add_on: str) -> None:
        """Add a row to the join table, or one to its quantity."""
        booked = self._bookings()
        row, owner = self._booking(user, add_on)
        if owner is None:
            raise RefusedError(_("There is no subscription to add it to."))
        if row is None:
            row = model_of(booked.add_on)()
            setattr(row, booked.add_on.key, _key_in(booked.add_on, add_on))
            setattr(row, booked.to.key, owner)
            if booked.platform is not None:
                setattr(row, booked.platform.key, self.platform)
            if booked.quantity is not None:
                setattr(row, booked.quantity.key, 1)
            self.db.session.add(row)
        elif booked.quantity is not None:
            setattr(row, booked.quantity.key, getattr(row, booked.quantity.key) + 1)

    def take(self, user: Any, add_on: str) -> None:
        """Delete the row of the join table, or take one from its quantity."""
        booked = self._bookings()
        row, _ = self._booking(user, add_on)
        if row is None:
            return
        if booked.quantity is not None and getattr(row, booked.quantity.key) > 1:
            setattr(row, booked.quantity.key, getattr(row, booked.quantity.key) - 1)
        else:
            self.db.session.delete(row)

    def plan_test(self, users: type[Any]) -> Callable[[str, Any], Predicate] | None:
        """Find users by what their plan is called, in capital or small letters."""
        held = model_of(self.held.plan)
        if len(binds_of(mapper_of(model).local_table for model in (users, held))) > 1:
            return None
        return functools.partial(self._holds, users)

    # How it is read

    def _holds(self, users: type[Any], name: str, platform: Any) -> Predicate:
        """Say which users have a plan of a name, in a statement that reads users."""
        held = self.held
        sold = self._sold(self.plans, "plan", held.plan, platform)
        plans = [_key_in(held.plan, plan.key) for plan in sold if _is_called(plan, name)]
        if held.user is None:
            return clause(held.plan).in_(plans)
        pointed = pointed_at(users, held.user)
        assert pointed is not None  # noqa: S101  (billing_checks refused anything else)
        here = [] if held.platform is None else [held.platform == platform]
        had = sa.select(held.user).where(clause(held.plan).in_(plans), *here)
        last = sa.select(held.plan).where(held.user == pointed, *here)
        last = last.order_by(*self._latest_first(model_of(held.user))).limit(1)
        # Whoever never had it need not be asked for what they had last.
        return pointed.in_(had) & last.correlate(users).scalar_subquery().in_(plans)

    def _latest_first(self, model: type[Any]) -> list[sa.ColumnElement[Any]]:
        last = [*mapper_of(model).primary_key]
        if self.held.since is not None:
            last.insert(0, clause(self.held.since))
        return [column.desc() for column in last]

    def _row(self, user: Any) -> Any:
        """Return the row that says which plan a user has, None if there is none."""
        if self.held.user is None:
            return user
        model = model_of(self.held.user)
        return self.db.session.scalar(
            sa.select(model)
            .where(self.held.user == _pointed_value(user, self.held.user))
            .where(*self._here(self.held.platform))
            .order_by(*self._latest_first(model))
            .limit(1)
        )

    def _here(self, platform: Attribute | None) -> list[sa.ColumnElement[bool]]:
        return [] if platform is None else [platform == self.platform]

    def _delete(self, row: Any) -> None:
        """Delete a subscription with what is booked to it."""
        if self.booked is not None and pointed_at(type(row), self.booked.to) is not None:
            key = _pointed_value(row, self.booked.to)
            booked = sa.select(model_of(self.booked.to)).where(self.booked.to == key)
            for booking in self.db.session.scalars(booked).all():
                self.db.session.delete(booking)
            self.db.session.flush()
        self.db.session.delete(row)

    def _agreed(self, row: Any, plan: Offer) -> Money | None:
        """Return the price that was agreed on instead of the plan's own, None if there is none."""
        amount = None if self.held.price is None else getattr(row, self.held.price.key)
        currency = plan.price.currency if plan.price else None
        if self.held.currency is not None:
            currency = getattr(row, self.held.currency.key) or currency
        return None if amount is None or currency is None else Money(amount, currency)

    def _plan(self, key: Any) -> Offer:
        if not isinstance(self.plans, Catalogue):
            return _named(self.plans, "plan", key)
        pointed = _pointed(self.plans, self.held.plan)
        found = self.db.session.execute(
            sa.select(*_columns(self.plans, pointed)).where(pointed == key)
        ).first()
        if found is None:
            return Offer(kind="plan", key=word(key), name=word(key))
        return _offer(found, self.plans, "plan")

    def _booked(self, user: Any, row: Any) -> list[AddOn]:
        if self.add_ons is None or self.booked is None:
            return []
        catalogue, add_on = self.add_ons, self.booked.add_on
        quantity = sa.literal(1) if self.booked.quantity is None else self.booked.quantity
        booked = sa.select(quantity.label("quantity")).where(
            self.booked.to == self._owner(user, row), *self._here(self.booked.platform)
        )
        if not isinstance(catalogue, Catalogue):
            rows = self.db.session.execute(booked.add_columns(add_on.label("key")).order_by(add_on))
            return [_add_on(_named(catalogue, "add_on", row.key), row.quantity) for row in rows]
        pointed = _pointed(catalogue, add_on)
        rows = self.db.session.execute(
            booked.add_columns(*_columns(catalogue, pointed))
            .select_from(model_of(add_on))
            .join(catalogue.model, pointed == add_on)
            .order_by(pointed)
        )
        return [_add_on(_offer(row, catalogue, "add_on"), row.quantity) for row in rows]

    def _sold(
        self,
        catalogue: Catalogue | Sequence[Offer],
        kind: Kind,
        pointing: Attribute,
        platform: Any,
    ) -> list[Offer]:
        if not isinstance(catalogue, Catalogue):
            return list(catalogue)
        pointed = _pointed(catalogue, pointing)
        statement = sa.select(*_columns(catalogue, pointed))
        if catalogue.platform is not None:
            statement = statement.where(clause(catalogue.platform) == platform)
        order = [pointed] if catalogue.price is None else [catalogue.price, pointed]
        found = self.db.session.execute(statement.order_by(*order))
        return [_offer(row, catalogue, kind) for row in found]

    def _bookings(self) -> Booked:
        if self.booked is None:
            raise LookupError("ModelBilling(booked=...) was not given; there are no add-ons.")
        return self.booked

    def _booking(self, user: Any, add_on: str) -> tuple[Any, Any]:
        """Return the row that books an add-on, None if there is none, and what it is booked to."""
        booked, subscription = self._bookings(), self._row(user)
        owner = self._owner(user, subscription)
        statement = sa.select(model_of(booked.add_on)).where(
            booked.to == owner,
            booked.add_on == _key_in(booked.add_on, add_on),
            *self._here(booked.platform),
        )
        return self.db.session.scalars(statement).first(), owner

    def _owner(self, user: Any, row: Any) -> Any:
        """Return what the join table points at: the subscription's key, or the user's."""
        to = self._bookings().to
        by_user = any(
            key.column.table in mapper_of(type(user)).tables for key in clause(to).foreign_keys
        )
        if self.held.user is None or by_user:
            return _pointed_value(user, to)
        return None if row is None else _pointed_value(row, to)


def model_of(attribute: Attribute) -> type[Any]:
    """Return the mapped class that an attribute belongs to."""
    entity: Any = attribute.parent.entity
    model: type[Any] = entity
    return model


def _pointed(catalogue: Catalogue, pointing: Attribute) -> Attribute:
    """Return the attribute of the catalogue's model whose values the host keeps elsewhere."""
    attribute = pointed_at(catalogue.model, pointing)
    assert attribute is not None  # noqa: S101  (billing_checks refused anything else)
    return attribute


def _pointed_value(record: Any, column: Attribute) -> Any:
    """Return what a column that points at a record would hold."""
    attribute = pointed_at(type(record), column)
    assert attribute is not None  # noqa: S101  (billing_checks refused anything else)
    return getattr(record, attribute.key)


def _same(row: Any) -> sa.ColumnElement[bool]:
    state = sa.inspect(row)
    return sa.and_(
        *(
            column == value
            for column, value in zip(state.mapper.primary_key, state.identity, strict=True)
        )
    )


def _columns(catalogue: Catalogue, key: Attribute) -> list[sa.ColumnElement[Any]]:
    fields = {
        "price": catalogue.price,
        "currency": catalogue.currency,
        "interval": catalogue.interval,
    }
    named = {f"limit_{name}": column for name, column in catalogue.limits.items()}
    if isinstance(catalogue.features, Mapping):
        named |= {f"feature_{name}": column for name, column in catalogue.features.items()}
    else:
        named["features"] = catalogue.features
    return [
        key.label("key"),
        clause(catalogue.name).label("name"),
        *(
            (sa.null() if value is None else sa.literal(value)).label(name)
            if value is None or isinstance(value, str)
            else clause(value).label(name)
            for name, value in fields.items()
        ),
        *(clause(column).label(name) for name, column in named.items()),
    ]


def _offer(row: Any, catalogue: Catalogue, kind: Kind) -> Offer:
    found = row._mapping
    price = found["price"]
    limits = {name: found[f"limit_{name}"] for name in catalogue.limits}
    if kind == "add_on":
        limits = {name: value for name, value in limits.items() if value}
    if isinstance(catalogue.features, Mapping):
        features = [name for name in catalogue.features if found[f"feature_{name}"]]
    else:
        features = list(found["features"] or ())
    return Offer(
        kind=kind,
        key=word(found["key"]),
        name=found["name"],
        price=None if price is None else Money(Decimal(str(price)), found["currency"]),
        interval=found["interval"],
        limits=limits,
        features=features,
    )


def _named(offers: Sequence[Offer], kind: Kind, key: Any) -> Offer:
    """Return the offer of a key; what is not offered any more goes by its key."""
    named = {offer.key: offer for offer in offers}
    return named.get(word(key)) or Offer(kind=kind, key=word(key), name=word(key))


def _is_called(offer: Offer, name: str) -> bool:
    return offer.kind == "plan" and offer.name.casefold() == name.casefold()


def _add_on(offer: Offer, quantity: int) -> AddOn:
    return AddOn(
        name=offer.name,
        price=offer.price,
        quantity=quantity,
        key=offer.key,
        limits=offer.limits,
        features=offer.features,
    )


def _key_in(column: Attribute, key: str) -> Any:
    """Return the value of an offer's key as a column holds it."""
    for value in known_words(clause(column)) or ():
        if word(value) == key:
            return value
    return parse_key(key, python_type(column))


def _moment_in(row: Any, attribute: Attribute | None) -> datetime | None:
    return None if attribute is None else as_utc(getattr(row, attribute.key))
