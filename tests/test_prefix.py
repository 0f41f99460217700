"""The example below a path, behind a proxy, under a name: every address leads where it should."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, TestResponse

from .product import Product, opened
from .walk import Stop, look, walk

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SHOP = "https://shop.example"
INSIDE = "127.0.0.1:8000"


def dispatched(app: "WSGIApplication") -> "WSGIApplication":
    """Serve a product below /app of one process."""
    return DispatcherMiddleware(NotFound(), {"/app": app})


def proxied(app: "WSGIApplication") -> "WSGIApplication":
    """Serve it as nginx would, which speaks HTTP to a product that knows of no path and no name."""
    app = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)

    def proxy(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        if not environ["PATH_INFO"].startswith("/app/"):
            return NotFound()(environ, start_response)
        forwarded = {
            "HTTP_X_FORWARDED_FOR": environ.get("REMOTE_ADDR", ""),
            "HTTP_X_FORWARDED_PROTO": environ["wsgi.url_scheme"],
            "HTTP_X_FORWARDED_HOST": environ["HTTP_HOST"],
            "HTTP_X_FORWARDED_PREFIX": "/app",
        }
        inside = {
            "PATH_INFO": environ["PATH_INFO"].removeprefix("/app"),
            "wsgi.url_scheme": "http",
            "HTTP_HOST": INSIDE,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "REMOTE_ADDR": "127.0.0.1",
        }
        return app(environ | forwarded | inside, start_response)

    return proxy


DEPLOYED: dict[str, tuple[Callable[["WSGIApplication"], "WSGIApplication"], dict[str, Any]]] = {
    "dispatcher": (dispatched, {}),
    "proxy": (proxied, {"SESSION_COOKIE_SECURE": True}),
    "APPLICATION_ROOT": (dispatched, {"APPLICATION_ROOT": "/app"}),
    "SERVER_NAME": (dispatched, {"SERVER_NAME": "shop.example", "PREFERRED_URL_SCHEME": "https"}),
}


class Visitor(Client):
    """A client at an address of its own."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return super().open(*args, environ_base={"REMOTE_ADDR": "203.0.113.7"}, **kwargs)


class Browser:
    """A browser of somebody signed in, who knows the product by its public address only."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.at = f"{SHOP}/app/login"
        form = {"email": "owner@acme.example", "password": "demo"}
        assert self.send("/app/login", form, self.open("/app/login")).status_code == 302

    def open(self, url: str) -> Stop:
        """Open a page."""
        stop = look(self.client, url, base_url=SHOP)
        self.at = f"{SHOP}{url}"
        return stop

    def send(self, url: str, fields: dict[str, str], on: Stop) -> TestResponse:
        """Send a form that stands on a page, with its hidden fields."""
        forms = [form for form in on.page.all("form") if form.attributes.get("method") == "post"]
        form = next(f for f in forms if urljoin(on.url, f.attributes.get("action", "")) == url)
        hidden = {n.attributes["name"]: n.attributes["value"] for n in form.all(type="hidden")}
        return self.client.post(
            url,
            data=hidden | fields,
            base_url=SHOP,
            headers={"Referer": self.at, "Origin": SHOP, "Sec-Fetch-Site": "same-origin"},
        )


@pytest.fixture(scope="module", params=DEPLOYED)
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, Callable[[], Browser]]]:
    wrap, config = DEPLOYED[request.param]
    with opened("sqlite", tmp_path_factory.mktemp("prefix")) as product:
        product.app.config.update(config)
        served = wrap(product.app)
        yield product, lambda: Browser(Visitor(served))


@pytest.fixture
def product(deployed: tuple[Product, Callable[[], Browser]]) -> Product:
    return deployed[0]


@pytest.fixture
def browser(deployed: tuple[Product, Callable[[], Browser]]) -> Browser:
    return deployed[1]()


def place(answer: TestResponse) -> str:
    """Return where a redirect leads, which has to be below the product's own address."""
    found = urljoin(f"{SHOP}/app/", answer.headers["Location"])
    assert found.startswith(f"{SHOP}/app/"), found
    return found.removeprefix(SHOP)


def test_every_address_stands_below_the_path_and_answers(browser: Browser) -> None:
    """Links, forms, files and what scripts ask for, on every kind of page."""
    for stop in walk(browser.client, "/app/platform/users/", base_url=SHOP):
        # An action that makes no sense for this user says so.
        assert stop.answer.status_code == 200 or "/do/" in stop.url, stop.url
        for address in stop.addresses:
            assert urljoin(SHOP + stop.url, address).startswith(f"{SHOP}/app/"), (stop.url, address)


