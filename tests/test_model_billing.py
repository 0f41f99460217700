"""ModelBilling reads and writes the usual schemas, and says at mounting what cannot work."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, DateTime, Enum, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import (
    Booked,
    Catalogue,
    ConfigurationError,
    Count,
    Held,
    ManualBilling,
    ModelBilling,
    Money,
    Offer,
    PlatformUsers,
    Policy,
    Status,
    Users,
)

SOON = datetime(2030, 5, 3, 12, tzinfo=UTC)


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Person(Base):
    """A user whose plan is a word on the own row."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(10), default="active")
    tier: Mapped[str | None] = mapped_column(Enum("free", "pro", name="tier"))


class Plan(Base):
    __tablename__ = "plans"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[int]
    title: Mapped[str] = mapped_column(String(40))
    cents: Mapped[int]
    seats: Mapped[int | None]
    white_label: Mapped[bool]


class Contract(Base):
    __tablename__ = "contracts"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"))
    ends_at: Mapped[datetime | None] = mapped_column(DateTime)
    stripe_id: Mapped[str | None] = mapped_column(String(40))


class Extra(Base):
    __tablename__ = "extras"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(40))
    words: Mapped[list[str]] = mapped_column(JSON)


class PersonExtra(Base):
    """A join table straight to the user, without a quantity."""

    __tablename__ = "person_extras"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    extra_id: Mapped[int] = mapped_column(ForeignKey("extras.id"), primary_key=True)


class OwnerPolicy(Policy):
    def platform_of(self, actor: Any) -> Any:
        return actor.tenant


plans = Catalogue(
    Plan,
    name=Plan.title,
    price=Plan.cents / sa.literal(100),
    currency="EUR",
    interval="month",
    platform=Plan.tenant,
    limits={"seats": Plan.seats},
    features={"White label": Plan.white_label},
)
contracts = ModelBilling(
    db,
    plans,
    held=Held(
        Contract.plan_id,
        user=Contract.person_id,
        ends=Contract.ends_at,
        managed=Contract.stripe_id.is_not(None),
    ),
    add_ons=Catalogue(Extra, name=Extra.title, features=Extra.words),
    booked=Booked(PersonExtra.extra_id, to=PersonExtra.person_id),
)
tiers = ModelBilling(
    db,
    [
        Offer(kind="plan", key="free", name="Free"),
        Offer(kind="plan", key="pro", name="Pro", price=Money(Decimal(9), "EUR")),
    ],
    held=Held(Person.tier),
)


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask(__name__)
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite://", SECRET_KEY="secret")
    db.init_app(app)
    LoginManager(app).user_loader(lambda _: None)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        db.session.add_all(
            [
                Person(id=1, tenant=1, name="Ada", tier="free"),
                Plan(id=1, tenant=1, title="Small", cents=900, seats=2, white_label=False),
                Plan(id=2, tenant=1, title="Large", cents=2950, seats=None, white_label=True),
                Plan(id=3, tenant=2, title="Foreign", cents=100, seats=1, white_label=False),
                Extra(id=1, title="Support", words=["Answers within an hour"]),
            ]
        )
        db.session.commit()
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def ada(app: Flask) -> Person:
    return db.session.get_one(Person, 1)


def faults(billing: ModelBilling, app: Flask) -> list[str]:
    users = PlatformUsers(
        db,
        users=Users(
            Person,
            platform=Person.tenant,
            username=Person.name,
            email=Person.name,
            status=Status.column(Person.status),
        ),
        usage=[Count("seats", Contract.person_id)],
        policy=OwnerPolicy(),
        billing=billing,
    )
    with pytest.raises(ConfigurationError) as caught:
        users.init_app(app)
    return list(caught.value.faults)


def test_a_model_billing_can_be_changed_by_hand() -> None:
    assert isinstance(contracts, ManualBilling)


def test_the_catalogue_holds_the_offers_of_one_platform_only(app: Flask) -> None:
    offers = contracts.offers(1)
    assert [(o.kind, o.key, o.name) for o in offers] == [
        ("plan", "1", "Small"),
        ("plan", "2", "Large"),
        ("add_on", "1", "Support"),
    ]
    assert offers[1].price == Money(Decimal("29.5"), "EUR")
    assert offers[1].limits == {"seats": None}
    assert offers[1].features == ["White label"]
    assert offers[2].features == ["Answers within an hour"]


def test_a_user_without_a_row_has_no_subscription(ada: Person) -> None:
    assert contracts.subscription(ada) is None


def test_assigning_makes_the_row_and_writes_naive_columns_in_utc(ada: Person) -> None:
    contracts.assign(ada, "2", ends=SOON)
    db.session.commit()
    found = contracts.subscription(ada)
    assert found is not None
    assert (found.plan, found.plan_key, found.ends) == ("Large", "2", SOON)
    assert db.session.scalars(sa.select(Contract.ends_at)).one() == SOON.replace(tzinfo=None)


def test_assigning_none_ends_the_subscription(ada: Person) -> None:
    contracts.assign(ada, "1")
    contracts.assign(ada, None)
    db.session.commit()
    assert contracts.subscription(ada) is None


def test_of_several_rows_the_last_counts(ada: Person) -> None:
    for plan in (2, 1):
        db.session.add(Contract(person_id=1, plan_id=plan))
        db.session.flush()
    found = contracts.subscription(ada)
    assert found is not None
    assert found.plan == "Small"


def test_the_predicate_says_what_a_provider_manages(ada: Person) -> None:
    assert not contracts.managed(ada)
    contract = Contract(person_id=1, plan_id=1, stripe_id="sub_1")
    db.session.add(contract)
    db.session.flush()
    assert contracts.managed(ada)
    contract.stripe_id = None
    db.session.flush()
    assert not contracts.managed(ada)


