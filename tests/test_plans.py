"""Plans and add-ons by hand: given once, shown why, true by the clock, and taken back on time."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from flask_platform_users import Catalogue, Subscription
from flask_platform_users.actions import due_grants
from flask_platform_users.actions.plans import months_after
from flask_platform_users.grants import Grant, Grants
from flask_platform_users.history import Event
from flask_platform_users.orders import Order
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.rights import SYSTEM
from flask_platform_users.standing import standing_of

from .conftest import mostly_on_sqlite, on_host, on_hosts_where
from .hosts import Key
from .html import Node, parse
from .office import Office, alert, hidden, verify
from .world import World

LARGE = {"period": "month", "reason": "They asked"}


class Desk(Office):
    """An office that sells: its user has five contacts and bought the plan Medium."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.host = world.host
        person = world.person(self.platform, usage={"contacts": 5})
        (self.user,), self.name = world.add(person), person.username
        with world.app.app_context():
            self.host.open_shop(self.platform)
        self.buy("Medium")

    def buy(self, plan: str | None, *, managed: bool = False) -> None:
        """Let the user subscribe to a plan without the page."""
        with self.world.app.app_context():
            self.host.subscribe(self.platform, self.user, plan, managed=managed)

    def kept(self) -> tuple[str | None, int]:
        """Return what the product's own tables say: the plan, and the number of add-ons."""
        with self.world.app.app_context():
            return self.host.bought(self.platform, self.user)

    def open(self, action: str) -> TestResponse:
        """Open the form of an action on the user."""
        return self.ask(action, self.user)

    def fill(self, action: str, offer: str, **data: str) -> tuple[TestResponse, dict[str, str]]:
        """Choose an offer by its name and fill in the rest; return the answer and what was sent."""
        form = self.open(action)
        given = LARGE | {"offer": choice(form, offer)} | data
        return self.send(action, self.user, hidden(form) | given), given

    def give(self, action: str, offer: str, **data: str) -> TestResponse:
        """Fill in a form, look at what it shows, and send it."""
        shown, given = self.fill(action, offer, **data)
        if shown.status_code != 200:
            return shown
        return self.send(action, self.user, hidden(shown) | given)

    def assign(self, plan: str, **data: str) -> TestResponse:
        """Assign a plan."""
        return self.give("assign_plan", plan, **data)

    def details(self) -> str:
        """Return the text of the user's page."""
        return parse(self.client.get(self.world.user_url(self.user)).text).text

    def by_clock(self) -> str | None:
        """Return the plan that the user has now."""
        with self.world.directory(self.platform) as directory:
            found = standing_of(directory, directory.user(str(self.user))).subscription
            return None if found is None else found.plan

    def written(self) -> Subscription | None:
        """Return what the host's billing tells of the user."""
        with self.world.directory(self.platform) as directory:
            assert directory.billing is not None
            return directory.billing.subscription(directory.user(str(self.user)).record)

    def _agreement(self) -> tuple[Any, Any, Any]:
        """Return whose row the host keeps an agreed price in, and its two columns."""
        billing: Any = self.world.extension.billing
        held = billing.held
        return held.user == self.user, held.price, held.currency

    def agree(self, price: Decimal) -> None:
        """Let the user have agreed on a price without the page."""
        mine, amount, currency = self._agreement()
        with self.world.app.app_context():
            changed = sa.update(amount.class_).where(mine).values({amount: price, currency: "EUR"})
            self.host.db.session.execute(changed)
            self.host.db.session.commit()

    def agreed(self) -> tuple[Decimal | None, str | None]:
        """Return what the host's own columns say of an agreed price."""
        mine, amount, currency = self._agreement()
        with self.world.app.app_context():
            row = self.host.db.session.execute(sa.select(amount, currency).where(mine)).one()
            return row[0], row[1]

    def grants(self) -> list[Grant]:
        """Return what was given to the user and not taken back."""
        with self.world.directory(self.platform) as directory:
            return Grants(directory).of(self.user)

    def pass_days(self, days: int) -> None:
        """Let time pass for what was given."""
        past = timedelta(days=days)
        with self.world.directory(self.platform) as directory:
            grants = Grants(directory)
            for grant in grants.of(self.user):
                ends = grant.ends and grant.ends - past
                grants.change(grant, starts=grant.starts - past, ends=ends)
            directory.session.commit()

    def tick(self) -> list[str]:
        """Settle what is due by the command; return what was done."""
        before = len(self.told())
        said = self.world.app.test_cli_runner().invoke(args=["platform-users", "tick"])
        assert said.exit_code == 0, said.output
        return [action for action, _ in self.told()[before:]]

    def last(self) -> Event:
        """Return the last that the history tells."""
        return self.events(per_page=1)[0]


