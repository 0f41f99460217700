"""The page in other layouts: nothing of the host's reset reaches it, and nothing of it the host."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.product import USERS, Product
from tests.skins import SKINS, dressed

LOOKS = """() => {
  const sides = ["top", "right", "bottom", "left"]
  const names = ["display", "position", "float", "font-size", "font-weight", "line-height",
    "text-decoration-line", "text-align", "text-transform", "list-style-type", "vertical-align",
    "color", "background-color", "opacity", "cursor", "box-sizing", "outline-style",
    "border-top-left-radius", ...sides.flatMap(side => [`margin-${side}`, `padding-${side}`,
      `border-${side}-width`, `border-${side}-style`, `border-${side}-color`])]
  const drawn = ["display", "fill", "opacity", "stroke", "stroke-width"]
  const found = new Map()
  for (const element of document.querySelectorAll(".pu *")) {
    const name = [element.parentElement, element].map(
      node => `${node.tagName.toLowerCase()}.${node.getAttribute("class")}`).join(" > ")
    if (!found.has(name)) found.set(name, element)
  }
  return [...found].flatMap(([name, element]) =>
    [null, "::before", "::after", "::placeholder"].map(part => {
      const style = getComputedStyle(element, part)
      const seen = element.matches("svg *") ? part ? [] : drawn : names
      return [name + (part ?? ""), ...seen.map(name => `${name}: ${style.getPropertyValue(name)}`)]
    }))
}"""
"""Returns how every kind of element of the page looks, whatever room and font it is given."""

OUTSIDE = """() => [...document.querySelectorAll("body, body *")]
  .filter(element => !element.closest(".pu, [data-platform-users-banner]"))
  .map(element => {
    const style = getComputedStyle(element)
    const names = Array.from(style).filter(name => !name.startsWith("--"))
    return [element.tagName, ...names.map(name => `${name}: ${style[name]}`)]
  })"""
"""Returns all styles of all elements of the host."""


@pytest.fixture(scope="module", params=SKINS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Return the product in a skin, and where it is served."""
    path = tmp_path_factory.mktemp("skin") / "product.sqlite3"
    product = Product(dressed(f"sqlite:///{path}", request.param))
    server = make_server("127.0.0.1", 0, product.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield product, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser, place: tuple[Product, str]) -> Iterator[Page]:
    """The browser of the owner."""
    product, address = place
    cookie = product.owner.get_cookie("session")
    assert cookie
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=address)
    context.add_cookies([{"name": "session", "value": cookie.value, "url": address}])
    yield context.new_page()
    context.close()


def sheet(page: Page, whose: str) -> Any:
    """Return a stylesheet of the page: "skins" or "platform_users"."""
    return page.evaluate_handle(
        "whose => [...document.styleSheets].find(sheet => sheet.href.includes(whose))", whose
    )


def differences(before: list[list[str]], after: list[list[str]]) -> set[str]:
    """Return what looks different."""
    return {
        f"{one[0]} {a} | {b}"
        for one, other in zip(before, after, strict=True)
        for a, b in zip(one, other, strict=True)
        if a != b
    }


@pytest.mark.parametrize("path", ["/?q=an&status=active", "/id/3", "/do/assign_plan/3", "/history"])
def test_the_page_looks_as_if_the_layout_had_no_stylesheet(page: Page, path: str) -> None:
    """Paddings, borders, sizes and colours are its own, whatever the host resets."""
    page.goto(USERS + path)
    # The same room and font both times: those it takes from its host.
    page.evaluate("document.querySelector('.pu').style.inlineSize = '1000px'")
    page.evaluate("document.documentElement.style.setProperty('--pu-font', 'monospace')")
    inside = page.evaluate(LOOKS)
    assert len(inside) > 80
    sheet(page, "skins").evaluate("sheet => { sheet.disabled = true }")
    assert differences(inside, page.evaluate(LOOKS)) == set()


def test_cells_cards_buttons_and_icons_have_their_shape(page: Page) -> None:
    """The essentials, in figures."""
    page.goto(f"{USERS}/?q=an")

    def pixels(selector: str, name: str) -> float:
        style = "(element, name) => parseFloat(getComputedStyle(element)[name])"
        found: float = page.locator(selector).first.evaluate(style, name)
        return found

    for selector in (".pu-table tbody td.pu-col-status", ".pu-card", ".pu-button", ".pu-input"):
        assert min(pixels(selector, f"padding{side}") for side in ("Top", "Left")) >= 4, selector
    for selector in (".pu-card", ".pu-button", ".pu-input", ".pu-panel"):
        assert pixels(selector, "borderTopWidth") == 1, selector
        assert pixels(selector, "borderTopLeftRadius") >= 6, selector
    assert pixels("h1.pu-title", "fontSize") == 24
    assert pixels(".pu-button .pu-icon", "width") == 16
    icon = page.locator(".pu-sort .pu-icon").first.bounding_box()
    words = page.locator(".pu-sort").first.bounding_box()
    assert icon
    assert words
    assert icon["height"] < words["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_dialog_has_its_shape(page: Page) -> None:
    """It stands in the middle, above the host's page, with its padding."""
    page.goto(f"{USERS}/id/3")
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Block").click()
    dialog = page.get_by_role("dialog", name="Block")
    expect(dialog).to_be_visible()
    box = dialog.bounding_box()
    assert box
    assert abs(box["x"] - (1280 - box["x"] - box["width"])) < 20
    assert dialog.locator("form").evaluate("form => getComputedStyle(form).padding") == "24px"


def test_nothing_leaks_into_the_host(page: Page) -> None:
    """All styles of all its elements are as they are without our stylesheet."""
    page.goto(f"{USERS}/history")
    page.evaluate("document.querySelector('.pu').style.display = 'none'")
    ours = sheet(page, "platform_users")
    before = page.evaluate(OUTSIDE)
    assert len(before) > 30
    ours.evaluate("sheet => { sheet.disabled = true }")
    assert differences(before, page.evaluate(OUTSIDE)) == set()


def test_what_the_host_says_of_the_page_wins(page: Page) -> None:
    """By a class of ours or its own, without !important, although its stylesheet comes first.

    What it says of bare elements is meant for its own pages.
    """
    page.goto(f"{USERS}/?q=an")
    for rule in (
        ".pu-card { padding: 31px }",
        ".pu-col-no { color: rgb(1, 2, 3) }",
        "td { padding: 0 }",
    ):
        sheet(page, "skins").evaluate("(sheet, rule) => sheet.insertRule(rule)", rule)
    expect(page.locator(".pu-card").first).to_have_css("padding", "31px")
    expect(page.locator("tbody .pu-col-no").first).to_have_css("color", "rgb(1, 2, 3)")
    expect(page.locator("tbody .pu-col-status").first).not_to_have_css("padding", "0px")
