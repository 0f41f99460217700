"""Whoever comes by whatever door: it is one and the same object that acts."""

import functools
import json
from typing import Any, ClassVar

import pytest
from werkzeug.test import TestResponse

from flask_platform_users import Action
from flask_platform_users.errors import RefusedError
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.refusals import Refusals

from .conftest import WORLDS
from .doors import DOORS, DOORS_OF, NO_DOOR
from .hosts import Key
from .html import Node, parse
from .office import hidden
from .program import JSON
from .terminal import login_id, run
from .test_plans import Desk
from .world import World


class Greet(Action):
    """An action of the host's own."""

    name: ClassVar[str] = "greet"
    label: ClassVar[str] = "Greet"
    for_many: ClassVar[bool] = True
    done: ClassVar[str] = "greeted {user}"

    def perform(self, unit: Any) -> None:
        """Do nothing."""


class House(Desk):
    """A host with a user for each action, one of whom everything of theirs can be done to."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(world)
        self.login = login_id(world, self.owner)
        self.reached: list[Action] = []
        self._filled: dict[str, dict[str, str]] = {}
        self._pages: dict[str, Node] = {}
        blocked, deleted = world.person(self.platform), world.person(self.platform)
        self.names = {"unblock": blocked.username, "restore": deleted.username}
        self.keys: dict[str, Key] = dict(zip(self.names, world.add(blocked, deleted), strict=True))
        world.block(self.platform, self.keys["unblock"])
        self.do("delete", self.keys["restore"], reason="x", confirm=deleted.username)
        self.do("add_note", self.user, text="hello")
        self.assign("Large")
        if world.host.CAN.add_ons:
            self.give("give_add_on", "More contacts")
        extension, greet = world.extension, Greet()
        monkeypatch.setattr(extension, "actions", (*extension.actions, greet))
        with world.app.app_context():
            monkeypatch.setitem(extension._views().door.actions, greet.name, greet)
        self.actions = {a.name: a for a in extension.actions if not a.by_system}

        def perform(_: Pipeline, action: Action, *__: Any) -> Any:
            self.reached.append(action)
            raise RefusedError("It came as far as that.")

        monkeypatch.setattr(Pipeline, "_perform", perform)
        monkeypatch.setattr(Refusals, "record", lambda *_: None)

    def possible(self, name: str) -> bool:
        """Say whether the host can express an action at all."""
        return self.world.host.CAN.add_ons or "add_on" not in name

    def key(self, name: str) -> Key:
        """Return the user whom an action can be done to."""
        return self.keys.get(name, self.user)

    def table_row(self, name: str) -> str:
        """Open all doors to an action; return the letters of those that led to this very object."""
        found = ""
        for door, letter in DOORS.items():
            self.reached.clear()
            if getattr(self, door)(name):
                assert self.reached, f"{name} was let in by {door} and never came to its action"
            if any(action is self.actions[name] for action in self.reached):
                found += letter
            assert len({id(a) for a in self.reached}) <= 1, f"{name} by {door}: another object"
        return found

    # The doors: each says whether it offered the action

    def row(self, name: str) -> bool:
        """Open the form by a row, and send it."""
        rows = self._page(self._list(name)).all("tbody")
        return self._by_link(name, [*rows, self._page(self.world.url("show_granted"))])

    def user_page(self, name: str) -> bool:
        """Open the form on the user's page, and send it."""
        return self._by_link(name, [self._page(self.world.user_url(self.key(name)))])

    def bulk(self, name: str) -> bool:
        """Tick the user, choose the action in the bar, fill it in and have it tried."""
        buttons = self._page(self._list(name)).all("button", name="go", value=f"do:{name}")
        if not buttons:
            return False
        ticked = {"key": str(self.key(name)), "go": f"do:{name}", "csrf_token": self._token}
        form = self.client.post(self.world.url("pick"), data=ticked, follow_redirects=True)
        sent = hidden(form) | self.fields(name) | {"mode": "together"}
        return self.client.post(form.request.path, data=sent).status_code == 303

    def api(self, name: str) -> bool:
        """Do it to the user by the API."""
        return self._posted("act", self.fields(name), name=name, key=str(self.key(name)))

    def api_many(self, name: str) -> bool:
        """Do it to many by the API."""
        order = {"keys": [str(self.key(name))], "fields": self.fields(name)}
        return self._posted("order", order, name=name)

    def command(self, name: str) -> bool:
        """Run it on the user."""
        return self._ran(name, self.key(name))

    def command_many(self, name: str) -> bool:
        """Run it on many."""
        return self._ran(name, "--keys", "-", input=f"{self.key(name)}\n")

    # How

    def fields(self, name: str) -> dict[str, str]:
        """Return its form as somebody would fill it in."""
        if name not in self._filled:
            self._filled[name] = self._fill_in(parse(self.ask(name, self.key(name)).text))
        return self._filled[name]

    def _fill_in(self, form: Node) -> dict[str, str]:
        texts = {"reason": "As agreed", "text": "hello", "period": "month", "minutes": "30"}
        found = {name: text for name, text in texts.items() if form.all(name=name)}
        for choice in ("offer", "grant", "note", "status"):
            radios = form.all("input", name=choice)
            options = [
                o for select in form.all("select", name=choice) for o in select.all("option")
            ]
            for option in [*radios, *options][-1:]:
                found[choice] = option.attributes["value"]
        if form.all(name="confirm"):
            found["confirm"] = self.name
        return found

    def _list(self, name: str) -> str:
        return self.world.url(**({"status": "deleted"} if name == "restore" else {}))

    def _page(self, url: str) -> Node:
        """Return a page; nothing ever changes on it, since nothing is done."""
        if url not in self._pages:
            self._pages[url] = parse(self.client.get(url).text)
        return self._pages[url]

    def _by_link(self, name: str, places: list[Node]) -> bool:
        url = self.url(name, self.key(name))
        links = [a.attributes["href"] for place in places for a in place.all("a")]
        link = next((href for href in links if href.partition("?")[0] == url), None)
        if link is None:
            return False
        form = self.client.get(link)
        fields = self.fields(name)
        for _ in range(2):  # what is shown first is sent twice
            form = self.client.post(url, data=hidden(form) | fields)
            if self.reached:
                break
        return True

    def _posted(self, endpoint: str, body: Any, **values: str) -> bool:
        answer: TestResponse = self.client.post(
            self.world.url(f"api.{endpoint}", **values),
            data=json.dumps(body),
            content_type=JSON,
            headers={"X-CSRFToken": self._token},
        )
        return answer.status_code not in {403, 404}

    def _ran(self, name: str, *whom: Any, **options: Any) -> bool:
        fields = [
            part for pair in self.fields(name).items() for part in ("--field", "=".join(pair))
        ]
        asked = ("run", name, *whom, *fields, "--as", self.login, "--yes")
        run(self.world, *asked, **options)
        return bool(self.reached)

    @functools.cached_property
    def _token(self) -> str:
        return hidden(self.ask("add_note", self.user))["csrf_token"]


@pytest.mark.parametrize(
    "used_world", [name for name in WORLDS if name.endswith("/sqlite")], indirect=True
)
def test_every_action_is_one_object_behind_all_of_its_doors(
    world: World, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    house = House(world, monkeypatch)
    assert set(house.actions) <= set(DOORS_OF), "say in doors.py which doors the new action has"
    expected = {
        name: doors if name in house.actions and house.possible(name) else NO_DOOR
        for name, doors in DOORS_OF.items()
    }
    found = {
        name: NO_DOOR if doors == NO_DOOR else house.table_row(name)
        for name, doors in expected.items()
    }
    record_property("doors", [world.host.NAME, found])
    assert found == expected
