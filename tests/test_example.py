"""The example product keeps its contract: what it prints, whom it lets in, what it stores."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from example_app import create_app
from example_app.models import OutgoingMail, Plan, Platform, Subscription, User, db
from flask_platform_users import PlatformUsers
from flask_platform_users.jobs import Jobs

from .html import parse
from .product import fill

ROOT = Path(__file__).parent.parent
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    path = tmp_path_factory.mktemp("example") / "example.sqlite3"
    product = create_app(f"sqlite:///{path}", config={"SECRET_KEY": "secret"})
    with product.app_context():
        fill()
    yield product
    with product.app_context():
        db.session.remove()
        db.engine.dispose()


def signed_in(product: Flask, email: str) -> FlaskClient:
    client = product.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
    assert token
    form = {"email": email, "password": "demo", "csrf_token": token[1]}
    assert client.post("/login", data=form).status_code == 302
    return client


def test_the_seed_makes_three_platforms_and_about_1200_users(product: Flask) -> None:
    with product.app_context():
        statement = select(Platform.slug, func.count(User.id)).join(User).group_by(Platform.slug)
        sizes = {row[0]: row[1] for row in db.session.execute(statement)}
    assert sizes["acme"] >= 800
    assert set(sizes) == {"acme", "globex", "initech"}
    assert 1_150 <= sum(sizes.values()) <= 1_250


def test_every_status_has_users_on_the_first_platform(product: Flask) -> None:
    with product.app_context():
        statement = select(User.status).where(User.platform_id == 1).distinct()
        assert set(db.session.scalars(statement)) == {"active", "inactive", "blocked", "pending"}


def test_an_owner_sees_eight_cards_and_25_rows(product: Flask) -> None:
    page = signed_in(product, "owner@acme.example").get("/platform/users/").text
    assert page.count('class="pu-card-value"') == 9
    assert page.count('<th scope="row"') == 25


def test_each_owner_sees_the_own_platform_only(product: Flask) -> None:
    pages = {
        name: signed_in(product, f"owner@{name}.example").get("/platform/users/?q=owner@").text
        for name in ("acme", "globex")
    }
    for name, page in pages.items():
        assert set(re.findall(r"owner@\w+\.example", page.split("<table")[1])) == {
            f"owner@{name}.example"
        }


@pytest.mark.parametrize(
    ("email", "status"), [("staff@acme.example", 200), ("user@acme.example", 403)]
)
def test_staff_may_look_and_users_may_not(product: Flask, email: str, status: int) -> None:
    assert signed_in(product, email).get("/platform/users/").status_code == status


def test_details_show_the_subscription(product: Flask) -> None:
    with product.app_context():
        key = db.session.scalars(select(User.id).where(User.email == "user@acme.example")).one()
    page = signed_in(product, "owner@acme.example").get(f"/platform/users/id/{key}").text
    for word in ("Subscription", "Plan", "EUR", "Team members", "Contacts", "Campaigns"):
        assert word in page


def test_a_taken_port_is_a_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve(port, "sqlite://").communicate(timeout=60)
    assert done[1].strip() == f"Port {port} is taken; choose another one: PORT=5001 make run"


def test_started_twice_it_keeps_its_data_and_prints_how_to_sign_in(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kept.sqlite3'}"
    first, second = (start_and_stop(url) for _ in range(2))
    assert "Seeding" in first
    assert "Seeding" not in second
    for said in (first, second):
        assert "http://127.0.0.1:" in said
        assert "owner@acme.example" in said


def start_and_stop(url: str) -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = serve(port, url)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
                assert answer.status == 200
                break
        except OSError:
            time.sleep(0.1)
    server.send_signal(signal.SIGINT)
    return server.communicate(timeout=30)[0]


def serve(port: int, url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "example_app"],
        cwd=ROOT,
        env=os.environ | {"PORT": str(port), "DATABASE_URL": url, "SECRET_KEY": "secret"},
        # Whatever started the tests may have had this signal ignored, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def act(client: FlaskClient, name: str, key: int, **fields: str) -> TestResponse:
    url = f"/platform/users/do/{name}/{key}"
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', client.get(url).text))
    return client.post(url, data=hidden | fields)


def test_the_products_own_actions_stand_in_the_menu_and_on_the_details(product: Flask) -> None:
    client = signed_in(product, "owner@acme.example")
    for page in ("/platform/users/?q=user@acme", "/platform/users/id/" + key_of(product)):
        text = client.get(page).text
        for label in ("Send onboarding email", "Extend trial"):
            assert label in text


def test_a_users_actions_stand_by_their_weight(product: Flask) -> None:
    """The main ones first, the dangerous ones apart, and everything else in a menu."""
    client = signed_in(product, "owner@acme.example")
    page = parse(client.get("/platform/users/id/" + key_of(product)).text)
    actions = page.one("nav", aria_label="Actions")
    buttons = [link.text for link in actions.all("a", class_="pu-button")]
    menu = [link.text for link in actions.all("a", class_="pu-menu-item")]
    assert buttons == ["Log in as", "Assign plan", "Block", "Delete"]
    assert {"Set status", "Add note", "Extend trial"} <= set(menu)
    apart = [link.text for link in actions.all("a", class_="pu-button-warn")]
    assert apart == ["Block", "Delete"]


def test_a_user_over_a_limit_is_told_in_words_beside_the_bar(product: Flask) -> None:
    client, key = signed_in(product, "owner@acme.example"), int(key_of(product))
    with product.app_context():
        held = db.session.scalars(select(Subscription).filter_by(user_id=key)).one()
        plan_id = held.plan_id
        plan = db.session.get_one(Plan, plan_id)
        limit, plan.max_contacts = plan.max_contacts, 1
        db.session.commit()
    usage = parse(client.get(f"/platform/users/id/{key}").text).one(class_="pu-usage-over")
    assert re.fullmatch(r"Contacts (\d+) of 1 (\d+) over the limit", usage.text)
    with product.app_context():
        db.session.get_one(Plan, plan_id).max_contacts = limit
        db.session.commit()


def key_of(product: Flask, email: str = "user@acme.example") -> str:
    with product.app_context():
        return str(db.session.scalars(select(User.id).where(User.email == email)).one())


def test_the_onboarding_email_goes_to_many_at_once_and_to_nobody_twice(product: Flask) -> None:
    extension: PlatformUsers = product.extensions["platform_users"]["platform_users"]
    (action,) = (a for a in extension.actions if a.name == "send_onboarding_email")
    with product.app_context():
        owner = db.session.scalars(select(User).filter_by(email="owner@acme.example")).one()
        agents = select(User.id).filter_by(platform_id=owner.platform_id, role="agent")
        keys = db.session.scalars(agents.order_by(User.id.desc()).limit(3)).all()
        waiting = OutgoingMail(user_id=keys[0], template="onboarding", queued_at=datetime.now(UTC))
        db.session.add(waiting)
        jobs = Jobs(extension.directory(owner.platform_id))
        job = jobs.make(owner_id=owner.get_id(), actor=str(owner.id), actor_name=owner.username)
        jobs.pick(job, [str(key) for key in keys])
        jobs.aim(job, action, [("mode", "each")], "{}")
        db.session.commit()
        extension.run_job(job.id)
        jobs.queue(job)
        db.session.commit()
        extension.run_job(job.id)
        assert jobs.outcomes(job) == {"done": 2, "unchanged": 0, "left": 1}
        mails = select(OutgoingMail.user_id).where(OutgoingMail.user_id.in_(keys))
        assert sorted(db.session.scalars(mails)) == sorted(keys)


def test_sending_the_onboarding_email_queues_it_once(product: Flask) -> None:
    client, key = signed_in(product, "owner@acme.example"), int(key_of(product))
    response = act(client, "send_onboarding_email", key)
    assert response.status_code == 303
    assert "sent Mira Castellanos the onboarding email" in client.get(response.location).text
    again = client.get(f"/platform/users/do/send_onboarding_email/{key}")
    assert again.status_code == 409
    assert "is waiting to be sent already." in again.text
    with product.app_context():
        assert db.session.scalar(select(func.count(OutgoingMail.id)).filter_by(user_id=key)) == 1


def test_extending_a_trial_moves_its_end(product: Flask) -> None:
    with product.app_context():
        ending = select(Subscription).join(User, User.id == Subscription.user_id)
        held = db.session.scalars(
            ending.where(Subscription.ends_at.is_not(None), User.platform_id == 1).limit(1)
        ).one()
        key, before = held.user_id, held.ends_at
    client = signed_in(product, "owner@acme.example")
    wrong = act(client, "extend_trial", key, days="400", reason="kept as typed")
    assert wrong.status_code == 422
    assert "Choose 1 to 90 days." in wrong.text
    assert "kept as typed" in wrong.text
    assert act(client, "extend_trial", key, days="7", reason="asked for").status_code == 303
    with product.app_context():
        moved = db.session.scalars(
            select(Subscription.ends_at).where(Subscription.user_id == key)
        ).one()
    assert before is not None
    assert moved == before + timedelta(days=7)


@pytest.mark.parametrize("name", ["block", "send_onboarding_email"])
def test_staff_who_may_only_look_are_offered_nothing_and_refused(product: Flask, name: str) -> None:
    client = signed_in(product, "staff@acme.example")
    key = key_of(product)
    assert "Send onboarding email" not in client.get(f"/platform/users/id/{key}").text
    assert client.get(f"/platform/users/do/{name}/{key}").status_code == 403


@pytest.fixture
def customer(product: Flask) -> User:
    """An active user of the first platform whom no other test here knows."""
    with product.app_context():
        taken = select(User).where(
            User.status == "active", User.role == "agent", User.platform_id == 1
        )
        user = db.session.scalars(taken.order_by(User.id).offset(next(NUMBERS)).limit(1)).one()
        user.language = None  # they read English
        db.session.commit()
        db.session.refresh(user)
        db.session.expunge(user)
    return user


def sent(client: FlaskClient, url: str, page: str | None = None, **fields: str) -> TestResponse:
    """Send a form of the product's, found at ``page`` or at the address itself."""
    token = re.search(r'name="[\w-]*csrf_token"[^>]*value="([^"]+)"', client.get(page or url).text)
    assert token
    return client.post(url, data={"csrf_token": token[1]} | fields)


