"""The obvious way, which the cases must be able to tell from ours.

It signs in as the user and keeps the owner's id in the session, as tutorials have it: the same
addresses, the same policy, the same pages of the product beside it. A product would lose with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, redirect, request, session, url_for
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user

from flask_platform_users import Policy

from .catalogue.stage import REASON, Stage
from .hosts import Key, a_enum
from .world import World


class Owners(Policy):
    """Who runs which platform."""

    def platform_of(self, actor: a_enum.User) -> int | None:
        """Return it as the host's own policy does."""
        return actor.workspace_id if actor.is_owner else None


class Foil:
    """An extension of thirty lines.

    Attributes:
        told: what it logged.
    """

    name = "platform_users"

    def __init__(self) -> None:
        self.users = SimpleNamespace(model=a_enum.User, username=a_enum.User.username)
        self.policy = Owners()
        self.told: list[tuple[str, str]] = []

    def init_app(self, app: Flask) -> None:
        """Mount it where the other one stands."""
        views = Blueprint(self.name, __name__)
        views.add_url_rule("/", "list_users", self.list_users)
        views.add_url_rule("/id/<key>", "show_user", self.list_users)
        views.add_url_rule("/history", "show_history", self.list_users)
        views.add_url_rule("/history.csv", "export_history", self.list_users)
        views.add_url_rule("/impersonations/<int:seq>", "show_impersonation", self.list_users)
        both = ["GET", "POST"]
        views.add_url_rule("/do/<name>/<int:key>", "act", self.act, methods=both)
        views.add_url_rule("/impersonations/stop", "stop_impersonation", self.stop, methods=both)
        views.add_url_rule("/impersonations/allow", "allow_changes", self.list_users)
        app.register_blueprint(views, url_prefix="/platform/users")
        app.extensions["platform_users"] = {self.name: self}

    def require_owner(self) -> None:
        """Let in who runs a platform."""
        if not current_user.is_authenticated or self.policy.platform_of(current_user) is None:
            abort(403)

    def list_users(self, **_: Any) -> str:
        """Show the page."""
        self.require_owner()
        return "Your users"

    def act(self, name: str, key: int) -> ResponseReturnValue:
        """Do something to a user."""
        self.require_owner()
        if not self.policy.allows(current_user, name):
            abort(403)
        user = a_enum.db.get_or_404(a_enum.User, key)
        if name == "impersonate":
            session["impersonator_id"] = current_user.id
            login_user(user)
            self.told.append((name, "done"))
            return redirect(url_for("home"))
        if request.method == "POST" and name in {"block", "unblock"}:
            user.state = a_enum.State.BANNED if name == "block" else a_enum.State.LIVE
        elif request.method == "POST" and name == "delete":
            a_enum.db.session.delete(user)
        else:
            abort(404)
        a_enum.db.session.commit()
        self.told.append((name, "done"))
        return redirect(url_for(".list_users"), 303)

    @login_required  # type: ignore[untyped-decorator]
    def stop(self) -> ResponseReturnValue:
        """Go back to being the owner."""
        key = request.values.get("id") or session.pop("impersonator_id", None)
        if key is None:
            abort(409)
        login_user(a_enum.db.get_or_404(a_enum.User, int(key)))
        self.told.append(("end_impersonation", "done"))
        return redirect(url_for(".list_users"), 303)


def build(url: str) -> World:
    """Return a host's product that is mounted with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(a_enum, "mount", Foil().init_app)
        return World.build(a_enum, "sqlite", [url])


class FoilStage(Stage):
    """The same stage: what the foil has no notion of, it does without."""

    @property
    def foil(self) -> Foil:
        """The extension."""
        found: Any = self.world.extension
        assert isinstance(found, Foil)
        return found

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        super().__init__(world, patch)
        self.foil.told.clear()

    def form(self, key: Key = None, browser: FlaskClient | None = None) -> dict[str, str]:  # noqa: ARG002
        """It has no form, and no token of its own."""
        return {"csrf_token": self.token(browser or self.browser), "reason": REASON}

    def rows(self) -> Any:
        """It keeps none."""
        raise AssertionError("it keeps no rows")

    def live(self) -> int:
        """Count by its log."""
        return self.told().count(("impersonate", "done")) - len(self.ends())

    def ends(self) -> list[str]:
        """It only knows of those who pressed the button."""
        return ["stopped" for told in self.told() if told == ("end_impersonation", "done")]

    def told(self) -> list[tuple[str, str]]:
        """Return its log."""
        return self.foil.told

    def events(self) -> list[Any]:
        """Return its log."""
        names = dict.fromkeys(("actor", "actor_name", "user_key", "user_name", "address"))
        return [SimpleNamespace(action=a, outcome=b, **names) for a, b in self.told()]

    def later(self, **time: float) -> None:
        """It knows no time."""

    def read_only_again(self) -> None:
        """It knows nothing of the kind."""

    @contextmanager
    def moved(self, by: timedelta) -> Iterator[None]:  # noqa: ARG002
        """It knows no time."""
        yield

    @contextmanager
    def switched_off(self) -> Iterator[World]:
        """It has no switch."""
        yield self.world

    def columns_of(self, key: Key) -> dict[str, Any]:
        """Read the row of the host's."""
        with self.world.app.app_context():
            user = a_enum.db.session.get_one(a_enum.User, key, populate_existing=True)
            return {column.name: getattr(user, column.name) for column in a_enum.User.__table__.c}

    def block_quietly(self, key: Key) -> None:
        """Write the status of the host's."""
        with self.world.app.app_context():
            a_enum.db.session.get_one(a_enum.User, key).state = a_enum.State.BANNED
            a_enum.db.session.commit()

    def remove(self, key: Key) -> None:
        """Delete the row."""
        with self.world.app.app_context():
            a_enum.db.session.delete(a_enum.db.session.get_one(a_enum.User, int(key)))
            a_enum.db.session.commit()

    def status(self, key: Key) -> str:
        """Read the status of the host's."""
        with self.world.app.app_context():
            state = a_enum.db.session.get_one(a_enum.User, key, populate_existing=True).state
        return next(word for word, kept in a_enum.STATES.items() if kept is state)

    def delete(self, key: Key) -> None:
        """Press its button."""
        self.act("delete", key)