def choice(form: TestResponse, name: str) -> str:
    """Return what choosing an option of a form sends, by the beginning of its label."""
    labels = parse(form.text).all("label", class_="pu-choice")
    (value,) = (
        label.one("input").attributes["value"] for label in labels if label.text.startswith(name)
    )
    return value


def in_days(days: int) -> str:
    """Return a moment to come, as a form sends it."""
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M}"


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


WITH_ADD_ONS = on_hosts_where(lambda can: can.add_ons)


@mostly_on_sqlite
def test_assigning_a_plan_first_shows_the_difference_and_what_is_over_already(desk: Desk) -> None:
    form, _ = desk.fill("assign_plan", "Small")
    assert form.status_code == 200
    shown = parse(form.text).one(class_="pu-impact").text
    for line in (
        "Plan: Medium → Small",
        "Reports removed",
        "Contacts: 10 → 2",
        "Contacts: 5 of 2 over the limit",
    ):
        assert line in shown
    assert desk.kept() == ("Medium", 0)


@mostly_on_sqlite
def test_what_is_sent_has_to_be_what_was_shown(desk: Desk) -> None:
    form, given = desk.fill("assign_plan", "Small")
    given["offer"] = choice(form, "Large")
    other = desk.send("assign_plan", desk.user, hidden(form) | given)
    assert other.status_code == 200
    assert "Plan: Medium → Large" in parse(other.text).text
    assert desk.kept() == ("Medium", 0)


def test_an_assigned_plan_is_written_recorded_and_explained(desk: Desk) -> None:
    priced = {"price": "10.50"} if desk.host.CAN.prices else {}
    assert desk.assign("Large", note="Until the fair", **priced).status_code == 303
    assert desk.kept() == ("Large", 0)
    event = desk.last()
    was, now = event.changes["Plan"]
    assert (event.action, event.reason, was) == ("assign_plan", "They asked", "Medium")
    assert now.startswith("Large for 10.50 EUR until " if priced else "Large until ")
    details = desk.details()
    assert ("Price 10.50 EUR" in details) == bool(priced)
    assert "Contacts 5 unlimited Large: unlimited, given by" in details
    assert "White label Large, given by" in details
    assert "“They asked”" in details
    (grant,) = desk.grants()
    assert grant.ends == months_after(grant.starts, 1)
    verify(desk)


def costs(form: TestResponse) -> str:
    """Return the text of a form; how often it is paid is each host's own."""
    return re.sub(r" a (month|year)\b", "", parse(form.text).text)


@on_hosts_where(lambda can: can.prices)
def test_the_price_is_shown_before_it_is_agreed_on(desk: Desk) -> None:
    for price, told in (
        ("", "Price: 29.50 EUR → 9.00 EUR"),
        ("10.5", "Price: 29.50 EUR → 10.50 EUR"),
        ("-1", "Price: 29.50 EUR → 9.00 EUR"),
    ):
        shown, _ = desk.fill("assign_plan", "Small", price=price)
        assert told in costs(shown)
    if desk.host.CAN.add_ons:
        for price, told in (("", "Price: 3.00 EUR more"), ("0", "Price: 0.00 EUR more")):
            shown, _ = desk.fill("give_add_on", "More contacts", price=price)
            assert told in costs(shown)


@on_hosts_where(lambda can: can.prices and can.add_ons)
def test_what_is_not_paid_any_more_is_shown_before_an_add_on_is_removed(desk: Desk) -> None:
    desk.give("give_add_on", "More contacts", period="forever", price="2")
    shown, _ = desk.fill("remove_add_on", "More contacts")
    assert "Price: 2.00 EUR less" in costs(shown)


@on_hosts_where(lambda can: can.agreed)
def test_an_agreed_price_is_written_to_the_products_own_columns_and_taken_back(desk: Desk) -> None:
    desk.agree(Decimal(19))
    desk.assign("Large", price="10.50")
    assert desk.agreed() == (Decimal("10.50"), "EUR")
    desk.pass_days(40)
    assert "19.00 EUR a month" in desk.details()
    assert desk.tick() == ["end_grant"]
    assert (desk.kept(), desk.agreed()) == (("Medium", 0), (Decimal("19.00"), "EUR"))
    desk.assign("Large")
    assert desk.agreed() == (None, None)