def look_at(product: Flask, user: User, email: str = "owner@acme.example") -> FlaskClient:
    """Return a browser in which the product is seen as a user."""
    client = signed_in(product, email)
    answer = act(client, "impersonate", user.id, reason="Looks at the fault", minutes="30")
    assert answer.status_code == 303, answer.text
    return client


def test_the_sign_in_page_says_until_when_somebody_is_blocked(
    product: Flask, customer: User
) -> None:
    browser = signed_in(product, customer.email)
    until = datetime.now(UTC) + timedelta(days=90)
    owner = signed_in(product, "owner@acme.example")
    typed = until.astimezone(ZoneInfo("Europe/Berlin"))  # the owner's own clock
    act(owner, "block", customer.id, reason="Spam", until=f"{typed:%Y-%m-%dT%H:%M}")
    sentence = f"This account is blocked until {until.day} {until:%B %Y, %H:%M} UTC."
    assert sentence in browser.get("/contacts", follow_redirects=True).text
    again = sent(product.test_client(), "/login", email=customer.email, password="demo")
    assert again.status_code == 403
    assert sentence in again.text


def test_the_sign_in_page_tells_whoever_was_signed_out_everywhere(
    product: Flask, customer: User
) -> None:
    browser = signed_in(product, customer.email)
    act(signed_in(product, "owner@acme.example"), "sign_out", customer.id)
    assert "You were signed out." in browser.get("/", follow_redirects=True).text
    assert "You were signed out." not in product.test_client().get("/login").text
    assert signed_in(product, customer.email).get("/").status_code == 200


