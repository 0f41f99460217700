"""Plans and add-ons by hand: given once, shown why, true by the clock, and taken back on time."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, g
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from example_app import create_app
from example_app.models import (
    Channel,
    Plan,
    Subscription,
    SubscriptionAddOn,
    User,
    WhatsAppNumber,
    db,
    utc_now,
)
from example_app.plans import billing
from example_app.seed import seed
from flask_platform_users import Money
from flask_platform_users.actions import due_grants
from flask_platform_users.actions.plans import months_after
from flask_platform_users.grants import Grants
from flask_platform_users.history import Event, History, HistoryQuery
from flask_platform_users.pipeline import SYSTEM, Order, Pipeline
from flask_platform_users.settings import Settings
from flask_platform_users.standing import standing_of

from .html import Node, parse

PAGE = "/platform/users"
SERVERS = {
    "postgresql": ("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": ("TEST_MARIADB_URL", "mariadb+pymysql://root@127.0.0.1:3306/mysql"),
}


def execute(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture(scope="module", params=["sqlite", *SERVERS])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The address of an empty database."""
    if request.param == "sqlite":
        path: Path = tmp_path_factory.mktemp("plans") / "example.sqlite3"
        yield f"sqlite:///{path}"
        return
    variable, default = SERVERS[request.param]
    admin = sa.make_url(os.environ.get(variable) or default)
    name = f"plan_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    try:
        execute(admin, f"DROP DATABASE IF EXISTS {name}")
        execute(admin, f"CREATE DATABASE {name}")
    except sa.exc.OperationalError:
        pytest.skip(f"{request.param} does not answer; set {variable} to where it is.")
    yield admin.set(database=name).render_as_string(hide_password=False)
    execute(admin, f"DROP DATABASE {name}")


@pytest.fixture(scope="module")
def product(database: str) -> Iterator[Flask]:
    product = create_app(database, config={"SECRET_KEY": "secret"})
    with product.app_context():
        db.create_all()
        seed()
    yield product
    with product.app_context():
        db.session.remove()
        db.engine.dispose()


@dataclass
class Desk:
    """The owner of a platform, at work on one user of it."""

    product: Flask
    client: FlaskClient
    key: int
    plans: dict[str, str]

    def open(self, action: str) -> TestResponse:
        return self.client.get(f"{PAGE}/do/{action}/{self.key}")

    def send(self, form: TestResponse, action: str, **data: str) -> TestResponse:
        return self.client.post(f"{PAGE}/do/{action}/{self.key}", data=hidden(form) | data)

    def do(self, action: str, **data: str) -> TestResponse:
        """Fill in a form, look at what it shows, and send it."""
        form = self.send(self.open(action), action, **data)
        return self.send(form, action, **data) if form.status_code == 200 else form

    def assign(self, plan: str, **data: str) -> TestResponse:
        given = {"offer": self.plans[plan], "period": "month", "reason": "They asked"} | data
        return self.do("assign_plan", **given)

    def details(self) -> str:
        return text(self.client.get(f"{PAGE}/id/{self.key}"))

    def kept(self) -> tuple[str, int] | None:
        """What the product's own tables say: the plan, and the number of add-ons."""
        held = db.session.execute(
            sa.select(Plan.name, Subscription.id)
            .join(Plan, Plan.id == Subscription.plan_id)
            .where(Subscription.user_id == self.key)
        ).first()
        if held is None:
            return None
        booked = sa.select(sa.func.sum(SubscriptionAddOn.quantity)).where(
            SubscriptionAddOn.subscription_id == held.id
        )
        return held.name, int(db.session.scalar(booked) or 0)

    def by_clock(self) -> str | None:
        directory = self.extension.directory(1)
        found = standing_of(directory, directory.user(str(self.key))).subscription
        db.session.rollback()
        return None if found is None else found.plan

    def pass_days(self, days: int) -> None:
        """Let time pass for what was given."""
        table = self.extension.mapping.tables.grant
        for grant in Grants(self.extension.directory(1)).of(self.key):
            db.session.execute(
                sa.update(table)
                .where(table.c.id == grant.id)
                .values(
                    starts=grant.starts - timedelta(days=days),
                    ends=grant.ends and grant.ends - timedelta(days=days),
                )
            )
        db.session.commit()

    def settle(self) -> list[str]:
        """Do what is due, as the clock's own command would; return what was done."""
        keys = Settings.of(self.product).keys(self.product)
        done = []
        for platform, key, action in list(due_grants(self.extension, utc_now())):
            pipeline = Pipeline(
                self.extension.directory(platform), self.extension.policy, SYSTEM, keys
            )
            if pipeline.run(Order(action=action, key=str(key))).outcome == "done":
                done.append(action.name)
        return done

    def last(self) -> Event:
        query = HistoryQuery(user=str(self.key), per_page=1)
        event = History(self.extension.directory(1)).page(query).events[0]
        db.session.rollback()
        return event

    @property
    def extension(self) -> Any:
        return self.product.extensions["platform_users"]["platform_users"]


