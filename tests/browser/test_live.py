"""What the script makes quicker: the page is kept, and only what changed on it is replaced."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import Visit

PHONE = [pytest.param({"viewport": {"width": 390, "height": 844}}, id="phone")]


def mark(visit: Visit) -> None:
    """Leave a trace that a page which is loaded anew does not have."""
    visit.page.evaluate("window.kept = true")


def is_kept(visit: Visit) -> bool:
    return bool(visit.page.evaluate("window.kept === true"))


def test_pages_orders_and_filters_come_without_a_reload_and_back_leads_back(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    mark(visit)
    voice = page.locator("[data-pu-voice]")
    number = page.locator(".pu-table tbody .pu-col-no").first
    page.get_by_role("link", name="Next").click()
    expect(number).to_contain_text("26")
    expect(voice).to_contain_text("26–50")
    page.locator(".pu-sort").first.focus()
    page.keyboard.press("Enter")
    expect(number).to_contain_text("1")
    expect(page.locator(".pu-sort").first).to_be_focused()
    page.locator(".pu-card-link", has_text="Inactive").click()
    expect(page.locator(".pu-chip")).to_have_count(1)
    expect(page.locator("#pu-filter-status")).to_have_value("inactive")
    expect(page.locator(".pu-card-current")).to_contain_text("Inactive")
    page.locator(".pu-chip").click()
    expect(page.locator(".pu-chip")).to_have_count(0)
    expect(page.locator("#pu-filter-status")).to_have_value("")
    page.go_back()
    expect(page.locator(".pu-chip")).to_have_count(1)
    expect(page.locator("#pu-filter-status")).to_have_value("inactive")
    page.go_back()
    page.go_back()
    expect(number).to_contain_text("26")
    page.go_forward()
    expect(number).to_contain_text("1")
    assert is_kept(visit)

    page.goto(f"{visit.address}/")
    page.go_back()
    expect(number).to_contain_text("1")
    page.go_back()
    expect(number).to_contain_text("26")


def test_searching_follows_the_typing_and_is_one_step_of_the_history(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    mark(visit)
    search = page.locator("[data-pu-search] [type=search]")
    search.press_sequentially("ada h", delay=120)
    expect(page).to_have_url(f"{visit.address}/platform/users/?q=ada+h")
    search.press_sequentially("olm", delay=20)
    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(search).to_be_focused()
    expect(search).to_have_value("ada holm")
    search.press_sequentially("qq")
    expect(page.locator("[data-pu-voice]")).to_contain_text("No user matches “ada holmqq”.")
    search.press("Escape")
    expect(page.get_by_role("rowheader")).to_have_count(25)
    search.fill("ada")
    search.press("Enter")
    expect(page).to_have_url(f"{visit.address}/platform/users/?q=ada")
    search.fill("a@example.com, b@example.com")
    page.wait_for_timeout(500)
    expect(page).to_have_url(f"{visit.address}/platform/users/?q=ada")
    page.go_back()
    expect(page.get_by_role("rowheader")).to_have_count(25)
    expect(search).to_have_value("")
    assert is_kept(visit)


def test_a_search_half_typed_is_told_and_a_view_of_it_kept_without_leaving(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    mark(visit)
    search = page.locator("[data-pu-search] [type=search]")
    search.press_sequentially("stauts:blocked")
    expect(page.locator("#pu-wrong")).to_contain_text("There is no filter “stauts”")
    expect(search).to_be_focused()
    expect(search).to_have_value("stauts:blocked")
    assert is_kept(visit)
    visit.complaints.clear()  # the browser notes the answer 400
    search.fill("status:blocked")
    expect(page.locator("#pu-wrong")).to_have_count(0)
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text("Status: Blocked")
    page.get_by_text("Save this view").click()
    page.get_by_label("Name of the view").fill("Out")
    page.get_by_role("button", name="Save", exact=True).click()
    tab = page.get_by_role("link", name="Out", exact=True)
    expect(tab).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Delete this view").click()
    expect(tab).to_have_count(0)


def test_ticks_outlast_a_search(visit: Visit) -> None:
    visit.open("/?q=olm")
    page = visit.page
    mark(visit)
    bar = page.get_by_role("group", name="chosen")
    name = str(page.locator(".pu-contact-name").first.text_content())
    page.get_by_role("checkbox", name=f"Choose {name}").check()
    page.locator("[data-pu-search] [type=search]").fill("nobody at all")
    expect(page.locator(".pu-empty")).to_be_visible()
    expect(bar).to_contain_text("1 chosen")
    page.locator("[data-pu-search] [type=search]").fill("olm")
    expect(page.get_by_role("checkbox", name=f"Choose {name}")).to_be_checked()
    page.get_by_role("button", name="Choose nobody").click()
    expect(page.locator("tbody :checked")).to_have_count(0)


def test_a_user_is_blocked_in_a_dialog_and_the_block_taken_back_on_the_list(visit: Visit) -> None:
    visit.open("/?status=active&sort=contact")
    page = visit.page
    mark(visit)
    row = page.get_by_role("row").nth(3)
    name = str(row.locator(".pu-contact-name").text_content())
    row.locator(".pu-menu summary").click()
    row.locator(".pu-menu").get_by_role("link", name="Block").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=1)).to_have_text("Block")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(row.locator(".pu-menu summary")).to_be_focused()

    page.keyboard.press("Enter")
    row.locator(".pu-menu").get_by_role("link", name="Block").click()
    expect(dialog).to_be_visible()
    page.go_back()
    expect(dialog).to_be_hidden()

    row.locator(".pu-menu summary").click()
    row.locator(".pu-menu").get_by_role("link", name="Block").click()
    dialog.get_by_label("Until").fill("2001-01-01T10:00")
    dialog.get_by_label("Reason").fill("Under review")
    dialog.get_by_role("button", name="Block").click()
    expect(dialog.locator(".pu-error")).to_be_visible()
    expect(dialog.get_by_label("Reason")).to_have_value("Under review")
    dialog.get_by_label("Until").fill("")
    dialog.get_by_role("button", name="Block").click()
    expect(dialog).to_be_hidden()
    message = page.locator(".pu-message")
    expect(message).to_contain_text(f"blocked {name}.")
    expect(page.locator("[data-pu-voice]")).to_contain_text(f"blocked {name}.")
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    message.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(1)
    expect(page).to_have_url(f"{visit.address}/platform/users/?status=active&sort=contact")
    assert is_kept(visit)
    visit.complaints = [said for said in visit.complaints if "422" not in said]


def test_actions_on_the_details_stay_on_the_page(visit: Visit) -> None:
    visit.open("/id/30")
    page = visit.page
    mark(visit)
    page.get_by_role("navigation", name="Actions").locator("summary").click()
    page.get_by_role("link", name="Add note").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill("Calls on Mondays")
    dialog.get_by_role("button").filter(has_text="note").click()
    expect(page.locator(".pu-note", has_text="Calls on Mondays")).to_be_visible()
    expect(dialog).to_be_hidden()
    assert is_kept(visit)


def test_keys_move_open_and_tick_and_can_be_turned_off(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    names = page.locator(".pu-contact-name")
    expect(names.nth(2)).to_be_focused()
    page.keyboard.press("k")
    expect(names.nth(1)).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("tbody :checked")).to_have_count(1)
    page.keyboard.press("x")
    page.keyboard.press("m")
    menu = page.get_by_role("row").nth(2).locator(".pu-menu")
    expect(menu.get_by_role("link").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("link").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu.locator("summary")).to_be_focused()
    page.keyboard.press("/")
    search = page.locator("[data-pu-search] [type=search]")
    expect(search).to_be_focused()
    page.keyboard.type("j?x")
    expect(search).to_have_value("j?x")
    page.keyboard.press("Escape")

    names.first.focus()
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
    help_.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(search).not_to_be_focused()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    help_.get_by_role("checkbox").check()
    help_.get_by_role("button", name="Close").click()
    names.nth(1).focus()
    name = str(names.nth(1).text_content())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_whoever_was_signed_out_meanwhile_is_led_to_sign_in(visit: Visit) -> None:
    visit.open("/")
    visit.page.context.clear_cookies()
    visit.page.get_by_role("link", name="Next").click()
    expect(visit.page).to_have_url(re.compile(r"/login\?next=.*cursor"))


@pytest.mark.parametrize("visit", PHONE, indirect=True)
def test_a_dialog_has_room_on_a_phone(visit: Visit) -> None:
    visit.open("/id/31")
    page = visit.page
    page.locator("a[href*='/do/block/']").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Block")).to_be_in_viewport(ratio=1)
    assert visit.overflow() <= 0
