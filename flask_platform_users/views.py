"""The pages: a thin door from requests to the directory, and from its answers to templates."""

import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc
from flask import Blueprint, Response, abort, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from itsdangerous.encoding import want_bytes
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from . import formatting
from .directory import Directory, ListQuery
from .errors import ConfigurationError, CursorError, NotFoundError
from .mapping import STATUSES
from .pages import DetailsPage, ListPage, fields_shown, icon_of, url_of
from .paging import Cursors
from .schemas import ListSchema
from .settings import Settings

if TYPE_CHECKING:
    from .extension import PlatformUsers

_ROOT = Path(__file__).parent
_TEMPLATES = _ROOT / "templates"
_STYLESHEET = "platform_users.css"


class _Blueprint(Blueprint):
    """Also offers the originals below ``@platform_users/``, for overrides that extend them."""

    @functools.cached_property
    def jinja_loader(self) -> BaseLoader:
        originals = FileSystemLoader(_TEMPLATES / "platform_users")
        return ChoiceLoader(
            [FileSystemLoader(_TEMPLATES), PrefixLoader({"@platform_users": originals})]
        )


def build_blueprint(extension: "PlatformUsers", settings: Settings) -> Blueprint:
    """Return the blueprint of one mount on one app."""
    blueprint = _Blueprint(
        extension.name, __name__, static_folder="static", static_url_path="/static"
    )
    views = _Views(extension, settings)
    blueprint.before_request(views.require_owner)
    blueprint.after_request(_harden)
    blueprint.context_processor(views.context)
    blueprint.register_error_handler(HTTPException, views.refuse)
    blueprint.register_error_handler(sqlalchemy.exc.SQLAlchemyError, views.fail)
    blueprint.add_url_rule("/", "list_users", views.list_users)
    blueprint.add_url_rule("/id/<path:key>", "show_user", views.show_user)
    return blueprint


