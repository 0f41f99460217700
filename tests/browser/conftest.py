"""The example product on a port of its own, and Chromium looking at it."""

import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, sync_playwright
from werkzeug.serving import make_server

from example_app import create_app
from example_app.models import db
from example_app.seed import seed

HERE = Path(__file__).parent

# Chromium's own background traffic is switched off: nothing here needs a network.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives Chromium."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    path = tmp_path_factory.mktemp("browser") / "example.sqlite3"
    example = create_app(f"sqlite:///{path}", config={"SECRET_KEY": "secret"})
    with example.app_context():
        db.create_all()
        seed()
    yield example
    with example.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def address(example: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, example, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def launch(playwright: Playwright) -> Browser:
    names = ("chromium", "chromium-browser", "google-chrome")
    system = next(filter(None, map(shutil.which, names)), None)
    try:
        return playwright.chromium.launch(executable_path=system, args=CHROMIUM_ARGUMENTS)
    except Error as error:
        how = "no Chromium: install the system's chromium, or run 'playwright install chromium'"
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail(f"{how}\n{error}")
        pytest.skip(how)


class Visit:
    """One browser context of a signed-in person, and all that went wrong in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", self._complain)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._watch)

    def _complain(self, message: object) -> None:
        if getattr(message, "type", "") in {"error", "warning"}:
            self.complaints.append(getattr(message, "text", ""))

    def _watch(self, request: object) -> None:
        url = getattr(request, "url", "")
        if not url.startswith((self.address, "data:")):
            self.strangers.append(url)

    def sign_in(self, email: str) -> None:
        self.page.goto(f"{self.address}/login")
        self.page.fill("[name=email]", email)
        self.page.fill("[name=password]", "demo")
        self.page.click("button[type=submit]")

    def let_in(self, email: str) -> None:
        """Sign somebody in without a look at the page where that is done."""
        browser, url = self.page.context.request, f"{self.address}/login"
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(url).text())
        assert token
        form = {"csrf_token": token[1], "email": email, "password": "demo"}
        assert browser.post(url, form=form, max_redirects=0).status == 302

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}/platform/users{path}")

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return wide


@pytest.fixture
def visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The owner of the first platform; parametrise indirectly with options of the context."""
    options = {"viewport": {"width": 1280, "height": 900}} | getattr(request, "param", {})
    context = browser.new_context(**options)
    visit = Visit(context, address)
    visit.let_in("owner@acme.example")
    yield visit
    context.close()
    assert visit.complaints == []
    assert visit.strangers == []
