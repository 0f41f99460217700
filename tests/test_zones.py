"""Moments are kept in UTC, and read and typed in the time zone of whoever is at the page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import MultiDict
from wtforms import Form

from example_app.models import User, db
from flask_platform_users.actions import MomentField
from flask_platform_users.formatting import Reading, moment, stamp
from flask_platform_users.zones import zone_of

from .conftest import Worlds
from .html import parse
from .product import DATABASES, USERS, Product, opened

SUMMER = datetime(datetime.now(UTC).year + 1, 7, 1, 10, tzinfo=UTC)
"""Noon in Berlin."""


@pytest.fixture(scope="module", params=DATABASES)
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    with opened(request.param, tmp_path_factory.mktemp("zones")) as product:
        yield product


@pytest.fixture(autouse=True)
def at_home(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever moved in a test is back afterwards."""
    yield
    if "product" in request.fixturenames:
        live_in(request.getfixturevalue("product"), "Europe/Berlin")


def live_in(product: Product, zone: str) -> None:
    with product.app.app_context():
        statement = sa.update(User).where(User.email == "owner@acme.example")
        db.session.execute(statement.values(timezone=zone))
        db.session.commit()


def test_what_is_typed_by_ones_own_clocks_is_kept_in_utc(product: Product) -> None:
    key, _ = product.some_user()
    form = product.owner.get(f"{USERS}/do/block/{key}").text
    assert "Time zone: Europe/Berlin. Leave it empty to block for good." in form
    assert product.act("block", key, reason="x", until=f"{SUMMER.year}-07-01T12:00").location
    with product.app.app_context():
        assert product.extension.directory(1).user(str(key)).blocked_until == SUMMER
    (event,) = product.events(key)
    assert event.changes["Blocked until"] == ("", f"{SUMMER.year}-07-01T10:00Z")
    token = product.hidden(product.owner.get(f"{USERS}/history").text)
    csv = product.owner.post(f"{USERS}/history.csv?user={key}", data=token).text
    assert f"Blocked until:  > {SUMMER.year}-07-01T10:00Z" in csv


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "12:00 CEST"),
        ("America/New_York", "06:00 EDT"),
        ("Asia/Kathmandu", "15:45 +0545"),
        ("UTC", "10:00 UTC"),
    ],
)
def test_the_same_history_is_read_by_each_in_their_own_zone(
    product: Product, zone: str, shown: str
) -> None:
    key, _ = product.some_user()
    product.act("block", key, reason="x", until=f"{SUMMER.year}-07-01T12:00")
    live_in(product, zone)
    for address in (f"{USERS}/id/{key}", f"{USERS}/history?user={key}"):
        page = parse(product.owner.get(address).text)
        told = {
            node.text for node in page.all("time", datetime=f"{SUMMER.year}-07-01T10:00:00+00:00")
        }
        assert told == {f"1 July {SUMMER.year}, {shown}"}


def test_no_moment_is_shown_without_its_element(product: Product) -> None:
    key, name = product.some_user()
    product.act("block", key, reason="x", until=f"{SUMMER.year}-07-01T12:00")
    delete = parse(product.owner.get(f"{USERS}/do/delete/{key}").text)
    (told, *_) = delete.all(class_="pu-help")
    assert told.one("time").text.endswith(("CET", "CEST"))
    product.delete(key, name)
    for address in ("", "?status=deleted", f"id/{key}", "history"):
        page = parse(
            product.owner.get(f"{USERS}/{address}".replace(f"{USERS}/{USERS}", USERS)).text
        )
        for node in page.all("time"):
            node.children = []
        assert f"July {SUMMER.year}" not in page.text
        assert " CE" not in page.text


def test_a_zone_that_there_is_not_spoils_no_page(product: Product) -> None:
    live_in(product, "Europe/Atlantis")
    page = product.owner.get(f"{USERS}/")
    assert page.status_code == 200
    assert " UTC</" in page.text


