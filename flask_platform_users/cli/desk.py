"""Who acts from the terminal, on which platform, by the same rules as on the page."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DataError, DBAPIError, StatementError

from ..actions import Action
from ..bulk import Bulk
from ..directory import Directory
from ..errors import HookError, NotFoundError, RefusedError
from ..formatting import Reading
from ..history import Event
from ..inspection import clause
from ..pipeline import Pipeline
from ..policy import name_of, platform_of
from ..results import Population, UserDetails
from ..wording import sentence
from ..zones import zone_of
from .mounts import mount_option, mounted, platform_key
from .output import NotDone

if TYPE_CHECKING:
    from ..extension import PlatformUsers

ADDRESS = "command line"
"""Where the history says it came from."""


@dataclass(frozen=True)
class Desk:
    """One person at the terminal, and the platform that they run."""

    extension: "PlatformUsers"
    actor: Any
    platform: Any

    @functools.cached_property
    def zone(self) -> tzinfo:
        """The time zone in which they type and read moments."""
        return zone_of(self.extension.policy.timezone_of(self.actor))

    def words(self, text: str) -> str:
        """Return a sentence with the moments in it by the person's own clocks."""
        reading = Reading(self.zone)
        parts = reading.parts(text)
        return "".join(p if isinstance(p, str) else reading.moment(p) for p in parts)

    @property
    def directory(self) -> Directory:
        """What reads the platform."""
        return self.extension.directory(self.platform)

    @property
    def pipeline(self) -> Pipeline:
        """What acts on the platform, for this person."""
        extension = self.extension
        keys = extension.chain(self.platform).keys
        return Pipeline(
            self.directory, extension.policy, self.actor, keys, extension.impact, self.zone
        )

    @functools.cached_property
    def bulk(self) -> Bulk:
        """What they do to many users of the platform."""
        return Bulk(
            self.extension,
            self.platform,
            lambda: self.pipeline,
            owner_id=str(self.actor.get_id()),
            address=ADDRESS,
        )

    @property
    def actions(self) -> dict[str, Action]:
        """Everything that is done by people, by its name."""
        return {a.name: a for a in self.extension.actions if not a.by_system}

    def sentence(self, event: Event) -> str:
        """Return what an entry of the history tells."""
        return sentence(event, {action.name: action for action in self.extension.actions})

    @property
    def sees_deleted(self) -> bool:
        """Whether they may do anything to deleted users, and so may see them."""
        return any(
            action.among == "deleted" and self.allows(action.name)
            for action in self.actions.values()
        )

    def allows(self, action: str, user: Any = None) -> bool:
        """Say whether they may do an action."""
        return self.extension.policy.allows(self.actor, action, user)

    def require(self, action: str, user: Any = None) -> None:
        """Refuse whoever may not do an action."""
        if not self.allows(action, user):
            raise NotDone(f"{self.name} may not do this: {action.replace('_', ' ')}.")

    @property
    def name(self) -> str:
        """What the person is called."""
        return name_of(self.actor, self.extension.policy, self.extension.users)

    def user(self, name: str, population: Population = "present") -> UserDetails:
        """Return a user by their key, else by exactly their username or email address."""
        directory = self.directory.among(population)
        try:
            return directory.user(name)
        except NotFoundError:
            keys = directory.keys_named(name)
        if not keys:
            raise NotFoundError(name)
        if len(keys) > 1:
            raise NotDone(
                f"Several users are called “{name}”. Name one of them by their key: "
                f"{', '.join(map(str, keys))}."
            )
        return directory.user(str(keys[0]))

    def user_seen(self, name: str) -> UserDetails:
        """Return a user whom this person may look at, deleted or not."""
        try:
            user = self.user(name)
        except NotFoundError:
            if not self.sees_deleted:
                raise
            user = self.user(name, "deleted")
        self.require("view", user.record)
        return user


def at_desk(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the ``Desk`` of whoever ``--as`` names, and its errors an exit code."""

    @mount_option
    @click.option("--platform", metavar="KEY", help="Refuse to act on any other platform.")
    @click.option(
        "--as",
        "name",
        metavar="KEY_OR_EMAIL",
        required=True,
        help="Who does this: their login id, or their key or email address as a user.",
    )
    @with_appcontext
    @functools.wraps(command)
    def run(*, mount: str | None, platform: str | None, name: str, **given: Any) -> None:
        extension = mounted(mount)
        only = None if platform is None else platform_key(extension, platform)
        try:
            command(_seated(extension, name, only), **given)
        except NotFoundError as error:
            raise NotDone(f"There is no user “{error}” on this platform.") from error
        except RefusedError as error:
            raise NotDone(error.sentence) from error
        except HookError as error:
            raise NotDone(str(error)) from error
        except DBAPIError as error:
            raise NotDone(f"The database failed: {error.orig}") from error

    return run


def _seated(extension: "PlatformUsers", name: str, only: Any) -> Desk:
    """Let somebody sit down who may open the page."""
    policy = extension.policy
    actor = policy.find_actor(name, only)
    if actor is None:
        actor = _by_login(extension, name) or _by_user(extension, name)
    if actor is None:
        raise NotDone(f"Nobody who could sign in is known as “{name}”.")
    platform = platform_of(actor, policy)
    if platform is None:
        raise NotDone(f"“{name}” runs no platform.")
    if only is not None and platform != only:
        raise NotDone(f"“{name}” does not run platform {only}, but {platform}.")
    answer = extension.gate.may_sign_in(actor, platform)
    if not answer or not getattr(actor, "is_active", True):
        raise NotDone(f"“{name}” may not sign in. {answer.sentence}".strip())
    desk = Desk(extension, actor, platform)
    desk.require("view")
    return desk


def _by_login(extension: "PlatformUsers", login: str) -> Any:
    """Return whom the host's own user loader knows by exactly this login id."""
    load = current_app.login_manager.user_callback  # type: ignore[attr-defined]
    if load is None:
        return None
    try:
        with current_app.test_request_context():  # loaders may count on a request: Flask-Security's
            person = load(login)
    except DBAPIError as error:
        extension.db.session.rollback()
        if not isinstance(error, DataError):
            raise
        return None  # PostgreSQL: the text is no value of the key's type
    except (StatementError, ValueError, TypeError):
        return None  # the loader: the text is no login id
    return person if person is not None and str(person.get_id()) == login else None


def _by_user(extension: "PlatformUsers", name: str) -> Any:
    """Return who signs in as the one user, of whatever platform, with this key or email."""
    mapping, session = extension.mapping, extension.db.session
    model, email = mapping.users.model, mapping.users.email
    for own in (extension.directory(None).holds(mapping.key, name), clause(email) == name):
        statement = mapping.select(model, clause(email).label("email"), mapping.key.label("key"))
        try:
            rows = session.execute(statement.where(own), bind_arguments=mapping.bind).all()
        except DBAPIError:
            raise
        except StatementError:  # the host's own type refused the value
            continue
        found = {row.key: row[0] for row in rows if name in (str(row.key), row.email)}
        if len(found) > 1:
            keys = ", ".join(map(str, found))
            raise NotDone(f"Several users are called “{name}”. Name one by their key: {keys}.")
        for person in found.values():
            return _by_login(extension, str(person.get_id())) if hasattr(person, "get_id") else None
    return None