def test_whoever_never_confirmed_their_account_is_told_to(product: Flask) -> None:
    with product.app_context():
        pending = select(User.email).where(User.status == "pending").limit(1)
        email = db.session.scalars(pending).one()
    answer = sent(product.test_client(), "/login", email=email, password="demo")
    assert answer.status_code == 403
    assert "Follow the link in the invitation first." in answer.text


def test_a_user_who_does_not_want_support_is_not_looked_at(product: Flask, customer: User) -> None:
    looking, own = look_at(product, customer), signed_in(product, customer.email)
    assert customer.username in looking.get("/settings").text
    assert sent(own, "/settings/support", "/settings").status_code == 302
    assert looking.get("/contacts").status_code == 409
    owner = signed_in(product, "owner@acme.example")
    refused = owner.get(f"/platform/users/do/impersonate/{customer.id}")
    assert refused.status_code == 409
    assert "does not let support open their account." in refused.text
    sent(own, "/settings/support", "/settings", **{"support-open_to_support": "y"})
    assert owner.get(f"/platform/users/do/impersonate/{customer.id}").status_code == 200


def test_settings_tell_when_support_looked_but_not_who_and_from_where(
    product: Flask, customer: User
) -> None:
    own = signed_in(product, customer.email)
    assert "Support never looked at your account." in own.get("/settings").text
    look_at(product, customer)
    page = own.get("/settings").text
    assert "Support of Acme Connect looked at your account on" in page
    assert "Looks at the fault" in page
    assert "owner@acme.example" not in page
    assert "127.0.0.1" not in page


