"""Answers that come late, wrong or never: what was asked for last counts, and nothing is lost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from flask import Flask, Response, request
from playwright.sync_api import Error, Locator, Page, Route, expect

from .conftest import Visit

PHONE = [pytest.param({"viewport": {"width": 390, "height": 844}}, id="phone")]
SEARCH = "#pu-q"
CONTACTS = ".pu-contact-name"


@contextmanager
def held(page: Page, part: str, method: str = "GET") -> Iterator[None]:
    """Keep back what is asked for by addresses with this in them, until it is left."""
    routes: list[Route] = []

    def wanted(route: Route) -> None:
        if route.request.method == method:
            routes.append(route)
        else:
            route.fallback()

    pattern = re.compile(re.escape(part))
    page.route(pattern, wanted)
    yield
    page.unroute(pattern, wanted)
    for route in routes:
        with suppress(Error):  # it was not wanted any more
            route.continue_()


@contextmanager
def answered(
    page: Page, part: str, status: int | None, method: str = "POST"
) -> Iterator[list[str]]:
    """Answer with an error, or not at all; yield the addresses that were asked for."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method != method:
            return route.fallback()
        asked.append(route.request.url)
        if status is None:
            return route.abort("internetdisconnected")
        return route.fulfill(status=status, content_type="text/html", body="<h1>Oh</h1>")

    pattern = re.compile(re.escape(part))
    page.route(pattern, answer)
    yield asked
    page.unroute(pattern, answer)


def begin(visit: Visit, path: str = "/?status=active") -> Page:
    visit.open(path)
    visit.page.evaluate("window.kept = true")
    return visit.page


def is_kept(page: Page) -> bool:
    return bool(page.evaluate("window.kept === true"))


def choose_action(page: Page, row: int, action: str) -> str:
    """Choose something in the menu of a row; return the user's name."""
    line = page.locator(".pu-table tbody tr").nth(row)
    line.locator(".pu-menu summary").click()
    line.get_by_role("link", name=action).click()
    return str(line.locator(CONTACTS).text_content())


def write_note(page: Page, text: str) -> None:
    """Fill in the note that is asked for, and send it."""
    page.get_by_role("textbox", name="Note").fill(text)
    page.get_by_role("dialog").get_by_role("button", name="Add note").click()


def begin_block(page: Page) -> Locator:
    """Ask for the block of a user and fill it in; return the dialog."""
    choose_action(page, 1, "Block")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Overdue since May")
    return dialog


def choose_nobody(page: Page) -> None:
    page.get_by_role("button", name="Choose nobody").click()
    expect(page.locator(".pu-bar-text")).to_contain_text("0 chosen")


def type_in(page: Page, text: str) -> None:
    page.locator(SEARCH).press_sequentially(text)


def forget_errors(visit: Visit, *statuses: str) -> None:
    """Forget that the browser says what was answered."""
    found = visit.complaints
    visit.complaints = [said for said in found if not any(status in said for status in statuses)]


@pytest.mark.parametrize("turn", ["Next", "Contact"])
def test_a_form_that_comes_after_the_list_was_turned_is_of_nobody_else(
    visit: Visit, turn: str
) -> None:
    page = begin(visit)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with held(page, "/do/block/"):
        choose_action(page, 1, "Block")
        expect(page.locator(".pu-page")).to_have_attribute("aria-busy", "true")
        page.get_by_role("link", name=turn, exact=True).first.click()
        expect(page).to_have_url(re.compile("cursor|sort"))
        expect(page.locator("[aria-busy]")).to_have_count(0)
    page.wait_for_timeout(300)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len({url for url in asked if "/do/" in url}) == 1
    assert is_kept(page)


def test_of_two_forms_the_one_that_was_asked_for_last_is_filled_in(visit: Visit) -> None:
    page = begin(visit)
    with held(page, "/do/block/"):
        choose_action(page, 1, "Block")
        name = choose_action(page, 3, "Add note")
        dialog = page.get_by_role("dialog", name="Add note")
        dialog.get_by_role("textbox", name="Note").fill("Likes long words")
    page.wait_for_timeout(300)
    expect(dialog).to_contain_text(name)
    expect(dialog.get_by_role("textbox", name="Note")).to_have_value("Likes long words")


