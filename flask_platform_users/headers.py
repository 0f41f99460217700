"""The headers of what a mount answers, and those that its script sends."""

from flask import Response, current_app, g, request
from flask.sansio.app import App
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .files import published

FRAMES = "frame-ancestors 'none'"
"""A policy of its own, beside the host's: a browser keeps to both."""

PART = "X-PU-Part"
"""The header by which the script asks for a page without the host's layout: ``page``, or
``results`` where it needs the list alone and keeps the numbers of the cards; ``foreseen`` where a
form is sent that is still being filled in, and nothing is to be done."""


def harden(app: App, name: str) -> None:
    """Keep personal data of a mount out of caches and frames. Headers that the host sets stay."""

    def harden_ours(response: Response) -> Response:
        endpoint = _endpoint() or ""
        if endpoint == f"{name}.static":
            return published(response) if response.status_code in {200, 304} else response
        ours = endpoint.startswith(f"{name}.") or g.get("_platform_users_page_of") == name
        return _hardened(response) if ours else response

    # The first of these functions is called last, after whatever the host does to its headers.
    app.after_request_funcs.setdefault(None, []).insert(0, harden_ours)


def _hardened(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.add("Content-Security-Policy", FRAMES)
    response.vary.add(PART)
    return response


def _endpoint() -> str | None:
    """Return what the request is for; of one with the wrong method, what it could have read."""
    if not isinstance(request.routing_exception, MethodNotAllowed):
        return request.endpoint
    adapter = current_app.create_url_adapter(request)
    try:
        return str(adapter.match(method="GET")[0]) if adapter else None
    except HTTPException:
        return None