@pytest.fixture
def desk(product: Flask) -> Iterator[Desk]:
    """A fresh user with the plan Growth, two WhatsApp numbers and three webchats."""
    client = product.test_client()
    token = hidden(client.get("/login"))
    client.post("/login", data={"email": "owner@acme.example", "password": "demo"} | token)
    with product.app_context():
        plans = {
            name: str(key)
            for key, name in db.session.execute(
                sa.select(Plan.id, Plan.name).where(Plan.platform_id == 1)
            )
        }
        number = db.session.scalar(sa.select(sa.func.max(User.id))) or 0
        user = User(
            platform_id=1,
            username=f"Mina {number}",
            email=f"mina{number}@mail.example",
            password_hash="x",
            role="admin",
            status="active",
        )
        db.session.add(user)
        db.session.flush()
        here = {"user_id": user.id, "platform_id": 1}
        db.session.add_all(
            [
                Subscription(
                    user_id=user.id,
                    plan_id=int(plans["Growth"]),
                    renews_at=utc_now().replace(microsecond=0) + timedelta(days=9),
                ),
                *(WhatsAppNumber(**here, phone="+1", name="Sales") for _ in range(2)),
                *(Channel(**here, kind="webchat", name="Shop") for _ in range(3)),
            ]
        )
        db.session.commit()
        yield Desk(product, client, user.id, plans)
        db.session.remove()


def hidden(form: TestResponse) -> dict[str, str]:
    names = "csrf_token|seen|request_id|shown"
    found = re.findall(rf'name="({names})"[^>]*value="([^"]*)"', form.text)
    return dict(found)


def text(page: TestResponse) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def test_assigning_a_plan_first_shows_the_difference_and_what_is_over_already(desk: Desk) -> None:
    form = desk.send(
        desk.open("assign_plan"),
        "assign_plan",
        offer=desk.plans["Starter"],
        period="month",
        reason="Test",
    )
    shown = text(form)
    assert form.status_code == 200
    for line in (
        "Plan: Growth → Starter",
        "Price: 89.00 EUR a month → 29.00 EUR a month",
        "Campaign reports removed",
        "Channels: 8 → 3",
        "Channels: 5 of 3 over the limit",
    ):
        assert line in shown
    assert desk.kept() == ("Growth", 0)


@pytest.mark.parametrize("price", ["1e50", "Infinity", "NaN", "sNaN", "9" * 5000, "1.234", "-1"])
def test_a_price_that_is_no_amount_is_asked_for_again(desk: Desk, price: str) -> None:
    form = desk.send(
        desk.open("assign_plan"),
        "assign_plan",
        offer=desk.plans["Starter"],
        period="forever",
        price=price,
        reason="kept as typed",
    )
    assert form.status_code == 422
    assert "kept as typed" in form.text


