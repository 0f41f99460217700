"""The addresses of the API: thin, since reading is the directory's and acting the pipeline's."""

import json
import re
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, jsonify, request, url_for
from flask.blueprints import BlueprintSetupState
from flask_login import current_user
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import PathConverter

from ..actions import Action
from ..directory import MATCHES
from ..door import Door, secret_keys
from ..errors import CursorError, NotFoundError, RefusedError
from ..history import History, HistoryQuery
from ..i18n import _
from ..impersonation import SAFE
from ..listing import listed
from ..orders import Order, request_id
from ..results import facts
from ..schemas import filter_schema
from ..sessions import Sessions
from .bodies import body, query
from .forms import described, fields_of, filled_in, schema_of
from .many_views import ManyViews
from .openapi import document
from .problems import Problems
from .schemas import (
    ActionsSchema,
    EventsSchema,
    HistoryQuerySchema,
    PromptSchema,
    ResultSchema,
    SummarySchema,
    UsageSchema,
    UsersQuery,
    user_schemas,
)
from .versions import Version, Versions

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY")

_UNPROVEN = (
    "The CSRF token is missing, wrong or too old. Send that of your session in the header "
    "X-CSRFToken. Nothing was changed."
)


class Rest(PathConverter):
    """The rest of an address, with line breaks in it too: Werkzeug's own stops at them."""

    regex = r"[^/](?s:.)*?"


def build_api(door: Door, sessions: Sessions) -> Blueprint:
    """Return the blueprint of the API of one mount, to be registered on that of its pages."""
    api = Blueprint("api", __name__, url_prefix="/api")
    views = ApiViews(door, sessions)
    api.record_once(_add_converter)
    api.before_request(views.require)
    Problems(door).register(api)
    api.add_url_rule("/summary", "summary", views.summary)
    api.add_url_rule("/users", "users", views.users)
    api.add_url_rule("/users/<platform_users_rest:key>", "user", views.user)
    api.add_url_rule("/usage/<platform_users_rest:key>", "usage", views.usage)
    api.add_url_rule("/actions/<platform_users_rest:key>", "actions", views.actions)
    api.add_url_rule(
        "/do/<name>/<platform_users_rest:key>", "prompt", views.prompt, methods=["GET"]
    )
    api.add_url_rule("/do/<name>/<platform_users_rest:key>", "act", views.act, methods=["POST"])
    api.add_url_rule("/history", "history", views.history)
    many = views.many
    api.add_url_rule("/many/<name>", "order", many.order, methods=["POST"])
    api.add_url_rule("/jobs", "jobs", many.jobs)
    api.add_url_rule("/jobs/<job_id>", "job", many.job)
    api.add_url_rule("/jobs/<job_id>/users", "job_users", many.users)
    api.add_url_rule("/jobs/<job_id>/do", "do_job", many.do, methods=["POST"])
    api.add_url_rule("/jobs/<job_id>/cancel", "cancel_job", many.cancel, methods=["POST"])
    api.add_url_rule("/undo/<int:seq>", "undo", many.undo, methods=["POST"])
    api.add_url_rule("/openapi.json", "openapi", views.openapi)
    # Flask does not know that an address that nobody answers would have been the API's.
    for rule in ("/", "/<platform_users_rest:unknown>"):
        api.add_url_rule(rule, "nothing", views.nothing, methods=METHODS)
    api.record_once(lambda state: _take_over(state, api, sessions))
    return api


def _add_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["platform_users_rest"] = Rest


def _take_over(state: BlueprintSetupState, api: Blueprint, sessions: Sessions) -> None:
    """Have the API answer for itself: for tokens of forms, and for who is not signed in."""
    sessions.apis.add(f"{state.name_prefix}.{state.name}".lstrip("."))
    protection = state.app.extensions.get("csrf")
    if protection is not None:  # it knows nothing of callers without a session
        protection.exempt(api)


