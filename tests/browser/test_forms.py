"""Forms and confirmations: in a dialog where the script runs, as pages where it does not."""

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit

WITHOUT_SCRIPT = [pytest.param({"java_script_enabled": False}, id="no-script")]


def send_past_the_browsers_checks(page: Page) -> None:
    """Send the form that is open as a browser would that checks nothing itself."""
    page.locator("form.pu-form").evaluate("form => { form.noValidate = true }")
    page.locator("form.pu-form [type=submit]").click()


def forget_refusals(visit: Visit) -> None:
    """Forget that the browser says it was answered 422."""
    visit.complaints = [said for said in visit.complaints if "422" not in said]


def test_errors_are_summed_up_and_lead_to_their_fields(visit: Visit) -> None:
    visit.open("/id/20")
    page = visit.page
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Block").click()
    dialog = page.get_by_role("dialog", name="Block")
    dialog.get_by_label("Until").fill("2001-01-01T10:00")
    send_past_the_browsers_checks(page)
    summary = dialog.locator(".pu-summary")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("listitem")).to_have_text(
        ["Reason: Say why.", "Until: Choose a moment that is still to come."]
    )
    reason = dialog.get_by_label("Reason")
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(reason).to_have_accessible_description(
        "The history keeps it, and the user may be told. Say why."
    )
    expect(dialog.get_by_label("Until")).to_have_value("2001-01-01T10:00")
    summary.get_by_role("link", name="Reason").click()
    expect(reason).to_be_focused()
    expect(dialog).to_be_visible()
    forget_refusals(visit)


def test_what_the_user_will_see_follows_the_typing_and_is_what_they_see(visit: Visit) -> None:
    visit.open("/?q=user@acme")
    page = visit.page
    page.get_by_label("Actions on Mira Castellanos").click()
    page.locator(".pu-menu").get_by_role("link", name="Block").click()
    seen = page.get_by_role("dialog").get_by_role("region", name="What Mira Castellanos will see")
    expect(seen.locator(".notice")).to_contain_text("This account is blocked.")
    reason = page.get_by_label("Reason")
    reason.press_sequentially("Overdue <since> May")
    expect(seen.locator(".notice")).to_contain_text("Reason: Overdue <since> May")
    expect(reason).to_be_focused()
    page.get_by_label("Until").fill("2031-05-03T14:05")
    expect(seen.locator(".notice")).to_contain_text("is blocked until 3 May 2031, 1")
    told = seen.locator(".notice").inner_text()
    page.get_by_role("dialog").get_by_role("button", name="Block").click()
    expect(page.locator(".pu-message")).to_contain_text("blocked Mira Castellanos.")
    context = page.context.browser.new_context()  # type: ignore[union-attr]
    other = context.new_page()
    other.goto(f"{visit.address}/login")
    other.get_by_label("Email").fill("user@acme.example")
    other.get_by_label("Password").fill("demo")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("alert")).to_be_visible()
    assert other.locator(".notice").inner_text() == told
    context.close()
    page.locator(".pu-message").get_by_role("button", name="Undo").click()
    expect(page.locator(".pu-table .pu-status")).to_have_text("Active")


@pytest.mark.parametrize("visit", WITHOUT_SCRIPT, indirect=True)
def test_a_page_says_what_is_wrong_and_shows_what_the_user_would_see(visit: Visit) -> None:
    visit.open("/do/block/20")
    page = visit.page
    page.get_by_label("Until").fill("2001-01-01T10:00")
    page.get_by_label("Reason").fill("Overdue")
    page.get_by_role("button", name="Block").click()
    expect(page.locator(".pu-summary")).to_be_focused()
    expect(page.get_by_label("Reason")).to_have_value("Overdue")
    expect(page.locator(".pu-foreseen .notice")).to_contain_text("Overdue")
    page.get_by_role("link", name="Until").click()
    expect(page.get_by_label("Until")).to_be_focused()
    forget_refusals(visit)


def test_every_action_opens_in_a_dialog_and_leaves_it_by_escape(visit: Visit) -> None:
    visit.open("/id/20")
    page = visit.page
    dialog = page.locator("#pu-dialog")
    links = page.get_by_role("navigation", name="Actions").locator("a")
    labels = [text.strip() for text in links.all_text_contents()]
    assert {"Assign plan", "Set status", "Add note", "Block", "Delete"} <= set(labels)
    for at, label in enumerate(labels):
        links.nth(at).evaluate("link => link.click()")
        expect(dialog).to_be_visible()
        heading = dialog.get_by_role("heading").first
        if heading.text_content() not in {"This was not done", "Not found"}:
            expect(heading).to_have_text(label)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page).to_have_url(f"{visit.address}/platform/users/id/20")
    visit.complaints = [said for said in visit.complaints if "409" not in said]


def test_a_plan_is_shown_and_then_given_without_leaving_the_page(visit: Visit) -> None:
    visit.open("/id/22")
    page = visit.page
    page.evaluate("window.kept = true")
    page.get_by_role("link", name="Assign plan").click()
    dialog = page.get_by_role("dialog", name="Assign plan")
    dialog.get_by_label("Scale").check()
    dialog.get_by_label("Reason").fill("Pilot")
    until, how_long = dialog.get_by_label("Until"), dialog.get_by_label("For how long")
    expect(until).to_be_hidden()
    how_long.select_option("Until the moment below")
    expect(until).to_be_visible()
    how_long.select_option("For good")
    dialog.get_by_role("button", name="Show what changes").click()
    expect(dialog.get_by_role("list", name="What it means")).to_be_visible()
    expect(dialog.get_by_label("Reason")).to_have_value("Pilot")
    dialog.get_by_role("button", name="Assign plan").dblclick()
    expect(page.locator(".pu-message")).to_contain_text("assigned a plan to")
    expect(page.locator(".pu-event-what", has_text="assigned a plan")).to_have_count(1)
    assert page.evaluate("window.kept")
    page.locator(".pu-message").get_by_role("button", name="Undo").click()
    expect(page.locator(".pu-event-what", has_text="took back")).to_have_count(1)