@pytest.mark.parametrize("reason", [" ", "\t", "\0"])
def test_a_reason_without_a_word_is_asked_for_again(desk: Desk, reason: str) -> None:
    form = desk.send(
        desk.open("assign_plan"),
        "assign_plan",
        offer=desk.plans["Starter"],
        period="forever",
        reason=reason,
    )
    assert form.status_code == 422
    assert "Say why." in form.text


def test_what_is_sent_has_to_be_what_was_shown(desk: Desk) -> None:
    first = {"offer": desk.plans["Starter"], "period": "month", "reason": "Test"}
    form = desk.send(desk.open("assign_plan"), "assign_plan", **first)
    other = desk.send(form, "assign_plan", **first | {"offer": desk.plans["Scale"]})
    assert other.status_code == 200
    assert "Plan: Growth → Scale" in text(other)
    assert desk.kept() == ("Growth", 0)


def test_an_assigned_plan_is_written_recorded_and_explained(desk: Desk) -> None:
    assert desk.assign("Scale", price="10.50", note="Until the fair").status_code == 303
    assert desk.kept() == ("Scale", 0)
    event = desk.last()
    was, now = event.changes["Plan"]
    assert (event.action, event.reason, was) == ("assign_plan", "They asked", "Growth")
    assert now.startswith("Scale for 10.50 EUR until ")
    details = desk.details()
    assert "10.50 EUR a month" in details
    assert ", then Growth" in details
    assert "Channels 5 unlimited Scale: unlimited, given by owner@acme.example until" in details
    grant = Grants(desk.extension.directory(1)).of(desk.key)[0]
    assert grant.price == Money(Decimal("10.50"), "EUR")
    assert grant.ends == months_after(grant.starts, 1)


def test_a_plan_given_for_good_has_no_end(desk: Desk) -> None:
    desk.assign("Scale", period="forever")
    desk.pass_days(5000)
    assert (desk.by_clock(), desk.settle()) == ("Scale", [])


def test_a_foreign_plan_and_a_missing_reason_come_back_with_what_was_typed(desk: Desk) -> None:
    foreign = str(db.session.scalar(sa.select(Plan.id).where(Plan.platform_id == 2).limit(1)))
    refused = desk.assign("Scale", offer=foreign, reason="", note="Kept words")
    assert refused.status_code == 422
    assert "Not a valid choice." in refused.text
    assert "Say why." in refused.text
    assert "Kept words" in refused.text
    assert desk.kept() == ("Growth", 0)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("price", "-1", "Give an amount."),
        ("price", "NaN", "Give an amount."),
        ("price", "1.005", "Give an amount with at most two decimals."),
        ("starts", "2020-01-01T10:00", "Choose a moment that is still to come."),
        ("starts", "9999-12-31T10:00", "Choose a moment within twenty years."),
        ("period", "date", "Say until when."),
        ("period", "aeon", "Not a valid choice."),
    ],
)
def test_a_term_that_cannot_be_is_refused(
    desk: Desk, field: str, value: str, sentence: str
) -> None:
    refused = desk.assign("Scale", **{field: value})
    assert refused.status_code == 422
    assert sentence in text(refused)


def test_a_subscription_that_changed_meanwhile_is_refused_with_both(desk: Desk) -> None:
    given = {"offer": desk.plans["Scale"], "period": "month", "reason": "Test"}
    form = desk.send(desk.open("assign_plan"), "assign_plan", **given)
    db.session.execute(
        sa.update(Subscription)
        .where(Subscription.user_id == desk.key)
        .values(plan_id=int(desk.plans["Starter"]))
    )
    db.session.commit()
    refused = desk.send(form, "assign_plan", **given)
    assert refused.status_code == 409
    assert "Plan was “Growth” when you opened this form and is “Starter” now." in text(refused)
    assert desk.kept() == ("Starter", 0)