@on_hosts_where(lambda can: not can.prices)
def test_what_has_no_price_is_given_for_none(desk: Desk) -> None:
    refused = desk.assign("Large", price="10.50")
    assert refused.status_code == 409
    assert "Large has no price, so there is none to replace." in alert(refused)
    assert desk.kept() == ("Medium", 0)


@mostly_on_sqlite
def test_a_form_that_cannot_be_is_asked_for_again_with_what_was_typed(desk: Desk) -> None:
    form = desk.open("assign_plan")
    along = hidden(form) | LARGE | {"offer": choice(form, "Large"), "note": "Kept words"}
    for field, value, sentence in (
        *(("price", price, "") for price in ("1e50", "Infinity", "sNaN", "9" * 5000, "1.234")),
        ("price", "-1", "Give an amount."),
        ("price", "NaN", "Give an amount."),
        ("price", "1.005", "Give an amount with at most two decimals."),
        *(("reason", reason, "Say why.") for reason in ("", " ", "\t", "\0")),
        ("starts", "2020-01-01T10:00", "Choose a moment that is still to come."),
        ("starts", "9999-12-31T10:00", "Choose a moment within twenty years."),
        ("period", "date", 'id="pu-ends-errors"'),
        ("period", "date", "Say until when."),
        ("period", "aeon", "Not a valid choice."),
        ("offer", "no such plan", "Not a valid choice."),
        ("offer", "", "Choose one."),
    ):
        refused = desk.send("assign_plan", desk.user, along | {field: value})
        assert refused.status_code == 422, (field, value)
        assert sentence in refused.text
        assert "Kept words" in refused.text
    assert desk.kept() == ("Medium", 0)


def test_a_plan_of_another_platform_cannot_be_given(desk: Desk) -> None:
    world, elsewhere = desk.world, desk.world.platform("Globex")
    with world.app.app_context():
        desk.host.open_shop(elsewhere)
    with world.directory(elsewhere) as directory:
        assert directory.by_hand is not None
        foreign = {offer.key for offer in directory.by_hand.offers(elsewhere)}
    with world.directory(desk.platform) as directory:
        assert directory.by_hand is not None
        foreign -= {offer.key for offer in directory.by_hand.offers(desk.platform)}
    form = hidden(desk.open("assign_plan")) | LARGE
    for key in foreign:
        refused = desk.send("assign_plan", desk.user, form | {"offer": key})
        assert refused.status_code == 422
    assert desk.kept() == ("Medium", 0)


def test_a_subscription_that_changed_meanwhile_is_refused_with_both(desk: Desk) -> None:
    form, given = desk.fill("assign_plan", "Large")
    desk.buy("Small")
    refused = desk.send("assign_plan", desk.user, hidden(form) | given)
    assert refused.status_code == 409
    assert "Plan was “Medium” when you opened this form and is “Small” now." in alert(refused)
    assert desk.kept() == ("Small", 0)


def test_sending_the_same_form_twice_gives_the_plan_once(desk: Desk) -> None:
    form, given = desk.fill("assign_plan", "Large")
    fields = hidden(form) | given
    first, second = (desk.send("assign_plan", desk.user, fields) for _ in range(2))
    assert first.status_code == 303
    assert first.location == second.location
    assert len(desk.grants()) == 1


def test_a_plan_with_an_end_goes_back_by_the_clock_and_then_in_the_tables(desk: Desk) -> None:
    before = desk.written()
    desk.assign("Large")
    desk.pass_days(40)
    assert (desk.by_clock(), desk.kept()) == ("Medium", ("Large", 0))
    assert "Plan Medium" in desk.details()
    assert desk.tick() == ["end_grant"]
    assert desk.kept() == ("Medium", 0)
    assert desk.written() == before
    event = desk.last()
    assert (event.actor, event.changes) == (None, {"Plan": ("Large", "Medium")})
    assert desk.tick() == []
    verify(desk)


def test_what_was_due_is_settled_once_however_often_it_is_asked_for(desk: Desk) -> None:
    desk.assign("Large")
    desk.pass_days(40)
    extension = desk.world.extension
    with desk.world.directory(desk.platform) as directory:
        due = [action for _, _, action in due_grants(extension, datetime.now(UTC))]
        keys = extension.chain(desk.platform).keys
        pipeline = Pipeline(directory, extension.policy, SYSTEM, keys)
        orders = [Order(action=action, key=str(desk.user)) for action in due * 2]
        assert [pipeline.run(order).outcome for order in orders] == ["done", "unchanged"]


