"""An owner's morning on the page, in Chromium, under the example's strict Content-Security-Policy.

Every test also fails on an error in the console, a refused style or script, and a request to
anybody else: the ``visit`` fixture looks for them.
"""

import itertools

import pytest
from playwright.sync_api import ViewportSize, expect

from .conftest import Visit

WIDTHS: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 900},
    "phone": {"width": 390, "height": 844},
}
EVERYWHERE = [
    pytest.param({"viewport": size, "color_scheme": scheme}, id=f"{name}-{scheme}")
    for (name, size), scheme in itertools.product(WIDTHS.items(), ("light", "dark"))
]
WITHOUT_SCRIPT = [pytest.param({"java_script_enabled": False}, id="without JavaScript")]
PAGES = (
    "/",
    "/?q=zzqq",
    "/?status=inactive&per_page=100",
    "/id/20",
    "/id/999999999",
    "/?sort=no",
    "/jobs",
)


@pytest.mark.parametrize("visit", WITHOUT_SCRIPT, indirect=True)
def test_the_whole_story_works_without_javascript(visit: Visit) -> None:
    visit.page.context.clear_cookies()
    visit.sign_in("owner@acme.example")
    page = visit.page
    page.get_by_role("link", name="Platform users").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Platform users")
    expect(page.locator(".pu-card")).to_have_count(9)
    expect(page.get_by_role("rowheader")).to_have_count(25)

    page.get_by_label("Username or email").fill("ada holm")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(page.get_by_label("Username or email")).to_have_value("ada holm")

    page.get_by_role("link", name="Clear all").click()
    expect(page.get_by_role("rowheader")).to_have_count(25)

    page.get_by_role("link", name="Inactive").click()
    expect(page.get_by_role("list", name="Filters in force")).to_contain_text("Inactive or blocked")
    number = page.locator("td[data-label='No']").first
    page.get_by_role("button", name="Next").click()
    expect(number).to_have_text("26")
    page.get_by_role("button", name="Previous").click()
    expect(number).to_have_text("1")
    page.get_by_role("link", name="Remove filter").click()

    page.get_by_role("columnheader", name="Last login").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Last login")).to_have_attribute(
        "aria-sort", "descending"
    )
    name = str(page.get_by_role("rowheader").first.get_by_role("link").text_content())
    page.get_by_role("link", name=f"Details of {name}").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    for heading in ("Identity", "Channels", "Usage", "Subscription"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()


def test_an_empty_search_says_what_was_searched_and_offers_clear(visit: Visit) -> None:
    visit.open("/?q=nobody-at-all")
    page = visit.page
    expect(page.get_by_role("status")).to_have_text("No user matches “nobody-at-all”.")
    page.locator(".pu-empty").get_by_role("link", name="Clear").click()
    expect(page.get_by_role("rowheader")).to_have_count(25)


@pytest.mark.parametrize("visit", EVERYWHERE, indirect=True)
def test_no_page_is_wider_than_its_window(visit: Visit) -> None:
    for path in PAGES:
        visit.open(path)
        assert visit.overflow() <= 0, path
    visit.complaints = [said for said in visit.complaints if "40" not in said]  # 404 and 400


def test_the_keyboard_reaches_search_and_rows_in_order(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    page.get_by_label("Username or email").focus()
    page.keyboard.type("ada holm")
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    page.get_by_label("Username or email").focus()
    names = []
    for _ in range(30):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"
            )
        )
    assert names.index("Search") < names.index("Clear all") < names.index("Ada Holm")
    assert names.index("Ada Holm") < names.index("Details of Ada Holm")


def test_every_control_has_a_name_for_screen_readers(visit: Visit) -> None:
    for path in ("/", "/id/20"):
        visit.open(path)
        nameless = visit.page.evaluate(
            """() => [...document.querySelectorAll('.pu :is(a, button, input, select)')]
                .filter(e => e.type !== 'hidden' && !(e.ariaLabel ?? e.textContent).trim()
                  && !e.labels?.length)
                .map(e => e.outerHTML)"""
        )
        assert nameless == []


def test_a_phone_shows_every_field_of_a_row(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    page.set_viewport_size(WIDTHS["phone"])
    row = page.get_by_role("row").nth(1)
    for field in ("No", "Phone", "Channels", "Role", "Status", "Last login", "Created", "Actions"):
        expect(row.locator(f"[data-label='{field}']")).to_be_visible()


@pytest.mark.parametrize("visit", WITHOUT_SCRIPT, indirect=True)
def test_an_owner_blocks_and_unblocks_from_the_row_menu_without_javascript(visit: Visit) -> None:
    visit.open("/?q=user@acme")
    page = visit.page
    page.get_by_label("Actions on Mira Castellanos").click()
    page.locator(".pu-menu").get_by_role("link", name="Block").click()
    page.get_by_label("Reason").fill("Under review")
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_role("status")).to_contain_text("blocked Mira Castellanos.")
    expect(page.locator(".pu-notice")).to_have_text("Blocked: Under review")
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Unblock").click()
    page.get_by_role("button", name="Unblock").click()
    expect(page.locator(".pu-who .pu-status")).to_have_text("Active")
    page.get_by_role("link", name="All that was done").click()
    told = page.locator(".pu-event-what")
    expect(told.nth(0)).to_contain_text("unblocked Mira Castellanos.")
    expect(told.nth(1)).to_contain_text("blocked Mira Castellanos.")


@pytest.mark.parametrize("visit", WITHOUT_SCRIPT, indirect=True)
def test_an_owner_deletes_and_restores_without_javascript(visit: Visit) -> None:
    visit.open("/id/20")
    page = visit.page
    name = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Delete").click()
    page.get_by_label("Reason").fill("asked for it")
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("button", name="Delete").click()
    visit.open("/?status=deleted")
    page.get_by_role("rowheader").get_by_role("link", name=name).click()
    page.get_by_role("link", name="Restore").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".pu-who .pu-status")).not_to_have_text("Deleted")


@pytest.mark.parametrize("visit", WITHOUT_SCRIPT, indirect=True)
def test_an_owner_chooses_columns_without_javascript(visit: Visit) -> None:
    visit.open("/?q=user@acme")
    page = visit.page
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Phone").uncheck()
    page.get_by_role("button", name="Show these").click()
    assert page.url.endswith("?q=user@acme") or page.url.endswith("?q=user%40acme")
    heads = page.get_by_role("columnheader")
    expect(heads.filter(has_text="Phone")).to_have_count(0)
    expect(heads.filter(has_text="Company")).to_have_count(1)
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("button", name="As usual").click()
    expect(heads.filter(has_text="Phone")).to_have_count(1)


def test_exact_moments_are_shown_to_who_comes_to_a_row_by_the_keyboard(visit: Visit) -> None:
    visit.open("/?q=user@acme")
    tip = visit.page.locator("tbody .pu-col-created .pu-tip")
    assert tip.evaluate("tip => tip.offsetWidth") <= 1
    visit.page.keyboard.press("j")
    assert tip.evaluate("tip => tip.offsetWidth") > 50
