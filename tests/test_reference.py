"""What docs/reference.md tells of the objects that hosts pass in is all there is of them."""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from flask import request
from flask_babel import Babel, LazyString, get_locale

from flask_platform_users import (
    DEFAULT_ACTIONS,
    Action,
    Card,
    Column,
    Count,
    Filter,
    Impact,
    Impersonation,
    Panel,
    PlatformUsers,
    Policy,
    SavedView,
    Status,
    Unit,
    Users,
    with_defaults,
)
from flask_platform_users.columns import DEFAULT_COLUMNS, laid_out
from flask_platform_users.panels import DEFAULT_PANELS, arranged

from .html import parse
from .office import hidden
from .shop import fill, shop

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "reference.md").read_text()
KINDS = (Action, Unit, Impact, Panel, Card, SavedView, Policy, Impersonation)
MAPPING = re.findall(r"```python\n(.*?)```", (DOCS.parent / "README.md").read_text(), re.DOTALL)[0]


def section(kind: type) -> str:
    """Return what the page tells of a class."""
    found = re.search(rf"^##+ {kind.__name__}\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return re.sub(r"```.*?```", "", found[1], flags=re.DOTALL)


def members(kind: type) -> set[str]:
    """Return its public names; methods as they are called."""
    found = {f.name for f in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    for name in {*vars(kind), *inspect.get_annotations(kind)}:
        if not name.startswith("_"):
            value = inspect.getattr_static(kind, name, None)
            found.add(call(name, value) if inspect.isfunction(value) else name)
    return found


def call(name: str, function: Any) -> str:
    _, *given = inspect.signature(function).parameters.values()
    return f"{name}({', '.join(str(p.replace(annotation=p.empty)) for p in given)})"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_public_name_is_told_and_no_other(kind: type) -> None:
    """Arguments, attributes, and methods with what they take."""
    told = section(kind)
    assert {name for name in members(kind) if f"`{name}`" not in told} == set()
    firsts = re.findall(r"^\| (`.*?) \|", told, re.MULTILINE)
    assert {name for first in firsts for name in re.findall("`(.*?)`", first)} <= members(kind)


def test_every_permission_is_told() -> None:
    """`Policy.allows` is asked for them by name."""
    for action in DEFAULT_ACTIONS:
        assert action.by_system or f"`{action.permission}`" in section(Policy)


def test_dots_stand_for_those_that_are_not_named_beside_them() -> None:
    """Columns and panels stand where they are written; an action stays where ours was."""
    column = Column("status")
    others = [each for each in DEFAULT_COLUMNS if each.name not in {"status", "actions"}]
    assert laid_out([..., column]) == (*others, column, DEFAULT_COLUMNS[-1])
    panel = Panel("identity", template="_identity.html")
    assert arranged([..., panel]) == [*DEFAULT_PANELS[1:], panel]
    assert arranged([panel, ...]) == [panel, *DEFAULT_PANELS[1:]]

    class OwnBlock(Action):
        name = "block"

    block = OwnBlock()
    assert with_defaults(block) == [block if a.name == "block" else a for a in DEFAULT_ACTIONS]


def test_the_action_of_the_page_does_what_it_says() -> None:
    """It is offered, asks, changes, is told in the history, and is taken back."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    with shop() as names:
        exec(compile(code, "reference.md", "exec"), names)
        given = "policy=AcmePolicy(), actions=actions"
        mapping = MAPPING.replace("policy=AcmePolicy()", given)
        exec(compile(mapping, "README.md", "exec"), names)
        app, db, user = names["app"], names["db"], names["User"]
        names["platform_users"].init_app(app)
        with app.app_context():
            fill(names)
            same = {
                "platform_id": 1,
                "role": "agent",
                "status": "active",
                "is_platform_owner": False,
            }
            made = names["current_user"].created_at
            for key, name, of in ((2, "Bo", "Looms"), (3, "Cy", None)):
                row = user(id=key, username=name, email=f"{name}@x.org", company=of, **same)
                row.created_at = made
                db.session.add(row)
            db.session.add(names["Campaign"](owner_id=2))
            db.session.commit()

        def company() -> str:
            with app.app_context():
                found: str = db.session.get(user, 2).company
            return found

        client, url = app.test_client(), "/platform/users/do/move_to_company"
        assert "Cy belongs to no company." in client.get(f"{url}/3").text
        form = client.get(f"{url}/2")
        assert [o.text for o in parse(form.text).all("option")] == ["Engines", "Looms"]
        assert "Campaigns" in form.text
        fields = hidden(form) | {"company": "Engines"}
        assert "Say why." in client.post(f"{url}/2", data=fields).text
        done = client.post(f"{url}/2", data=fields | {"reason": "Sold"})
        assert company() == "Engines"
        page = parse(client.get(done.location).text)
        assert "ada@example.org moved Bo to another company." in page.text
        history = parse(client.get("/platform/users/history").text).text
        assert all(word in history for word in ("Sold", "Looms", "Engines"))
        undo = next(f for f in page.all("form") if "/undo/" in f.attributes.get("action", ""))
        token = undo.one("input", name="csrf_token").attributes["value"]
        client.post(undo.attributes["action"], data={"csrf_token": token})
        assert company() == "Looms"


def test_labels_may_be_lazy_texts(tmp_path: Path) -> None:
    """Of everything that has one: each reader has them in their language."""

    def lazy(text: str) -> Any:
        return LazyString(lambda: f"{text} in {get_locale()}")

    class Wave(Action):
        name, label, done = "wave", lazy("Wave"), "{who} waved at {user}."

        def perform(self, unit: Unit) -> None:
            """Nobody waves."""

    class Owners(Policy):
        def platform_of(self, actor: Any) -> Any:
            return actor.platform_id

    (tmp_path / "more.html").write_text("{{ panel.name }}")
    with shop(tmp_path) as names:
        app, user, contact = names["app"], names["User"], names["Contact"]
        Babel(app, locale_selector=lambda: request.headers.get("X-In"))
        PlatformUsers(
            names["db"],
            users=Users(
                user,
                platform=user.platform_id,
                username=user.username,
                email=user.email,
                status=Status.column(user.status),
            ),
            policy=Owners(),
            channels=[Count("webchat", contact.owner_id, label=lazy("Channel"))],
            usage=[Count("contacts", contact.owner_id, label=lazy("Count"))],
            columns=[..., Column("company", user.company, label=lazy("Column"))],
            cards=[..., Card("engines", user.company == "Engines", label=lazy("Card"))],
            filters=[Filter("firm", user.company, label=lazy("Filter"))],
            views=[SavedView(lazy("View"), "firm:Engines")],
            panels=[..., Panel("more", template="more.html", label=lazy("Panel"))],
            actions=with_defaults(Wave()),
        ).init_app(app)
        with app.app_context():
            fill(names)
            other = {"platform_id": 1, "is_platform_owner": False, "role": "x", "status": "active"}
            bo = user(id=2, username="Bo", email="bo@x.org", **other)
            bo.created_at = names["current_user"].created_at
            names["db"].session.add(bo)
            names["db"].session.commit()
        client = app.test_client()
        for code in ("es", "pt"):
            seen = "".join(
                parse(client.get(f"/platform/users/{path}", headers={"X-In": code}).text).text
                for path in ("?q=firm:Engines", "", "id/2", "do/wave/2")
            )
            for kind in ("Channel", "Count", "Column", "Card", "Filter", "View", "Panel", "Wave"):
                assert f"{kind} in {code}" in seen