def test_a_late_answer_leaves_alone_the_form_that_was_opened_meanwhile(visit: Visit) -> None:
    page = begin(visit)
    with held(page, "/do/add_note/", "POST"):
        first = choose_action(page, 1, "Add note")
        write_note(page, "First")
        page.keyboard.press("Escape")
        choose_action(page, 3, "Add note")
        page.get_by_role("textbox", name="Note").fill("Second")
    message = page.locator(".pu-message").first
    expect(message).to_contain_text(f"wrote a note on {first}")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Second")


def test_what_was_done_is_told_at_once_and_the_list_follows(visit: Visit) -> None:
    page = begin(visit)
    message = page.locator(".pu-message")
    with held(page, "users/?status=active"):
        choose_action(page, 1, "Add note")
        write_note(page, "On the way")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(message).to_contain_text("wrote a note")
        page.locator(SEARCH).press_sequentially("a, b, xx")
        page.wait_for_timeout(400)
    expect(page.locator("[aria-busy]")).to_have_count(0)
    expect(page.locator(SEARCH)).to_have_value("a, b, xx")
    expect(page.locator(SEARCH)).to_be_focused()
    expect(page.locator("[name=key]:checked")).to_have_count(0)
    expect(message).to_contain_text("wrote a note")
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("cursor"))
    expect(message).to_have_count(0)
    assert is_kept(page)


def test_what_was_done_is_told_though_its_list_does_not_come(visit: Visit) -> None:
    page = begin(visit)
    choose_action(page, 1, "Add note")
    page.get_by_role("textbox", name="Note").fill("Far from the mast")
    with answered(page, "users/?status=active", None, "GET"):
        page.get_by_role("dialog").get_by_role("button", name="Add note").click()
        expect(page.locator(".pu-message")).to_contain_text("wrote a note")
        expect(page.locator("[aria-busy]")).to_have_count(0)
    expect(page.locator(".pu-message")).to_have_count(1)
    forget_errors(visit, "ERR_INTERNET_DISCONNECTED")


def test_what_fails_after_another_form_was_opened_is_told_by_its_name(visit: Visit) -> None:
    page = begin(visit)
    dialog = begin_block(page)
    under_way: list[Route] = []
    page.route("**/do/block/*", lambda route: under_way.append(route))
    dialog.get_by_role("button", name="Block", exact=True).click()
    page.keyboard.press("Escape")
    choose_action(page, 3, "Add note")
    page.get_by_role("textbox", name="Note").fill("Second")
    under_way[0].fulfill(status=500, content_type="text/html", body="<h1>Oh</h1>")
    expect(page.locator(".pu-message")).to_contain_text("Block: This could not be done just now")
    expect(dialog.locator(".pu-message")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Note")).to_have_value("Second")
    forget_errors(visit, "500")


def test_a_form_that_was_put_away_while_it_failed_comes_back_as_it_was(visit: Visit) -> None:
    page = begin(visit)
    dialog = begin_block(page)

    def fail(route: Route) -> None:
        page.keyboard.press("Escape")
        route.abort("internetdisconnected")

    page.route("**/do/block/*", fail)
    dialog.get_by_role("button", name="Block", exact=True).click()
    expect(dialog.locator(".pu-message")).to_contain_text("There was no answer.")
    expect(dialog.get_by_label("Reason")).to_have_value("Overdue since May")
    forget_errors(visit, "ERR_INTERNET_DISCONNECTED")


def test_the_way_forward_stays_open_after_dialogs(visit: Visit) -> None:
    page = begin(visit)
    with held(page, "cursor="):
        page.get_by_role("link", name="Next").click()
        choose_action(page, 1, "Add note")
        expect(page.get_by_role("dialog")).to_be_visible()
    expect(page).to_have_url(re.compile("cursor="))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("cursor="))
    page.go_back()
    expect(page).not_to_have_url(re.compile("cursor="))
    page.go_forward()
    expect(page).to_have_url(re.compile("cursor="))
    expect(page.locator(".pu-table tbody .pu-col-no").first).to_contain_text("26")
    choose_action(page, 1, "Add note")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.reload()
    page.get_by_role("link", name="Previous").click()
    expect(page.locator(".pu-table tbody .pu-col-no").first).to_have_text("1")
    page.go_back()
    page.go_forward()
    expect(page.locator(".pu-table tbody .pu-col-no").first).to_have_text("1")
    assert page.evaluate("history.scrollRestoration") == "auto"


