"""The page by keyboard alone, by ear, enlarged, in few pixels, and in somebody's own colours."""

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit

SMALL = [pytest.param({"viewport": {"width": 320, "height": 640}}, id="320 px")]
FORCED = [pytest.param({"forced_colors": "active"}, id="forced colours")]
STILL = [pytest.param({"reduced_motion": "reduce"}, id="reduced motion")]
PAGES = (
    "/?q=olm&status=active",
    "/?q=zzqq",
    "/id/20",
    "/do/block/20",
    "/do/assign_plan/20",
    "/history",
    "/granted",
    "/jobs",
)

CLIPPED = """() => [...document.querySelectorAll('.pu *')].filter(element => {
    const style = getComputedStyle(element);
    const cuts = ['hidden', 'clip'].includes(style.overflowX) && style.clipPath === 'none';
    const told = style.textOverflow === 'ellipsis' && element.matches('[title], input');
    const wide = element.scrollWidth > element.clientWidth + 1;
    const high = element.scrollHeight > element.clientHeight + 1;
    return element.getClientRects().length && cuts && !told && (wide || high);
}).map(element => element.outerHTML.slice(0, 120))"""

OUTSIDE = """() => [...document.querySelectorAll('.pu *')].filter(element => {
    const { left, right, width } = element.getBoundingClientRect();
    const unseen = element.closest('.pu-views > nav, .pu-hidden, thead');
    if (width <= 1 || unseen || !element.checkVisibility()) return false;
    return left < -1 || right > innerWidth + 1;
}).map(element => element.outerHTML.slice(0, 120))"""


def tab_to(page: Page, place: Locator) -> None:
    """Press the tabulator until a place has the focus."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if place.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not come to {place}")


def test_a_user_is_found_blocked_and_let_in_again_by_the_keyboard_alone(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    page.keyboard.press("/")
    page.keyboard.type("user@acme.example")
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    tab_to(page, page.get_by_role("link", name="Mira Castellanos", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Mira Castellanos")

    block = page.get_by_role("navigation", name="Actions").get_by_role("link", name="Block")
    tab_to(page, block)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Block")
    expect(dialog).to_be_visible()
    tab_to(page, dialog.get_by_role("link", name="Cancel"))
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(block).to_be_focused()

    page.keyboard.press("Enter")
    reason = dialog.get_by_label("Reason")
    expect(dialog).to_be_visible()
    if not reason.evaluate("field => field === document.activeElement"):
        tab_to(page, reason)
    page.keyboard.type("Under review")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator(".pu-who .pu-status")).to_have_text("Blocked")
    tab_to(page, page.get_by_role("button", name="Undo"))
    page.keyboard.press("Enter")
    expect(page.locator(".pu-who .pu-status")).to_have_text("Active")


def test_the_keyboard_leaves_a_dialog_only_when_it_is_closed_and_the_page_at_its_end(
    visit: Visit,
) -> None:
    visit.open("/id/3")
    page = visit.page
    page.get_by_role("link", name="Block").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = page.evaluate("document.activeElement.closest('dialog, body').tagName")
        assert inside == "DIALOG" or page.evaluate("document.activeElement === document.body")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            return
    raise AssertionError("the focus never leaves the page")


def test_a_screen_reader_finds_its_way_by_roles_and_names(visit: Visit) -> None:
    visit.open("/")
    page = visit.page
    main = page.get_by_role("main")
    expect(main.get_by_role("heading", level=1, name="Platform users")).to_be_visible()
    for name in ("More pages", "Saved views", "Pages"):
        expect(main.get_by_role("navigation", name=name, exact=True)).to_be_visible()
    expect(main.get_by_role("region", name="Summary").get_by_role("listitem")).to_have_count(9)
    search = main.get_by_role("search", name="Users")
    search.get_by_role("searchbox", name="Username or email").fill("user@acme")
    expect(page.locator("[data-pu-voice]")).to_contain_text("1–1 of 1")
    table = main.get_by_role("table", name="Users of this platform")
    expect(table).to_match_aria_snapshot(
        """
        - table /Users of this platform/:
          - rowgroup:
            - row /No Contact Phone/:
              - columnheader "No"
              - columnheader "Contact"
          - rowgroup:
            - row /Mira Castellanos/:
              - cell "Choose Mira Castellanos"
              - rowheader /Mira Castellanos/
              - cell /Total/
              - cell "Active"
        """
    )
    table.get_by_role("link", name="Details of Mira Castellanos").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mira Castellanos")
    names = page.get_by_role("heading", level=2).all_inner_texts()
    assert {"Identity", "Channels", "Usage", "Subscription", "History"} <= set(names)
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Block").click()
    dialog = page.get_by_role("dialog", name="Block")
    dialog.get_by_label("Reason").fill("Under review")
    dialog.get_by_label("Until").fill("2001-01-01T10:00")
    dialog.get_by_role("button", name="Block").click()
    expect(dialog.get_by_role("alert").first).to_have_text("Some fields need another look.")
    expect(dialog.get_by_label("Until")).to_have_attribute("aria-invalid", "true")
    visit.complaints = [said for said in visit.complaints if "422" not in said]


@pytest.mark.parametrize("visit", SMALL, indirect=True)
def test_nothing_is_lost_at_320_pixels(visit: Visit) -> None:
    for path in PAGES:
        visit.open(path)
        assert visit.overflow() <= 0, path
        assert visit.page.evaluate(CLIPPED) == [], path
        assert visit.page.evaluate(OUTSIDE) == [], path


def test_nothing_is_lost_with_letters_of_twice_the_size(visit: Visit) -> None:
    for path in PAGES:
        visit.open(path)
        visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert visit.overflow() <= 0, path
        assert visit.page.evaluate(CLIPPED) == [], path
        assert visit.page.evaluate(OUTSIDE) == [], path


@pytest.mark.parametrize("visit", FORCED, indirect=True)
def test_a_status_is_told_by_word_and_shape_in_forced_colours(visit: Visit) -> None:
    shapes = {}
    for status in ("active", "inactive", "blocked", "pending"):
        visit.open(f"/?status={status}")
        tag = visit.page.locator(f".pu-table .pu-status-{status}").first
        word = tag.inner_text()
        shapes[word] = tag.evaluate(
            """tag => {
                const shape = getComputedStyle(tag, '::before');
                return [shape.width, shape.height, shape.borderTopLeftRadius, shape.transform,
                    shape.borderTopWidth].join();
            }"""
        )
        current = visit.page.locator(".pu-card-current").first
        if current.count():
            assert current.evaluate("card => getComputedStyle(card).outlineStyle") == "solid"
    assert len(set(shapes.values())) == len(shapes) == 4


@pytest.mark.parametrize("visit", STILL, indirect=True)
def test_nothing_moves_for_who_wants_no_motion(visit: Visit) -> None:
    for path in ("/", "/id/3", "/jobs"):
        visit.open(path)
        moving = visit.page.evaluate(
            """() => [...document.querySelectorAll('.pu, .pu *')].filter(element => {
                const style = getComputedStyle(element);
                return [style.transitionDuration, style.animationDuration]
                    .some(times => times.split(',').some(time => parseFloat(time) > 0));
            }).map(element => element.outerHTML.slice(0, 120))"""
        )
        assert moving == [], path


def test_exact_moments_are_put_away_by_escape_and_come_back(visit: Visit) -> None:
    visit.open("/?q=user@acme")
    page = visit.page
    tip = page.locator("tbody .pu-col-created .pu-tip")
    page.locator("tbody .pu-col-created .pu-moment").hover()
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.keyboard.press("j")
    expect(tip).to_be_visible()