def test_only_users_themselves_change_their_password_and_what_support_may(
    product: Flask, customer: User
) -> None:
    looking = look_at(product, customer)
    for address in ("/password", "/confirm"):
        assert looking.get(address).status_code == 403
    own = signed_in(product, customer.email)
    wrong = sent(own, "/password", now="wrong", new="long enough to be good")
    assert "This is not your present password." in wrong.text
    assert sent(own, "/password", now="demo", new="long enough to be good").status_code == 302
    again = product.test_client()
    answer = sent(again, "/login", email=customer.email, password="long enough to be good")
    assert answer.status_code == 302


def test_support_staff_log_in_as_users_but_may_not_change_anything(
    product: Flask, customer: User
) -> None:
    client = signed_in(product, "support@acme.example")
    form = client.get(f"/platform/users/do/impersonate/{customer.id}").text
    assert "Support case" in form
    assert "Allow changes" not in form
    looking = look_at(product, customer, "support@acme.example")
    refused = sent(looking, "/settings", username="Somebody", phone="")
    assert refused.status_code == 403
    assert "Allow changes for 5 minutes" not in refused.text


def test_the_log_tells_who_really_asks(
    product: Flask, customer: User, caplog: pytest.LogCaptureFixture
) -> None:
    looking, own = look_at(product, customer), signed_in(product, customer.email)
    with caplog.at_level("INFO", "example_app.access_log"):
        looking.get("/team")
        own.get("/team")
    assert caplog.messages == [
        f"GET /team 200 user 1 seen as user {customer.id}",
        f"GET /team 200 user {customer.id}",
    ]


def test_whoever_is_blocked_is_told_in_the_language_that_they_chose(
    product: Flask, customer: User
) -> None:
    """The owner sees the same beforehand, on a page that stays in English."""
    browser = signed_in(product, customer.email)
    assert sent(browser, "/language", "/settings", language="es").status_code == 303
    owner = signed_in(product, "owner@acme.example")
    form = owner.get(f"/platform/users/do/block/{customer.id}?reason=Spam").text
    told = "Motivo: <bdi>Spam</bdi></p>\n  <p>Escribe al soporte de tu plataforma.</p>"
    assert 'lang="es" dir="ltr"' in form
    assert told in form
    assert ">Block</h1>" in form
    act(owner, "block", customer.id, reason="Spam")
    assert told in browser.get("/contacts", follow_redirects=True).text
