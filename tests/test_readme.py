"""What the README tells a stranger to write works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import render_template_string

from flask_platform_users import SignIn
from flask_platform_users.headers import PART
from flask_platform_users.i18n import TRANSLATIONS

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


def test_a_language_of_ones_own_begins_with_every_text_and_no_translation(tmp_path: Path) -> None:
    """By the commands of the README, without a clone."""
    (commands,) = re.findall(r"```console\n(\$ page=.*?)```", README.read_text(), re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        re.sub(r"^\$ ", "", commands, flags=re.MULTILINE),
        shell=True,
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(README.parent)},
    )
    folder = tmp_path / "translations" / "fr" / "LC_MESSAGES"
    assert (folder / "flask_platform_users.mo").exists()
    with (folder / "flask_platform_users.po").open("rb") as file:
        own = read_po(file)
    with (TRANSLATIONS / "es" / "LC_MESSAGES" / "flask_platform_users.po").open("rb") as file:
        ours = read_po(file)
    assert {message.id for message in own} == {message.id for message in ours}
    assert {"".join(message.string or ()) for message in own if message.id} == {""}


def test_the_sign_in_page_of_the_readme_says_why_somebody_was_turned_away() -> None:
    """With the object handed to it; and nothing where nobody was."""
    (page,) = re.findall(r"```jinja\n([^`]*turned_away[^`]*)```", README.read_text())
    with shop() as names:
        for block in blocks()[:2]:
            exec(compile(block, README.name, "exec"), names)
        with names["app"].test_request_context():
            fill(names)
            away = SignIn(sentence="This account is blocked.")
            for answer, text in ((away, away.sentence), (None, "")):
                given = {"platform_users": {"turned_away": answer}}
                assert parse(render_template_string(page, **given)).text.strip() == text