def test_sending_the_same_form_twice_gives_the_plan_once(desk: Desk) -> None:
    given = {"offer": desk.plans["Scale"], "period": "month", "reason": "Test"}
    form = desk.send(desk.open("assign_plan"), "assign_plan", **given)
    first, second = (desk.send(form, "assign_plan", **given) for _ in range(2))
    assert first.location == second.location
    assert len(Grants(desk.extension.directory(1)).of(desk.key)) == 1


def test_a_plan_with_an_end_goes_back_by_the_clock_and_then_in_the_tables(desk: Desk) -> None:
    before = db.session.scalar(
        sa.select(Subscription.renews_at).where(Subscription.user_id == desk.key)
    )
    desk.assign("Scale")
    desk.pass_days(40)
    assert (desk.by_clock(), desk.kept()) == ("Growth", ("Scale", 0))
    assert "Scale" not in desk.details().split("Subscription", 1)[1].split("History", 1)[0]
    assert desk.settle() == ["end_grant"]
    assert desk.kept() == ("Growth", 0)
    event = desk.last()
    assert (event.actor, event.changes) == (None, {"Plan": ("Scale", "Growth")})
    assert before == db.session.scalar(
        sa.select(Subscription.renews_at).where(Subscription.user_id == desk.key)
    )
    assert desk.settle() == []


def test_whoever_had_no_plan_has_none_afterwards(desk: Desk) -> None:
    db.session.execute(sa.delete(Subscription).where(Subscription.user_id == desk.key))
    db.session.commit()
    desk.assign("Scale")
    assert desk.kept() == ("Scale", 0)
    desk.pass_days(40)
    assert desk.by_clock() is None
    desk.settle()
    assert desk.kept() is None


def test_a_plan_given_on_top_of_another_gives_way_to_it(desk: Desk) -> None:
    desk.assign("Starter", period="year")
    desk.assign("Scale", period="week")
    desk.pass_days(10)
    assert desk.by_clock() == "Starter"
    assert desk.settle() == ["end_grant"]
    assert desk.kept() == ("Starter", 0)
    desk.pass_days(400)
    assert (desk.by_clock(), desk.settle()) == ("Growth", ["end_grant"])
    assert desk.kept() == ("Growth", 0)


def test_a_plan_that_begins_later_is_only_noted_until_then(desk: Desk) -> None:
    start = utc_now() + timedelta(days=5)
    desk.assign("Scale", starts=f"{start:%Y-%m-%dT%H:%M}")
    assert desk.kept() == ("Growth", 0)
    assert desk.by_clock() == "Growth"
    assert desk.last().changes["To come"][1].startswith("Scale from ")
    desk.pass_days(6)
    assert desk.by_clock() == "Scale"
    assert desk.settle() == ["begin_grant"]
    assert desk.kept() == ("Scale", 0)
    desk.pass_days(60)
    assert desk.settle() == ["end_grant"]
    assert desk.kept() == ("Growth", 0)


def test_a_plan_that_came_and_went_unsettled_is_never_written(desk: Desk) -> None:
    start = utc_now() + timedelta(days=5)
    desk.assign("Scale", starts=f"{start:%Y-%m-%dT%H:%M}")
    desk.pass_days(90)
    assert desk.by_clock() == "Growth"
    assert desk.settle() == ["begin_grant"]
    assert desk.kept() == ("Growth", 0)


def test_one_given_plan_may_follow_another_without_a_gap(desk: Desk) -> None:
    desk.assign("Starter", period="week")
    start = utc_now() + timedelta(days=7)
    desk.assign("Scale", starts=f"{start:%Y-%m-%dT%H:%M}", period="week")
    desk.pass_days(8)
    assert desk.by_clock() == "Scale"
    assert desk.settle() == ["begin_grant", "end_grant"]
    assert desk.kept() == ("Scale", 0)
    desk.pass_days(8)
    desk.settle()
    assert desk.kept() == ("Growth", 0)