def test_a_plan_given_for_good_has_no_end(desk: Desk) -> None:
    desk.assign("Large", period="forever")
    desk.pass_days(5000)
    assert (desk.by_clock(), desk.tick()) == ("Large", [])


def test_whoever_had_no_plan_has_none_afterwards(desk: Desk) -> None:
    desk.buy(None)
    desk.assign("Large")
    if desk.host.CAN.add_ons:  # it goes with the plan
        desk.give("give_add_on", "Support", period="forever")
    assert desk.kept()[0] == "Large"
    desk.pass_days(40)
    assert desk.by_clock() is None
    assert desk.tick() == ["end_grant"]
    assert desk.kept()[0] is None
    assert "No subscription." in desk.details()


def test_a_plan_given_on_top_of_another_gives_way_to_it(desk: Desk) -> None:
    desk.assign("Small", period="year")
    desk.assign("Large", period="week")
    desk.pass_days(10)
    assert desk.by_clock() == "Small"
    assert desk.tick() == ["end_grant"]
    assert desk.kept() == ("Small", 0)
    desk.pass_days(400)
    assert (desk.by_clock(), desk.tick()) == ("Medium", ["end_grant"])
    assert desk.kept() == ("Medium", 0)


def test_a_plan_that_begins_later_is_only_noted_until_then(desk: Desk) -> None:
    desk.assign("Large", starts=in_days(5))
    assert (desk.by_clock(), desk.kept()) == ("Medium", ("Medium", 0))
    assert desk.last().changes["To come"][1].startswith("Large from ")
    desk.pass_days(6)
    assert desk.by_clock() == "Large"
    assert desk.tick() == ["begin_grant"]
    assert desk.kept() == ("Large", 0)
    desk.pass_days(60)
    assert desk.tick() == ["end_grant"]
    assert desk.kept() == ("Medium", 0)


def test_a_plan_that_came_and_went_unsettled_is_never_written(desk: Desk) -> None:
    desk.assign("Large", starts=in_days(5))
    desk.pass_days(90)
    assert desk.by_clock() == "Medium"
    assert desk.tick() == ["begin_grant"]
    assert desk.kept() == ("Medium", 0)


def test_one_given_plan_may_follow_another_without_a_gap(desk: Desk) -> None:
    desk.assign("Small", period="week")
    desk.assign("Large", starts=in_days(7), period="week")
    desk.pass_days(8)
    assert desk.by_clock() == "Large"
    assert desk.tick() == ["begin_grant", "end_grant"]
    assert desk.kept() == ("Large", 0)
    desk.pass_days(8)
    desk.tick()
    assert desk.kept() == ("Medium", 0)


def test_a_plan_that_the_user_changed_meanwhile_is_not_overruled(desk: Desk) -> None:
    desk.assign("Large")
    desk.buy("Small")
    desk.pass_days(40)
    assert desk.by_clock() == "Small"
    desk.tick()
    assert desk.kept() == ("Small", 0)


@on_hosts_where(lambda can: can.managed)
def test_what_a_payment_provider_manages_is_never_touched(desk: Desk) -> None:
    desk.assign("Large")
    desk.buy("Large", managed=True)
    desk.pass_days(40)
    refused = desk.open("assign_plan")
    assert refused.status_code == 409
    assert "A payment provider manages the subscription of " in alert(refused)
    assert desk.by_clock() == "Large"
    assert desk.tick() == ["end_grant"]
    assert desk.kept() == ("Large", 0)


def test_a_billing_that_fails_halfway_leaves_nothing_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing: Any = desk.world.extension.billing
    real = type(billing).assign

    def assign(self: Any, *arguments: Any, **more: Any) -> None:
        real(self, *arguments, **more)
        raise RuntimeError("The payment service is away.")

    monkeypatch.setattr(type(billing), "assign", assign)
    failed = desk.assign("Large")
    assert failed.status_code == 500
    assert "(Billing.assign)" in failed.text
    assert desk.kept() == ("Medium", 0)
    assert desk.grants() == []
    assert desk.last().outcome == "failed"


