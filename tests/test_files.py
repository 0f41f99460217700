"""The static files: kept for a year, the same for everybody, served from wherever a host says."""

import mimetypes
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Response, session
from flask.testing import FlaskClient

from flask_platform_users.files import KEPT, versions

from .html import parse
from .test_mount import NewApp, clerk, clerks, fill, new_app, signed_in

__all__ = ["new_app"]

FILES = ("platform_users.css", "platform_users.js", "banner.css", "banner.js")


def address(name: str, version: str | None = None) -> str:
    """Return where a file is served, by default in the version that is there."""
    return f"/platform_users/static/{name}?v={versions()[name] if version is None else version}"


def links(client: FlaskClient) -> set[str]:
    """Return the addresses of the files that the list asks for."""
    page = parse(client.get("/platform_users/").text)
    found = {node.attributes["href"] for node in page.all("link", rel="stylesheet")}
    return found | {node.attributes["src"] for node in page.all("script")}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_kept_for_a_year_by_whoever_names_its_version(new_app: NewApp, name: str) -> None:
    """The address on the page changes with the file, so nobody has to ask again."""
    answer = new_app(clerks).test_client().get(address(name))
    assert answer.status_code == 200
    assert answer.cache_control.public
    assert answer.cache_control.max_age == KEPT == 31_536_000
    assert answer.cache_control.immutable
    assert answer.cache_control.no_cache is None
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789ab", "?w=1"])
def test_a_file_of_no_version_is_asked_for_each_time(new_app: NewApp, query: str) -> None:
    """Also of an old one: a page of before an update must not keep what came after it."""
    client = new_app(clerks).test_client()
    path = f"/platform_users/static/banner.css{query}"
    answer = client.get(path)
    assert answer.headers["Cache-Control"] == "no-cache, max-age=0"
    known = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")
    assert answer.get_etag() == (versions()["banner.css"], False)


def test_a_default_of_the_host_for_its_own_files_is_not_ours(new_app: NewApp) -> None:
    """``SEND_FILE_MAX_AGE_DEFAULT`` would keep a file of no version too."""
    app = new_app(clerks, SEND_FILE_MAX_AGE_DEFAULT=600)
    answer = app.test_client().get(address("banner.css", "old"))
    assert answer.headers["Cache-Control"] == "no-cache, max-age=0"


@pytest.fixture
def _registry() -> Iterator[None]:
    """Let the machine say of scripts and styles what some Windows registries say."""
    mimetypes.add_type("text/plain", ".js")
    mimetypes.add_type("application/x-css", ".css")
    yield
    mimetypes.init()


@pytest.mark.usefixtures("_registry")
def test_a_module_is_javascript_on_every_machine(new_app: NewApp) -> None:
    """A browser runs no module of another type, and with nosniff uses no style of another."""
    client = new_app(clerks).test_client()
    kinds = {name: client.get(address(name)).mimetype for name in FILES}
    assert kinds == {
        name: "text/css" if name.endswith("css") else "text/javascript" for name in FILES
    }


def test_files_carry_nothing_of_anybodys_session(new_app: NewApp) -> None:
    """A cache that keeps them for everybody must not hand somebody's cookie around."""
    app = new_app(clerks)
    fill(app, clerk(1, "anna"))

    @app.before_request
    def remember() -> None:
        session.permanent = True
        session["seen"] = session.get("seen", 0) + 1

    @app.after_request
    def track(response: Response) -> Response:
        response.vary.add("Accept-Encoding")
        response.set_cookie("visitor", "7")
        return response

    client = signed_in(app)
    assert client.get("/platform_users/").headers.getlist("Set-Cookie")
    for browser in (client, app.test_client()):
        answer = browser.get(address("platform_users.css"))
        assert answer.headers.getlist("Set-Cookie") == []
        assert answer.headers["Vary"] == "Accept-Encoding"


def test_files_are_the_same_for_everybody(new_app: NewApp) -> None:
    """Signed in or not, and whoever is blocked."""
    app = new_app(clerks)
    fill(app, clerk(1, "anna"))
    kept = ("Content-Type", "Content-Length", "Cache-Control", "ETag", "Vary")
    answers = [
        browser.get(address("platform_users.js")) for browser in (signed_in(app), app.test_client())
    ]
    one, other = ((a.data, [a.headers.get(name) for name in kept]) for a in answers)
    assert one == other


@pytest.mark.parametrize("name", ["nothing.css", "../door.py", "%2e%2e/door.py", "", "a/b.css"])
def test_there_are_no_other_files(new_app: NewApp, name: str) -> None:
    """And no page of the host's layout for who asks for one."""
    answer = new_app(clerks).test_client().get(f"/platform_users/static/{name}")
    assert answer.status_code == 404
    assert "pu-panel" not in answer.text
    assert "Cache-Control" not in answer.headers


def test_files_may_lie_on_another_server(new_app: NewApp) -> None:
    """Then every address of a file stands below the one that was set, with its version."""
    app = new_app(clerks, PLATFORM_USERS_STATIC_URL="https://cdn.example/pu/")
    fill(app, clerk(1, "anna"), clerk(2, "bert"))
    found = links(signed_in(app))
    assert {
        f"https://cdn.example/pu/{name}?v={versions()[name]}"
        for name in ("platform_users.css", "platform_users.js")
    } == found


def test_a_server_of_files_may_fetch_them_from_the_app(new_app: NewApp) -> None:
    """Modules of another address need its leave, and so do pages that isolate themselves."""
    app = new_app(clerks, PLATFORM_USERS_STATIC_URL="https://cdn.example/pu/")
    headers = app.test_client().get(address("platform_users.js")).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize(
    "given",
    [
        "https://cdn.example/",
        "http://localhost:9000/a/b/",
        "/assets/platform-users/",
    ],
)
def test_such_a_server_is_an_address_or_a_path(new_app: NewApp, given: str) -> None:
    """The links begin with exactly that."""
    app = new_app(clerks, PLATFORM_USERS_STATIC_URL=given)
    fill(app, clerk(1, "anna"))
    assert all(link.startswith(given) for link in links(signed_in(app)))


def test_a_page_asks_for_no_file_but_ours(new_app: NewApp) -> None:
    """No font, script, style or picture from anywhere else, also not from within a file."""
    app = new_app(clerks)
    fill(app, clerk(1, "anna"))
    assert all(urlsplit(link).netloc == "" for link in links(signed_in(app)))
    client: Any = app.test_client()
    for name in FILES:
        text = client.get(address(name)).text
        assert re.findall(r"url\(|@import|https?://", text) == [], name