def test_a_search_that_is_taken_back_while_it_is_under_way_is_not_done(visit: Visit) -> None:
    page = begin(visit, "/")
    with held(page, "q=holm"), page.expect_request(re.compile("q=holm")):
        type_in(page, "holm")
    with held(page, "q=weber"):
        page.locator(SEARCH).fill("")
        with page.expect_request(re.compile("q=weber")):
            type_in(page, "weber")
        page.keyboard.press("Escape")
    page.wait_for_timeout(400)
    expect(page).to_have_url(f"{visit.address}/platform/users/")
    expect(page.locator(CONTACTS)).to_have_count(25)


def test_typing_on_keeps_the_list_one_step_back(visit: Visit) -> None:
    page = begin(visit, "/")
    with held(page, "q=hol"):
        with page.expect_request(re.compile("q=hol")):
            type_in(page, "hol")
        with page.expect_request(re.compile("q=holm")):
            type_in(page, "m")
    expect(page).to_have_url(re.compile("q=holm$"))
    page.locator(SEARCH).press("Enter")
    page.go_back()
    expect(page).to_have_url(f"{visit.address}/platform/users/")
    expect(page.locator(CONTACTS)).to_have_count(25)
    type_in(page, "weber")
    expect(page).to_have_url(re.compile("q=weber$"))
    page.go_back()
    expect(page).to_have_url(f"{visit.address}/platform/users/")
    assert is_kept(page)


def test_a_click_right_after_typing_counts_and_not_the_typing(visit: Visit) -> None:
    page = begin(visit, "/")
    type_in(page, "holm")
    page.locator(".pu-card-link", has_text="Inactive").click()
    page.wait_for_timeout(500)
    expect(page).to_have_url(re.compile(r"\?status=inactive$"))


def test_a_search_that_a_form_cut_short_is_done_once_the_form_is_put_away(visit: Visit) -> None:
    page = begin(visit)
    type_in(page, "holm")
    choose_action(page, 1, "Add note")
    page.wait_for_timeout(500)
    expect(page).not_to_have_url(re.compile("q="))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("q=holm"))


def test_a_list_that_is_half_typed_waits_also_when_something_was_done(visit: Visit) -> None:
    page = begin(visit)
    type_in(page, "a@acme.example, b")
    choose_action(page, 1, "Add note")
    write_note(page, "x")
    expect(page.locator(".pu-message")).to_contain_text("wrote a note")
    page.wait_for_timeout(500)
    expect(page).not_to_have_url(re.compile("q="))
    expect(page.locator(SEARCH)).to_have_value("a@acme.example, b")


def test_going_back_and_forth_quickly_ends_where_the_browser_is(visit: Visit) -> None:
    page = begin(visit, "/")
    page.locator(".pu-card-link", has_text="Inactive").click()
    expect(page).to_have_url(re.compile("status=inactive"))
    with held(page, "/platform/users/"):
        page.evaluate("history.back()")
        page.wait_for_timeout(200)
        page.evaluate("history.forward()")
        page.wait_for_timeout(200)
    page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("status=inactive"))
    expect(page.locator(".pu-chip")).to_have_count(1)
    page.go_back()
    expect(page.locator(".pu-chip")).to_have_count(0)


