"""What whoever sees the product as a user is answered by the plugin itself."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import (
    Response,
    abort,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadSignature, URLSafeSerializer
from markupsafe import Markup
from werkzeug.routing import BuildError

from .actions import AllowChanges
from .actions.impersonation import WhyForm
from .door import Door, secret_keys
from .errors import ConfigurationError, HookError, InvalidError, NotFoundError, RefusedError
from .i18n import _, lazy
from .impersonation import SAFE, WRITING
from .orders import Order
from .pipeline import Pipeline
from .sessions import Overlay, Sessions, rotate
from .zones import zone_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_OVER = lazy("The product is not seen as somebody else any more.")

FORBIDDEN = "_platform_users_forbidden"
"""The attribute of a view that is closed while somebody is impersonated."""


def forbid_while_impersonating(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a view of the host's so that it answers 403 while somebody is impersonated."""

    @functools.wraps(view)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        return current_app.ensure_sync(view)(*args, **kwargs)

    setattr(decorated, FORBIDDEN, True)
    return decorated


class OverlayViews:
    """One mount's answers, inside the overlay and at its ends."""

    def __init__(self, door: Door, sessions: Sessions) -> None:
        self.door = door
        self.sessions = sessions

    # Beginning

    def enter(self) -> Callable[[str], Response]:
        """Return what makes the browser's session show it, and goes to where it begins.

        Raises:
            ConfigurationError: it begins nowhere.
        """
        landing = self.landing()

        def entered(secret: str) -> Response:
            self.sessions.enter(self.door, secret)
            return make_response(redirect(landing, 303))

        return entered

    def landing(self) -> str:
        """Return the address that it begins on.

        Raises:
            ConfigurationError: the host gave none of its product's.
        """
        config = self.door.extension.impersonating
        if config is None:  # it was switched off while it went on
            return "/"
        try:
            return url_for(config.landing)
        except BuildError as error:
            raise ConfigurationError(
                [
                    f"Impersonation(landing={config.landing!r}) is not an endpoint of the app that "
                    "needs no arguments; expected one such as landing='home'."
                ]
            ) from error

    # During

    def answer(self, overlay: Overlay) -> Response | None:
        """Return what is said instead of the host's answer; None lets the request through."""
        name = self.door.extension.name
        if request.endpoint == f"{name}.stop_impersonation" and request.method == "POST":
            return self._stop(overlay)
        if request.endpoint == f"{name}.allow_changes" and request.method == "POST":
            return self._allow_changes(overlay)
        if request.blueprint in self.sessions.mounts or self.sessions.asked_by_program():
            g._platform_users_refused = True
            abort(404)
        if self._is_forbidden():
            return self._refuse(overlay, "forbidden")
        assert overlay.receipt is not None  # noqa: S101  (it is good)
        impersonations = self.door.impersonations
        if request.method not in SAFE and not overlay.receipt.writes(impersonations.now()):
            return self._refuse(overlay, "read_only")
        return None

    def banner(self) -> str:
        """Return the banner of this request's overlay."""
        overlay = self.sessions.overlay
        assert overlay is not None  # noqa: S101  (it is asked for nowhere else)
        g._platform_users_bannered = True
        return Markup(self._render("_banner.html", overlay, **self._context(overlay)))  # noqa: S704

    def _is_forbidden(self) -> bool:
        config = self.door.extension.impersonating
        view = current_app.view_functions.get(request.endpoint or "")
        return getattr(view, FORBIDDEN, False) or (
            config is not None and config.forbids(request.endpoint)
        )

    def _refuse(self, overlay: Overlay, why: str, **more: Any) -> Response:
        g._platform_users_refused = True
        may_ask = why == "read_only" and self.door.extension.policy.allows(
            overlay.owner, "allow_changes", overlay.user
        )
        if not _wants_html():
            return _plainly(403, _("This was not done: the product is only seen as somebody else."))
        came_from = more.get("came_from") or _came_from()
        return self._page(
            "overlay_refused.html",
            403,
            overlay,
            why=why,
            form=more.get("form") or (WhyForm() if may_ask else None),
            wanted=more.get("wanted") or f"{request.method} {request.path}",
            came_from=self._seal().dumps(came_from),
            back_url=came_from or self.landing(),
            error=more.get("error"),
        )

    def _allow_changes(self, overlay: Overlay) -> Response:
        """Open a few minutes for changes, for a second reason."""
        self.door.check_csrf()
        g._platform_users_unlisted = True  # the history tells it, and nothing of the user's changed
        assert overlay.receipt is not None  # noqa: S101  (it is good)
        try:
            came_from = self._seal().loads(request.form.get("came_from", ""))
        except BadSignature:
            came_from = ""
        error: RefusedError
        try:
            self._pipeline(overlay).run(
                Order(
                    action=AllowChanges(lambda: self.door.impersonations),
                    key=str(overlay.receipt.user_key),
                    data=request.form,
                    address=request.remote_addr or "",
                )
            )
        except InvalidError as caught:
            error = caught
            page = self._refuse(
                overlay,
                "read_only",
                form=caught.form,
                wanted=request.form.get("wanted", "")[:500],
                came_from=came_from,
                error=caught.sentence,
            )
            page.status_code = error.status
            return page
        except (RefusedError, NotFoundError, HookError):
            return self._refuse(overlay, "forbidden")
        overlay = replace(overlay, receipt=self.door.impersonations.again(overlay.receipt))
        g._platform_users_overlay = overlay  # for the banner
        return self._page(
            "overlay_allowed.html",
            200,
            overlay,
            back_url=came_from or self.landing(),
            minutes=int(WRITING.total_seconds() // 60),
        )

    # Ending

    def _stop(self, overlay: Overlay) -> Response:
        """Stop, whatever else is sent along: whose it is, the session says."""
        self.door.check_csrf()
        assert overlay.receipt is not None  # noqa: S101  (it is good)
        receipt = overlay.receipt
        seq = self.door.impersonations.end(receipt, "stopped", request.remote_addr or "")
        # They had signed in by themselves when it began, and that was less than an hour ago.
        rotate(self.door, fresh=True)
        name = self.door.extension.name
        url = url_for(f"{name}.show_user", key=str(receipt.user_key), done=seq)
        return make_response(redirect(url, 303))

    def ended(self, overlay: Overlay) -> ResponseReturnValue:
        """Say that it is over, in the request in which nobody is anybody."""
        receipt = overlay.receipt
        if receipt is not None and overlay.why != "other_session":
            self.door.impersonations.end(receipt, overlay.why or "expired")
            receipt = self.door.impersonations.again(receipt)
        if overlay.owner is None:
            self.sessions.forget()
            return self.sessions.unauthorized()
        rotate(self.door)
        if self.sessions.asked_by_program():
            abort(409, _OVER)
        if not _wants_html():
            return _plainly(409, _OVER)
        return self._page(
            "overlay_ended.html",
            409,
            overlay,
            receipt=receipt,
            lost=request.method not in SAFE,
            wanted=f"{request.method} {request.path}",
        )

    # How it is said

    def _pipeline(self, overlay: Overlay) -> Pipeline:
        assert overlay.receipt is not None  # noqa: S101  (it is good)
        return self.door.pipeline_of(overlay.owner, overlay.receipt.platform_key)

    def _context(self, overlay: Overlay) -> "Mapping[str, Any]":
        name, receipt = self.door.extension.name, overlay.receipt
        now = self.door.impersonations.now()
        return {
            "receipt": receipt,
            "writes": receipt is not None and receipt.writes(now),
            "left": receipt and max(0, int((receipt.ends_at - now).total_seconds())),
            "csrf_field": current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"),
            "csrf": generate_csrf(),
            "stop_url": url_for(f"{name}.stop_impersonation"),
            "allow_url": url_for(f"{name}.allow_changes"),
            "list_url": url_for(f"{name}.list_users"),
            "user_url": receipt and url_for(f"{name}.show_user", key=str(receipt.user_key)),
            "again_url": receipt
            and url_for(f"{name}.act", name="impersonate", key=str(receipt.user_key)),
            "pu_banner_stylesheet": self.door.static_url("banner.css"),
            "pu_banner_script": self.door.static_url("banner.js"),
        }

    def _page(self, template: str, status: int, overlay: Overlay, **more: Any) -> Response:
        html = self._render(template, overlay, **{**self._context(overlay), **more})
        g._platform_users_page_of = self.door.extension.name
        return make_response(html, status)

    def _render(self, template: str, overlay: Overlay, **context: Any) -> str:
        # Not by render_template: the host's context processors may need somebody signed in.
        found = current_app.jinja_env.get_template(f"platform_users/{template}")
        zone = zone_of(self.door.extension.policy.timezone_of(overlay.owner))
        return found.render(**self.door.standalone_context(zone), **context)

    def _seal(self) -> URLSafeSerializer:
        return URLSafeSerializer(secret_keys(), salt="flask-platform-users.came-from")


def _wants_html() -> bool:
    found = request.accept_mimetypes.best_match(["application/json", "text/html"], "text/html")
    return found == "text/html" and not request.is_json


def _plainly(status: int, sentence: str) -> Response:
    response = jsonify(error=str(sentence))
    response.status_code = status
    return response


def _came_from() -> str:
    """Return the path of the page that this request came from, if that is one of this host's."""
    came_from = urlsplit(request.referrer or "")
    path = came_from.path
    if came_from.netloc != request.host or not path.startswith("/") or path[1:2] in {"/", "\\"}:
        return ""
    return path
