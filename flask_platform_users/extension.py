"""``PlatformUsers``: what a host constructs once and mounts on its apps."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from .actions import DEFAULT_ACTIONS, Action, Impact
from .billing import Billing
from .binding import Mapping
from .checks import app_faults, argument_faults
from .directory import Directory
from .errors import ConfigurationError
from .mapping import Count, Users
from .models import build_tables
from .policy import Policy
from .settings import Settings
from .triggers import attach_triggers
from .views import build_blueprint


class PlatformUsers:
    """The Platform Users page of one user model.

    Construct it beside your models, then call ``init_app`` in your application factory, after
    those of Flask-SQLAlchemy and Flask-Login and before ``db.create_all()``. One object may be
    mounted on several apps; two user models in one app take two objects with two names.

    Args:
        db: the host's Flask-SQLAlchemy object.
        users: the user model and its columns.
        channels: the kinds of channel to count, in the order in which the page shows them.
        usage: what else a user has a number of; shown on the details page.
        policy: who may open the page, and for which platform.
        billing: tells a user's subscription; None where there is none to show.
        actions: what can be done to a user; by default ``DEFAULT_ACTIONS``. Add the host's own:
            ``actions=[*DEFAULT_ACTIONS, ExtendTrial()]``.
        impact: ``impact(user, action)`` tells the host's own lines of what an action means.
        name: the name of the blueprint, and so of its endpoints and of the plugin's tables.
    """

    def __init__(
        self,
        db: SQLAlchemy,
        *,
        users: Users,
        policy: Policy,
        channels: Sequence[Count] = (),
        usage: Sequence[Count] = (),
        billing: Billing | None = None,
        actions: Sequence[Action] = DEFAULT_ACTIONS,
        impact: Callable[[Any, Action], Sequence[Impact]] | None = None,
        name: str = "platform_users",
    ) -> None:
        self.db = db
        self.users = users
        self.policy = policy
        self.channels = tuple(channels)
        self.usage = tuple(usage)
        self.billing = billing
        self.actions = tuple(actions)
        self.impact = impact
        self.name = name
        self._mapping: Mapping | None = None

    def __repr__(self) -> str:
        return f"<PlatformUsers {self.name!r} of {getattr(self.users, 'model', None)!r}>"

    def init_app(self, app: Flask, *, url_prefix: str = "/platform/users") -> None:
        """Mount the page on an app.

        Args:
            app: the host's app, with its database, login manager and secret key set up.
            url_prefix: the path below which everything of the plugin is served.

        Raises:
            ConfigurationError: something cannot work; it names every fault at once.
        """
        faults = [
            *argument_faults(
                self.db,
                self.users,
                self.channels,
                self.usage,
                self.billing,
                self.policy,
                self.actions,
                self.name,
            ),
            *app_faults(app, self.name),
        ]
        if not url_prefix.startswith("/"):
            faults.append(
                f"init_app(url_prefix={url_prefix!r}) is not a path; expected one that starts with "
                "a slash, such as url_prefix='/platform/users'."
            )
        if faults:
            raise ConfigurationError(faults)
        settings = Settings.of(app)
        if self._mapping is None:
            self._mapping = Mapping(
                users=self.users,
                channels=self.channels,
                usage=self.usage,
                tables=build_tables(self.name, self.users),
            )
            attach_triggers(self._mapping.tables)
        app.extensions.setdefault("platform_users", {})[self.name] = self
        blueprint = build_blueprint(self, settings, settings.keys(app))
        app.register_blueprint(blueprint, url_prefix=url_prefix)

    @property
    def mapping(self) -> Mapping:
        """The checked mapping; there is one from the first ``init_app`` on."""
        if self._mapping is None:
            raise RuntimeError(f"{self!r} is not mounted yet; call init_app(app) first.")
        return self._mapping

    def directory(self, platform: Any) -> Directory:
        """Return what reads the users of one platform, in the current app's session."""
        return Directory(self.mapping, self.db.session, platform)