def test_ticks_count_that_are_made_while_the_next_page_is_under_way(visit: Visit) -> None:
    page = begin(visit)
    with held(page, "cursor="):
        page.get_by_role("link", name="Next").click()
        page.locator("[name=key]").nth(2).check()
    expect(page.locator(".pu-table tbody .pu-col-no").first).to_contain_text("26")
    expect(page.locator(".pu-bar-text")).to_contain_text("1 chosen")
    page.locator("[name=key]").nth(1).check()
    page.get_by_role("link", name="Home").click()
    page.wait_for_url(f"{visit.address}/")
    page.go_back()
    expect(page.locator(".pu-bar-text")).to_contain_text("2 chosen")
    choose_nobody(page)


def test_ticks_are_kept_with_a_new_token_where_the_old_one_is_too_old(visit: Visit) -> None:
    page = begin(visit)
    page.locator("#pu-many [name=csrf_token]").evaluate("field => { field.value = 'old' }")
    page.locator("[name=key]").nth(2).check()
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pu-table tbody .pu-col-no").first).to_contain_text("26")
    expect(page.locator(".pu-bar-text")).to_contain_text("1 chosen")
    assert is_kept(page)
    forget_errors(visit, "400")
    choose_nobody(page)


def test_without_a_connection_the_page_stays_and_says_so(visit: Visit) -> None:
    page = begin(visit)
    with answered(page, "q=holm", None, "GET"):
        type_in(page, "holm")
        expect(page.locator(".pu-message")).to_contain_text("There was no answer.")
    expect(page.locator(SEARCH)).to_have_value("holm")
    page.locator(SEARCH).press("Enter")
    expect(page).to_have_url(re.compile("q=holm"))
    expect(page.locator(".pu-message")).to_have_count(0)
    assert is_kept(page)
    forget_errors(visit, "ERR_INTERNET_DISCONNECTED")


@pytest.mark.parametrize("status", [None, 500, 503, 429])
def test_a_form_that_was_not_answered_well_stays_as_it_was_and_is_sent_once(
    visit: Visit, status: int | None
) -> None:
    page = begin(visit)
    dialog = begin_block(page)
    with answered(page, "/do/block/", status) as asked:
        dialog.get_by_role("button", name="Block", exact=True).click()
        expect(dialog.locator(".pu-message")).to_contain_text("ry again")
    expect(dialog.get_by_label("Reason")).to_have_value("Overdue since May")
    assert len(asked) == 1
    dialog.get_by_role("button", name="Block", exact=True).click()
    expect(page.locator(".pu-message").first).to_contain_text("blocked")
    page.locator(".pu-message").get_by_role("button", name="Undo").click()
    expect(page.locator(".pu-message").first).to_contain_text("took back")
    forget_errors(visit, "ERR_INTERNET_DISCONNECTED", "500", "503", "429")


def test_what_was_filled_in_elsewhere_stays_when_an_answer_comes(visit: Visit) -> None:
    page = begin(visit)
    with held(page, "role="):
        page.locator("#pu-filter-role").select_option("agent")
        page.get_by_text("Save this view").click()
        page.get_by_label("Name of the view").press_sequentially("Mine")
    expect(page).to_have_url(re.compile("role="))
    expect(page.get_by_label("Name of the view")).to_have_value("Mine")
    page.locator(SEARCH).fill("a@acme.example, b@acme.exam")
    choose_action(page, 0, "Add note")
    write_note(page, "x")
    expect(page.locator(".pu-message").first).to_contain_text("wrote a note")
    expect(page.locator(SEARCH)).to_have_value("a@acme.example, b@acme.exam")
    assert is_kept(page)


