"""What all views of one mount share: who is let in, what templates get, how errors are said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc
from flask import Response, abort, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError, validate_csrf
from itsdangerous.encoding import want_bytes
from jinja2 import TemplateNotFound
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import HTTPException, default_exceptions
from wtforms import ValidationError as WTFormsError

from .actions import Action, Impersonate
from .audit import Keys
from .bulk import Bulk
from .directory import Directory
from .errors import NO_USER, ConfigurationError, NotFoundError, RefusedError
from .files import address_of
from .filters import Filter
from .formatting import Reading
from .headers import PART
from .history import History
from .i18n import _, at_any_rate, in_language, language, lazy
from .impersonation import SAFE, Impersonations
from .listing import filters_of, list_schema
from .orders import Order, Prompt
from .pages.action import Foreseen
from .pages.shared import Message, icon_of, url_of
from .pipeline import Pipeline
from .policy import platform_of
from .preferences import Preferences
from .results import UserDetails, UserRow
from .schemas import ListSchema
from .settings import Settings
from .transaction import is_read_only
from .wording import sentence
from .zones import zone_of

if TYPE_CHECKING:
    from .extension import PlatformUsers

ROOT = Path(__file__).parent
_STYLESHEET = "platform_users.css"
_NO_TOKEN = lazy("The form's token was missing, wrong or too old.")

LARGEST_FORM = 256 * 1024
"""How many bytes a form may have."""

RETRY_AFTER = "10"
"""After how many seconds to try again what the database could not answer."""


class Door:
    """One mount on one app, as its views see it."""

    def __init__(self, extension: "PlatformUsers", settings: Settings, keys: Keys) -> None:
        self.extension = extension
        self.keys = keys
        on = settings.impersonation
        self.actions = {
            action.name: action
            for action in extension.actions
            if on or not isinstance(action, Impersonate)
        }
        self.impersonations = Impersonations(
            extension.mapping,
            extension.db.session,
            extension.chain,
            extension.impersonating if on else None,
        )
        self.settings = settings

    def require_owner(self) -> ResponseReturnValue | None:
        """Let nobody in who is not signed in and does not run a platform."""
        g.platform_users_zone = UTC
        if request.endpoint == f"{self.extension.name}.static":
            return None
        if request.blueprint != self.extension.name:
            return None  # the JSON API below it asks by itself
        if not current_user.is_authenticated:
            answer: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
            return answer
        self.admit()
        if request.method not in SAFE:
            self.check_csrf()
        return None

    def admit(self) -> None:
        """Refuse whoever runs no platform, and more than a form can be."""
        if self.platform() is None:
            abort(403)
        self.require("view")
        actor = current_user._get_current_object()
        g.platform_users_zone = zone_of(self.extension.policy.timezone_of(actor))
        if request.method not in SAFE:
            self._check_size()

    def _check_size(self) -> None:
        """Refuse what no form here can be, also where the host has read it already."""
        request.max_content_length = LARGEST_FORM
        if (request.content_length or 0) > LARGEST_FORM:
            abort(413, _("Nothing was changed. Send less text."))

    def check_csrf(
        self, *, expired: str = lazy("This form has expired. Nothing was changed: open it again.")
    ) -> None:
        """Check the token whatever the host has set up: with and without its CSRFProtect.

        Args:
            expired: what is said where the token is missing, wrong or too old.
        """
        try:
            validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRFToken"))
        except WTFormsError:
            self._record_refusal(_NO_TOKEN)
            abort(400, str(expired))
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            self._record_refusal(_("The form was sent from another site."))
            abort(400, _("This form was sent from another site. Nothing was changed."))

    def _record_refusal(self, sentence: str) -> None:
        """Record that a form of somebody who runs a platform was refused unread."""
        asked_for = request.view_args or {}
        action = self.actions.get(asked_for.get("name", ""))
        if action is None or action.by_system or not current_user.is_authenticated:
            return
        if self.platform() is not None:
            key = asked_for.get("key", "")  # there is none where it is asked for many
            order = Order(action=action, key=key, address=request.remote_addr or "")
            self.pipeline().refuse(order, sentence)

    def context(self) -> dict[str, Any]:
        """Give the templates what they share."""
        return {
            "pu": Reading(g.get("platform_users_zone", UTC)),
            "pu_base_template": self.settings.base_template,
            "pu_stylesheet": self.static_url(_STYLESHEET),
            "pu_script": self.static_url("platform_users.js"),
            "pu_part": request.headers.get(PART),
            "pu_url_of": url_of,
            "pu_icon_of": icon_of,
            "pu_sentence": sentence,
        }

    def refuse(self, error: HTTPException) -> ResponseReturnValue:
        """Say in the host's layout why a request was refused."""
        if isinstance(error.__cause__, sqlalchemy.exc.SQLAlchemyError):  # from the gate
            return self.fail(error.__cause__)
        if isinstance(error, CSRFError):  # the host's own CSRFProtect was there first
            self._record_refusal(_NO_TOKEN)
        if error.code not in {400, 403, 404, 409, 413} or error.response is not None:
            return error
        if request.endpoint == f"{self.extension.name}.static":
            return error
        return self.render("error.html", error=error), error.code

    def refuse_order(self, error: RefusedError) -> ResponseReturnValue:
        """Say why something was not done."""
        return self.refuse(default_exceptions[error.status](error.sentence))

    def fail(self, error: sqlalchemy.exc.SQLAlchemyError) -> ResponseReturnValue:
        """Say that the database failed, without asking it for anything more."""
        passing = self.passes(error)
        # Not by render_template: the host's context processors may ask the database again.
        template = current_app.jinja_env.get_template("platform_users/unavailable.html")
        with at_any_rate():
            page = template.render(**self.standalone_context(), passing=passing)
        response = Response(page, status=503 if passing else 500)
        if passing:
            response.headers["Retry-After"] = RETRY_AFTER
        return response

    def passes(self, error: sqlalchemy.exc.SQLAlchemyError) -> bool:
        """Log that the database failed, and say whether that may pass by itself."""
        self.extension.db.session.rollback()
        current_app.logger.exception("The database failed under %s", self.extension, exc_info=error)
        return isinstance(
            error,
            sqlalchemy.exc.OperationalError
            | sqlalchemy.exc.InterfaceError
            | sqlalchemy.exc.TimeoutError,
        ) or is_read_only(error)

    def platform(self) -> Any:
        """Return the key of the platform that the signed-in person runs, None if none."""
        return platform_of(current_user._get_current_object(), self.extension.policy)

    def directory(self) -> Directory:
        """Return what reads that platform."""
        return self.extension.directory(self.platform())

    def pipeline(self) -> Pipeline:
        """Return what acts on that platform, for that person."""
        return self.pipeline_of(current_user._get_current_object(), self.platform())

    def pipeline_of(self, actor: Any, platform: Any) -> Pipeline:
        """Return what acts on a platform for somebody, in their time zone."""
        return Pipeline(
            self.extension.directory(platform),
            self.extension.policy,
            actor,
            self.keys,
            self.extension.impact,
            zone_of(self.extension.policy.timezone_of(actor)),
        )

    def preferences(self) -> Preferences:
        """Return what that person prefers on that platform."""
        actor = current_user._get_current_object()
        return Preferences(self.directory(), self.extension.policy.id_of(actor))

    def bulk(self) -> Bulk:
        """Return what that person does to many users of that platform."""
        platform = self.platform()
        return Bulk(
            self.extension,
            platform,
            lambda: self.pipeline_of(current_user._get_current_object(), platform),
            owner_id=self.actor_login_id(),
            address=request.remote_addr or "",
        )

    def user(self, key: str) -> tuple[Directory, UserDetails]:
        """Return a user whom the signed-in person may see, and what reads users like them.

        Whoever was deleted is found by those only who may do something about it. Everybody else
        is answered with 404, or with 403 who may not see this user.
        """
        directory = self.directory()
        try:
            try:
                user = directory.user(key)
            except NotFoundError:
                if not self.restores():
                    raise
                directory = directory.among("deleted")
                user = directory.user(key)
        except NotFoundError:
            abort(404, NO_USER)
        self.require("view", user.record)
        return directory, user

    def require(self, action: str, user: Any = None) -> None:
        """Refuse with 403 whoever may not do an action."""
        if not self.allowed(action, user):
            abort(403)

    def allowed(self, action: str, user: Any = None) -> bool:
        """Say whether the signed-in person may do an action."""
        actor = current_user._get_current_object()
        return self.extension.policy.allows(actor, action, user)

    def filters(self) -> dict[str, Filter]:
        """Return what the list may be narrowed by."""
        return filters_of(self.extension.mapping, deleted=self.restores())

    def list_arguments(self) -> dict[str, Any]:
        """Return what the query string asks of the list; answer 400 with what is wrong with it."""
        return asked(self._list_schema())

    def list_asked(self) -> tuple[dict[str, Any], str | None]:
        """Return the same, and what was typed into the search box that is not understood.

        Then it is as if nothing were typed.
        """
        schema, arguments = self._list_schema(), request.args.to_dict()
        try:
            return schema.load(arguments), None
        except ValidationError as error:
            if set(error.messages) != {"q"}:
                abort(400, _sentence(error))
            found: dict[str, Any] = schema.load(arguments | {"q": ""})
            return found, " ".join(error.messages_dict["q"])

    def _list_schema(self) -> ListSchema:
        zone = g.platform_users_zone
        return list_schema(self.extension.mapping, deleted=self.restores(), zone=zone)

    def actor_login_id(self) -> str:
        """Return Flask-Login's id of whoever is signed in."""
        return str(current_user.get_id())

    def allowed_actions(self) -> list[Action]:
        """Return the actions that the signed-in person may do at all."""
        return [
            action
            for action in self.actions.values()
            if not action.by_system and self.allowed(action.name)
        ]

    def offered(self, user: UserRow, allowed: Sequence[Action]) -> list[Action]:
        """Return those of the allowed actions that make sense for a user."""
        mapping = self.extension.mapping
        return [
            action
            for action in allowed
            if action.among == user.population and action.offered(user, mapping)
        ]

    def offered_to_many(self, users: Sequence[UserRow], allowed: Sequence[Action]) -> list[Action]:
        """Return those of the allowed actions that make sense for users like these together."""
        statuses = self.extension.mapping.statuses

        def sensible(action: Action) -> bool:
            return any(
                self.offered(replace(user, status=status), [action])
                for user in users
                for status in statuses
            )

        return [action for action in allowed if action.for_many and sensible(action)]

    def restores(self) -> bool:
        """Say whether this person may do anything to deleted users, and so may see them."""
        return any(
            action.among == "deleted" and self.allowed(action.name)
            for action in self.extension.actions
        )

    def render(self, template: str, **context: Any) -> str:
        """Render a page into the layout of the host.

        Raises:
            ConfigurationError: there is no such layout, or no place for the page in it.
        """
        layout = self.settings.base_template
        given = f"app.config['PLATFORM_USERS_BASE_TEMPLATE'] was given {layout!r}, which"
        try:
            html = render_template(f"platform_users/{template}", **context)
        except TemplateNotFound as error:
            if error.name != layout:
                raise
            raise ConfigurationError(
                [
                    f"{given} is no template of the app; add the file to your templates, or "
                    "register the blueprint that has it."
                ]
            ) from error
        for block, trace in (("content", 'class="pu"'), ("head", _STYLESHEET)):
            if trace not in html:
                raise ConfigurationError(
                    [
                        f"{given} has no block named {block!r} to put the page into; add that "
                        "block to it, or name a template that extends it and has that block within "
                        "one of its own."
                    ]
                )
        return html

    def foreseen(self, prompt: Prompt) -> Foreseen | None:
        """Return what a user will read once an action is done; None where they stay signed in."""
        extension, user = self.extension, prompt.user.record
        if prompt.stands is None or not hasattr(user, "get_id"):
            return None
        zone = zone_of(extension.policy.timezone_of(user))
        with in_language(extension.policy.language_of(user)):
            answer = extension.gate.would_answer(user, prompt.stands, zone)
            if answer:
                return None
            html = render_template("platform_users/_turned_away.html", answer=answer)
            return Foreseen(html=html, language=language())

    def message(self, history: History, user: UserDetails | None = None) -> Message | None:
        """Return what to say of the action that led here, and whether it can be taken back."""
        if request.args.get("unchanged"):
            return Message(_("There was nothing to do."), icon="kept")
        seq = request.args.get("done", "")
        if not re.fullmatch("[0-9]{1,18}", seq):
            return None
        event = history.event(int(seq))
        if event is None or (user is not None and str(event.user_key) != str(user.key)):
            return None
        said = sentence(event, self.actions)
        allowed = event.action in self.actions and self.allowed(event.action)
        return Message(said, event.seq if allowed and history.can_be_undone(event) else None)

    def static_url(self, filename: str) -> str:
        """Return the address of a file of ours; it changes when the file does."""
        endpoint = f"{self.extension.name}.static"
        return address_of(filename, endpoint=endpoint, elsewhere=self.settings.static_url)

    def standalone_context(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Give what pages get that stand outside the host's layout."""
        return {"pu": Reading(zone), "pu_stylesheet": self.static_url(_STYLESHEET)}


def asked(schema: Schema) -> dict[str, Any]:
    """Return the query string as a schema reads it; answer 400 with what is wrong with it."""
    try:
        found: dict[str, Any] = schema.load(request.args.to_dict())
    except ValidationError as error:
        abort(400, _sentence(error))
    return found


def arguments_in(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the query string that was read, as it is put into an address again."""
    texts = {name: value for name, value in wanted.items() if isinstance(value, str) and value}
    return {name: value for name, value in texts.items() if name in request.args}


def secret_keys() -> list[bytes]:
    """Return the keys that links and forms may be signed with, the present one last."""
    fallbacks = current_app.config.get("SECRET_KEY_FALLBACKS") or []
    return [want_bytes(key) for key in (*fallbacks, current_app.secret_key)]


def _sentence(error: ValidationError) -> str:
    messages = error.messages if isinstance(error.messages, dict) else {"query": error.messages}
    return " ".join(f"{name}: {' '.join(map(str, found))}" for name, found in messages.items())