def test_a_billing_that_cannot_be_read_fails_with_a_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("The payment service is away.")

    for method in ("offers", "managed", "subscription"):
        with monkeypatch.context() as patch:
            patch.setattr(type(desk.world.extension.billing), method, fail)
            failed = desk.open("assign_plan")
            assert failed.status_code == 500
            assert f"(Billing.{method})" in failed.text
            assert ("Subscription is unavailable" in desk.details()) == (method != "offers")


@WITH_ADD_ONS
def test_an_add_on_is_given_for_a_while_and_taken_back(desk: Desk) -> None:
    assert desk.give("give_add_on", "More contacts", period="week").status_code == 303
    assert desk.kept() == ("Medium", 1)
    assert "Contacts 5 of 15 Medium: 10 More contacts: +5, given by " in desk.details()
    desk.pass_days(8)
    assert "Contacts 5 of 10 Medium: 10" in desk.details()
    assert desk.tick() == ["end_grant"]
    assert desk.kept() == ("Medium", 0)
    assert desk.last().changes == {"Add-ons": ("More contacts × 1", "")}
    verify(desk)


@WITH_ADD_ONS
def test_an_add_on_without_limits_is_explained_too(desk: Desk) -> None:
    desk.give("give_add_on", "Support", period="forever", reason="Goodwill")
    details = desk.details()
    assert "Support Support, given by" in details
    assert "for good: “Goodwill”" in details


@on_hosts_where(lambda can: can.add_ons and can.quantities)
def test_an_add_on_had_already_stays_beside_the_given_one(desk: Desk) -> None:
    desk.give("give_add_on", "More contacts", period="forever")
    desk.give("give_add_on", "More contacts", period="week")
    assert desk.kept() == ("Medium", 2)
    desk.pass_days(8)
    desk.tick()
    assert desk.kept() == ("Medium", 1)


@on_hosts_where(lambda can: can.add_ons and not can.quantities)
def test_an_add_on_that_can_be_had_once_is_not_given_twice(desk: Desk) -> None:
    desk.give("give_add_on", "More contacts", period="forever")
    refused = desk.give("give_add_on", "More contacts", period="week")
    assert refused.status_code == 409
    assert "has More contacts already." in alert(refused)
    assert (desk.kept(), len(desk.grants())) == (("Medium", 1), 1)


@WITH_ADD_ONS
def test_removing_an_add_on_takes_back_what_was_given(desk: Desk) -> None:
    desk.give("give_add_on", "More contacts", period="week")
    assert desk.give("remove_add_on", "More contacts").status_code == 303
    assert desk.kept() == ("Medium", 0)
    assert desk.grants() == []
    assert desk.open("remove_add_on").status_code == 409


def test_without_a_subscription_there_is_nothing_to_add_to(desk: Desk) -> None:
    desk.buy(None)
    assert desk.open("give_add_on").status_code == 409


def test_what_was_given_is_extended_made_permanent_and_let_lapse(desk: Desk) -> None:
    desk.assign("Large")
    (grant,) = desk.grants()
    assert grant.ends is not None
    chosen = {"grant": grant.id, "reason": "Patience"}
    extended = months_after(grant.ends, 1)
    assert desk.do("extend_grant", desk.user, period="month", **chosen).status_code == 303
    assert desk.grants()[0].ends == extended
    written = desk.written()
    assert written is not None
    if desk.host.CAN.ends:
        assert written.ends is not None
        assert abs(written.ends - extended) < timedelta(seconds=1)
    assert desk.do("keep_grant", desk.user, **chosen).status_code == 303
    assert desk.grants()[0].ends is None
    assert desk.open("extend_grant").status_code == 409
    assert desk.do("lapse_grant", desk.user, **chosen).status_code == 303
    assert desk.kept() == ("Medium", 0)
    assert desk.open("lapse_grant").status_code == 409
    verify(desk)


def listed(page: Node) -> list[str]:
    """Return the ids of the grants on a page: each of them can be let lapse."""
    links = [node.attributes["href"] for node in page.all("a")]
    return [link.split("grant=")[1] for link in links if "lapse_grant" in link]


def walked(desk: Desk, rel: str, page: Node) -> list[list[str]]:
    """Follow the links of the pages of what was given; return the ids on each page."""
    pages = [listed(page)]
    while links := page.all("a", rel=rel):
        page = parse(desk.client.get(links[0].attributes["href"]).text)
        pages.append(listed(page))
        assert len(pages) < 10, "the pages have no end"
    return pages