@pytest.mark.parametrize(
    "zone", ["Europe/Lemuria", "../etc/passwd", "Europe", "a\0b", "x" * 999, 7]
)
def test_a_zone_that_there_is_not_is_utc_and_logged_once(
    zone: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert [zone_of(zone) for _ in range(2)] == [UTC, UTC]
    (record,) = caplog.records
    assert "which is no time zone that this machine knows" in record.message


def test_the_days_of_the_history_begin_at_ones_own_midnight(product: Product) -> None:
    key, _ = product.some_user()
    product.act("add_note", key, text="x")
    (event,) = product.events(key)
    today = event.at.astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    live_in(product, "Pacific/Kiritimati")
    for since, found in ((today, 1), (today + timedelta(days=1), 0)):
        page = product.owner.get(f"{USERS}/history?user={key}&since={since}").text
        assert page.count("pu-event-what") == found
        assert parse(page).one("label", **{"for": "pu-since"}).text == "From (Pacific/Kiritimati)"
    yesterday = today - timedelta(days=1)
    page = product.owner.get(f"{USERS}/history?user={key}&until={yesterday}").text
    assert page.count("pu-event-what") == 0


def test_a_moment_beyond_the_calendar_is_asked_for_again(product: Product) -> None:
    key, _ = product.some_user()
    answer = product.act("block", key, reason="x", until="0001-01-01T00:00")
    assert answer.status_code == 422
    assert "Choose another moment." in answer.text
    assert product.owner.get(f"{USERS}/history?since=0001-01-01").status_code == 400
    live_in(product, "America/New_York")
    assert product.act("block", key, reason="x", until="9999-12-31T23:59").status_code == 422
    assert product.owner.get(f"{USERS}/history?until=9999-12-31").status_code == 400


def test_a_form_of_another_zone_than_the_hosts_babel_is_no_surprise(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds("e-token-babel/sqlite")
    world.clean()
    platform = world.platform()
    client = world.client(world.owner(platform))
    (key,) = world.add(world.person(platform))
    world.block(platform, key, until=SUMMER)
    assert f"1 July {SUMMER.year}, 10:00 UTC" in client.get(world.user_url(key)).text
    tokyo = ZoneInfo("Asia/Tokyo")
    monkeypatch.setattr(world.extension.policy, "timezone_of", lambda _: tokyo)
    assert f"1 July {SUMMER.year}, 19:00 JST" in client.get(world.user_url(key)).text


class Appointment(Form):
    at = MomentField("At")


def typed(text: str, zone: tzinfo) -> datetime | None:
    form = Appointment(MultiDict({"at": text}), meta={"zone": zone})
    assert form.validate(), form.errors
    found: datetime | None = form.at.data
    return found


def test_clocks_that_are_put_forward_or_back_are_read_by_the_rules_of_zoneinfo() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    skipped = typed("2026-03-29T02:30", berlin)
    assert skipped == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert moment(skipped, berlin) == "29 March 2026, 03:30 CEST"
    assert typed("2026-10-25T02:30", berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert typed("", berlin) is None


def test_a_moment_that_a_form_is_filled_with_is_shown_by_ones_own_clocks() -> None:
    form = Appointment(data={"at": SUMMER}, meta={"zone": ZoneInfo("Europe/Berlin")})
    assert f'value="{SUMMER.year}-07-01T12:00"' in form.at()


def test_only_stamps_are_read_as_moments() -> None:
    reading = Reading(ZoneInfo("Europe/Berlin"))
    text = f"until {stamp(SUMMER)}, 2026-99-99T99:99Z and 2026-07-01"
    assert list(reading.parts(text)) == [
        "until ",
        SUMMER,
        ", ",
        "2026-99-99T99:99Z",
        " and 2026-07-01",
    ]
    assert reading.moment(datetime.max.replace(tzinfo=UTC)) == "31 December 9999, 23:59 UTC"