def test_an_action_leads_back_to_the_page_below_the_path(
    product: Product, browser: Browser
) -> None:
    """So does taking it back."""
    key, name = product.some_user()
    form = f"/app/platform/users/do/block/{key}"
    answer = browser.send(form, {"reason": "Under review"}, browser.open(form))
    assert answer.status_code == 303
    told = browser.open(place(answer))
    assert f"blocked {name}." in told.answer.text
    (undo,) = [a for a in told.addresses if "/undo/" in a]
    assert f"/app/platform/users/id/{key}?done=" in place(browser.send(undo, {}, told))


def test_what_somebody_keeps_of_the_list_leads_back_below_the_path(browser: Browser) -> None:
    """A search under a name, and the columns that they want."""
    listed = "/app/platform/users/?q=an&status=active"
    page = browser.open(listed)
    forms = {form.attributes["action"].partition("?")[0]: form for form in page.page.all("form")}
    for path, fields in (("views", {"name": "Names with an"}), ("columns", {"column": "status"})):
        action = forms[f"/app/platform/users/{path}"].attributes["action"]
        led = place(browser.send(action, fields, page))
        assert led.startswith("/app/platform/users/?")
        assert browser.open(led).answer.status_code == 200
    views = browser.open(listed).page.all("a", class_="pu-tab")
    kept = {link.text: link.attributes["href"] for link in views}["Names with an"]
    assert urljoin(SHOP + listed, kept).startswith(f"{SHOP}/app/platform/users/?")


def test_who_is_not_signed_in_is_sent_to_the_sign_in_below_the_path(browser: Browser) -> None:
    """And comes back to where they wanted to go."""
    browser.client.delete_cookie("session", domain="shop.example", path="/")
    browser.client.delete_cookie("session", domain="shop.example", path="/app")
    wanted = "/app/platform/users/history"
    answer = browser.open(wanted).answer
    assert answer.status_code == 302
    assert urlsplit(place(answer)).path == "/app/login"


def test_the_banner_stops_and_leads_back_below_the_path(product: Product, browser: Browser) -> None:
    """Also from the page that says why something was refused."""
    key, name = product.some_user()
    form = f"/app/platform/users/do/impersonate/{key}"
    fields = {"reason": "Asked for help by mail", "minutes": "30"}
    begun = browser.send(form, fields, browser.open(form))
    assert begun.status_code == 303
    home = browser.open(place(begun))
    assert f"Seen as {name} by" in home.answer.text
    assert all(a.startswith("/app/") for a in home.addresses)
    settings = browser.open("/app/settings")
    profile = next(a for a in settings.addresses if a.endswith("/settings"))
    refused = browser.send(profile, {"username": "x"}, settings)
    assert refused.status_code == 403
    assert 'href="/app/settings"' in refused.text
    stop = "/app/platform/users/impersonations/stop"
    answer = browser.send(stop, {}, browser.open("/app/"))
    assert f"/app/platform/users/id/{key}?done=" in place(answer)
    assert browser.open(place(answer)).answer.status_code == 200


def test_the_api_says_where_it_is(browser: Browser) -> None:
    """A program that reads its description asks at the right addresses."""
    told = browser.open("/app/platform/users/api/openapi.json").answer.get_json()
    (server,) = told["servers"]
    assert server == {"url": "/app/platform/users/api"}
    for path in ("/summary", "/users"):
        answer = browser.open(server["url"] + path).answer
        assert answer.status_code == 200
        assert not re.search(r'"/(?!app/)', answer.text)


def test_the_only_cookie_is_the_products_own_and_goes_where_it_goes(
    product: Product, browser: Browser
) -> None:
    """The page sets none, and does not move that of the session."""
    root = product.app.config["APPLICATION_ROOT"]
    key, _ = product.some_user()
    form = f"/app/platform/users/do/impersonate/{key}"
    answer = browser.send(
        form, {"reason": "Asked for help by mail", "minutes": "30"}, browser.open(form)
    )
    set_cookies = answer.headers.getlist("Set-Cookie")
    assert set_cookies
    for cookie in set_cookies:
        assert re.match("(session|remember_token)=", cookie)
        assert f"Path={root}" in cookie.split("; ")


def test_the_history_notes_the_address_of_the_person_and_not_of_the_proxy(
    product: Product, browser: Browser
) -> None:
    """Where the product believes its proxy."""
    key, _ = product.some_user()
    form = f"/app/platform/users/do/sign_out/{key}"
    assert browser.send(form, {}, browser.open(form)).status_code == 303
    assert product.events(key)[-1].address == "203.0.113.7"