class _Views:
    def __init__(self, extension: "PlatformUsers", settings: Settings) -> None:
        self.extension = extension
        self.settings = settings
        self.stylesheet_version = hashlib.sha256(
            (_ROOT / "static" / _STYLESHEET).read_bytes()
        ).hexdigest()[:12]

    # Around every request

    def require_owner(self) -> ResponseReturnValue | None:
        """Let nobody in who is not signed in and does not run a platform."""
        if request.endpoint == f"{self.extension.name}.static":
            return None
        if not current_user.is_authenticated:
            answer: ResponseReturnValue = current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
            return answer
        if self._platform() is None:
            abort(403)
        self._require("view")
        return None

    def context(self) -> dict[str, Any]:
        """Give the templates what they share."""
        return {
            "pu": formatting,
            "pu_base_template": self.settings.base_template,
            "pu_stylesheet": self._stylesheet(),
            "pu_url_of": url_of,
            "pu_icon_of": icon_of,
        }

    def refuse(self, error: HTTPException) -> ResponseReturnValue:
        """Say in the host's layout why a request was refused."""
        if error.code not in {400, 403, 404} or error.response is not None:
            return error
        return self._render("error.html", error=error), error.code

    def fail(self, error: sqlalchemy.exc.SQLAlchemyError) -> ResponseReturnValue:
        """Say that the database failed, without asking it for anything more."""
        self.extension.db.session.rollback()
        current_app.logger.exception("The database failed under %s", self.extension, exc_info=error)
        passing = isinstance(
            error,
            sqlalchemy.exc.OperationalError
            | sqlalchemy.exc.InterfaceError
            | sqlalchemy.exc.TimeoutError,
        )
        # Not by render_template: the host's context processors may ask the database again.
        template = current_app.jinja_env.get_template("platform_users/unavailable.html")
        response = Response(
            template.render(pu_stylesheet=self._stylesheet(), passing=passing),
            status=503 if passing else 500,
        )
        if passing:
            response.headers["Retry-After"] = "10"
        return response

    # Pages

    def list_users(self) -> ResponseReturnValue:
        """Show a page of users."""
        mapping, directory = self.extension.mapping, self._directory()
        schema = ListSchema(
            statuses=mapping.statuses,
            channels=[count.name for count in mapping.channels],
            sorts=mapping.sort_names,
        )
        try:
            asked = schema.load(request.args.to_dict())
        except ValidationError as error:
            abort(400, _sentence(error))
        summary = directory.summary()
        sorts = directory.sorts(summary.total)
        sort = sorts.get(asked["sort"] or "") or next(iter(sorts.values()))
        descending = (
            asked["direction"] == "desc"
            if asked["direction"] and asked["sort"] == sort.name
            else sort.descending
        )
        filters = {name: asked[name] for name in ("q", "status", "role", "channel") if asked[name]}
        scope = [self.extension.name, str(directory.platform), filters, sort.name, descending]
        cursors = Cursors(_secrets(), json.dumps(scope))
        try:
            cursor = cursors.load(asked["cursor"]) if asked["cursor"] else None
        except CursorError:
            abort(400, "This link to a page of the list is not valid, or not any more.")
        query = ListQuery(
            search=asked["q"],
            status=asked["status"],
            role=asked["role"],
            channel=asked["channel"],
            descending=descending,
            per_page=int(asked["per_page"]),
            cursor=cursor,
        )
        roles = directory.roles(summary.total)
        page = directory.page(query, sort)
        return self._render(
            "list.html",
            view=ListPage(
                shows=fields_shown(mapping.users),
                channels=mapping.channels,
                statuses=[status for status in STATUSES if status in mapping.statuses],
                summary=summary,
                sorts=sorts,
                sort=sort,
                roles=roles,
                query=query,
                arguments=filters
                | {
                    name: asked[name]
                    for name in ("sort", "direction", "per_page")
                    if name in request.args
                },
                page=page,
                matches=_matches(directory, query, page, summary.total),
                previous=None if page.previous is None else cursors.dump(page.previous),
                next=None if page.next is None else cursors.dump(page.next),
            ),
        )

    def show_user(self, key: str) -> ResponseReturnValue:
        """Show one user."""
        mapping, directory = self.extension.mapping, self._directory()
        try:
            user = directory.user(key)
            self._require("view", user.record)
            usage = directory.usage(user)
        except NotFoundError:
            abort(404, "There is no such user on this platform.")
        subscription, failed = None, False
        if self.extension.billing is not None:
            try:
                subscription = self.extension.billing.subscription(user.record)
            except Exception as error:
                failed = True
                current_app.logger.exception("billing.subscription failed for user %s", user.key)
                if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
                    self.extension.db.session.rollback()
        return self._render(
            "details.html",
            view=DetailsPage(
                shows=fields_shown(mapping.users),
                user=user,
                channels=mapping.channels,
                usage=[(count, usage[count.name]) for count in mapping.usage],
                subscription=subscription,
                billing=self.extension.billing is not None,
                billing_failed=failed,
            ),
        )

    # What they share

    def _stylesheet(self) -> str:
        return url_for(".static", filename=_STYLESHEET, v=self.stylesheet_version)

    def _platform(self) -> Any:
        return self.extension.policy.platform_of(current_user._get_current_object())

    def _directory(self) -> Directory:
        return self.extension.directory(self._platform())

    def _require(self, action: str, user: Any = None) -> None:
        actor = current_user._get_current_object()
        if not self.extension.policy.allows(actor, action, user):
            abort(403)

    def _render(self, template: str, **context: Any) -> str:
        html = render_template(f"platform_users/{template}", **context)
        for block, trace in (("content", 'class="pu"'), ("head", _STYLESHEET)):
            if trace not in html:
                raise ConfigurationError(
                    [
                        f"app.config['PLATFORM_USERS_BASE_TEMPLATE'] was given "
                        f"{self.settings.base_template!r}, which has no block named {block!r} to "
                        "put the page into; add that block to it, or name yours in a "
                        "platform_users/shell.html of your own."
                    ]
                )
        return html


def _matches(directory: Directory, query: ListQuery, page: Any, total: int) -> int | None:
    """Return how many users the filters let through, counting only what is not known already."""
    if not query.narrows:
        return total
    if page.next is None and page.users:
        found: int = page.end
        return found
    return directory.matches(query)


def _secrets() -> list[bytes]:
    """Return the keys that cursors may be signed with, the present one last."""
    fallbacks = current_app.config.get("SECRET_KEY_FALLBACKS") or []
    return [want_bytes(key) for key in (*fallbacks, current_app.secret_key)]


def _sentence(error: ValidationError) -> str:
    messages = error.messages if isinstance(error.messages, dict) else {"query": error.messages}
    return " ".join(f"{name}: {' '.join(found)}" for name, found in messages.items())


def _harden(response: Response) -> Response:
    """Keep personal data out of caches and frames. Headers that the host set stay."""
    if request.endpoint and request.endpoint.endswith(".static"):
        return response
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response
