"""Who is signed in, and as whom: the one place that touches Flask-Login and the session.

Two things happen here, for all mounts of an app. The *gate*: whoever is blocked, deleted or signed
out everywhere is nobody from the next request on. The *overlay*: while somebody sees the product
as a user, the session stays their own; a random secret in it leads to one row, and the wrapped
``user_loader`` answers with the user for as long as that row is good, and with nobody in the
request in which it stops being good. There is no second session, and nothing to go back to.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    g,
    has_request_context,
    make_response,
    request,
    session,
)
from flask.signals import request_started
from flask.typing import ResponseReturnValue
from flask_login import (
    current_user,
    login_fresh,
    logout_user,
    user_logged_in,
    user_logged_out,
)
from flask_login.signals import user_login_confirmed
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from .banner import add_banner
from .i18n import _
from .impersonation import SAFE, Receipt, Visit

if TYPE_CHECKING:
    from .door import Door
    from .overlay_views import OverlayViews

log = logging.getLogger(__name__)

OVERLAY = "_platform_users_overlay"
"""The session's key for what somebody is seen as: the name of the mount, and the secret."""

SIGNED_IN_AT = "_platform_users_at"
"""The session's key for the moment of the sign-in, in microseconds since 1970."""

_EXTENSION = "platform_users_sessions"


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """What the session's secret means in this request.

    Attributes:
        views: answer for the mount whose secret it is.
        receipt: what it stands for; None if nothing is known of it.
        owner: who is signed in; None if nobody is any more.
        user: who they are seen as; None in the request in which that ends.
        why: why it ends, one of ``impersonation.ENDS`` or ``"unknown"``; None while it is good.
    """

    views: "OverlayViews"
    receipt: Receipt | None
    owner: Any
    user: Any
    why: str | None


class Loader:
    """The host's ``user_loader``, asked by way of the gate and the overlay."""

    def __init__(self, host: Callable[[str], Any]) -> None:
        self.host = host

    def __call__(self, user_id: str) -> Any:
        """Return who a session or a remember-me cookie stands for, None for nobody."""
        person = self.host(user_id)
        sessions = sessions_of(current_app)
        if sessions is None or not has_request_context() or session.get("_user_id") != user_id:
            return person
        return sessions.identify(person)


class RequestLoader:
    """The host's ``request_loader``, asked by way of the gate."""

    def __init__(self, host: Callable[[Any], Any]) -> None:
        self.host = host

    def __call__(self, incoming: Any) -> Any:
        """Return who a token stands for, None for nobody."""
        sessions = sessions_of(current_app)
        person = self.host(incoming)
        return person if sessions is None else sessions.identify_by_token(person)


