"""One action to many users, ticked over several pages, in Chromium."""

import pytest
from playwright.sync_api import expect

from .conftest import Visit

WITHOUT_SCRIPT = [pytest.param({"java_script_enabled": False}, id="without JavaScript")]


@pytest.mark.parametrize("visit", WITHOUT_SCRIPT, indirect=True)
def test_three_from_two_pages_are_blocked_without_javascript(visit: Visit) -> None:
    visit.open("/?status=pending")
    page = visit.page
    ticks, bar = page.locator("tbody [type=checkbox]"), page.get_by_role("group", name="chosen")
    name = str(page.locator(".pu-contact-name").first.text_content())
    page.get_by_role("checkbox", name=f"Choose {name}").check()
    ticks.nth(1).check()
    page.get_by_role("button", name="Next").click()
    expect(bar).to_contain_text("2 chosen")
    ticks.nth(0).check()
    page.get_by_role("button", name="Previous").click()
    expect(bar).to_contain_text("3 chosen")
    expect(page.locator("tbody :checked")).to_have_count(2)

    bar.locator("summary").click()
    bar.get_by_role("button", name="Block", exact=True).click()
    page.get_by_label("Reason").fill("Under review")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_text("Nothing is done yet.")).to_be_visible()
    expect(page.locator(".pu-facts dd")).to_have_text(["3", "0", "0"])
    page.get_by_role("button", name="Block: 3 users").click()
    expect(page.get_by_role("status")).to_have_text("It is done.")
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("listitem").filter(has_text="Block: 3 users")).to_contain_text("Done")


def test_ticks_follow_the_reader_and_a_long_job_tells_how_far_it_is(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    bar = page.get_by_role("group", name="chosen")
    page.get_by_role("checkbox", name="Choose all on this page").check()
    expect(bar).to_contain_text("25 chosen")
    page.locator("tbody :checked").first.uncheck()
    page.get_by_role("link", name="Next").click()
    expect(page.locator("td[data-label='No']").first).to_have_text("26")
    expect(bar).to_contain_text("24 chosen")
    page.locator("tbody [type=checkbox]").first.check()
    page.get_by_label("Username or email").fill("ada holm")
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(bar).to_contain_text("25 chosen")

    visit.open("/?status=active")
    bar.get_by_role("button", name="that match").click()
    expect(bar.get_by_text("chosen", exact=False).first).not_to_have_text("25 chosen")
    bar.locator("summary").click()
    bar.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("All that matched status:active.")).to_be_visible()
    page.get_by_label("Reason").fill("Passwords were stolen")
    page.get_by_role("button", name="Show what would happen").click()
    page.get_by_role("button", name="Sign out everywhere: ").click(timeout=60_000)
    expect(page.get_by_role("status")).to_have_text("It is done.", timeout=60_000)


@pytest.mark.parametrize("visit", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_the_bar_stays_in_sight_on_a_phone(visit: Visit) -> None:
    visit.open("/?status=inactive")
    page = visit.page
    page.locator("tbody [type=checkbox]").first.check()
    bar = page.get_by_role("group", name="chosen")
    expect(bar).to_be_in_viewport(ratio=1)
    assert visit.overflow() <= 0
