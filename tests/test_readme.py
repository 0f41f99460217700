"""What the README tells a stranger to write works as it stands there."""

import os
import re
from pathlib import Path

import pytest

from flask_platform_users.headers import PART

from .html import parse
from .shop import fill, shop

README = Path(__file__).parent.parent / "README.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def template(name: str) -> str:
    """Return the template of the README that it says to write under a name."""
    found = re.search(rf"`templates/{name}`.*?```jinja\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_every_block_of_the_readme_runs_in_order_and_the_page_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUDIT_KEY", "k" * 32)
    with shop() as names:
        host = names | {"os": os, "flash": print}
        with_a_user = [block for block in blocks() if re.search(r"(?<![.\w])user(\.id|\))", block)]
        assert len(with_a_user) == 2
        for block in blocks():
            if block not in with_a_user:
                exec(compile(block, README.name, "exec"), host)
        with names["app"].app_context():
            fill(names)
            host["user"] = host["current_user"]
            for block in with_a_user:
                exec(compile(block, README.name, "exec"), host)
            names["db"].session.remove()
        client = names["app"].test_client()
        assert "Ada" in client.get("/platform/users/").text
        assert "Invoice sent" in client.get("/platform/users/history").text


def test_the_integration_of_the_readme_takes_some_thirty_lines() -> None:
    mapping, mounting, *_ = blocks()
    written = [line for line in (mapping + mounting).splitlines() if line.strip()]
    assert len(written) <= 35


def test_a_layout_whose_blocks_have_other_names_gets_everything_of_the_page(tmp_path: Path) -> None:
    """Title, stylesheet, script and page, beside what the layout has itself."""
    (tmp_path / "layout.html").write_text(
        "<!doctype html><html lang='en'><head><title>{% block page_title %}Shop{% endblock %}"
        "</title>{% block styles %}<link rel='stylesheet' href='/shop.css'>{% endblock %}</head>"
        "<body><aside>Shop</aside><main>{% block body %}{% endblock %}</main></body></html>"
    )
    (tmp_path / "users_layout.html").write_text(template("users_layout.html"))
    with shop(tmp_path) as names:
        names["app"].config["PLATFORM_USERS_BASE_TEMPLATE"] = "users_layout.html"
        for block in blocks()[:2]:
            exec(compile(block, README.name, "exec"), names)
        with names["app"].app_context():
            fill(names)
        client = names["app"].test_client()
        for path, title in (("", "Platform users"), ("id/1", "Ada · Platform users")):
            page = parse(client.get(f"/platform/users/{path}").text)
            assert page.one("title").text == title
            own, ours = (link.attributes["href"] for link in page.all("link", rel="stylesheet"))
            assert (own, ours.partition("?")[0]) == (
                "/shop.css",
                "/platform/users/static/platform_users.css",
            )
            script = page.one("script", type="module").attributes["src"]
            assert script.startswith("/platform/users/static/platform_users.js")
            assert page.one("aside").text == "Shop"
            shown = page.one("main").one(class_="pu")
            assert shown.attributes["lang"] == "en"
            assert len(shown.all("dialog", id="pu-dialog")) == 1
            assert "ada@example.org" in shown.text
            part = client.get(f"/platform/users/{path}", headers={PART: "1"})
            assert parse(part.text).one("title").text == title