def test_the_pages_of_what_was_given_list_each_once_by_its_end_both_ways(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = {"week": in_days(400), "forever": "", "month": "", "year": ""}
    for period, starts in terms.items():
        desk.assign("Large", period=period, starts=starts, reason=f"Given: {period}.")
    url = desk.world.url("show_granted")
    text = desk.client.get(url).text
    places = [text.index(f"Given: {period}.") for period in ("month", "year", "week", "forever")]
    assert places == sorted(places)
    assert "Given by hand" in desk.client.get(desk.world.url()).text
    ids = listed(parse(text))
    assert sorted(ids) == sorted(grant.id for grant in desk.grants())

    for size in (1, 3):
        monkeypatch.setattr("flask_platform_users.grants.PER_PAGE", size)
        there = walked(desk, "next", parse(desk.client.get(url).text))
        assert there == [ids[start : start + size] for start in range(0, 4, size)]
        last = desk.world.url("show_granted", after=there[-2][-1])
        back = walked(desk, "prev", parse(desk.client.get(last).text))
        assert [one for page in reversed(back) for one in page] == ids


@WITH_ADD_ONS
def test_what_was_given_is_filtered_by_kind_and_by_its_end(desk: Desk) -> None:
    desk.assign("Large", period="year", reason="A year.")
    desk.give("give_add_on", "More contacts", period="week", reason="A week.")
    desk.give("give_add_on", "Support", period="forever", reason="For good.")
    for filters, expected in (
        ({"kind": "plan"}, {"A year."}),
        ({"kind": "add_on"}, {"A week.", "For good."}),
        ({"within": "30"}, {"A week."}),
        ({"within": "90", "kind": "plan"}, set()),
        ({"within": "", "kind": ""}, {"A year.", "A week.", "For good."}),
    ):
        page = desk.client.get(desk.world.url("show_granted", **filters)).text
        found = {words for words in ("A year.", "A week.", "For good.") if words in page}
        assert found == expected, filters


@on_host("c-membership")
def test_a_filter_of_what_was_given_that_there_is_not_is_refused(desk: Desk) -> None:
    for filters in ({"kind": "x"}, {"within": "8"}, {"before": "x"}, {"after": "\0"}):
        refused = desk.client.get(desk.world.url("show_granted", **filters))
        assert refused.status_code == 400, filters


def test_another_platform_sees_nothing_of_what_was_given(desk: Desk) -> None:
    desk.assign("Large", reason="Between us")
    world, elsewhere = desk.world, desk.world.platform("Globex")
    other = world.client(world.owner(elsewhere))
    assert "Between us" not in other.get(world.url("show_granted")).text
    assert other.get(desk.url("lapse_grant", desk.user)).status_code == 404


@on_hosts_where(lambda can: can.shared_accounts)
def test_a_user_of_two_platforms_has_a_subscription_on_each(desk: Desk) -> None:
    world, host = desk.world, desk.host
    elsewhere: Key = world.platform("Globex")
    world.add(world.person(elsewhere, account=desk.user))
    with world.app.app_context():
        host.open_shop(elsewhere)
        host.subscribe(elsewhere, desk.user, "Small")
    desk.assign("Large")
    desk.give("give_add_on", "Support")
    assert desk.kept() == ("Large", 1)
    other = world.client(world.owner(elsewhere))
    details = parse(other.get(world.user_url(desk.user)).text).text
    assert "Plan Small" in details
    assert "Support" not in details
    desk.pass_days(40)
    assert desk.tick() == ["end_grant", "end_grant"]
    with world.app.app_context():
        assert host.bought(elsewhere, desk.user) == ("Small", 0)


@mostly_on_sqlite
def test_a_name_of_a_plan_is_shown_as_text_whatever_is_in_it(desk: Desk) -> None:
    catalogue = getattr(desk.world.extension.billing, "plans", None)
    if not isinstance(catalogue, Catalogue):  # the product's own code names its plans
        return
    name = "<img src=x>'\"{{7*7}}"
    with desk.world.app.app_context():
        renamed: Any = catalogue.name
        update = sa.update(catalogue.model).values({renamed.key: name})
        desk.host.db.session.execute(update)
        desk.host.db.session.commit()
    for page in (desk.open("assign_plan"), desk.client.get(desk.world.user_url(desk.user))):
        assert name in parse(page.text).text
        assert not parse(page.text).all("img")


def test_months_end_with_the_month() -> None:
    start = datetime.now(UTC).replace(year=2027, month=1, day=31)
    assert months_after(start, 1) == start.replace(month=2, day=28)
    assert months_after(start, 12) == start.replace(year=2028)