class Sessions:
    """The gate and the overlay of one app, for all of its mounts.

    Attributes:
        mounts: what answers for each mount inside the overlay, by the mount's name.
        apis: the names of the blueprints that are JSON APIs of mounts.
    """

    def __init__(self, app: Flask) -> None:
        self.mounts: dict[str, OverlayViews] = {}
        self.apis: set[str] = set()
        self.login_manager: Any = app.login_manager  # type: ignore[attr-defined]
        if self.login_manager.user_callback is not None:
            self.login_manager.user_loader(_wrapped(Loader, self.login_manager.user_callback))
        if self.login_manager.request_callback is not None:
            self.login_manager.request_loader(
                _wrapped(RequestLoader, self.login_manager.request_callback)
            )
        request_started.connect(self._guard, app)
        user_logged_in.connect(self._signed_in, app)
        user_logged_out.connect(self._signed_out, app)
        user_login_confirmed.connect(self._confirmed, app)
        app.after_request(self._finish)
        app.context_processor(lambda: {"platform_users_banner": self.banner})

    # Who it is

    def identify(self, person: Any) -> Any:
        """Return whom the session stands for in this request, None for nobody."""
        if g.get("_platform_users_busy") or g.get("_platform_users_failed"):
            return None  # the host's own rules asked who is signed in, or the answer is not known
        g._platform_users_busy = True
        try:
            with _unavailable():
                admitted = self._admitted(person, _signed_in_at())
                if OVERLAY not in session:
                    return admitted
                overlay = self._overlay(admitted)
        finally:
            g._platform_users_busy = False
        g._platform_users_overlay = overlay
        return overlay.user

    def identify_by_token(self, person: Any) -> Any:
        """Return whom a token stands for. Inside an overlay it stands for nobody."""
        if person is None or OVERLAY in session or g.get("_platform_users_failed"):
            return None
        with _unavailable():
            admitted = self._may_sign_in(person)
        g._platform_users_token = admitted
        return person if admitted else None

    def person(self, user_id: str) -> Any:
        """Return whoever has an id of Flask-Login's, None if they may not be signed in."""
        host: Any = self.login_manager.user_callback
        person = host.host(user_id) if isinstance(host, Loader) else None
        return person if self._may_sign_in(person) else None

    def _may_sign_in(self, person: Any) -> bool:
        return all(views.door.extension.may_sign_in(person) for views in self.mounts.values())

    def by_token(self) -> bool:
        """Say whether the signed-in person was told by a token and not by a session."""
        return bool(current_user and g.get("_platform_users_token"))

    def _admitted(self, person: Any, at: datetime | None) -> Any:
        if person is None:
            return None
        for views in self.mounts.values():
            extension = views.door.extension
            platform = extension.policy.platform_in_use(person)
            if not extension.gate.admits(person, at, platform):
                g._platform_users_turned_away = person
                return None
        return person

    def _overlay(self, owner: Any) -> Overlay:
        name, secret = self._marker()
        views = self.mounts[name]
        door = views.door
        receipt = door.impersonations.find(secret)
        if receipt is None:
            return Overlay(views=views, receipt=None, owner=owner, user=None, why="unknown")
        user = None
        if owner is not None and receipt.ended_at is None:
            host: Any = self.login_manager.user_callback
            user = host.host(receipt.user_id) if isinstance(host, Loader) else None
            if user is not None and not door.extension.gate.may_sign_in(user, receipt.platform_key):
                user = None
        why = door.impersonations.why_over(receipt, door.extension.policy, owner, user)
        return Overlay(
            views=views,
            receipt=receipt,
            owner=owner,
            user=None if why else user,
            why=why,
        )

    def _marker(self) -> tuple[str, str]:
        """Return which mount's secret the session holds; one that leads nowhere if it is not one.

        A mount may have got another name since, and whoever signs cookies may write anything.
        """
        match session[OVERLAY]:
            case [str(name), str(secret)] if name in self.mounts:
                return name, secret
        return next(iter(self.mounts)), ""

    @property
    def overlay(self) -> Overlay | None:
        """The overlay of this request while it is good."""
        found: Overlay | None = g.get("_platform_users_overlay")
        return found if found is not None and found.why is None and OVERLAY in session else None

    def banner(self) -> str:
        """Return the banner of the overlay, empty without one: layouts of the host call it."""
        overlay = self.overlay
        return "" if overlay is None else overlay.views.banner()

    # Each request

    def _guard(self, app: Flask, **_: Any) -> None:
        """Look at the session before any code of the host's does.

        It is called by a signal, so that no ``before_request`` of the host, such as a forced
        change of the password, can keep anybody from stopping.
        """
        if _is_static():
            return
        if OVERLAY in session:
            self._guard_overlay()
        elif not isinstance(self.login_manager.user_callback, Loader | None):
            self._guard_replaced(app)

    def _guard_overlay(self) -> None:
        current_user._get_current_object()
        found: Overlay | None = g.get("_platform_users_overlay")
        if found is None:  # there is no ``_user_id`` any more, or the loader was replaced
            with _unavailable():
                g._platform_users_overlay = found = self._overlay(None)
        session["_fresh"] = False
        with _unavailable():
            if found.why is not None:
                abort(make_response(found.views.ended(found)))
            answer = found.views.answer(found)
        if answer is not None:
            abort(answer)

    def _guard_replaced(self, app: Flask) -> None:
        """Keep the gate where the host set a ``user_loader`` of its own after ``init_app``."""
        app.logger.error(
            "login_manager.user_loader was set after PlatformUsers.init_app: nobody can be "
            "impersonated; set it before."
        )
        if "_user_id" not in session or not current_user.is_authenticated:
            return
        person = current_user._get_current_object()
        with _unavailable():
            admitted = self._admitted(person, _signed_in_at())
        if admitted is None:
            self.forget()
            abort(make_response(self.unauthorized()))

    def unauthorized(self) -> ResponseReturnValue:
        """Answer as the product answers whoever is not signed in; programs get 401."""
        if self.asked_by_program():
            abort(401)
        answer: ResponseReturnValue = self.login_manager.unauthorized()
        return answer

    def asked_by_program(self) -> bool:
        """Say whether the request is for the JSON API of a mount."""
        return request.blueprint in self.apis

    def ask_to_sign_in_again(self) -> ResponseReturnValue | None:
        """Ask whoever did not sign in by themselves in this session to do so; None if they did."""
        if self.replaced():
            abort(
                409,
                "This is not possible as this product is set up: its user_loader was set after "
                "the page was mounted.",
            )
        if "_user_id" in session and login_fresh() and not self.by_token():
            return None
        manager = self.login_manager
        if manager.needs_refresh_callback is not None or manager.refresh_view:
            answer: ResponseReturnValue = manager.needs_refresh()
            return answer
        return abort(
            403, _("For this you have to have signed in just now: sign out, and in again.")
        )

    def replaced(self) -> bool:
        """Say whether the host's ``user_loader`` is asked without the gate."""
        return not isinstance(self.login_manager.user_callback, Loader)

    def _finish(self, response: Response) -> Response:
        """List the request, and put the banner in, while the product is seen as somebody else."""
        found: Overlay | None = g.get("_platform_users_overlay")
        if found is None or _is_static():
            return response
        response.headers["Cache-Control"] = "no-store"
        if found.why is not None or found.receipt is None or OVERLAY not in session:
            return response
        response.headers["X-Impersonating"] = "1"
        listed = request.method not in SAFE or not _is_asset(response)
        if listed and not g.get("_platform_users_unlisted"):
            self._note(found.views.door, found.receipt, response)
        return add_banner(response, found.views.banner)

    def _note(self, door: "Door", receipt: Receipt, response: Response) -> None:
        """List the request beside the host's transaction, which is none of our business."""
        visit = Visit(
            at=datetime.now(UTC),
            method=request.method,
            path=request.path,
            status=response.status_code,
            refused=bool(g.get("_platform_users_refused")),
        )
        extension = door.extension
        engine = extension.db.session.get_bind(**extension.mapping.bind).engine
        try:
            with engine.begin() as connection:
                door.impersonations.note(connection, receipt, visit)
        except SQLAlchemyError:
            log.exception("A request of the impersonation %s could not be listed", receipt.seq)

    # What changes it

    def enter(self, door: "Door", secret: str) -> None:
        """Begin to see the product as somebody: the session keeps its owner and nothing else."""
        rotate(door)
        session[OVERLAY] = [door.extension.name, secret]

    def forget(self) -> None:
        """Sign out whoever the session was of, and keep nothing of it."""
        session.pop(OVERLAY, None)
        logout_user()
        remember = session.get("_remember")
        session.clear()
        if remember is not None:  # Flask-Login takes the cookie back by it
            session["_remember"] = remember

    def _signed_in(self, _app: Flask, user: Any, **__: Any) -> None:
        found: Overlay | None = g.get("_platform_users_overlay")
        session[SIGNED_IN_AT] = _microseconds(datetime.now(UTC))
        if OVERLAY not in session:
            return
        session.pop(OVERLAY)
        if found is None or found.receipt is None:
            return
        same = str(user.get_id()) == found.receipt.owner_id
        if not same:
            # The product wanted to sign in for good as the one who is only looked at. Nothing of
            # that may stay, not even if the database fails now.
            self.forget()
        with _unavailable():
            found.views.door.impersonations.end(
                found.receipt, "signed_in" if same else "laundering"
            )
        if not same:
            abort(403, _("Nobody can be signed in while the product is seen as somebody else."))

    def _signed_out(self, _app: Flask, **__: Any) -> None:
        if OVERLAY not in session:
            return
        session.pop(OVERLAY)
        found: Overlay | None = g.get("_platform_users_overlay")
        if found is not None and found.receipt is not None and found.why is None:
            with _unavailable():
                found.views.door.impersonations.end(found.receipt, "owner_gone")

    def _confirmed(self, _app: Flask, **__: Any) -> None:
        if OVERLAY in session:
            session["_fresh"] = False
            abort(
                403, _("Nobody can confirm a sign-in while the product is seen as somebody else.")
            )


