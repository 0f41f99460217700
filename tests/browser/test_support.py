"""Support sees the product as a user, and a user is shown the door, in Chromium.

Every test also fails on an error in the console, a refused style or script, and a request to
anybody else: the ``visit`` fixture looks for them.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, Route, expect

from example_app.models import User, db
from flask_platform_users import PlatformUsers

from .conftest import Visit

REASON = "She says that a campaign was sent twice; looking at it with her"
PAGES = ("Home", "Inbox", "Contacts", "Team", "Settings")
HOSTILE = """
body > *, [data-platform-users-banner] {
  display: none !important; visibility: hidden !important; opacity: 0 !important;
  position: absolute !important; inset: auto auto 100% 100% !important; z-index: -1 !important;
  block-size: 0 !important; overflow: hidden !important; clip-path: inset(50%) !important;
  transform: scale(0) !important; filter: opacity(0) !important; pointer-events: none !important;
}
section, p, form, button { display: none !important; color: transparent !important; }
"""

new_number = itertools.count(1).__next__


@pytest.fixture
def customer(example: Flask) -> User:
    """Somebody new on the first platform whom no other test knows."""
    number = new_number()
    with example.app_context():
        hashed = db.session.scalars(sa.select(User.password_hash).limit(1)).one()
        user = User(
            platform_id=1,
            username=f"Nerea de la Fuente y Arteaga {number}",
            email=f"nerea{number}@mail.example",
            password_hash=hashed,
            role="agent",
            status="active",
        )
        db.session.add(user)
        db.session.commit()
        db.session.refresh(user)
        db.session.expunge(user)
    return user


@pytest.fixture
def second_browser(browser: Browser, address: str) -> Iterator[Callable[[User], Visit]]:
    """Return a function that signs somebody in elsewhere."""
    context = browser.new_context()

    def sign_in(user: User) -> Visit:
        visit = Visit(context, address)
        visit.sign_in(user.email)
        return visit

    yield sign_in
    context.close()


def start(visit: Visit, user: User, *, allow_changes: bool = False) -> Locator:
    """Begin to see the product as a user, and return the banner."""
    visit.open(f"/do/impersonate/{user.id}")
    page = visit.page
    page.get_by_label("Reason").fill(REASON)
    page.get_by_label("15 minutes").check()
    page.get_by_label("Allow changes").set_checked(allow_changes)
    page.get_by_role("button", name="Log in as").click()
    return banner(page)


def banner(page: Page) -> Locator:
    return page.get_by_role("region", name="You see the product as somebody else")


def save_name(page: Page, name: str) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save profile").click()


def take_refusals_for_granted(visit: Visit) -> None:
    """Leave out that Chromium notes pages answered with 403 and 409."""
    refused = re.compile("Failed to load resource.* 40[39] ")
    visit.complaints = [said for said in visit.complaints if not refused.match(said)]


def test_support_looks_is_refused_a_change_gets_leave_for_it_and_leaves_a_receipt(
    visit: Visit, customer: User
) -> None:
    page, shown = visit.page, start(visit, customer)
    for name in PAGES:
        page.get_by_role("link", name=name, exact=True).click()
        expect(shown).to_contain_text(f"Seen as {customer.username} by owner@acme.example")
        expect(shown).to_contain_text(REASON)
        expect(shown.locator(".mode")).to_have_text("Read only")
        expect(shown.get_by_role("timer")).to_have_text(re.compile(r"^14:5\d left$|^15:00 left$"))
    before = shown.get_by_role("timer").inner_text()
    expect(shown.get_by_role("timer")).not_to_have_text(before)

    save_name(page, "Nerea Fuente")
    expect(page.get_by_role("heading", level=1)).to_have_text("This was not done")
    expect(page.get_by_role("main")).to_contain_text("POST /settings")
    expect(shown).to_be_visible()
    page.get_by_label("Reason").fill("She asked me to shorten her name")
    page.get_by_role("button", name="Allow changes for 5 minutes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Changes are allowed for 5 minutes")
    expect(shown.locator(".mode")).to_have_text(re.compile(r"Changes until \d\d:\d\d CES?T"))
    page.get_by_role("link", name="Go back").click()
    save_name(page, "Nerea Fuente")
    expect(page.get_by_role("status")).to_have_text("Your profile is saved.")
    page.get_by_role("link", name="Change password").click()
    expect(page.get_by_role("main")).to_contain_text("This is closed to everybody but")
    page.get_by_role("link", name="Go back").click()

    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.shadowRoot?.activeElement?.textContent") == "Stop":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("stopped seeing the product as")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nerea Fuente")
    page.get_by_role("link", name="What was opened").click()
    receipt = page.get_by_role("region", name="Receipt")
    for label, value in {"Changes made": "1", "Refused": "2"}.items():
        expect(receipt.locator("div", has_text=label).locator("dd")).to_have_text(value)
    listed = page.get_by_role("region", name="Pages and changes").get_by_role("listitem")
    for visited in ("GET /contacts 200", "POST /settings 403, refused", "POST /settings 302"):
        expect(listed.filter(has_text=re.compile(f"{visited}$"))).to_have_count(1)
    take_refusals_for_granted(visit)


@pytest.mark.parametrize(
    "visit", [pytest.param({"java_script_enabled": False}, id="without JavaScript")], indirect=True
)
def test_no_style_of_the_product_hides_the_banner_or_the_way_out(
    visit: Visit, customer: User
) -> None:
    def spoil(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + HOSTILE)

    page, shown = visit.page, start(visit, customer)
    page.route("**/app.css*", spoil)
    page.goto(f"{visit.address}/team")
    expect(page.get_by_role("heading", name="Team")).to_be_hidden()
    expect(shown).to_be_in_viewport(ratio=1)
    expect(shown).to_contain_text(re.compile(r"ends \d\d:\d\d CES?T"))
    shown.get_by_role("button", name="Stop").click()
    page.wait_for_url(f"**/id/{customer.id}?done=*")


def test_the_banner_covers_nothing_once_the_page_is_scrolled_to_its_end(
    visit: Visit, customer: User
) -> None:
    page, shown = visit.page, start(visit, customer, allow_changes=True)
    expect(shown.locator(".mode")).to_have_text("Changes allowed")
    page.get_by_role("link", name="Settings").click()
    for width, direction in itertools.product((1280, 900, 390), ("ltr", "rtl")):
        page.set_viewport_size({"width": width, "height": 700})
        page.evaluate("direction => { document.body.dir = direction }", direction)
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        foot = page.locator(".card").last.bounding_box()
        bar = shown.bounding_box()
        stop = shown.get_by_role("button", name="Stop").bounding_box()
        assert foot is not None
        assert bar is not None
        assert stop is not None
        assert foot["y"] + foot["height"] <= bar["y"], (width, direction)
        assert stop["height"] >= 36
        assert 0 <= stop["x"] <= width - stop["width"]
        assert visit.overflow() <= 0, (width, direction)


def test_a_user_blocked_meanwhile_is_out_at_the_next_click_and_told_why(
    visit: Visit, customer: User, second_browser: Callable[[User], Visit]
) -> None:
    start(visit, customer).get_by_role("button", name="Stop").click()
    theirs = second_browser(customer).page
    theirs.get_by_role("link", name="Settings").click()
    expect(theirs.get_by_role("list", name="When support looked")).to_contain_text(REASON)

    visit.open(f"/do/block/{customer.id}")
    visit.page.get_by_label("Reason").fill("Under review")
    until = (datetime.now(UTC) + timedelta(days=40)).replace(hour=12)  # one day everywhere
    visit.page.get_by_label("Until").fill(f"{until:%Y-%m-%dT%H:%M}")
    visit.page.get_by_role("button", name="Block").click()

    theirs.get_by_role("link", name="Contacts").click()
    why = f"This account is blocked until {until.day} {until:%B %Y}"
    expect(theirs.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(theirs.get_by_role("alert")).to_contain_text(why)
    theirs.fill("[name=email]", customer.email)
    theirs.fill("[name=password]", "demo")
    theirs.get_by_role("button", name="Sign in").click()
    expect(theirs.get_by_role("alert")).to_contain_text(why)


def test_what_is_sent_after_the_time_is_over_is_not_saved_and_says_so(
    visit: Visit, customer: User, example: Flask
) -> None:
    start(visit, customer, allow_changes=True)
    page = visit.page
    page.get_by_role("link", name="Settings").click()
    extension: PlatformUsers = example.extensions["platform_users"]["platform_users"]
    rows = extension.mapping.tables.impersonation
    with example.app_context():
        over = datetime.now(UTC) - timedelta(seconds=1)
        mine = rows.c.user_key == customer.id
        db.session.execute(sa.update(rows).where(mine).values(ends_at=over))
        db.session.commit()
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_role("alert")).to_contain_text("Its time was over.")
    expect(page.get_by_role("main")).to_contain_text("was not saved: POST /settings")
    expect(banner(page)).to_have_count(0)
    page.get_by_role("link", name="Start again").click()
    page.get_by_label("Present password").fill("demo")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in as")
    take_refusals_for_granted(visit)