def test_an_add_on_without_a_quantity_is_booked_once_and_taken_back(ada: Person) -> None:
    contracts.assign(ada, "1")
    contracts.give(ada, "1")
    contracts.give(ada, "1")
    found = contracts.subscription(ada)
    assert found is not None
    assert [(a.key, a.name, a.quantity) for a in found.add_ons] == [("1", "Support", 1)]
    contracts.take(ada, "1")
    contracts.take(ada, "1")
    found = contracts.subscription(ada)
    assert found is not None
    assert found.add_ons == []


def test_a_plan_may_be_a_word_on_the_users_own_row(ada: Person) -> None:
    found = tiers.subscription(ada)
    assert found is not None
    assert (found.plan, found.plan_key) == ("Free", "free")
    tiers.assign(ada, "pro")
    db.session.commit()
    assert db.session.get_one(Person, 1).tier == "pro"
    tiers.assign(ada, None)
    assert tiers.subscription(ada) is None


def test_a_plan_in_another_table_needs_the_way_to_the_user(app: Flask) -> None:
    assert faults(ModelBilling(db, plans, held=Held(Contract.plan_id)), app) == [
        "Held(plan) was given Contract.plan_id, a column of another model than Person; expected "
        "the column that leads to the user beside it, such as user=Subscription.user_id."
    ]


def test_a_way_that_leads_elsewhere_is_refused(app: Flask) -> None:
    held = Held(Contract.plan_id, user=Contract.plan_id)
    assert faults(ModelBilling(db, plans, held=held), app) == [
        "Held(user=...) was given Contract.plan_id, which does not reach Person; expected a column "
        "that holds a user's key, such as user=Subscription.user_id."
    ]


def test_a_limit_that_nothing_counts_is_refused(app: Flask) -> None:
    catalogue = Catalogue(Plan, name=Plan.title, limits={"chairs": Plan.seats})
    held = Held(Contract.plan_id, user=Contract.person_id)
    assert faults(ModelBilling(db, catalogue, held=held), app) == [
        "Catalogue(Plan, limits=...) was given a limit of 'chairs', which is the name of no Count; "
        "expected the name of one in channels= or usage=, or 'channels' for all kinds together."
    ]


def test_a_price_without_a_currency_and_columns_of_others_are_refused(app: Flask) -> None:
    catalogue = Catalogue(Plan, name=Extra.title, price=Plan.cents)
    held = Held(Contract.plan_id, user=Contract.person_id, ends=Contract.stripe_id)
    found = faults(ModelBilling(db, catalogue, held=held), app)
    assert found == [
        "Catalogue(Plan, name=...) was given Extra.title, a column of another model; expected one "
        "of Plan.",
        "Catalogue(Plan) has a price= and no currency=; expected a column, or one currency for "
        "all, such as currency='EUR'.",
        "Held(ends=...) was given Contract.stripe_id; expected a DateTime column of Contract, "
        "where the plan is kept.",
    ]


def test_an_agreed_price_needs_a_column_that_can_be_empty(app: Flask) -> None:
    held = Held(
        Contract.plan_id,
        user=Contract.person_id,
        price=Contract.plan_id,
        currency=Plan.title,
    )
    assert faults(ModelBilling(db, plans, held=held), app) == [
        "Held(price=...) was given Contract.plan_id; expected a nullable Numeric column of "
        "Contract, where the plan is kept.",
        "Held(currency=...) was given Plan.title; expected a nullable String column of Contract, "
        "where the plan is kept.",
    ]


def test_a_catalogue_that_the_plan_does_not_point_at_is_refused(app: Flask) -> None:
    held = Held(Contract.plan_id, user=Contract.person_id)
    assert faults(ModelBilling(db, Catalogue(Extra, name=Extra.title), held=held), app) == [
        "ModelBilling(plans=...) was given Catalogue(Extra), which Contract.plan_id does not point "
        "at; expected the model whose key Contract.plan_id holds."
    ]


def test_what_narrows_the_rows_has_to_be_a_column_of_them(app: Flask) -> None:
    held = Held(Contract.plan_id, user=Contract.person_id, since=Person.id, platform=Person.tenant)
    extras = Catalogue(Extra, name=Extra.title)
    booked = Booked(PersonExtra.extra_id, to=PersonExtra.person_id, platform=Person.tenant)
    assert faults(ModelBilling(db, plans, held=held, add_ons=extras, booked=booked), app) == [
        "Held(since=...) was given Person.id; expected a column of Contract, where the plan is "
        "kept.",
        "Held(platform=...) was given Person.tenant; expected a column of Contract, where the plan "
        "is kept.",
        "Booked(platform=...) was given Person.tenant; expected a column of PersonExtra, which "
        "says who has which add-on.",
    ]


def test_add_ons_without_a_join_table_are_refused(app: Flask) -> None:
    held = Held(Contract.plan_id, user=Contract.person_id)
    extras = Catalogue(Extra, name=Extra.title)
    assert faults(ModelBilling(db, plans, held=held, add_ons=extras), app) == [
        "ModelBilling(add_ons=...) was given without booked=; expected both, the model of the "
        "add-ons and the join table that says who has them."
    ]
    booked = Booked(PersonExtra.extra_id, to=Contract.plan_id)
    assert faults(ModelBilling(db, plans, held=held, add_ons=extras, booked=booked), app) == [
        "Booked(to=...) was given Contract.plan_id, which reaches neither Person nor Contract; "
        "expected a column that holds the key of a subscription or a user."
    ]