def install(app: Flask) -> Sessions:
    """Put the gate before an app's sign-ins, once, and return it."""
    sessions: Sessions = app.extensions.get(_EXTENSION) or Sessions(app)
    app.extensions[_EXTENSION] = sessions
    return sessions


def sessions_of(app: Flask) -> Sessions | None:
    """Return the sessions of an app; None where no page is mounted."""
    found: Sessions | None = app.extensions.get(_EXTENSION)
    return found


def rotate(door: "Door", *, fresh: bool = False) -> None:
    """Empty the session but for who is signed in: nothing crosses the beginning or the end."""
    config = door.extension.impersonating
    kept = {
        key: session[key]
        for key in (
            "_user_id",
            "_id",
            "_permanent",
            SIGNED_IN_AT,
            *(config.keeps if config else ()),
        )
        if key in session
    }
    session.clear()
    g.pop(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"), None)
    session.update(kept, _fresh=fresh)
    regenerate = getattr(current_app.session_interface, "regenerate", None)
    if regenerate is not None:  # Flask-Session: a new id in its store
        regenerate(session._get_current_object())  # type: ignore[attr-defined]


@contextmanager
def _unavailable() -> Iterator[None]:
    """Answer 503 where the database fails, also on pages of the host.

    Nobody is let in nor signed out by it: in this request it is not known any more who may.
    """
    try:
        yield
    except SQLAlchemyError as error:
        g._platform_users_failed = True
        raise ServiceUnavailable from error


def _wrapped(kind: type[Any], callback: Callable[..., Any]) -> Any:
    return callback if isinstance(callback, kind) else kind(callback)


def _is_static() -> bool:
    endpoint = request.endpoint or ""
    named = endpoint == "static" or endpoint.endswith(".static")
    return named and request.method in SAFE


def _is_asset(response: Response) -> bool:
    kind = response.mimetype or ""
    return kind.startswith(("image/", "font/")) or kind in {"text/css", "text/javascript"}


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def _signed_in_at() -> datetime | None:
    kept = session.get(SIGNED_IN_AT)
    with suppress(TypeError, ValueError, OverflowError):
        return datetime.fromtimestamp(kept / 1_000_000, UTC)  # type: ignore[operator]
    return None