def test_what_is_open_stays_open_and_nothing_else_opens_when_an_answer_comes(visit: Visit) -> None:
    page = begin(visit, "/")
    with held(page, "status=inactive"):
        page.locator("#pu-filter-status").select_option("inactive")
        page.get_by_text("Columns", exact=True).click()
        page.get_by_label("Phone", exact=True).uncheck()
    expect(page.locator("#pu-keep")).not_to_have_attribute("open", "")
    expect(page.locator("#pu-choose-columns")).to_have_attribute("open", "")
    expect(page.get_by_label("Phone", exact=True)).not_to_be_checked()


DETAILS = '<div class="pu-details">'
PANEL = """<section id="theirs"><h2>Theirs</h2>
<form id="posts" method="POST" action=""><input name="a" value="1"><button>Post</button></form>
<form id="gets"><input name="a" value="1"><button name="b" value="2">Get</button></form>
<dialog id="modal"><form id="closes" method="dialog"><button>Done</button></form></dialog>
<textarea id="remark" form="posts"></textarea><div id="drawn" data-pu-keep></div></section>"""


@pytest.fixture
def panel(example: Flask) -> Iterator[None]:
    """A panel of the host's own in the details of users."""

    def add(response: Response) -> Response:
        if response.mimetype == "text/html" and "/users/id/" in request.path:
            html = response.get_data(as_text=True)
            response.set_data(html.replace(DETAILS, PANEL + DETAILS))
        return response

    functions = example.after_request_funcs.setdefault(None, [])
    functions.append(add)
    yield
    functions.remove(add)


@pytest.mark.usefixtures("panel")
def test_forms_of_the_host_do_what_they_would_without_us(visit: Visit) -> None:
    page = begin(visit, "/id/30")
    with page.expect_request(lambda request: request.method == "POST") as posted:
        page.locator("#posts button").click()
    assert str(posted.value.post_data).startswith("a=1")
    page = begin(visit, "/id/30")
    page.locator("#gets button").click()
    expect(page).to_have_url(re.compile(r"/id/30\?a=1&b=2$"))
    page = begin(visit, "/id/30")
    page.locator("#modal").evaluate("dialog => dialog.showModal()")
    page.locator("#closes button").click()
    expect(page.locator("#modal")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/id/30$"))
    forget_errors(visit, "404", "405")


@pytest.mark.usefixtures("panel")
def test_panels_of_the_host_keep_what_is_in_them_when_the_page_changes(visit: Visit) -> None:
    page = begin(visit, "/id/30")
    page.locator("#remark").fill("Half a remark")
    page.locator("#drawn").evaluate("place => { place.textContent = 'A chart' }")
    page.evaluate("document.addEventListener('pu:shown', () => { window.shown = true })")
    actions = page.get_by_role("navigation", name="Actions")
    actions.locator("summary").click()
    actions.get_by_role("link", name="Add note").click()
    write_note(page, "x")
    expect(page.locator(".pu-message").first).to_contain_text("wrote a note")
    expect(page.locator("#remark")).to_have_value("Half a remark")
    expect(page.locator("#drawn")).to_have_text("A chart")
    assert page.evaluate("window.shown")


def test_keys_work_beside_what_only_looks_like_a_dialog_and_are_not_taken_from_lists(
    visit: Visit,
) -> None:
    page = begin(visit)
    page.evaluate(
        """document.body.insertAdjacentHTML("beforeend",
        "<div role=dialog aria-modal=true hidden>x</div><dialog open>Cookies</dialog>" +
        "<div role=listbox tabindex=0 id=theirs>x</div>")"""
    )
    page.keyboard.press("/")
    expect(page.locator(SEARCH)).to_be_focused()
    page.locator("#theirs").focus()
    page.keyboard.press("j")
    expect(page.locator("#theirs")).to_be_focused()


@pytest.mark.parametrize("visit", PHONE, indirect=True)
def test_on_a_phone_the_list_is_sorted_and_ticked_as_a_whole(visit: Visit) -> None:
    page = begin(visit, "/")
    page.get_by_role("columnheader", name="Contact").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Contact")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.locator("[data-pu-all]").check()
    expect(page.locator(".pu-bar-text")).to_contain_text("25 chosen")
    choose_nobody(page)
