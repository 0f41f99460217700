"""What the host set up around the page: its login, cookies, headers, proxies, translations."""

import importlib.util
from collections.abc import Iterator
from fnmatch import fnmatch, fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

from ..errors import ConfigurationError
from ..headers import FRAMES
from ..sessions import sessions_of
from ..settings import Settings
from .finding import Finding, Level

if TYPE_CHECKING:
    from ..extension import PlatformUsers


def login(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """See whether anybody can be signed in, and nobody past the gate for blocked users."""
    manager: Any = getattr(app, "login_manager", None)
    sessions = sessions_of(app)
    if manager is None:
        yield Finding(
            "fault", "The app has no login manager.", "Call LoginManager().init_app(app)."
        )
    elif manager.user_callback is None and manager.request_callback is None:
        yield Finding(
            "fault",
            "The login manager has no user_loader, so that nobody can be signed in.",
            "Register one: @login_manager.user_loader.",
        )
    elif manager.user_callback is not None and sessions is not None and sessions.replaced():
        yield Finding(
            "fault",
            "The user_loader was set after the page was mounted: nobody can be impersonated, and "
            "each request of somebody signed in logs an error.",
            "Set it before platform_users.init_app(app).",
        )
    else:
        yield Finding("ok", "The login manager knows how to load a user.")


def impersonation(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:
    """See whether it begins somewhere, and closes what it was meant to close."""
    config, sessions = extension.impersonating, sessions_of(app)
    if config is None or sessions is None:
        yield Finding("ok", "Nobody sees the product as a user.")
        return
    sound = True
    try:
        with app.test_request_context():
            sessions.mounts[extension.name].landing()
    except ConfigurationError as error:
        sound = False
        yield Finding("fault", str(error), "As it is, nobody can see the product as a user.")
    for name in config.forbidden:
        if not any(fnmatchcase(endpoint, name) for endpoint in app.view_functions):
            sound = False
            yield Finding(
                "fault",
                f"Impersonation(forbidden=...) has {name!r}, which is no endpoint of the app: what "
                "it was meant to close is open.",
                "Name endpoints as “flask routes” does.",
            )
    if sound:
        yield Finding("ok", "The product can be seen as a user, without what is forbidden.")


def cookies(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Look at the flags of the cookies that sign people in."""
    found = list(_cookie_findings(app))
    yield from found or [Finding("ok", "The cookies are Secure, HttpOnly and SameSite.")]


def _cookie_findings(app: Flask) -> Iterator[Finding]:
    over_plain_http: Level = "warning" if app.debug or app.testing else "fault"
    for cookie, serious in (("SESSION", over_plain_http), ("REMEMBER", "warning")):
        key = f"{cookie}_COOKIE_SECURE"
        if not app.config.get(key):
            yield Finding(
                serious,
                f"{key} is off: the cookie is sent over plain HTTP too.",
                f'Set app.config["{key}"] = True where the app is served by HTTPS.',
            )
        key = f"{cookie}_COOKIE_HTTPONLY"
        if not app.config.get(key, True):
            yield Finding(
                "fault",
                f"{key} is off: scripts can read the cookie.",
                f'Set app.config["{key}"] = True.',
            )
        key = f"{cookie}_COOKIE_SAMESITE"
        if app.config.get(key) not in ("Lax", "Strict"):
            yield Finding(
                "warning",
                f"{key} is {app.config.get(key)!r}: other sites' requests may carry the cookie.",
                f'Set app.config["{key}"] = "Lax".',
            )


NEEDED = {"style-src": "its stylesheet", "form-action": "its forms"}
"""What the page needs of a Content-Security-Policy that names it."""

QUICKER = {"script-src": "its script", "connect-src": "what that asks for"}
"""What it can do without."""


def content_policy(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:
    """Ask for the page as nobody, as a browser would, and read the policy in the answer."""
    host = app.config["SERVER_NAME"] or "localhost"
    try:
        with app.test_request_context(base_url=f"https://{host}"):
            path = url_for(f"{extension.name}.list_users")
        answer = app.test_client().get(path, base_url=f"https://{host}")
    except Exception as error:  # whatever the host's own code raises is what was to be found
        yield Finding(
            "fault",
            f"The page cannot be asked for: {type(error).__name__}: {error}",
            "Open it in a browser and read the app's log.",
        )
        return
    if answer.status_code == 200 or answer.status_code >= 500:
        yield Finding(
            "fault",
            f"{path} answers with {answer.status_code} to somebody who is not signed in.",
            "Look at what the app does before each request, and at its log.",
        )
        return
    headers = answer.headers.getlist("Content-Security-Policy")
    header = next((header for header in headers if header != FRAMES), None)
    if header is None:
        yield Finding(
            "warning",
            "The app sends no Content-Security-Policy (a proxy before it may).",
            "Send one; the page needs no more than default-src 'self'.",
        )
        return
    files = _elsewhere(Settings.of(app).static_url)
    sources = {
        "style-src": files,
        "script-src": files,
        "form-action": "'self'",
        "connect-src": "'self'",
    }
    policy = _directives(header)
    lacking = {name: to for name, to in sources.items() if not _allows(policy, name, to)}
    needed = [what for name, what in NEEDED.items() if name in lacking]
    if needed:
        yield Finding(
            "fault",
            f"The Content-Security-Policy keeps the page from {' and '.join(needed)}.",
            _remedy(lacking),
        )
    elif lacking:
        unused = " and ".join(what for name, what in QUICKER.items() if name in lacking)
        yield Finding(
            "warning",
            f"The Content-Security-Policy keeps the page from {unused}: everything works, but "
            "slower.",
            _remedy(lacking),
        )
    else:
        yield Finding("ok", "The Content-Security-Policy lets the page have what it needs.")


def _remedy(lacking: dict[str, str]) -> str:
    return "Add " + " and ".join(f"{source} to {name}" for name, source in lacking.items()) + "."


def _elsewhere(static_url: str | None) -> str:
    """Return what a policy calls the server of our static files."""
    parts = urlsplit(static_url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"


def _directives(header: str) -> dict[str, list[str]]:
    parts = [part.split() for part in header.lower().split(";")]
    return {name: sources for name, *sources in filter(None, parts)}


def _allows(policy: dict[str, list[str]], name: str, needed: str) -> bool:
    """Say whether a policy lets an address be used; forms have no default."""
    fallback = None if name == "form-action" else policy.get("default-src")
    sources = policy.get(f"{name}-elem", policy.get(name, fallback))
    if sources is None:
        return True
    return "'strict-dynamic'" not in sources and any(_covers(s, needed) for s in sources)


def _covers(source: str, needed: str) -> bool:
    if source in {needed, "*", "https:"}:
        return True
    scheme, _, rest = source.rpartition("://")
    wanted = urlsplit(needed)
    return scheme in {"", wanted.scheme} and fnmatch(wanted.netloc, rest.partition("/")[0])


def proxies(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """See whether the app would believe a proxy; whether one is there cannot be seen from here."""
    layer: Any = app.wsgi_app
    for _ in range(20):
        if layer is None or layer is app or isinstance(layer, ProxyFix):
            break
        layer = getattr(layer, "app", None) or getattr(layer, "wsgi_app", None)
    if isinstance(layer, ProxyFix):
        yield Finding(
            "ok",
            f"ProxyFix believes X-Forwarded-For of {layer.x_for} and X-Forwarded-Proto of "
            f"{layer.x_proto} proxies; there have to be exactly so many.",
        )
    else:
        yield Finding(
            "warning",
            "No ProxyFix was seen. That is right if no proxy stands before the app; behind one, "
            "the history has the proxy's address for everybody.",
            "Behind one proxy: app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1).",
        )


def translations(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """See whether Flask-Babel was forgotten."""
    if importlib.util.find_spec("flask_babel") is None:
        yield Finding("ok", "Flask-Babel is not installed.")
    elif "babel" in app.extensions:
        yield Finding("ok", "Flask-Babel is initialised.")
    else:
        yield Finding(
            "warning",
            "Flask-Babel is installed, but not initialised on this app: it translates nothing.",
            "Call Babel(app), or uninstall it.",
        )