class ApiViews:
    """The API of one mount on one app."""

    def __init__(self, door: Door, sessions: Sessions) -> None:
        self.door = door
        self.sessions = sessions
        self.versions = Versions(door.extension.name)
        self.many = ManyViews(self)
        self.user_schema, self.users_schema = user_schemas(door.extension.mapping.own_columns)

    def require(self) -> None:
        """Let in who may open the page. What a browser's session does needs its CSRF token."""
        if not current_user.is_authenticated:
            abort(401)
        self.door.admit()
        if request.method not in SAFE and not self.sessions.by_token():
            self.door.check_csrf(expired=_UNPROVEN)

    # Reading

    def summary(self) -> Response:
        """Count users by status and channels by kind."""
        return _answer(SummarySchema(), self.door.directory().summary())

    def users(self) -> Response:
        """Return a page of users."""
        directory, wanted = self.door.directory(), query(self.users_query())
        try:
            found = listed(directory, wanted, mount=self.door.extension.name, secrets=secret_keys())
        except CursorError:
            raise ValidationError({"cursor": [_("It is not of this list.")]}) from None
        if wanted["sort"] and wanted["sort"] != found.sort.name:
            raise ValidationError({"sort": [_("This platform is too large to be sorted by that.")]})
        matches = found.matches
        return _answer(
            self.users_schema(),
            {
                "users": found.page.users,
                "start": found.page.start,
                "matches": None if found.query.narrows and (matches or 0) > MATCHES else matches,
                "next": found.next,
                "previous": found.previous,
            },
        )

    def user(self, key: str) -> Response:
        """Return one user."""
        _, user = self.door.user(key)
        response = _answer(self.user_schema(), user)
        self._tag(response, Version(key=key, seen=facts(user)))
        response.make_conditional(request)
        return response

    def usage(self, key: str) -> Response:
        """Count what a user has."""
        directory, user = self.door.user(key)
        return _answer(UsageSchema(), {"usage": directory.usage(user)})

    def history(self) -> Response:
        """Return a page of the history."""
        wanted = query(self.history_query())
        page = History(self.door.directory()).page(HistoryQuery(**wanted))
        return _answer(EventsSchema(), page)

    # Acting

    def actions(self, key: str) -> Response:
        """Return what can be done to a user."""
        _, user = self.door.user(key)
        allowed = [a for a in self.door.allowed_actions() if a.name in self.known()]
        found = [_shown(action, user) for action in self.door.offered(user, allowed)]
        return _answer(ActionsSchema(), {"actions": found})

    def prompt(self, name: str, key: str) -> Response:
        """Return the form of an action, and what it means for this user as it is filled in."""
        action, zone = self._action(name), g.platform_users_zone
        self.door.require(action.name)
        known = fields_of(action, zone)
        unknown = [name for name in request.args if name not in known]
        if unknown:
            raise ValidationError({name: [_("Unknown field.")] for name in unknown})
        given = {
            name: found if len(found) > 1 else found[0] for name, found in request.args.lists()
        }
        data = filled_in(given, action, zone) if given else None
        prompt = self.door.pipeline().prompt(action, key, data)
        response = _answer(
            PromptSchema(),
            _shown(action, prompt.user)
            | {
                "question": prompt.question,
                "fields": [described(field) for field in prompt.form or ()],
                "impact": prompt.impact,
            },
        )
        self._tag(response, Version(key=key, action=name, seen=prompt.seen))
        return response

    def act(self, name: str, key: str) -> Response:
        """Do an action."""
        action, zone = self._action(name), g.platform_users_zone
        values = schema_of(action, zone).load(body())
        order = Order(
            action=action,
            key=key,
            data=filled_in(values, action, zone),
            seen=self._seen(action, key),
            request_id=self.request_id([name, key, json.dumps(values, sort_keys=True)]),
            address=request.remote_addr or "",
            once=True,
        )
        result = self.door.pipeline().run(order)
        event = None if result.seq is None else History(self.door.directory()).event(result.seq)
        # Told from the history alone, so that the same request is answered the same again.
        outcome = "unchanged" if event is None else "done"
        return _answer(ResultSchema(), {"outcome": outcome, "event": event})

    # Beside it

    def openapi(self) -> Response:
        """Describe the API (OpenAPI 3.1)."""
        return jsonify(document(self, url_for(".nothing").rstrip("/")))

    def nothing(self, **_: str) -> Response:
        """Answer for every other address, and for every other method."""
        adapter = current_app.create_url_adapter(request)
        assert adapter is not None  # noqa: S101  (there is a request)
        allowed = [m for m in METHODS if adapter.match(method=m)[0] != request.endpoint]
        if allowed:
            raise MethodNotAllowed(allowed)
        abort(404)

    def users_query(self) -> UsersQuery:
        """Return the schema of what the list may be asked for."""
        sorts = self.door.extension.mapping.sort_names
        filters = self.door.filters().values()
        return filter_schema(UsersQuery, filters, zone=g.platform_users_zone, sorts=sorts)()

    def history_query(self) -> HistoryQuerySchema:
        """Return the schema of what the history may be asked for."""
        return HistoryQuerySchema(zone=g.platform_users_zone)

    def known(self) -> dict[str, Action]:
        """Return the actions that a program can do: none that needs a person at a browser."""
        return {
            name: action
            for name, action in self.door.actions.items()
            if not action.by_system and not action.fresh
        }

    def _action(self, name: str) -> Action:
        action = self.known().get(name)
        if action is None:
            abort(404, _("There is no such action."))
        return action

    def _tag(self, response: Response, version: Version) -> None:
        response.set_etag(self.versions.tag(version, response.get_data()))

    def _seen(self, action: Action, key: str) -> dict[str, str] | None:
        """Return what the caller says to have seen; None where they do not say.

        Who looked at the user alone saw nothing of what the action has facts of beside that; then
        those are what they are now.
        """
        named, version = self.versions.expected()
        if not named:
            return None
        if version is None or version.key != key or version.action not in {"", action.name}:
            abort(412, _("If-Match names no version of this user that was read here."))
        if version.action:
            return dict(version.seen)
        try:
            now = self.door.pipeline().prompt(action, key).seen
        except (RefusedError, NotFoundError):  # so is the order, unless it was done before
            now = {}
        return now | dict(version.seen)

    def request_id(self, asked: Any) -> str | None:
        """Return by what the history knows a request that has an Idempotency-Key."""
        given = request.headers.get("Idempotency-Key")
        if given is None:
            return None
        found = re.fullmatch('"?([!#-~]{1,255})"?', given.strip())
        if found is None:
            abort(400, _("An Idempotency-Key has 1 to 255 visible characters."))
        nonce = f"api {self.door.platform()} {found[1]}"
        return request_id(nonce, self.door.pipeline().actor_id, asked)


def _shown(action: Action, user: Any) -> dict[str, Any]:
    return {
        "name": action.name,
        "label": action.label,
        "dangerous": action.dangerous,
        "question": action.question(user),
    }


def _answer(schema: Schema, found: Any) -> Response:
    return jsonify(schema.dump(found))