def test_a_plan_that_the_user_changed_meanwhile_is_not_overruled(desk: Desk) -> None:
    desk.assign("Scale")
    db.session.execute(
        sa.update(Subscription)
        .where(Subscription.user_id == desk.key)
        .values(plan_id=int(desk.plans["Starter"]))
    )
    db.session.commit()
    desk.pass_days(40)
    assert desk.by_clock() == "Starter"
    desk.settle()
    assert desk.kept() == ("Starter", 0)


def test_what_a_payment_provider_manages_is_never_touched(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.assign("Scale")
    desk.pass_days(40)
    monkeypatch.setattr(billing, "managed", lambda _: True)
    refused = desk.open("assign_plan")
    assert refused.status_code == 409
    assert "A payment provider manages the subscription of Mina" in text(refused)
    assert desk.by_clock() == "Scale"
    desk.settle()
    assert desk.kept() == ("Scale", 0)


def test_a_billing_that_fails_halfway_leaves_nothing_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = billing.assign

    def assign(*arguments: Any, **more: Any) -> None:
        real(*arguments, **more)
        raise RuntimeError("The payment service is away.")

    monkeypatch.setattr(billing, "assign", assign)
    failed = desk.assign("Scale")
    assert failed.status_code == 500
    assert "(Billing.assign)" in text(failed)
    assert desk.kept() == ("Growth", 0)
    assert Grants(desk.extension.directory(1)).of(desk.key) == []
    assert desk.last().outcome == "failed"


def test_a_billing_that_cannot_be_read_fails_with_a_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def subscription(_: Any) -> None:
        raise RuntimeError("The payment service is away.")

    monkeypatch.setattr(billing, "subscription", subscription)
    assert desk.open("assign_plan").status_code == 500
    assert "Subscription is unavailable" in desk.details()


def test_what_was_due_is_settled_once_however_often_it_is_asked_for(desk: Desk) -> None:
    desk.assign("Scale")
    desk.pass_days(40)
    due = [action for _, key, action in due_grants(desk.extension, utc_now()) if key == desk.key]
    keys = Settings.of(desk.product).keys(desk.product)
    extension = desk.extension
    outcomes = [
        Pipeline(extension.directory(1), extension.policy, SYSTEM, keys)
        .run(Order(action=action, key=str(desk.key)))
        .outcome
        for action in due * 2
    ]
    assert outcomes == ["done", "unchanged"]


def test_an_add_on_is_given_for_a_while_and_taken_back(desk: Desk) -> None:
    done = desk.do("give_add_on", offer="1", period="week", reason="The fair")
    assert done.status_code == 303
    assert desk.kept() == ("Growth", 1)
    assert "Channels 5 of 9 Growth: 8 Extra channel: +1, given by owner@" in desk.details()
    desk.pass_days(8)
    assert "Channels 5 of 8 Growth: 8 " in desk.details()
    assert desk.settle() == ["end_grant"]
    assert desk.kept() == ("Growth", 0)
    assert desk.last().changes == {"Add-ons": ("Extra channel × 1", "")}


@pytest.mark.parametrize(
    ("action", "typed", "told"),
    [
        ("assign_plan", {"price": "10.5"}, "Price: 89.00 EUR a month → 10.50 EUR a month"),
        ("assign_plan", {"price": "-1"}, "Price: 89.00 EUR a month → 29.00 EUR a month"),
        ("give_add_on", {}, "Price: 9.00 EUR more"),
        ("give_add_on", {"price": "0"}, "Price: 0.00 EUR more"),
    ],
)
def test_the_price_is_shown_before_it_is_agreed_on(
    desk: Desk, action: str, typed: dict[str, str], told: str
) -> None:
    offer = {"assign_plan": desk.plans["Starter"], "give_add_on": "1"}[action]
    given = {"offer": offer, "period": "forever", "reason": "Test"} | typed
    assert told in text(desk.send(desk.open(action), action, **given))


def test_what_is_not_paid_any_more_is_shown_before_an_add_on_is_removed(desk: Desk) -> None:
    desk.do("give_add_on", offer="1", period="forever", reason="Test", price="2")
    form = desk.send(desk.open("remove_add_on"), "remove_add_on", offer="1", reason="Test")
    assert "Price: 2.00 EUR less" in text(form)


def test_an_agreed_price_is_written_to_the_products_own_column_and_taken_back(desk: Desk) -> None:
    def agreed() -> Any:
        columns = sa.select(Subscription.agreed_price, Subscription.agreed_currency)
        row = db.session.execute(columns.where(Subscription.user_id == desk.key)).one()
        return tuple(row)

    db.session.execute(
        sa.update(Subscription)
        .where(Subscription.user_id == desk.key)
        .values(agreed_price=Decimal("39"), agreed_currency="EUR")
    )
    db.session.commit()
    desk.assign("Scale", price="10.50")
    assert agreed() == (Decimal("10.50"), "EUR")
    desk.pass_days(40)
    assert "39.00 EUR a month" in desk.details()
    desk.settle()
    assert (desk.kept(), agreed()) == (("Growth", 0), (Decimal("39.00"), "EUR"))
    desk.assign("Scale")
    assert agreed() == (None, None)


def test_an_add_on_without_limits_is_explained_too(desk: Desk) -> None:
    desk.do("give_add_on", offer="3", period="forever", reason="Goodwill")
    assert (
        "Priority support Priority support, given by owner@acme.example for good: “Goodwill”"
        in desk.details()
    )


def test_an_add_on_bought_beside_the_given_one_stays(desk: Desk) -> None:
    subscription = db.session.scalar(
        sa.select(Subscription.id).where(Subscription.user_id == desk.key)
    )
    db.session.add(SubscriptionAddOn(subscription_id=subscription, add_on_id=1, quantity=2))
    db.session.commit()
    desk.do("give_add_on", offer="1", period="week", reason="The fair")
    assert desk.kept() == ("Growth", 3)
    desk.pass_days(8)
    desk.settle()
    assert desk.kept() == ("Growth", 2)


def test_removing_an_add_on_takes_back_what_was_given(desk: Desk) -> None:
    desk.do("give_add_on", offer="1", period="week", reason="The fair")
    assert desk.do("remove_add_on", offer="1", reason="A mistake").status_code == 303
    assert desk.kept() == ("Growth", 0)
    assert Grants(desk.extension.directory(1)).of(desk.key) == []
    assert desk.open("remove_add_on").status_code == 409


def test_without_a_subscription_there_is_nothing_to_add_to(desk: Desk) -> None:
    db.session.execute(sa.delete(Subscription).where(Subscription.user_id == desk.key))
    db.session.commit()
    assert desk.open("give_add_on").status_code == 409


def test_what_was_given_is_extended_made_permanent_and_let_lapse(desk: Desk) -> None:
    desk.assign("Scale")
    grants = Grants(desk.extension.directory(1))
    grant = grants.of(desk.key)[0]
    assert grant.ends is not None
    chosen = {"grant": grant.id, "reason": "Patience"}
    assert desk.do("extend_grant", **chosen, period="month").status_code == 303
    assert grants.of(desk.key)[0].ends == months_after(grant.ends, 1)
    ends = sa.select(Subscription.ends_at).where(Subscription.user_id == desk.key)
    assert db.session.scalar(ends) == months_after(grant.ends, 1)
    assert desk.do("keep_grant", **chosen).status_code == 303
    assert grants.of(desk.key)[0].ends is None
    assert desk.open("extend_grant").status_code == 409
    assert desk.do("lapse_grant", **chosen).status_code == 303
    assert desk.kept() == ("Growth", 0)
    assert desk.open("lapse_grant").status_code == 409


def test_the_page_of_what_was_given_lists_it_by_its_end(desk: Desk) -> None:
    desk.do("give_add_on", offer="1", period="forever", reason="Third of all")
    desk.assign("Scale", period="year", reason="Second of all")
    desk.do("give_add_on", offer="1", period="week", reason="First of all")
    page = text(desk.client.get(f"{PAGE}/granted"))
    places = [page.index(f"{place} of all") for place in ("First", "Second", "Third")]
    assert places == sorted(places)
    assert "Given by hand" in desk.client.get(f"{PAGE}/").text


def test_the_pages_of_what_was_given_hold_each_grant_once_both_ways(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for period in ("week", "forever", "week", "month", "forever"):
        desk.do("give_add_on", offer="1", period=period, reason="Many")
    monkeypatch.setattr("flask_platform_users.grants.PER_PAGE", 2)
    there, url = [], f"{PAGE}/granted"
    while True:
        page = parse(desk.client.get(url).text)
        there.append(given(page))
        if not (links := page.all("a", rel="next")):
            break
        url = links[0].attributes["href"]
    assert all(len(ids) == 2 for ids in there[:-1])
    ids = [one for page in there for one in page]
    assert len(ids) == len(set(ids))
    assert {grant.id for grant in Grants(desk.extension.directory(1)).of(desk.key)} <= set(ids)
    back = [there[-1]]
    while links := page.all("a", rel="prev"):
        page = parse(desk.client.get(links[0].attributes["href"]).text)
        back.append(given(page))
    assert [one for page in reversed(back) for one in page] == ids


def given(page: Node) -> list[str]:
    """The ids of the grants on a page: each of them can be let lapse."""
    links = [node.attributes["href"] for node in page.all("a")]
    return [link.split("grant=")[1] for link in links if "lapse_grant" in link]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=plan", {"a year"}),
        ("kind=add_on", {"a week", "for good"}),
        ("within=30", {"a week"}),
        ("within=90&kind=plan", set()),
        ("kind=&within=", {"a year", "a week", "for good"}),
    ],
)
def test_what_was_given_is_filtered_by_kind_and_by_its_end(
    desk: Desk, query: str, expected: set[str]
) -> None:
    mine = str(desk.key)
    desk.assign("Scale", period="year", reason=f"a year {mine}.")
    desk.do("give_add_on", offer="1", period="week", reason=f"a week {mine}.")
    desk.do("give_add_on", offer="1", period="forever", reason=f"for good {mine}.")
    page = text(desk.client.get(f"{PAGE}/granted?{query}"))
    found = {words for words in ("a year", "a week", "for good") if f"{words} {mine}." in page}
    assert found == expected


@pytest.mark.parametrize("query", ["kind=x", "within=8", "before=x", "after=%00"])
def test_a_filter_that_there_is_not_is_refused(desk: Desk, query: str) -> None:
    assert desk.client.get(f"{PAGE}/granted?{query}").status_code == 400


def test_another_platform_sees_nothing_of_it(desk: Desk) -> None:
    desk.assign("Scale", reason="Between us")
    for name in list(g):  # what belongs to the other person's request, in the same app context
        g.pop(name)
    client = desk.product.test_client()
    token = hidden(client.get("/login"))
    client.post("/login", data={"email": "owner@globex.example", "password": "demo"} | token)
    assert client.get(f"{PAGE}/").status_code == 200
    assert "Between us" not in client.get(f"{PAGE}/granted").text
    assert client.get(f"{PAGE}/do/lapse_grant/{desk.key}").status_code == 404


def test_months_end_with_the_month() -> None:
    start = utc_now().replace(year=2027, month=1, day=31)
    assert months_after(start, 1) == start.replace(month=2, day=28)
    assert months_after(start, 12) == start.replace(year=2028)
